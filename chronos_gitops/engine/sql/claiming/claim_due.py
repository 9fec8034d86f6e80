"""The transaction that claims what is due, under the watermarks of its jobs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from chronos_gitops.engine.clock import is_ahead
from chronos_gitops.engine.sql.claiming import pending_writes, watermarks
from chronos_gitops.engine.sql.claiming.clock_correction import take_back
from chronos_gitops.engine.sql.claiming.pending_writes import CommittedWrites
from chronos_gitops.engine.sql.claiming.watermarks import Watermark
from chronos_gitops.engine.sql.store import ledger
from chronos_gitops.engine.sql.store.store import Replica, Session
from chronos_gitops.engine.ticks.due_queue import DueTick
from chronos_gitops.jobs.model import JobSet
from chronos_gitops.process.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class ClaimDue:
    """An operation. Nothing is claimed while others decide over all of these, or know of a pause that is news here."""

    due: Sequence[DueTick]
    jobs: JobSet
    known: Mapping[str, Watermark]
    now: datetime
    room: int
    replica: Replica

    def __call__(self, session: Session) -> CommittedWrites:
        names, limit = [entry.job for entry in self.due], self.replica.claims_at_once
        known = {name: self.known[name].at for name in names if name in self.known}
        held = watermarks.hold_due(session, known, self.now, limit)
        elsewhere = [] if len(held) == limit else [name for name in names if name not in held]
        found = watermarks.read(session, elsewhere) if elsewhere else {}
        # One that is ahead was written by a clock that is: it is left until it can be locked, and is taken back then.
        others = {job: mark for job, mark in found.items() if not is_ahead(mark.at, self.now)}
        if self.replica.look_at_releases(session):
            return CommittedWrites([], [], {**others, **held})
        held, correction = take_back(session, held, self.now, self.replica.namespace)
        paused = ledger.paused(session, list(held)) if held else set()
        decided = pending_writes.on_due(self.due, self.jobs, self.known, held, paused, self.now)
        written = decided.write(session, self.replica, held, self.now, self.room)
        gone = set(elsewhere) - found.keys()
        return replace(written, marks={**others, **written.marks}, dropped=gone, correction=correction)
