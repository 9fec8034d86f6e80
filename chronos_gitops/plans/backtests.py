"""A backtest in words and as JSON."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from typing import Any, Final

from chronos_gitops.jobs.planning.plan import JobChange, Plan
from chronos_gitops.jobs.promises.backtest import Backtest, OnRecord, Outlook
from chronos_gitops.plurals import plural, verb
from chronos_gitops.schedule import durations
from chronos_gitops.schedule.timestamps import rfc3339

_NOT_SIMULATED: Final = "Backtests do not simulate load, response bodies, requires and past pauses."


def document(found: Backtest | None) -> dict[str, Any] | None:
    if found is None:
        return None
    made = asdict(found) | {"since": rfc3339(found.since)}
    if found.actual is not None:
        made["actual"] |= {"begins": rfc3339(found.actual.begins)}
    return made


def limits_of(plan: Plan) -> str:
    """The note that applies to all backtests of a plan; "" for a plan without one."""
    return _NOT_SIMULATED if any(change.backtest for change in plan.changes) else ""


def lines(change: JobChange) -> Iterator[str]:
    """Without an indent; none where no backtest was asked for."""
    found = change.backtest
    if found is None:
        return
    span = f"backtest of {plural(found.days, 'day')}"
    if not found.complete:
        span += f", of which it read those since {rfc3339(found.since)}"
    if found.before is None or found.after is None or found.actual is None:
        yield f"{span}: nothing to learn from{_because(found.rows)}"
        return
    yield f"{span}: {_on_record(found.actual)}"
    yield from _short(found.actual)
    yield f"  before: {_outlook(found.before)}"
    yield f"  after:  {_outlook(found.after)}"
    yield from _effects(change, found.before, found.after, found.actual)


def _on_record(actual: OnRecord) -> str:
    overlap = f", {actual.overlap:,} skipped for overlap" if actual.overlap else ""
    replaced = f", {actual.replaced:,} replaced" if actual.replaced else ""
    return f"{plural(actual.ran, 'scheduled run')} on record{overlap}{replaced}{_p95(actual.p95_ms)}"


def _because(rows: int) -> str:
    none_sent = (
        f"; none of its {plural(rows, 'execution')} was sent" if rows > 1 else "; its one execution was not sent"
    )
    return none_sent if rows else "; the runner has no execution of it in these days"


def _short(actual: OnRecord) -> Iterator[str]:
    """Where the record does not go back as far as the backtest."""
    if actual.earlier:
        times = plural(actual.earlier, "scheduled time")
        takes = verb(actual.earlier, "is older and takes", "are older and take")
        yield f"  the record begins {rfc3339(actual.begins)}; {times} {takes} the duration of its first run"


def _outlook(outlook: Outlook) -> str:
    parts = [plural(outlook.ticks, "scheduled time"), f"{outlook.overlap:,} would be skipped for overlap"]
    if outlook.replaced:
        parts.append(f"{outlook.replaced:,} would be replaced")
    return ", ".join(parts) + _p95(outlook.p95_ms)


def _p95(milliseconds: int | None) -> str:
    return "" if milliseconds is None else f" (p95 {durations.render(timedelta(milliseconds=milliseconds))})"


def _effects(change: JobChange, before: Outlook, after: Outlook, actual: OnRecord) -> Iterator[str]:
    """Of the limits that the change touches."""
    values = {field.field: field.after for field in change.fields}
    timeout = values.get("webhook.timeout") or values.get("timeout")
    if timeout is not None and (before.cut, before.undecided) != (after.cut, after.undecided):
        perhaps = f", and perhaps {after.undecided:,} that took several attempts" if after.undecided else ""
        yield f"  timeout {timeout} would have cut {after.cut:,} of {_successes(actual)}{perhaps}"
    elif timeout is not None:
        yield f"  timeout {timeout} would have cut none of {_successes(actual)}"
    if "webhook.success_codes" in values:
        yield f"  success_codes would have failed {after.refused:,} of {_successes(actual)}"
    for kind, times in after.broken.items():
        was = before.broken.get(kind)
        if f"expect.{kind.value}" in values or was != times:
            limit = values.get(f"expect.{kind.value}")
            name = kind.value if limit is None else f"{kind.value} {limit}"
            beside = "" if was is None else f" (before: {was:,})"
            yield f"  {name} would have been broken {plural(times, 'time')}{beside}"
    if after.guarded is not None and (before.guarded != after.guarded or "guard.executions" in values):
        yield f"  guard would have paused {plural(after.guarded, 'version')}"


def _successes(actual: OnRecord) -> str:
    return f"{actual.success:,} {verb(actual.success, 'success', 'successes')}"
