"""Numbers to shapes: columns of a strip and bars of runs, as whole units that an SVG draws. Pure."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from chronos_gitops.engine.model import Execution, Status
from chronos_gitops.process.lazy_dataclass import dataclass

HEIGHT = 40
_LEAST = 3


@dataclass(frozen=True, slots=True)
class Column:
    """``x`` counts columns from the left; ``height`` of HEIGHT, 0 for none. ``title`` says it in words. ``base`` is
    what it stands on."""

    x: int
    height: int
    title: str
    kind: str = ""
    base: int = 0


@dataclass(frozen=True, slots=True)
class Strip:
    """A row of ``width`` columns; ``peak_at`` is None when nothing is due, ``scale`` are times at equal distances."""

    columns: tuple[Column, ...]
    width: int
    total: int
    peak: int
    peak_at: datetime | None
    scale: tuple[str, ...] = ()
    held: int = 0


def strip(counts: Sequence[int], start: datetime, bucket: timedelta, held: Sequence[int] = ()) -> Strip:
    """The number of runs due in each bucket from ``start`` on, with those that calendars skip on top."""
    held = held or [0] * len(counts)
    most = max(counts, default=0)
    peak = list(counts).index(most) if most else None
    fullest = max((due + closed for due, closed in zip(counts, held, strict=True)), default=0)
    columns = []
    for index, (due, closed) in enumerate(zip(counts, held, strict=True)):
        at, height = f"{start + bucket * index:%a %H:%M} UTC", _scaled(due, fullest)
        columns.append(Column(index, height, f"{at}: {due}", "peak" if index == peak else "due"))
        if closed:
            above = min(_scaled(closed, fullest), HEIGHT - height) or _LEAST
            columns.append(Column(index, above, f"{at}: {closed} held by calendars", "held", height))
    peak_at = None if peak is None else start + bucket * peak
    return Strip(tuple(columns), len(counts), sum(counts), most, peak_at, scale(start, bucket * len(counts)), sum(held))


def scale(start: datetime, span: timedelta, marks: int = 5) -> tuple[str, ...]:
    """Labels below a strip: the times at its ends and between them."""
    return tuple(f"{start + span * mark / (marks - 1):%H:%M}" for mark in range(marks))


def bars(executions: Sequence[Execution], count: int) -> tuple[Column, ...]:
    """The newest runs, oldest first; the higher the longer they took, none shorter than can be seen."""
    shown = list(reversed(executions[:count]))
    longest = max((one.duration_ms or 0 for one in shown), default=0)
    first = count - len(shown)
    return tuple(
        Column(first + index, _height(one, longest), _told(one), one.status.value) for index, one in enumerate(shown)
    )


def outlines(columns: Sequence[Column]) -> tuple[tuple[str, str], ...]:
    """The bars of each kind as one path: a tenth of what a shape for each of them weighs, on a page of hundreds."""
    found: dict[str, list[str]] = {}
    for one in columns:
        found.setdefault(one.kind, []).append(f"M{one.x * 6} {HEIGHT}v-{one.height}h4v{one.height}z")
    return tuple((kind, "".join(parts)) for kind, parts in found.items())


def told(executions: Sequence[Execution]) -> str:
    """``19 success, 1 failed``, of the newest runs."""
    counts = Counter(one.status.value for one in executions)
    return ", ".join(f"{count} {status}" for status, count in counts.most_common())


def typical(executions: Sequence[Execution]) -> tuple[float, float] | None:
    """Milliseconds within which half of the successful runs ended, and 95 of 100; None for fewer than three."""
    took = sorted(one.duration_ms for one in executions if one.status is Status.SUCCESS and one.duration_ms is not None)
    return (took[len(took) // 2], took[min(len(took) - 1, len(took) * 95 // 100)]) if len(took) > 2 else None


def _height(execution: Execution, longest: int) -> int:
    if execution.status in (Status.SKIPPED, Status.PENDING):
        return HEIGHT // 4
    return max(HEIGHT // 4, _scaled(execution.duration_ms or 0, longest))


def _scaled(count: int, most: int) -> int:
    return 0 if count == 0 else max(_LEAST, round(HEIGHT * count / most))


def _told(execution: Execution) -> str:
    reason = f" ({execution.reason})" if execution.reason else ""
    return f"{execution.scheduled_time:%Y-%m-%d %H:%M:%S} UTC: {execution.status.value}{reason}"
