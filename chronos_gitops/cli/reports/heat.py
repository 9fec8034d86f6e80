"""The number of runs on each day, as numbers and bars."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from chronos_gitops.plurals import plural
from chronos_gitops.schedule.timing import Timing

_WIDTH = 40
_INSTANT = timedelta(microseconds=1)


def by_day(timings: Iterable[Timing], start: datetime, stop: datetime) -> dict[date, int]:
    """Runs in [start, stop) by day in UTC; every day is there. Jobs of one timing are counted once."""
    first, last = start.astimezone(UTC).date(), (stop - _INSTANT).astimezone(UTC).date()
    days = {first + timedelta(days=number): 0 for number in range((last - first).days + 1)}
    for timing, jobs in Counter(timings).items():
        for day in days:
            begin = max(start, datetime(day.year, day.month, day.day, tzinfo=UTC))
            end = min(stop, datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1))
            days[day] += jobs * timing.count(begin - _INSTANT, end - _INSTANT)
    return days


def document(days: dict[date, int]) -> dict[str, Any]:
    found = [{"date": day.isoformat(), "count": count} for day, count in days.items()]
    return {"total": sum(days.values()), "days": found}


def text(days: dict[date, int]) -> str:
    most = max(days.values(), default=0) or 1
    width = len(str(most))
    bars = {day: "#" * round(_WIDTH * count / most) for day, count in days.items()}
    lines = [f"{day} {day:%a}  {count:>{width}}  {bars[day]}".rstrip() for day, count in days.items()]
    return "\n".join([*lines, f"{plural(sum(days.values()), 'run')} in {plural(len(days), 'day')}"])
