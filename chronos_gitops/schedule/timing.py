"""The timing of a job: its schedules, from ``start`` to ``end``, on days that its calendars leave open (TIME)."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import Any

from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.bounds import BoundedSchedules, Bounds
from chronos_gitops.schedule.calendars.calendar import Calendar
from chronos_gitops.schedule.calendars.closures import Closure, Closures
from chronos_gitops.schedule.cron import parser as cron
from chronos_gitops.schedule.errors import ScheduleError
from chronos_gitops.schedule.moves import MOST_TIMES_A_DAY, Move, Mover
from chronos_gitops.schedule.schedule_list import ScheduleList
from chronos_gitops.schedule.upcoming import upcoming
from chronos_gitops.schedule.zones import timezones
from chronos_gitops.schedule.zones.timezones import ZoneData

SEARCH = timedelta(days=3653)
"""Limit of the search for the next scheduled time: ten years."""
_INSTANT = timedelta(microseconds=1)
_CHUNK = timedelta(days=366)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_CALENDARS = 8


class OnSkip(StrEnum):
    """Action for a scheduled time on a closed day: drop it, or move it to the nearest open day."""

    DROP = "drop"
    NEXT = "next"
    PREVIOUS = "previous"


@dataclass(frozen=True, slots=True)
class ClosedTick:
    """A nominal tick in closed time; ``move`` is None where it is dropped."""

    time: datetime
    closure: Closure
    move: Move | None


@dataclass(frozen=True, slots=True)
class HeldRange:
    """Dropped ticks of one date (in the job's zone) that one entry closes: the first, the last, and their number."""

    first: datetime
    last: datetime
    count: int
    closure: Closure


@dataclass(frozen=True)
class Timing:
    """The ticks of a job as its files stand, without edits: open nominal ticks, and the targets of moved ones.

    ``skip`` are the calendars that the job names, ``freezes`` those that choose it. ``start`` and ``end`` are texts:
    a date or a local time of the zone. Equal when all of it is equal. Building one raises ScheduleError.
    Instants are aware datetimes, ticks are in UTC, ranges are (after, until].
    """

    schedules: ScheduleList
    start: str = ""
    end: str = ""
    skip: tuple[Calendar, ...] = ()
    freezes: tuple[Calendar, ...] = ()
    on_skip: OnSkip = OnSkip.DROP
    _nominal: BoundedSchedules = field(init=False, repr=False, compare=False)
    _closures: Closures = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.skip) > MOST_CALENDARS:
            raise ScheduleError(f"more than {MOST_CALENDARS} calendars", hint="put their dates into one", field="skip")
        zone = timezones.load(self.timezone)
        bounds = Bounds.parse(self.start, self.end, zone)
        nominal = BoundedSchedules(self.schedules, bounds)
        if bounds.limited and nominal.next_after(_EPOCH) is None:
            raise ScheduleError(
                "no tick lies between start and end", hint="move end, or change the schedule", field="end"
            )
        if self.on_skip is not OnSkip.DROP:
            self._refuse_moves()
        freezes = tuple(sorted(self.freezes, key=lambda calendar: calendar.name))
        object.__setattr__(self, "freezes", freezes)
        object.__setattr__(self, "_nominal", nominal)
        object.__setattr__(self, "_closures", Closures.of((*self.skip, *freezes), self.timezone))

    def __hash__(self) -> int:
        return hash((self.schedules, self.start, self.end, self.on_skip))

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self.schedules, self.start, self.end, self.skip, self.freezes, self.on_skip)

    @classmethod
    def parse(
        cls,
        schedule: str | Sequence[str],
        timezone: str = "UTC",
        *,
        key: str = "",
        start: str = "",
        end: str = "",
        skip: Sequence[str] = (),
        on_skip: str = "drop",
    ) -> "Timing":
        """As a job file says it; jobs that say the same share one value.

        ``key`` seeds ``H``: the job's name. ``skip`` are names of calendars: until ``with_calendars`` gives them their
        content they close nothing.
        """
        texts = (schedule,) if isinstance(schedule, str) else tuple(schedule)
        seed = key if any(map(cron.is_hashed, texts)) else ""
        return _parsed(texts, timezone, seed, start, end, tuple(skip), on_skip, timezones.given())

    @classmethod
    def from_definition(cls, text: str, timezone: str, *, key: str) -> "Timing":
        """Of what ``definition`` gave."""
        fields = json.loads(text) if text.startswith("{") else {"schedule": text}
        return cls.parse(timezone=timezone, key=key, **fields)

    def with_calendars(self, skip: Sequence[Calendar], freezes: Sequence[Calendar]) -> "Timing":
        """The same with the content of the calendars that it names, in that order, and with the freezes."""
        if self.skip == tuple(skip) and self.freezes == tuple(freezes):
            return self
        return _again(self.schedules, self.start, self.end, tuple(skip), tuple(freezes), self.on_skip)

    @property
    def timezone(self) -> str:
        return self.schedules.timezone

    def fields(self) -> dict[str, Any]:
        """The timing as fields of a job file, without the time zone; fields with their default are left out."""
        names = [calendar.name for calendar in self.skip]
        on_skip = None if self.on_skip is OnSkip.DROP else self.on_skip.value
        optional = {"start": self.start, "end": self.end, "skip": names, "on_skip": on_skip}
        return {"schedule": self.schedules.document()} | {field: value for field, value in optional.items() if value}

    @cached_property
    def definition(self) -> str:
        """The job's own fields as one text: the schedule alone where it says nothing else, so that state of before
        lists and calendars still fits. Equal texts and zones are the same timing but for contents of calendars."""
        return definition_of(self.fields())

    @property
    def can_end(self) -> bool:
        """True if a day can come after which no tick is left."""
        return bool(self.end) or all(schedule.one_off for schedule in self.schedules.schedules)

    @cached_property
    def own_digest(self) -> str:
        """Of the job's own fields: a change of it resets the watermark (TIME section 10)."""
        names = [calendar.name for calendar in self.skip]
        entries = [[schedule.text, schedule.key] for schedule in self.schedules.schedules]
        return _digest([entries, self.timezone, self.start, self.end, names, self.on_skip.value])

    @cached_property
    def digest(self) -> str:
        """Of all that decides the ticks, contents of calendars included: jobs with equal ones may share results."""
        contents = [calendar.digest for calendar in (*self.skip, *self.freezes)]
        return _digest([self.own_digest, *contents])

    def next_after(self, instant: datetime) -> datetime | None:
        """The first tick strictly after the instant; None where none comes within ten years."""
        if not self._closures:
            return self._nominal.next_after(instant)
        if self.on_skip is OnSkip.DROP:
            return self._open_after(instant, instant + SEARCH)
        return self._mover.next_after(instant, instant + SEARCH)

    def between(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """The ticks in (after, until], ascending."""
        if not self._closures:
            yield from self._nominal.between(after, until)
        elif self.on_skip is OnSkip.DROP:
            tick = self._open_after(after, until)
            while tick is not None and tick <= until:
                yield tick
                tick = self._open_after(tick, until)
        else:
            while after < until:
                stop = min(until, after + _CHUNK)
                yield from self._mover.between(after, stop)
                after = stop

    def upcoming(self, after: datetime, count: int) -> tuple[datetime, ...]:
        """The first ``count`` ticks strictly after the instant."""
        return upcoming(self.next_after, after, count)

    def count(self, after: datetime, until: datetime) -> int:
        """Number of scheduled times in (after, until]; without moves the cost grows with closed stretches, not with
        scheduled times."""
        if not self._closures:
            return self._nominal.count(after, until)
        if self.on_skip is not OnSkip.DROP:
            return sum(1 for _ in self.between(after, until))
        after, until = self._nominal.bounds.clip(after, until)
        stretches = self._closures.stretches(after, until)
        return sum(self.schedules.count(start, stop) for start, stop, closure in stretches if closure is None)

    def latest(self, after: datetime, until: datetime, limit: int) -> list[datetime]:
        """The newest ``limit`` ticks in (after, until], ascending."""
        if not self._closures:
            return self._nominal.latest(after, until, limit)
        window, found = timedelta(days=1), list[datetime]()
        while limit > 0 and after < until and len(found) < limit:
            begin = max(after, until - window)
            found = [*list(self.between(begin, until))[-(limit - len(found)) :], *found]
            until, window = begin, window * 4
        return found

    def gap_ticks(self, after: datetime, until: datetime) -> list[datetime]:
        """The open nominal ticks in (after, until] that stand for times a forward change of the clock skips."""
        return [tick for tick in self._nominal.gap_ticks(after, until) if self.closure(tick) is None]

    def nominal_after(self, instant: datetime) -> datetime | None:
        """The first instant after this one that a schedule names between start and end, open or closed."""
        return self._nominal.next_after(instant)

    def nominal_between(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """The instants in (after, until] that a schedule names between start and end, open or closed."""
        return self._nominal.between(after, until)

    def nominal_count(self, after: datetime, until: datetime) -> int:
        """Number of scheduled times before calendars, without walking them."""
        return self._nominal.count(after, until)

    def nominal_before(self, instant: datetime) -> datetime | None:
        """The last instant before this one that a schedule names between start and end, in the ten years before it."""
        return next(iter(self._nominal.latest(instant - SEARCH, instant - _INSTANT, 1)), None)

    def closure(self, instant: datetime) -> Closure | None:
        """Which calendar closes the instant, the first in ``skip``, then the freezes by name; None where it is open."""
        return self._closures.at(instant)

    def opens_at(self, instant: datetime) -> datetime | None:
        """The first open instant at or after this one; None where none comes within ten years."""
        return self._closures.opens_at(instant, instant + SEARCH)

    def move(self, tick: datetime, *, beyond: datetime | None = None) -> Move:
        """Where a held tick of a job with ``next`` or ``previous`` goes; with ``beyond``, only later than that."""
        return self._mover.move(tick, beyond=beyond)

    def origins_of(self, target: datetime) -> list[datetime]:
        """The held ticks after an instant that ``previous`` moves there."""
        return self._mover.origins_of(target) if self.on_skip is OnSkip.PREVIOUS and self._closures else []

    def early_target(self, after: datetime, until: datetime) -> datetime | None:
        """The first tick in (after, until] to which ``previous`` moves a later one, or one at its own time."""
        return self._mover.next_after(after, until) if self.on_skip is OnSkip.PREVIOUS and self._closures else None

    def last_moved_across(self, instant: datetime) -> datetime:
        """``previous`` moves no held tick after this to the instant or before it."""
        return self._mover.last_moved_across(instant)

    @property
    def moves_ticks(self) -> bool:
        """True if held ticks go to other days."""
        return self.on_skip is not OnSkip.DROP and self.has_calendars

    @property
    def has_calendars(self) -> bool:
        return bool(self._closures)

    def held(self, after: datetime, until: datetime) -> Iterator[ClosedTick]:
        """The held ticks in (after, until], ascending; costs them and open stretches, not open ticks."""
        tick = self._nominal.next_after(after) if self._closures else None
        while tick is not None and tick <= until and (edge := self._closures.unchanged_until(tick)) is not None:
            stop = min(until, edge - _INSTANT)
            if (closure := self.closure(tick)) is not None:
                for held in self._nominal.between(tick - _INSTANT, stop):
                    yield ClosedTick(held, closure, None if self.on_skip is OnSkip.DROP else self.move(held))
            tick = self._nominal.next_after(stop)

    def held_ranges(self, after: datetime, until: datetime) -> Iterator[HeldRange]:
        """The held ticks in (after, until] by date and entry, ascending; costs dates and not ticks."""
        after, until = self._nominal.bounds.clip(after, until)
        zone = timezones.load(self.timezone)
        for start, stop, closure in self._closures.stretches(after, until, cut_at_midnights_of=zone):
            count = self.schedules.count(start, stop) if closure is not None else 0
            if closure is not None and count:
                first, last = next(self.schedules.between(start, stop)), self.schedules.latest(start, stop, 1)[0]
                yield HeldRange(first, last, count, closure)

    @cached_property
    def known_until(self) -> datetime | None:
        """From here on the dates of one of its calendars are not complete (``covers_until``); None where all are."""
        calendars = (*self.skip, *self.freezes)
        return min((end for calendar in calendars if (end := calendar.known_until) is not None), default=None)

    def ended(self, now: datetime) -> bool:
        """True if no tick is left because ``end`` or every ``@at`` has passed; calendars alone end nothing."""
        return self.can_end and self.nominal_after(now) is None and self.next_after(now) is None

    def describe(self) -> str:
        """The schedules in English, with the bounds."""
        bounds = [f"from {self.start}" if self.start else "", f"until {self.end}" if self.end else ""]
        return ", ".join(part for part in (self.schedules.describe(), *bounds) if part)

    @cached_property
    def _mover(self) -> Mover:
        forward = self.on_skip is OnSkip.NEXT
        return Mover(self._nominal, self._closures, timezones.load(self.timezone), forward)

    def _open_after(self, instant: datetime, limit: datetime) -> datetime | None:
        tick = self._nominal.next_after(instant)
        while tick is not None and tick <= limit and self.closure(tick) is not None:
            opens = self._closures.opens_at(tick, limit)
            tick = None if opens is None else self._nominal.next_after(opens - _INSTANT)
        return tick if tick is not None and tick <= limit else None

    def _refuse_moves(self) -> None:
        times = self.schedules.times_a_day
        if self.schedules.fixed and times <= MOST_TIMES_A_DAY:
            return
        message = "moved times need fixed times of day; this schedule follows elapsed time"
        if times > MOST_TIMES_A_DAY:
            message = f"moved times need at most {MOST_TIMES_A_DAY} fixed times a day; this schedule has {times}"
        hint = "write on_skip: drop, or name minutes and hours without *"
        raise ScheduleError(message, hint=hint, field="on_skip")


FIELDS = ("schedule", "start", "end", "skip", "on_skip")
"""The fields of a job file that say when it runs, but for the zone."""


def definition_of(document: Mapping[str, Any]) -> str:
    """The ``definition`` of the timing that the document of a job has."""
    fields = {field: document[field] for field in FIELDS if document.get(field)}
    schedule = fields["schedule"]
    return schedule if len(fields) == 1 and isinstance(schedule, str) else json.dumps(fields, separators=(",", ":"))


@lru_cache(maxsize=16_384)
def _parsed(
    texts: tuple[str, ...],
    timezone: str,
    key: str,
    start: str,
    end: str,
    skip: tuple[str, ...],
    on_skip: str,
    _: ZoneData | None,
) -> Timing:
    calendars = tuple(map(Calendar.unresolved, skip))
    return Timing(ScheduleList.parse(texts, timezone, key=key), start, end, calendars, on_skip=OnSkip(on_skip))


def _again(
    schedules: ScheduleList,
    start: str,
    end: str,
    skip: tuple[Calendar, ...],
    freezes: tuple[Calendar, ...],
    on_skip: OnSkip,
) -> Timing:
    return _shared(schedules, start, end, skip, freezes, on_skip, timezones.given())


@lru_cache(maxsize=16_384)
def _shared(
    schedules: ScheduleList,
    start: str,
    end: str,
    skip: tuple[Calendar, ...],
    freezes: tuple[Calendar, ...],
    on_skip: OnSkip,
    _: ZoneData | None,
) -> Timing:
    """One value for all jobs with equal ones: calendars cost 900 µs for each otherwise."""
    return Timing(schedules, start, end, skip, freezes, on_skip)


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, separators=(",", ":")).encode("utf-8", "surrogatepass")).hexdigest()
