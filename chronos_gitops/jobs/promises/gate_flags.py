"""Gates that a change adds, takes away, or that stay shut: ``requires`` between the jobs of a plan (PROMISES 9)."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from chronos_gitops.jobs.model import Job, JobSet
from chronos_gitops.jobs.promises.requires import Requires, Unmet
from chronos_gitops.schedule import durations
from chronos_gitops.schedule.timestamps import rfc3339
from chronos_gitops.schedule.timing import Timing

_YEAR: Final = timedelta(days=365)
_INSTANT: Final = timedelta(microseconds=1)
_MOST_TICKS: Final = 600_000
"""More than the minutes of a year, of the job that is required."""
_MOST_NAMED: Final = 10


def dependents(jobs: JobSet) -> Mapping[str, Sequence[Job]]:
    """By the name of the job that they require."""
    found: dict[str, list[Job]] = {}
    for definition in jobs:
        if definition.job.requires is not None:
            found.setdefault(definition.job.requires.job, []).append(definition.job)
    return found


def own_gate(
    before: Job | None, after: Job, required: Job | None, paused: Collection[str], at: datetime
) -> Iterator[str]:
    """About the gate of a job that changes; ``required`` is the job that it names now."""
    old, new = None if before is None else before.requires, after.requires
    if old is not None and (new is None or new.job != old.job):
        yield f"it does not wait for {old.job} any more"
    if new is None:
        return
    if new != old:
        yield _said(new)
    shut = why_shut(after, required, paused, at)
    if shut is not None:
        yield f"it requires {new.job}, {shut}"
    patience = None if after.expect is None else after.expect.start_within
    if patience is not None and patience < new.wait:
        limit, wait = durations.render(patience), durations.render(new.wait)
        yield f"start_within {limit} is shorter than its wait of {wait} for {new.job}"


def gates_of_others(
    before: Job | None, after: Job | None, waiting: Sequence[Job], paused: Collection[str], at: datetime
) -> Iterator[str]:
    """About jobs that stay as they are and require the one that changes; what was so before is not told."""
    told = 0
    for job in waiting:
        shut = why_shut(job, after, paused, at)
        if shut is None or shut == why_shut(job, before, paused, at):
            continue
        told += 1
        if told <= _MOST_NAMED:
            yield f"{job.name} requires it, {shut}"
    if told > _MOST_NAMED:
        yield f"and {told - _MOST_NAMED:,} more jobs require it"


def why_shut(job: Job, required: Job | None, paused: Collection[str], at: datetime) -> str | None:
    """Why the gate of the job is not met at some scheduled time of the year from ``at`` on; None where it may be at
    all of them. A job without a gate or that does not run has no such time."""
    gate = job.requires
    if gate is None or not job.enabled:
        return None
    if required is None:
        return "which is no job any more: it is never met"
    if not required.enabled:
        return "which is not enabled: it is met by manual executions only"
    if required.name in paused:
        return "which is paused on the server"
    unmet = first_unmet(job.timing, required.timing, gate, at)
    if unmet is None:
        return None
    within, wait = durations.render(gate.success_within), durations.render(gate.wait)
    return f"which is not due in the {within} before {rfc3339(unmet)} or the {wait} after"


def first_unmet(timing: Timing, required: Timing, gate: Requires, at: datetime) -> datetime | None:
    """The first tick t of the year without a tick of the required job in (t - success_within, t + wait]."""
    until = at + _YEAR
    first = required.latest(at - gate.success_within - gate.wait, at, 1)
    last = first[0] if first else None
    for tick in islice(required.between(at, until + gate.wait), _MOST_TICKS):
        if last is None or tick - last > gate.success_within + gate.wait:
            found = _first_from(timing, at, last, gate)
            if found is not None and found <= until and found + gate.wait < tick:
                return found
        last = tick
    if last is not None and last > until:
        return None
    found = _first_from(timing, at, last, gate)
    return found if found is not None and found <= until else None


def _first_from(timing: Timing, at: datetime, last: datetime | None, gate: Requires) -> datetime | None:
    """The first tick after ``at`` that the tick ``last`` is too old for."""
    return timing.next_after(at if last is None else max(at, last + gate.success_within - _INSTANT))


def _said(gate: Requires) -> str:
    within = durations.render(gate.success_within)
    else_ = "it is skipped" if gate.otherwise is Unmet.SKIP else "it runs"
    waits = f"it waits up to {durations.render(gate.wait)}, then {else_}" if gate.wait else f"else {else_}"
    return f"it starts after a success of {gate.job} in the last {within}; {waits}"
