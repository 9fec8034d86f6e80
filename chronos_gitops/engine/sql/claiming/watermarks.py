"""The watermark of each job, whose row is the lock under which it is decided what is due."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from chronos_gitops.engine import milliseconds
from chronos_gitops.engine.clock import TOLERANCE
from chronos_gitops.engine.sql.claiming import watermark_queries as queries
from chronos_gitops.engine.sql.store import row_mapping
from chronos_gitops.engine.sql.store.calendar_rows import Contents
from chronos_gitops.engine.sql.store.store import Session
from chronos_gitops.jobs.model import Job
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.calendars.steps import Moves
from chronos_gitops.schedule.timing import Timing

_FARTHEST_MOVE: Final = timedelta(days=32)
"""31 days and a change of the clock."""


@dataclass(frozen=True, slots=True)
class Watermark:
    """Every tick of the job up to ``at`` is decided, by the schedule, the bounds and the names of calendars in
    ``schedule``, the zone, and the content of calendars that ``timing`` is a digest of ("" without any). ``moves`` are
    under way."""

    job: str
    schedule: str
    timezone: str
    at: datetime
    timing: str = ""
    moves: Moves = ()

    @classmethod
    def of(cls, job: Job, at: datetime, moves: Moves = ()) -> "Watermark":
        """Whole milliseconds, as the ledger keeps it: what was written and what is read later must be equal."""
        timing = job.timing
        digest = timing.digest if timing.has_calendars else ""
        return cls(job.name, timing.definition, job.timezone, milliseconds.whole(at), digest, moves)

    def moved_to(self, at: datetime) -> "Watermark":
        """Under the same timing, without moves."""
        return Watermark(self.job, self.schedule, self.timezone, milliseconds.whole(at), self.timing)

    def matches_schedule(self, job: Job) -> bool:
        """True if it is under the job's own fields; contents of calendars may differ."""
        return (self.schedule, self.timezone) == (job.timing.definition, job.timezone)

    def matches_calendars(self, job: Job) -> bool:
        return self.timing == (job.timing.digest if job.timing.has_calendars else "")

    def timed(self, contents: "Contents") -> Timing:
        """The timing it was written under, with the contents of calendars that are known by its digest."""
        own = Timing.from_definition(self.schedule, self.timezone, key=self.job)
        return contents[self.timing].timing(own) if self.timing in contents else own


def hold_due(session: Session, known: Mapping[str, datetime], now: datetime, limit: int) -> dict[str, Watermark]:
    """Takes the right to decide over jobs whose watermark is still the ``known`` one, or lies ahead, until the
    transaction ends; leaves out those that another replica decides over just now."""
    pairs = json.dumps([(job, milliseconds.to_ms(at)) for job, at in known.items()])
    asked = {"known": pairs, "ahead": milliseconds.to_ms(now + TOLERANCE), "limit": limit}
    return _by_job(session.execute(queries.HOLD_DUE, asked).fetchall())


def hold_several(session: Session, jobs: Sequence[str]) -> dict[str, Watermark]:
    """Waits for the right to decide over these jobs, in the order in which everybody waits."""
    return _by_job(session.execute(queries.HOLD_SEVERAL, {"jobs": list(jobs)}).fetchall())


def hold(session: Session, job: str) -> Watermark | None:
    """Waits for the right to decide over one job."""
    row = session.execute(queries.HOLD_ONE, {"job": job}).fetchone()
    return None if row is None else _watermark(row)


def hold_all(session: Session) -> dict[str, Watermark]:
    return _by_job(session.execute(queries.HOLD_ALL).fetchall())


def read(session: Session, jobs: Sequence[str]) -> dict[str, Watermark]:
    """The committed watermarks of these jobs, without the right to decide over them."""
    return _by_job(session.execute(queries.WATERMARKS, {"jobs": list(jobs)}).fetchall())


def set_watermarks(session: Session, marks: Iterable[Watermark]) -> None:
    parameters = [
        {
            "job": m.job,
            "schedule": m.schedule,
            "timezone": m.timezone,
            "watermark": milliseconds.to_ms(m.at),
            "timing": m.timing or None,
            "moves": json.dumps([[*map(milliseconds.to_ms, pair)] for pair in m.moves]) if m.moves else None,
        }
        for m in marks
    ]
    if parameters:
        session.executemany(queries.SET_WATERMARK, parameters)


def drop_watermarks(session: Session, jobs: Sequence[str]) -> None:
    if jobs:
        session.execute(queries.DROP_WATERMARKS, {"jobs": list(jobs)})


def withdraw_moves(session: Session, withdrawn: Iterable[tuple[str, datetime, str]]) -> None:
    """Of job, target and message each: the rows that name the target say that the tick will not be moved after all."""
    for job, target, message in withdrawn:
        since, end = (milliseconds.to_ms(at) for at in (target - _FARTHEST_MOVE, target))
        asked = {"job": job, "since": since, "target": end, "message": message}
        session.execute(queries.WITHDRAW_MOVE, asked)


def _by_job(found: Iterable[row_mapping.Row]) -> dict[str, Watermark]:
    return {mark.job: mark for mark in map(_watermark, found)}


def _watermark(row: row_mapping.Row) -> Watermark:
    """Its texts are those that the job has already: 10,000 copies of them are 2 MB."""
    words = sys.intern(row["job"]), sys.intern(row["schedule"]), sys.intern(row["timezone"])
    at, timing = milliseconds.instant(row["watermark"]), sys.intern(row["timing"] or "")
    return Watermark(*words, at, timing, _moves(row["moves"]))


def _moves(stored: str | None) -> Moves:
    if stored is None:
        return ()
    return tuple((milliseconds.instant(one), milliseconds.instant(two)) for one, two in json.loads(stored))
