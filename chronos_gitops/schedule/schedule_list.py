"""Several schedules of one job: the ticks of all of them, each instant once (TIME section 1)."""

import heapq
from collections.abc import Iterator, Sequence
from datetime import datetime

from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.errors import ScheduleListError
from chronos_gitops.schedule.schedule import Schedule

MOST_ENTRIES = 100
MOST_RECURRING = 10


@dataclass(frozen=True, slots=True)
class ScheduleList:
    """1 to 100 schedules of one zone, at most 10 of them other than ``@at``; the order means nothing.

    Equal when they hold the same schedules. Building one raises ScheduleError. Instants are aware datetimes,
    ticks are in UTC, ranges are (after, until].
    """

    schedules: tuple[Schedule, ...]

    def __post_init__(self) -> None:
        ordered = sorted(set(self.schedules), key=lambda schedule: (schedule.text, schedule.key))
        _refuse(self.schedules)
        object.__setattr__(self, "schedules", tuple(ordered))

    @classmethod
    def parse(cls, texts: Sequence[str], timezone: str = "UTC", *, key: str = "") -> "ScheduleList":
        """``key`` seeds ``H`` in every entry."""
        _refuse(texts)
        return cls(tuple(Schedule.parse(text, timezone, key=key) for text in texts))

    @property
    def timezone(self) -> str:
        return self.schedules[0].timezone

    def document(self) -> str | list[str]:
        """As a job file says it: one text, or a list of several."""
        texts = [schedule.text for schedule in self.schedules]
        return texts[0] if len(texts) == 1 else texts

    @property
    def text(self) -> str:
        """For people: the entries, joined by semicolons."""
        return "; ".join(schedule.text for schedule in self.schedules)

    @property
    def times_a_day(self) -> int:
        """Number of times of day in all entries; ``@at`` does not count."""
        return sum(schedule.times_a_day for schedule in self.schedules)

    @property
    def fixed(self) -> bool:
        """True if each entry names times of day, so that its ticks can be moved to another day."""
        return all(schedule.interval is None and not schedule.follows_elapsed_time for schedule in self.schedules)

    def next_after(self, instant: datetime) -> datetime | None:
        """The first tick strictly after the instant."""
        found = (schedule.next_after(instant) for schedule in self.schedules)
        return min((tick for tick in found if tick is not None), default=None)

    def between(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """The ticks in (after, until], ascending."""
        if len(self.schedules) == 1:
            yield from self.schedules[0].between(after, until)
            return
        last = None
        for tick in heapq.merge(*(schedule.between(after, until) for schedule in self.schedules)):
            if tick != last:
                yield tick
            last = tick

    def count(self, after: datetime, until: datetime) -> int:
        """Number of scheduled times in (after, until]; for a single schedule without walking them."""
        if len(self.schedules) == 1:
            return self.schedules[0].count(after, until)
        return sum(1 for _ in self.between(after, until))

    def latest(self, after: datetime, until: datetime, limit: int) -> list[datetime]:
        """The newest ``limit`` ticks in (after, until], ascending."""
        found = {tick for schedule in self.schedules for tick in schedule.latest(after, until, limit)}
        return sorted(found)[-limit:] if limit > 0 else []

    def gap_ticks(self, after: datetime, until: datetime) -> list[datetime]:
        """The ticks in (after, until] that stand for times a forward change of the clock skips."""
        return sorted({tick for schedule in self.schedules for tick in schedule.gap_ticks(after, until)})

    def written(self, tick: datetime) -> int | None:
        """The earliest wall-clock second that an entry names for the tick; None where no entry names one."""
        found = (schedule.written(tick) for schedule in self.schedules)
        return min((wall for wall in found if wall is not None), default=None)

    def describe(self) -> str:
        """The entries in English, joined by semicolons."""
        return "; ".join(schedule.describe() for schedule in self.schedules)


def _refuse(entries: Sequence[Schedule] | Sequence[str]) -> None:
    texts = [entry if isinstance(entry, str) else entry.text for entry in entries]
    if not texts:
        raise ScheduleListError("the list is empty", hint='write one schedule at least, like "0 2 * * *"')
    if len(texts) > MOST_ENTRIES:
        raise ScheduleListError(f"more than {MOST_ENTRIES} entries", hint="split it into several jobs")
    forms = [_form(text) for text in texts]
    if len(texts) > 1 and "@every" in forms:
        raise ScheduleListError("@every cannot stand beside other schedules", hint="give it a job of its own")
    if sum(form != "@at" for form in forms) > MOST_RECURRING:
        raise ScheduleListError(f"more than {MOST_RECURRING} recurring entries", hint="split it into several jobs")


def _form(text: str) -> str:
    return next(iter(text.lower().split(maxsplit=1)), "")
