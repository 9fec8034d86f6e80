"""The writes of one transaction, decided from the jobs, their watermarks and the time. Pure."""

import sys
from collections.abc import Collection, Iterable, Mapping
from dataclasses import field
from datetime import datetime

from chronos_gitops.engine.clock_watch import Correction
from chronos_gitops.engine.model import Execution, Pause, Reason, Trigger
from chronos_gitops.engine.sql.claiming import claims, skips, waiting, watermarks
from chronos_gitops.engine.sql.claiming.claims import Claim, Claimed
from chronos_gitops.engine.sql.claiming.skips import Hold, Skip
from chronos_gitops.engine.sql.claiming.watermarks import Watermark
from chronos_gitops.engine.sql.store import calendar_rows
from chronos_gitops.engine.sql.store.calendar_rows import NO_CONTENTS, Contents
from chronos_gitops.engine.sql.store.store import Replica, Session
from chronos_gitops.engine.ticks.due_queue import (
    CATCHUP_LIMIT,
    LATE,
    DueTick,
    ListedTicks,
    catch_up,
    given_up,
    held_until,
    upcoming,
)
from chronos_gitops.engine.ticks.embedded_calendars import EmbeddedCalendars
from chronos_gitops.engine.ticks.owed_ticks import OwedTicks, applied_late, held_by, owed
from chronos_gitops.jobs.calendar_set import NO_CALENDARS, CalendarSet
from chronos_gitops.jobs.job_set import JobSetDiff, diff, naming
from chronos_gitops.jobs.model import Job, JobSet, JobVersion
from chronos_gitops.process import failpoints
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.calendars.steps import (
    HeldTicks,
    Moves,
    ended_rows,
    held_so_far,
    next_step,
    withdrawn,
    without_move,
)
from chronos_gitops.schedule.schedule import jitter
from chronos_gitops.schedule.timing import Timing


@dataclass(frozen=True, slots=True)
class CommittedWrites:
    """The result of a transaction. ``marks`` are the watermarks after it, ``dropped`` those that were removed.
    ``cancelled`` are the ids of executions that were queued here. ``losses`` is the replica's count before the commit:
    another replica may have taken over the claims since."""

    skipped: list[Execution]
    claimed: list[Claimed]
    marks: Mapping[str, Watermark]
    dropped: Collection[str] = ()
    losses: int = 0
    correction: Correction | None = None
    cancelled: Mapping[str, Reason] = field(default_factory=dict)


@dataclass(slots=True)
class PendingWrites:
    """Grows until it is written. ``emptied`` says why what waits in the queue of a job is cancelled. ``earlier``:
    the calendars that watermarks are under, where they are others now. ``withdrawn``: job, target and message of moves
    that are not made."""

    claims: list[Claim] = field(default_factory=list)
    skips: list[Skip] = field(default_factory=list)
    marks: list[Watermark] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    emptied: dict[str, Reason] = field(default_factory=dict)
    calendars: CalendarSet = NO_CALENDARS
    earlier: Contents = field(default_factory=lambda: NO_CONTENTS)
    holds: list[Hold] = field(default_factory=list)
    withdrawn: list[tuple[str, datetime, str]] = field(default_factory=list)
    contents: dict[str, EmbeddedCalendars] = field(default_factory=dict)

    def catch_up(
        self,
        definition: JobVersion,
        mark: Watermark,
        now: datetime,
        old: Timing | None = None,
        *,
        is_resumed: bool = False,
    ) -> None:
        """``old`` is the timing with the contents of calendars that the gap began with, where they are others now."""
        job = definition.job
        due = self._owed(definition, mark, now, old)
        goes_on = old is None and not is_resumed
        held, decided_until = ended_rows(job.timing, due.held, now) if goes_on else (due.held, now)
        self.hold(mark, definition, held)
        decided = catch_up(job, mark.at, now, due.ticks)
        if decided.missed is not None:
            calendar = held_by(job.timing.closure(now), self.calendars)
            self.skips.append(Skip(job.name, definition, decided.missed, due.ticks, calendar))
        for tick in decided.run:
            not_before = now + jitter(job.name, tick, job.jitter)
            self.claims.append(Claim.of_tick(definition, tick, Trigger.CATCHUP, not_before, due.origins.get(tick)))
        self.mark(job, max(mark.at, decided_until), due.moves)

    def retime(self, definition: JobVersion, mark: Watermark, now: datetime, old: Timing) -> None:
        """Contents of calendars changed while a runner was there: what is owed now is due as always."""
        job = definition.job
        due = self._owed(definition, mark, now, old)
        first = due.ticks.next_after(mark.at)
        if first is not None and now - first > LATE:
            self.catch_up(definition, mark, now, old)
            return
        self.hold(mark, definition, due.held)
        for tick in due.ticks.latest(mark.at, now, CATCHUP_LIMIT):
            not_before = tick + jitter(job.name, tick, job.jitter)
            self.claims.append(Claim.of_tick(definition, tick, Trigger.SCHEDULE, not_before, due.origins.get(tick)))
        self.mark(job, max(mark.at, now), due.moves)

    def step(self, definition: JobVersion, mark: Watermark, due: DueTick) -> None:
        """Decide the next scheduled time, which is due."""
        job = definition.job
        if due.is_plain and due.after == mark.at:
            self.claims.append(Claim.of_tick(definition, due.tick, Trigger.SCHEDULE))
            self.marks.append(mark.moved_to(due.tick))
            return
        step = next_step(job.timing, mark.at, mark.moves, commits=self.calendars.commits)
        assert step is not None, "it was in the queue"
        if step.tick is not None:
            claim = Claim.of_tick(definition, step.tick, Trigger.SCHEDULE, moved_from=step.moved_from)
            self.claims.append(claim)
        self.hold(mark, definition, step.held)
        self.marks.append(Watermark.of(job, step.at, step.moves))

    def close_held(self, definition: JobVersion | None, mark: Watermark | None, now: datetime) -> None:
        """A pause begins: the row of the date under way ends with what is held by now."""
        if definition is None or mark is None or not definition.job.enabled:
            return
        job = definition.job
        if mark.matches_schedule(job) and mark.matches_calendars(job):
            held = held_so_far(job.timing, mark.at, now)
            if held is not None:
                self.hold(mark, definition, [held])
                self.marks.append(Watermark.of(job, held.last, mark.moves))

    def hold(self, mark: Watermark, definition: JobVersion | None, held: Iterable[HeldTicks]) -> None:
        """Of what was due since the watermark."""
        earlier = self.earlier[mark.timing].files if mark.timing in self.earlier else NO_CALENDARS
        self.holds += [Hold(mark.job, definition, one, held_by(one.closure, self.calendars, earlier)) for one in held]

    def record_late(self, definition: JobVersion, old: Timing | None, now: datetime) -> None:
        """``@at`` entries that are past when they are first applied."""
        for missed in applied_late(definition.job.timing, old, now):
            self.skips.append(Skip(definition.job.name, definition, missed, ListedTicks((missed.last,))))

    def mark(self, job: Job, at: datetime, moves: Moves = ()) -> None:
        """A watermark under the job's timing as it is now."""
        mark = Watermark.of(job, at, moves)
        self.marks.append(mark)
        if mark.timing:
            self.keep_contents(job)

    def keep_contents(self, job: Job) -> None:
        """Of its calendars: what the digest of its timing stands for, and the files they stand in."""
        self.contents[job.timing.digest] = EmbeddedCalendars.of(job.timing, self.calendars)

    def _owed(self, definition: JobVersion, mark: Watermark, now: datetime, old: Timing | None) -> OwedTicks:
        job = definition.job
        return owed(job.timing, mark.at, now, mark.moves, old=old, commits=self.calendars.commits)

    def write(
        self,
        session: Session,
        replica: Replica,
        held: Mapping[str, Watermark],
        now: datetime,
        room: int = sys.maxsize,
    ) -> CommittedWrites:
        """In the caller's transaction, which holds the watermarks ``held``; ``room`` is that of ``claims.claim``."""
        losses = replica.losses
        skipped = skips.skip(session, self.skips, now, replica)
        skipped += skips.hold_ticks(session, self.holds, now, replica)
        claimed = claims.claim(session, self.claims, now, replica, room=room)
        cancelled = waiting.cancel(session, self.emptied, now, replica)
        watermarks.withdraw_moves(session, self.withdrawn)
        calendar_rows.add(session, self.contents)
        watermarks.set_watermarks(session, self.marks)
        watermarks.drop_watermarks(session, self.dropped)
        if claimed or skipped:
            failpoints.reach("before-claim-commit")
        marks = {job: mark for job, mark in held.items() if job not in self.dropped}
        marks |= {mark.job: mark for mark in self.marks}
        return CommittedWrites(skipped, claimed, marks, self.dropped, losses, cancelled=cancelled)


def on_due(
    entries: Iterable[DueTick],
    jobs: JobSet,
    known: Mapping[str, Watermark],
    held: Mapping[str, Watermark],
    paused: Collection[str],
    now: datetime,
) -> PendingWrites:
    """Over the entries whose watermark is held. Where it is not the one that was ``known``, another runner has decided
    or another revision says when the job is due: then nothing is, until the timetable has followed."""
    decision = PendingWrites(calendars=jobs.calendars)
    for entry in entries:
        mark = held.get(entry.job)
        if mark is None or mark != known.get(entry.job) or entry.job in paused:
            continue
        definition = jobs.definitions[entry.job]
        if now - entry.at > LATE:
            decision.catch_up(definition, mark, now)
        else:
            decision.step(definition, mark, entry)
    return decision


def on_apply(
    before: JobSet,
    jobs: JobSet,
    names: Collection[str],
    held: Mapping[str, Watermark],
    owed: Collection[str],
    paused: Collection[str],
    now: datetime,
    contents: Contents,
    released: Collection[str] = (),
) -> PendingWrites:
    """A JobSet begins to count: over the jobs of these names, and what is ``held`` besides. The ticks of ``owed`` jobs
    since their watermarks were missed by everybody; those of jobs ``released`` from the guard fell in its pause.
    ``contents`` are those of calendars that watermarks were under."""
    decision = PendingWrites(calendars=jobs.calendars, earlier=contents)
    found = (jobs.get(name) for name in names)
    active = {one.job.name: one for one in found if one is not None and one.job.enabled}
    for name, definition in active.items():
        mark = held.get(name)
        if mark is None:
            if before.get(name) is None:
                decision.record_late(definition, None, now)
            decision.mark(definition.job, now)
        elif not mark.matches_schedule(definition.job) or name in released:
            _give_up_old_ticks(decision, mark, before.get(name), definition, now)
            decision.record_late(definition, timing_of(mark, before.get(name), contents), now)
            decision.mark(definition.job, now)
        elif name in owed:
            is_retimed = not mark.matches_calendars(definition.job)
            old = timing_of(mark, before.get(name), contents) if is_retimed else None
            decision.catch_up(definition, mark, now, old)
        elif not mark.matches_calendars(definition.job) and name not in paused:
            decision.retime(definition, mark, now, timing_of(mark, before.get(name), contents))
    decision.dropped = [name for name in held if name not in active]
    for name in decision.dropped:
        decision.emptied[name] = Reason.DELETED if jobs.get(name) is None else Reason.DISABLED
        _give_up_old_ticks(decision, held[name], before.get(name), jobs.get(name), now)
    for definition in naming(diff(before, jobs).calendars, jobs):
        decision.keep_contents(definition.job)
    return decision


def _give_up_old_ticks(
    decision: PendingWrites,
    mark: Watermark,
    old: JobVersion | None,
    new: JobVersion | None,
    now: datetime,
) -> None:
    """An edit fires nothing: the ticks that the old schedule still owed are recorded as missed, and moves under way are
    withdrawn. A runner that was down does not know the ``old`` definition, and after a deletion there is no ``new``
    one."""
    due = owed(timing_of(mark, old, decision.earlier), mark.at, now, mark.moves)
    missed = given_up(due.ticks, mark.at, now)
    if missed is not None:
        decision.skips.append(Skip(mark.job, old or new, missed, due.ticks))
    by = f"withdrawn by {new.commit[:8]}" if new is not None and new.commit else "withdrawn by an edit"
    to_come = withdrawn(due.moves, now)
    decision.hold(mark, old or new, (without_move(one, to_come, by) for one in due.held))
    decision.withdrawn += [(mark.job, target, by) for target in to_come]


def timing_of(mark: Watermark, definition: JobVersion | None, contents: Contents = NO_CONTENTS) -> Timing:
    """The timing that the watermark belongs to."""
    if definition is not None and mark.matches_schedule(definition.job) and mark.matches_calendars(definition.job):
        return definition.job.timing
    return mark.timed(contents)


def on_resume(
    jobs: JobSet,
    name: str,
    mark: Watermark | None,
    pause: Pause,
    now: datetime,
    contents: Contents,
    decision: PendingWrites,
) -> None:
    """Decide the scheduled times within a pause by the job's missed-run policy; those that a calendar closes are
    skipped."""
    definition, decision.calendars, decision.earlier = jobs.get(name), jobs.calendars, contents
    if definition is not None and definition.job.enabled and mark is not None and mark.matches_schedule(definition.job):
        old = None if mark.matches_calendars(definition.job) else mark.timed(contents)
        decision.catch_up(definition, mark, held_until(definition.job, pause.until, now), old, is_resumed=True)


def foreign_timings(held: Mapping[str, Watermark], jobs: JobSet) -> set[str]:
    """Digests of watermarks whose calendars are not those of the jobs as they are now."""
    found = set()
    for name, mark in held.items():
        definition = jobs.get(name)
        if mark.timing and (definition is None or not mark.matches_calendars(definition.job)):
            found.add(mark.timing)
    return found


def edited_jobs(changes: JobSetDiff) -> list[str]:
    """Jobs that are new, gone or other jobs: only their watermarks may change."""
    return [*changes.added, *changes.redefined, *changes.retimed, *changes.removed]


def jittered_otherwise(changes: JobSetDiff, before: JobSet, after: JobSet) -> set[str]:
    """Jobs whose ticks stay and whose jitter changed."""
    old, new = before.definitions, after.definitions
    return {name for name in changes.redefined if old[name].job.jitter != new[name].job.jitter}


def next_runs(
    definition: JobVersion | None, mark: Watermark | None, pause: Pause | None, now: datetime, count: int
) -> tuple[datetime, ...]:
    """By the schedule that the watermark belongs to, as the next claim goes by it."""
    if definition is None or mark is None or not definition.job.enabled:
        return ()
    return upcoming(timing_of(mark, definition), pause, mark.at, now, count, mark.moves)
