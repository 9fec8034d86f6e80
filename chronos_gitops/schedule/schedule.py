"""A schedule: text and zone, from which ticks follow; a pure value with no clock inside."""

from collections.abc import Iterator
from dataclasses import field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Protocol

from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule import durations
from chronos_gitops.schedule.cron import describe
from chronos_gitops.schedule.cron import parser as cron
from chronos_gitops.schedule.errors import ScheduleError
from chronos_gitops.schedule.forms.interval import PREFIX, Interval
from chronos_gitops.schedule.forms.one_off import PREFIX as ONE_OFF
from chronos_gitops.schedule.forms.one_off import OneOff
from chronos_gitops.schedule.upcoming import upcoming
from chronos_gitops.schedule.zones import timezones, wall_time
from chronos_gitops.schedule.zones.dst import Wallclock
from chronos_gitops.schedule.zones.timezones import ZoneData

__all__ = ["LONGEST", "Schedule", "jitter"]

LONGEST = 256
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _LAST = datetime(2, 1, 1, tzinfo=UTC), datetime(9980, 1, 1, tzinfo=UTC)


class TickSource(Protocol):
    """The interface of cron expressions and intervals; ranges are (after, until], results ascending and in UTC."""

    @property
    def both_day_fields(self) -> bool: ...
    def next_after(self, instant: datetime) -> datetime | None: ...
    def between(self, after: datetime, until: datetime) -> Iterator[datetime]: ...
    def count(self, after: datetime, until: datetime) -> int: ...
    def latest(self, after: datetime, until: datetime, limit: int) -> list[datetime]: ...
    def gap_ticks(self, after: datetime, until: datetime) -> list[datetime]: ...
    def written(self, tick: datetime) -> int | None: ...
    @property
    def times_a_day(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Schedule:
    """Cron (5 fields, 6 with seconds first, macros), ``@every <duration>`` or ``@at <local time>``, in an IANA zone.

    Equal when text, zone and, where ``H`` stands, key are equal. Building one raises ScheduleError for what is no
    schedule, no zone, or never fires. Instants are aware datetimes of any zone, ticks are aware datetimes in UTC.
    """

    text: str
    timezone: str = "UTC"
    key: str = ""
    _ticks: TickSource = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not cron.is_hashed(self.text):
            object.__setattr__(self, "key", "")
        object.__setattr__(self, "_ticks", _parse(self.text, self.timezone, self.key, timezones.given()))

    def __reduce__(self) -> tuple[type["Schedule"], tuple[str, str, str]]:
        return Schedule, (self.text, self.timezone, self.key)

    @classmethod
    def parse(cls, text: str, timezone: str = "UTC", *, key: str = "") -> "Schedule":
        """``key`` seeds ``H``: the job's name; jobs without one share their schedule."""
        return _shared(text, timezone, key if cron.is_hashed(text) else "", timezones.given())

    @property
    def both_day_fields(self) -> bool:
        """True if day of month and day of week are both restricted, so that either one matches."""
        return self._ticks.both_day_fields

    def next_after(self, instant: datetime) -> datetime | None:
        """The first tick strictly after the instant; None past the end of the calendar."""
        return None if instant >= _LAST else self._ticks.next_after(_within(instant))

    def between(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """The ticks in (after, until], ascending."""
        return self._ticks.between(_within(after), _within(until))

    def upcoming(self, after: datetime, count: int) -> tuple[datetime, ...]:
        """The first ``count`` ticks strictly after the instant."""
        return upcoming(self.next_after, after, count)

    def count(self, after: datetime, until: datetime) -> int:
        """Number of scheduled times in (after, until]; the cost grows with clock changes and months, not with scheduled
        times."""
        return self._ticks.count(_within(after), _within(until))

    def latest(self, after: datetime, until: datetime, limit: int) -> list[datetime]:
        """The newest ``limit`` ticks in (after, until], ascending."""
        return self._ticks.latest(_within(after), _within(until), limit)

    def gap_ticks(self, after: datetime, until: datetime) -> list[datetime]:
        """The ticks in (after, until] that stand for times a forward change of the clock skips."""
        return self._ticks.gap_ticks(_within(after), _within(until))

    def written(self, tick: datetime) -> int | None:
        """The wall-clock second (since 1970-01-01T00:00) that the text names for a tick, the earliest in a gap.

        None when it has no tick at that instant, or follows elapsed time.
        """
        return self._ticks.written(tick)

    @property
    def times_a_day(self) -> int:
        """Number of times of day in the schedule; 0 for ``@at``."""
        return self._ticks.times_a_day

    def times_of_day(self) -> frozenset[int]:
        """The times of day that a cron expression names, in seconds; ask only where ``times_a_day`` is small."""
        return self._ticks.pattern.times_of_day() if isinstance(self._ticks, Wallclock) else frozenset()

    @property
    def has_seconds(self) -> bool:
        """True if it is a cron expression of six fields."""
        return isinstance(self._ticks, Wallclock) and len(self.text.split()) == 6

    @property
    def one_off(self) -> OneOff | None:
        """The single tick of ``@at``; None for a schedule that comes back."""
        return self._ticks if isinstance(self._ticks, OneOff) else None

    @property
    def follows_elapsed_time(self) -> bool:
        """True if minute or hour starts with ``*``, so that it names no fixed times."""
        return isinstance(self._ticks, Wallclock) and self._ticks.pattern.elapsed

    @property
    def interval(self) -> timedelta | None:
        """The duration of ``@every``; None for other schedules."""
        return self._ticks.every if isinstance(self._ticks, Interval) else None

    def describe(self) -> str:
        """The schedule in English, for people: "At 02:00", "Every 5m"; the text itself where words fail."""
        if isinstance(self._ticks, Interval):
            return f"Every {durations.render(self._ticks.every)}"
        if isinstance(self._ticks, OneOff):
            return f"Once, at {wall_time.render_time(self._ticks.wall).replace('T', ' ')}"
        try:
            words = list(cron.written_out(self.text, self.key))
            for item, _, values in cron.uneven_steps(self.text):  # "every 50 minutes" would be wrong
                words[words.index(item)] = ",".join(map(str, values))
            return describe.describe(tuple(words), either_day=self.both_day_fields)
        except Exception:  # a courtesy, not worth a failure: cron-descriptor raises plain Exceptions of its own
            return self.text


@lru_cache(maxsize=1000)  # 3 µs, and an execution asks for its own four times
def jitter(key: str, tick: datetime, spread: timedelta) -> timedelta:
    """A delay in [0, spread), the same for the same key and tick on every machine, in whole milliseconds."""
    choices = spread // timedelta(milliseconds=1)
    if choices <= 0:
        return timedelta(0)
    microseconds = (tick - _EPOCH) // timedelta(microseconds=1)
    import hashlib

    digest = hashlib.sha256(f"{key}\0{microseconds}".encode("utf-8", "surrogatepass")).digest()
    return timedelta(milliseconds=int.from_bytes(digest[:8], "big") % choices)


def _within(instant: datetime) -> datetime:
    """Inside the calendar, so that no zone's wall clock falls out of it."""
    return min(max(instant, _FIRST), _LAST)


@lru_cache(maxsize=16_384)
def _shared(text: str, timezone: str, key: str, _: ZoneData | None) -> Schedule:
    return Schedule(text, timezone, key)


@lru_cache(maxsize=16_384)
def _parse(text: str, timezone: str, key: str, _: ZoneData | None) -> TickSource:
    """Jobs of one schedule share its ticks, for only ``H`` tells them apart."""
    if not text.strip():
        raise ScheduleError("the schedule is empty", hint="write one like 0 2 * * *, @daily or @every 5m")
    if len(text) > LONGEST:
        raise ScheduleError(f"the schedule is longer than {LONGEST} characters", hint="split it into several jobs")
    odd = next((letter for letter in text if not letter.isprintable() and letter != "\t"), None)
    if odd is not None:
        hint = "write it in one line, with plain spaces between the fields"
        raise ScheduleError(f"the schedule holds the invisible character U+{ord(odd):04X}", hint=hint)
    place = timezones.load(timezone)
    form = text.split()[0].lower()
    if form == PREFIX:
        return Interval.parse(text)
    if form == ONE_OFF:
        return OneOff.parse(text, place)
    return Wallclock(cron.parse(text, key), place)
