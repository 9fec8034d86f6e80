"""Pauses in the database: an operator's and the guard's beside each other, and the end of the guard's by an edit."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from chronos_gitops.engine.model import Pause, Reason
from chronos_gitops.engine.operations.pauses import combined, is_ended_by, is_same_stop, without_guard
from chronos_gitops.engine.sql.claiming import pending_writes, waiting, watermarks
from chronos_gitops.engine.sql.claiming.clock_correction import take_back
from chronos_gitops.engine.sql.claiming.pending_writes import CommittedWrites, PendingWrites
from chronos_gitops.engine.sql.store import calendar_rows, ledger
from chronos_gitops.engine.sql.store.store import Replica, Session
from chronos_gitops.jobs.model import JobSet


def pause(session: Session, wanted: Pause, replica: Replica, jobs: JobSet) -> tuple[Pause, CommittedWrites]:
    """The job's pause afterwards, and what was written."""
    mark, before = watermarks.hold(session, wanted.job), ledger.pause_of(session, wanted.job)
    after, decided = combined(before, wanted), PendingWrites(calendars=jobs.calendars)
    if before is None:
        decided.close_held(jobs.get(wanted.job), mark, wanted.at)
    ledger.set_pause(session, after, wanted.at)
    replica.tell(session)
    held = {} if mark is None else {wanted.job: mark}
    return after, decided.write(session, replica, held, wanted.at)


def stop_version(
    session: Session, wanted: Pause, replica: Replica, jobs: JobSet
) -> tuple[Pause | None, CommittedWrites] | None:
    """The job's pause afterwards, and what was written; ``cancelled`` are this runner's executions. Nothing more
    happens when this very pause was made before, also when it has ended since. None: the job has another content by
    ``jobs``, or by what another runner has applied meanwhile."""
    definition = jobs.get(wanted.job)
    is_current = definition is not None and definition.job.digest == wanted.content
    if not is_current or not replica.join(session, jobs.revision).leads:
        return None
    watermarks.hold(session, wanted.job)  # after the lock of join, as where jobs are applied
    if any(is_same_stop(one, wanted) for one in ledger.pauses_of(session, wanted.job, wanted.at)):
        return ledger.pause_of(session, wanted.job), CommittedWrites([], [], {})
    ended = waiting.cancel(session, {wanted.job: Reason.GUARD}, wanted.at, replica)
    after, written = pause(session, wanted, replica, jobs)
    return after, replace(written, cancelled=ended)


def resume(
    session: Session, jobs: JobSet, name: str, now: datetime, is_over: Callable[[Pause], bool], replica: Replica
) -> tuple[Pause | None, CommittedWrites]:
    """The pause that goes on, and what was written. The runner that ends a pause catches up; another one that wanted to
    end it finds nothing to do."""
    mark = watermarks.hold(session, name)
    held, correction = take_back(session, {} if mark is None else {name: mark}, now, replica.namespace)
    pause = ledger.pause_of(session, name)
    if pause is None or not is_over(pause):
        return pause, CommittedWrites([], [], held, correction=correction)
    decided = PendingWrites()
    contents = calendar_rows.contents_of(session, pending_writes.foreign_timings(held, jobs))
    pending_writes.on_resume(jobs, name, held.get(name), pause, now, contents, decided)
    ledger.end_pause(session, name, now)
    replica.tell(session)
    return None, replace(decided.write(session, replica, held, now), correction=correction)


def release(session: Session, jobs: JobSet, now: datetime, replica: Replica) -> set[str]:
    """Ends what the guard holds of jobs whose content is another one now; which jobs."""
    released = set()
    for name, held in ledger.pauses(session).items():
        definition = jobs.get(name)
        if not is_ended_by(held, None if definition is None else definition.job):
            continue
        left = without_guard(held)
        if left is None:
            ledger.end_pause(session, name, now)
        else:
            ledger.set_pause(session, left, now)
        released.add(name)
    if released:
        replica.tell(session)
    return released
