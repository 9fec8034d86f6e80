"""Outcomes of the executions of each version of a job: counts, durations, the first failure. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from chronos_gitops.engine.milliseconds import instant, to_ms
from chronos_gitops.engine.model import Execution, Status
from chronos_gitops.process.lazy_dataclass import dataclass


class EndedExecution(NamedTuple):
    """One row that has its end, in plain values, for there may be ten thousand: ``at`` is its scheduled time, and
    ``duration_ms`` None where nothing was sent."""

    commit: str
    status: str
    at: int
    """Milliseconds since 1970."""
    duration_ms: int | None


@dataclass(frozen=True, slots=True)
class VersionOutcomes:
    """``since`` and ``until`` are the first and the last scheduled time, ``p95_ms`` is of successes. ``complete`` says
    that every row the engine keeps was counted."""

    success: int
    failed: int
    skipped: int
    cancelled: int
    p95_ms: int | None
    first_failure: datetime | None
    since: datetime
    until: datetime
    complete: bool


class EndedGroup(NamedTuple):
    """The rows of one commit that ended alike: how many, the first and the last scheduled time, and the durations of
    those that have one, in milliseconds."""

    commit: str
    status: str
    number: int
    first: int
    last: int
    durations: Sequence[int]


def by_commit(rows: Iterable[EndedExecution], *, complete: bool) -> Mapping[str, VersionOutcomes]:
    """Versions are told apart by commit: numbers begin anew when a history is rewritten."""
    found: dict[tuple[str, str], list[EndedExecution]] = defaultdict(list)
    for row in rows:
        found[row.commit, row.status].append(row)
    return of_groups((_group(alike) for alike in found.values()), complete=complete)


def of_groups(groups: Iterable[EndedGroup], *, complete: bool) -> Mapping[str, VersionOutcomes]:
    """The same of rows that the database has counted."""
    found: dict[str, dict[str, EndedGroup]] = defaultdict(dict)
    for group in groups:
        found[group.commit][group.status] = group
    return {commit: _outcomes(by_status, complete) for commit, by_status in found.items()}


def _group(rows: Sequence[EndedExecution]) -> EndedGroup:
    times = [row.at for row in rows]
    durations = [row.duration_ms for row in rows if row.duration_ms is not None]
    return EndedGroup(rows[0].commit, rows[0].status, len(rows), min(times), max(times), durations)


def ended(rows: Iterable[Execution]) -> Iterator[EndedExecution]:
    """Without drafts, which no commit made, and without what has not ended."""
    for row in rows:
        if row.status.is_final and row.commit is not None and not row.draft:
            yield EndedExecution(row.commit, row.status, to_ms(row.scheduled_time), row.duration_ms)


def p95(durations: Sequence[int]) -> int | None:
    """The 95th percentile by the nearest rank, None of none."""
    took = sorted(durations)
    return took[-(-95 * len(took) // 100) - 1] if took else None


def _outcomes(by_status: Mapping[str, EndedGroup], complete: bool) -> VersionOutcomes:
    counts = {status: group.number for status, group in by_status.items()}
    good, failed = by_status.get(Status.SUCCESS), by_status.get(Status.FAILED)
    return VersionOutcomes(
        counts.get(Status.SUCCESS, 0),
        counts.get(Status.FAILED, 0),
        counts.get(Status.SKIPPED, 0),
        counts.get(Status.CANCELLED, 0),
        None if good is None else p95(good.durations),
        None if failed is None else instant(failed.first),
        instant(min(group.first for group in by_status.values())),
        instant(max(group.last for group in by_status.values())),
        complete,
    )
