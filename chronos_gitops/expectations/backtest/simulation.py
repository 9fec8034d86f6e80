"""A job's scheduled times in past days, each with the duration and outcome of the real run nearest to it."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from chronos_gitops.engine.model import Execution, Reason, Status, Trigger
from chronos_gitops.engine.ticks.overlap import Turn, turn
from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.promises.worst_run import worst_run
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.schedule import jitter


@dataclass(frozen=True, slots=True)
class RealRun:
    """One that was sent and has ended; what its duration is taken for."""

    tick: datetime
    duration: timedelta
    status: Status


def simulate(job: Job, real: Sequence[RealRun], since: datetime, until: datetime) -> list[Execution]:
    """The rows of scheduled times in (since, until], by the job's calendars, jitter and concurrency. ``real`` is sorted
    by tick and not empty. No run lasts longer than the job allows."""
    if not job.enabled:
        return []
    longest, times = worst_run(job), [run.tick for run in real]
    due = sorted((tick + jitter(job.name, tick, job.jitter), tick) for tick in job.timing.between(since, until))
    rows: list[Execution] = []
    unfinished: list[int] = []
    for claimed, tick in due:
        unfinished = [index for index in unfinished if _end(rows[index]) > claimed]
        turned = turn(job.concurrency, Trigger.SCHEDULE, len(unfinished))
        made = Execution(f"{tick.isoformat()}", job.name, tick, Trigger.SCHEDULE, Status.SKIPPED, created_at=claimed)
        if turned is Turn.SKIP:
            rows.append(replace(made, reason=Reason.OVERLAP, completed_at=claimed))
            continue
        if turned is Turn.REPLACE:
            for index in unfinished:
                rows[index] = replace(
                    rows[index], status=Status.CANCELLED, reason=Reason.REPLACED, completed_at=claimed
                )
            unfinished = []
        nearest = real[nearest_to(tick, times)]
        begins = max([claimed, *(_end(rows[index]) for index in unfinished)]) if turned is Turn.WAIT else claimed
        ends = begins + min(nearest.duration, longest)
        unfinished.append(len(rows))
        rows.append(replace(made, status=nearest.status, started_at=begins, completed_at=ends))
    return rows


def nearest_to(tick: datetime, times: Sequence[datetime]) -> int:
    """The index of the nearest of the sorted times; of two that are as near, the earlier one."""
    position = bisect_left(times, tick)
    if position == 0:
        return 0
    if position == len(times):
        return position - 1
    return position if times[position] - tick < tick - times[position - 1] else position - 1


def _end(row: Execution) -> datetime:
    return row.completed_at or row.scheduled_time
