"""The transaction in which a JobSet begins to count."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime

from chronos_gitops.engine.model import Pause
from chronos_gitops.engine.sql.claiming import pending_writes, watermarks
from chronos_gitops.engine.sql.claiming.clock_correction import take_back
from chronos_gitops.engine.sql.claiming.pending_writes import CommittedWrites
from chronos_gitops.engine.sql.operations import pausing
from chronos_gitops.engine.sql.store import calendar_rows, ledger
from chronos_gitops.engine.sql.store.store import Replica, Session
from chronos_gitops.jobs.model import JobSet
from chronos_gitops.process.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class ApplyJobs:
    """An operation: whether this runner leads, what was written, and the pauses afterwards. ``pauses`` and ``marked``
    are the pauses and the jobs with a watermark that this runner knows; ``news`` are the jobs whose watermarks may
    change (None: any), ``is_first`` says that it applies for the first time."""

    before: JobSet
    jobs: JobSet
    news: Collection[str] | None
    pauses: Mapping[str, Pause]
    marked: Collection[str]
    now: datetime
    replica: Replica
    is_first: bool

    def __call__(self, session: Session) -> tuple[bool, CommittedWrites, Mapping[str, Pause]]:
        jobs, news, now, replica = self.jobs, self.news, self.now, self.replica
        standing = replica.join(session, jobs.revision)
        held = watermarks.hold_all(session) if news is None else watermarks.hold_several(session, list(news))
        held, correction = take_back(session, held, now, replica.namespace)
        if not standing.leads:
            gone = self.marked - held.keys()
            return False, CommittedWrites([], [], held, gone, correction=correction), self.pauses
        released = pausing.release(session, jobs, now, replica)
        names = jobs.definitions.keys() if news is None else news
        missed_by_all = self.is_first and standing.alone
        owed = jobs.definitions.keys() - self.pauses.keys() if missed_by_all else set()
        contents = calendar_rows.contents_of(session, pending_writes.foreign_timings(held, jobs))
        owed -= released
        decided = pending_writes.on_apply(self.before, jobs, names, held, owed, self.pauses, now, contents, released)
        written = replace(decided.write(session, replica, held, now), correction=correction)
        return True, written, ledger.pauses(session) if released else self.pauses
