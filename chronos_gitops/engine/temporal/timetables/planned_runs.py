"""The next runs of a job, by the plan that its timetable has published. Pure."""

from collections.abc import Mapping
from datetime import datetime

from chronos_gitops.engine.milliseconds import instant
from chronos_gitops.engine.model import Pause
from chronos_gitops.engine.temporal.timetables.followed import Followed
from chronos_gitops.engine.temporal.workflows.messages import PublishedSchedule
from chronos_gitops.engine.ticks import due_queue
from chronos_gitops.jobs.model import JobSet, JobVersion
from chronos_gitops.schedule.calendars.applied import AppliedTiming
from chronos_gitops.schedule.calendars.steps import Moves
from chronos_gitops.schedule.timing import Timing


def next_runs(
    plan: PublishedSchedule | None, pause: Pause | None, name: str, known: JobVersion | None, now: datetime, count: int
) -> tuple[datetime, ...]:
    """``known`` is the job as this runner applied it; the timetable may follow another version of it."""
    if plan is None or plan.mark is None or not plan.is_awake:
        return ()
    return due_queue.upcoming(_timing(plan, name, known), pause, instant(plan.mark), now, count, _moves(plan))


def moving(
    plans: Followed[PublishedSchedule], pauses: Followed[Pause], jobs: JobSet, now: datetime
) -> dict[str, AppliedTiming]:
    """The jobs that move scheduled times, with the moves under way."""
    found = {}
    for name, plan in plans.values.items():
        known = jobs.get(name)
        if plan.mark is None or known is None or not known.job.timing.moves_ticks:
            continue
        timing, mark = _timing(plan, name, known), instant(plan.mark)
        applied = due_queue.moving(timing, mark, now, _moves(plan), is_paused=name in pauses.values)
        if applied is not None:
            found[name] = applied
    return found


def _moves(plan: PublishedSchedule) -> Moves:
    return tuple((instant(origin), instant(target)) for origin, target in plan.moves)


def decided_until(plans: Mapping[str, PublishedSchedule], now: datetime) -> dict[str, datetime]:
    marks = {job: instant(plan.mark) for job, plan in plans.items() if plan.mark is not None}
    return {job: mark for job, mark in marks.items() if mark > now}


def _timing(plan: PublishedSchedule, name: str, known: JobVersion | None) -> Timing:
    if known is not None and (known.job.timing.definition, known.job.timezone) == (plan.schedule, plan.timezone):
        return known.job.timing  # parsed already
    return Timing.from_definition(plan.schedule, plan.timezone, key=name)
