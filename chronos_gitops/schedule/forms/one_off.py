"""``@at 2026-12-24T18:00``: one tick, at a wall-clock time of the job's zone."""

from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.errors import ScheduleError
from chronos_gitops.schedule.zones import timezones, wall_time

PREFIX = "@at"


@dataclass(frozen=True, slots=True)
class OneOff:
    """The single tick of a local time; gaps and repeated hours follow the rule of fixed times (TIME section 1)."""

    wall: int
    zone: ZoneInfo
    both_day_fields = False
    times_a_day = 0

    @classmethod
    def parse(cls, text: str, zone: ZoneInfo) -> "OneOff":
        """Of ``@at YYYY-MM-DDTHH:MM[:SS]``; ScheduleError otherwise."""
        word = text.split(maxsplit=1)[1].strip() if len(text.split()) > 1 else ""
        wall = wall_time.parse_time(word)
        if wall is not None:
            return cls(wall, zone)
        if wall_time.has_offset(word):
            hint = f"write the local time; the zone is {zone.key}"
            raise ScheduleError(f'"{text[:60]}" has an offset', hint=hint)
        hint = wall_time.hint(word, "write a day and a time that exist, as in @at 2026-12-24T18:00")
        raise ScheduleError(f'"{text[:60]}" is not a local time', hint=hint)

    @property
    def instant(self) -> datetime:
        """The tick, in UTC."""
        return datetime.fromtimestamp(timezones.shown(self.zone, self.wall), UTC)

    @property
    def exists(self) -> bool:
        """True if the zone's clock ever shows the time; one in a gap runs at the end of the gap."""
        seconds = int(self.instant.timestamp())
        return seconds + timezones.offset(self.zone, seconds) == self.wall

    @property
    def repeated(self) -> bool:
        """True if the zone's clock shows the time twice; it runs the first time."""
        local = datetime.fromtimestamp(int(self.instant.timestamp()), self.zone)
        return self.exists and local.utcoffset() != local.replace(fold=1).utcoffset()

    def next_after(self, instant: datetime) -> datetime | None:
        return self.instant if self.instant > instant else None

    def between(self, after: datetime, until: datetime) -> Iterator[datetime]:
        return iter([self.instant] if after < self.instant <= until else [])

    def count(self, after: datetime, until: datetime) -> int:
        return int(after < self.instant <= until)

    def latest(self, after: datetime, until: datetime, limit: int) -> list[datetime]:
        return list(self.between(after, until)) if limit > 0 else []

    def gap_ticks(self, after: datetime, until: datetime) -> list[datetime]:
        return [] if self.exists else list(self.between(after, until))

    def written(self, tick: datetime) -> int | None:
        """The wall-clock second that the text names, when ``tick`` is its tick."""
        return self.wall if tick == self.instant else None
