"""Scheduled times that are due and that no timetable has claimed, as when its workflow tasks run out of time. Pure.

A timetable that stands still looks to its workers like one that has nothing to do, so it is seen from outside: by the
plan that it has published.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from chronos_gitops.engine.model import Pause
from chronos_gitops.engine.temporal.timetables import planned_runs
from chronos_gitops.engine.temporal.workflows.messages import PublishedSchedule
from chronos_gitops.engine.ticks.due_queue import LATE
from chronos_gitops.jobs.model import JobSet
from chronos_gitops.plurals import plural, verb
from chronos_gitops.schedule.timestamps import rfc3339

BEHIND_AFTER: Final = LATE + timedelta(seconds=30)
"""A tick is missed after LATE; a workflow task that was lost with its worker is made again within 10 s."""

_Known = tuple[PublishedSchedule, Pause | None]


class Lag:
    """``look`` at what is published; ``trouble`` is empty while nothing is late."""

    def __init__(self) -> None:
        self._due: dict[str, tuple[_Known, datetime | None]] = {}
        self.trouble = ""

    def look(
        self, plans: Mapping[str, PublishedSchedule], pauses: Mapping[str, Pause], jobs: JobSet, now: datetime
    ) -> None:
        """``jobs`` are those that this runner knows; of others it says nothing."""
        before, self._due = self._due, {}
        for job, plan in plans.items():
            known, asked = jobs.get(job), (plan, pauses.get(job))
            if known is None:
                continue
            last = before.get(job)
            if last is None or last[0] != asked:
                [first, *_] = planned_runs.next_runs(*asked, job, known, now, 1) or [None]
                last = asked, None if first is None else first + known.job.jitter
            self._due[job] = last
        late = [due for _, due in self._due.values() if due is not None and now - due > BEHIND_AFTER]
        self.trouble = "" if not late else _told(len(late), min(late))


def _told(count: int, since: datetime) -> str:
    """Not a verdict on the server: the clock of this machine may be ahead of the server's as well."""
    jobs = f"{plural(count, 'job')} {verb(count, 'has', 'have')} scheduled times that are due and not claimed"
    return f"{jobs}, the oldest since {rfc3339(since)}"
