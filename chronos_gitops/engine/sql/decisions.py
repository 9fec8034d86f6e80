"""What one transaction will write: decided purely, from the jobs, their watermarks and the time."""

import sys
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from chronos_gitops.engine.due_queue import LATE, DueTick, catch_up, given_up, held_until, upcoming
from chronos_gitops.engine.model import Execution, Pause, Trigger
from chronos_gitops.engine.sql import claims
from chronos_gitops.engine.sql.claims import Claim, Claimed, Skip, Watermark
from chronos_gitops.engine.sql.clock_correction import Correction
from chronos_gitops.engine.sql.store.store import Replica, Session
from chronos_gitops.jobs.job_set import JobSetDiff
from chronos_gitops.jobs.model import JobSet, JobVersion
from chronos_gitops.process import failpoints
from chronos_gitops.schedule.schedule import Schedule, jitter


@dataclass(frozen=True, slots=True)
class Written:
    """What a transaction has made of it. ``marks`` are the watermarks as they are now, ``dropped`` those that went.
    ``losses`` are the replica's before it was committed: what it claimed may be another's by the time it is told."""

    skipped: list[Execution]
    claimed: list[Claimed]
    marks: Mapping[str, Watermark]
    dropped: Collection[str] = ()
    losses: int = 0
    correction: Correction | None = None


@dataclass(slots=True)
class Decision:
    """Grows until it is written."""

    claims: list[Claim] = field(default_factory=list)
    skips: list[Skip] = field(default_factory=list)
    marks: list[Watermark] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)

    def catch_up(self, definition: JobVersion, since: datetime, now: datetime) -> None:
        job = definition.job
        decided = catch_up(job, since, now)
        if decided.missed is not None:
            self.skips.append(Skip(definition, decided.missed, job.schedule))
        for tick in decided.run:
            not_before = now + jitter(job.name, tick, job.jitter)
            self.claims.append(Claim.of_tick(definition, tick, Trigger.CATCHUP, not_before))
        self.marks.append(Watermark.of(job, max(since, now)))

    def write(
        self,
        session: Session,
        replica: Replica,
        held: Mapping[str, Watermark],
        now: datetime,
        room: int = sys.maxsize,
    ) -> Written:
        """In the caller's transaction, which holds the watermarks ``held``; ``room`` is that of ``claims.claim``."""
        losses = replica.losses
        skipped = claims.skip(session, self.skips, now, replica)
        claimed = claims.claim(session, self.claims, now, replica, room=room)
        claims.set_watermarks(session, self.marks)
        claims.drop_watermarks(session, self.dropped)
        if claimed:
            failpoints.reach("before-claim-commit")
        marks = {job: mark for job, mark in held.items() if job not in self.dropped}
        return Written(skipped, claimed, marks | {mark.job: mark for mark in self.marks}, self.dropped, losses)


def on_due(
    entries: Iterable[DueTick],
    jobs: JobSet,
    known: Mapping[str, Watermark],
    held: Mapping[str, Watermark],
    paused: Collection[str],
    now: datetime,
) -> Decision:
    """Over the entries whose watermark is held. Where it is not the one that was ``known``, somebody else has decided
    or another revision says when the job is due: then nothing is, until the timetable has followed."""
    decision = Decision()
    for entry in entries:
        mark = held.get(entry.job)
        if mark is None or mark != known.get(entry.job) or entry.job in paused:
            continue
        definition = jobs.definitions[entry.job]
        if now - entry.at > LATE:
            decision.catch_up(definition, mark.at, now)
        else:
            decision.claims.append(Claim.of_tick(definition, entry.tick, Trigger.SCHEDULE))
            decision.marks.append(Watermark.of(definition.job, entry.tick))
    return decision


def on_apply(
    before: JobSet,
    jobs: JobSet,
    names: Collection[str],
    held: Mapping[str, Watermark],
    owed: Collection[str],
    now: datetime,
) -> Decision:
    """A JobSet begins to count: over the jobs of these names, and what is ``held`` besides. The ticks of ``owed`` jobs
    since their watermarks were missed by everybody."""
    decision = Decision()
    found = (jobs.get(name) for name in names)
    active = {one.job.name: one for one in found if one is not None and one.job.enabled}
    for name, definition in active.items():
        mark = held.get(name)
        if mark is None:
            decision.marks.append(Watermark.of(definition.job, now))
        elif not mark.matches_schedule(definition.job):
            _give_up_old_ticks(decision, before.get(name) or definition, mark, now)
            decision.marks.append(Watermark.of(definition.job, now))
        elif name in owed:
            decision.catch_up(definition, mark.at, now)
    decision.dropped = [name for name in held if name not in active]
    return decision


def _give_up_old_ticks(decision: Decision, old: JobVersion, mark: Watermark, now: datetime) -> None:
    """An edit fires nothing: what the old schedule still owed is recorded as missed."""
    schedule = Schedule.parse(mark.schedule, mark.timezone, key=mark.job)
    missed = given_up(schedule, mark.at, now)
    if missed is not None:
        decision.skips.append(Skip(old, missed, schedule))


def on_resume(definition: JobVersion | None, mark: Watermark | None, pause: Pause, now: datetime) -> Decision:
    decision = Decision()
    if definition is not None and definition.job.enabled and mark is not None and mark.matches_schedule(definition.job):
        decision.catch_up(definition, mark.at, held_until(definition.job, pause.until, now))
    return decision


def edited_jobs(changes: JobSetDiff) -> list[str]:
    """Jobs that are new, gone or other jobs: only their watermarks may change."""
    return [*changes.added, *changes.redefined, *changes.removed]


def jittered_otherwise(changes: JobSetDiff, before: JobSet, after: JobSet) -> set[str]:
    """Jobs whose ticks stay and whose jitter changed."""
    old, new = before.definitions, after.definitions
    return {name for name in changes.redefined if old[name].job.jitter != new[name].job.jitter}


def next_runs(
    definition: JobVersion | None, mark: Watermark | None, pause: Pause | None, now: datetime, count: int
) -> tuple[datetime, ...]:
    """What will be claimed next: by the watermark that the next claim goes by."""
    if definition is None or mark is None:
        return ()
    if not mark.matches_schedule(definition.job):
        return Schedule.parse(mark.schedule, mark.timezone, key=mark.job).upcoming(mark.at, count)
    if pause is None or not pause.holds_at(now):
        return upcoming(definition.job, None, mark.at, count)
    return upcoming(definition.job, pause, max(mark.at, now), count)
