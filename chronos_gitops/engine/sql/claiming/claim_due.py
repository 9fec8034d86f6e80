"""The transaction that claims what is due, under the watermarks of its jobs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

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
        names = [entry.job for entry in self.due]
        held = watermarks.hold_due(session, names, self.replica.claims_at_once)
        if self.replica.look_at_releases(session):
            return CommittedWrites([], [], held)
        held, correction = take_back(session, held, self.now, self.replica.namespace)
        paused = ledger.paused(session, names)
        decided = pending_writes.on_due(self.due, self.jobs, self.known, held, paused, self.now)
        written = decided.write(session, self.replica, held, self.now, self.room)
        gone = set() if held else set(names) - watermarks.marked(session, names)
        return replace(written, dropped=gone, correction=correction)
