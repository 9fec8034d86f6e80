"""``@every 5m``: ticks at whole multiples of a duration since 1970-01-01T00:00Z, in closed form."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule import durations
from chronos_gitops.schedule.errors import ScheduleError
from chronos_gitops.schedule.loose_durations import days_hint

PREFIX = "@every"
SHORTEST = timedelta(milliseconds=100)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Interval:
    """Ticks every ``every``; the same on every replica and after every restart (CONTRACT 2)."""

    every: timedelta
    both_day_fields = False

    @classmethod
    def parse(cls, text: str) -> "Interval":
        """Of ``@every <Go duration>``: whole milliseconds, at least SHORTEST; ScheduleError otherwise."""
        word = text.split(maxsplit=1)[1].strip() if len(text.split()) > 1 else ""
        try:
            every = durations.parse(word)
        except durations.DurationError as error:
            hint = days_hint(word, "@every ") or "write it as @every 5m or @every 1h30m"
            raise ScheduleError(str(error), hint=hint) from None
        if every < SHORTEST:
            hint = f"the shortest is @every {durations.render(SHORTEST)}"
            raise ScheduleError(f"@every {word[:20]} is too often", hint=hint)
        if every % _MILLISECOND:
            raise ScheduleError(f"@every {word[:20]} is not a whole number of milliseconds", hint="round it, as 1500ms")
        return cls(every)

    def next_after(self, instant: datetime) -> datetime | None:
        return self._tick((instant - _EPOCH) // self.every + 1)

    def between(self, after: datetime, until: datetime) -> Iterator[datetime]:
        return (self._tick(number) for number in self._numbers(after, until))

    def count(self, after: datetime, until: datetime) -> int:
        return len(self._numbers(after, until))

    def latest(self, after: datetime, until: datetime, limit: int) -> list[datetime]:
        numbers = self._numbers(after, until)
        return [self._tick(number) for number in numbers[max(0, len(numbers) - limit) :]]

    def gap_ticks(self, after: datetime, until: datetime) -> list[datetime]:  # noqa: ARG002 - elapsed time has no gaps
        return []

    def written(self, tick: datetime) -> int | None:  # noqa: ARG002 - an interval names no time of day
        return None

    @property
    def times_a_day(self) -> int:
        """Number of scheduled times in 24 hours."""
        return timedelta(days=1) // self.every

    def _numbers(self, after: datetime, until: datetime) -> range:
        return range((after - _EPOCH) // self.every + 1, (until - _EPOCH) // self.every + 1)

    def _tick(self, number: int) -> datetime:
        return _EPOCH + number * self.every
