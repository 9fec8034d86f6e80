"""Every tick against the oracle: a sample of changes of the clock in the normal suite, every zone in the full one."""

import random
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from harness.oracles.schedule_oracle import DAY, HOUR, Clock, Expression, by_minutes, by_stretches

from chronos_gitops.schedule.schedule import Schedule
from chronos_gitops.schedule.zones.timezones import zone_names

EXPRESSIONS = tuple(
    Expression(text)
    for text in (
        "* * * * *",
        "*/7 * * * *",
        "17 * * * *",
        "17 */2 * * *",
        "*/20 1 * * *",
        "*/10 2 * * *",
        "30 0-23/3 * * *",
        "0 0 * * *",
        "30 0 * * *",
        "0,30 1 * * *",
        "0,30 2 * * *",
        "15 2,3 * * *",
        "5-59/9 0-3 * * *",
        "59 23 * * *",
        "0 0 13 * 5",
        "30 2 */2 * SUN",
        "0 0 L * *",
        "0 3 LW,15W * *",
        "30 1 * * 7L",
        "0 2 * * SUN#2,6#1",
        "0 0 1 JAN,MAR,APR *",
        "*/20 30 2 * * *",
        "15,45 0 * * * *",
        "0 12 29 2 *",
    )
)

CHANGES = (
    ("America/New_York", "2026-03-08"),
    ("America/New_York", "2026-11-01"),
    ("Europe/London", "2026-03-29"),
    ("Europe/London", "2026-10-25"),
    ("Australia/Lord_Howe", "2026-04-05"),
    ("Australia/Lord_Howe", "2026-10-04"),
    ("Africa/Casablanca", "2026-02-15"),
    ("Africa/Casablanca", "2026-03-22"),
    ("Asia/Gaza", "2025-04-12"),
    ("Asia/Gaza", "2025-10-25"),
    ("Pacific/Apia", "2011-12-30"),
    ("Pacific/Apia", "2012-04-01"),
    ("Africa/Cairo", "2026-04-24"),
    ("Africa/Cairo", "2026-10-29"),
    ("Asia/Beirut", "2026-03-29"),
    ("America/Santiago", "2026-09-06"),
    ("America/Santiago", "2026-04-05"),
    ("America/Havana", "2026-03-08"),
    ("America/Havana", "2025-11-02"),
    ("Atlantic/Azores", "2026-03-29"),
    ("Atlantic/Azores", "2026-10-25"),
    ("Asia/Kathmandu", "1986-01-01"),
    ("America/Caracas", "2016-05-01"),
    ("America/Caracas", "2007-12-09"),
    ("Asia/Pyongyang", "2018-05-04"),
    ("Pacific/Kwajalein", "1993-08-21"),
    ("Antarctica/Troll", "2026-03-29"),
    ("Europe/Dublin", "2026-10-25"),
)


DENSE = ("* * * * *", "*/7 * * * *")
TWO_YEARS = tuple(int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (2025, 2027))
SIXTY_YEARS = tuple(int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (1975, 2038))


@pytest.fixture(scope="module")
def tally() -> Iterator[Counter[str]]:
    counts: Counter[str] = Counter()
    yield counts
    print("\noracle:", ", ".join(f"{number} {what}" for what, number in counts.items()))


@pytest.mark.parametrize(("name", "day"), CHANGES, ids=lambda value: value.replace("/", "-"))
def test_ticks_around_a_change_are_those_of_a_watched_clock(name: str, day: str, tally: Counter[str]) -> None:
    zone = ZoneInfo(name)
    start = int(datetime.fromisoformat(f"{day}T00:00+00:00").timestamp()) - 30 * HOUR
    stop = start + 4 * DAY
    clock = Clock(zone, start - 2 * DAY, stop)
    assert clock.changes, "the table names a day without a change of the clock"
    tally["watched changes"] += 1
    for expression, expected in zip(EXPRESSIONS, by_minutes(EXPRESSIONS, zone, start, stop), strict=True):
        assert by_stretches(expression, clock, start, stop) == expected, "the two ways of the oracle disagree"
        compare(expression, name, expected, start, stop, tally)


@pytest.mark.parametrize("name", ["Africa/Casablanca", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"])
def test_a_whole_year_with_its_changes(name: str, tally: Counter[str]) -> None:
    start, stop = TWO_YEARS[0], TWO_YEARS[0] + 365 * DAY
    clock = Clock(ZoneInfo(name), start - 3 * DAY, stop)
    for expression in EXPRESSIONS[2::2]:
        compare(expression, name, by_stretches(expression, clock, start, stop), start, stop, tally)


@pytest.mark.full
@pytest.mark.parametrize("name", sorted(zone_names()))
def test_two_years_in_every_zone(name: str, tally: Counter[str]) -> None:
    """About a second each: every tick of two years, of expressions that tick more often the weeks around changes."""
    start, stop = TWO_YEARS
    clock = Clock(ZoneInfo(name), start - 3 * DAY, stop)
    tally["zones"] += 1
    for expression in EXPRESSIONS:
        windows = [(start, stop)]
        if expression.text in DENSE:
            changes = [change for change, _, _ in clock.changes if start <= change < stop]
            ordinary = [start + week * 7 * DAY for week in range(1, 100, 13)]
            windows = [(max(start, middle - 3 * DAY), middle + 3 * DAY) for middle in changes + ordinary]
        for window in windows:
            compare(expression, name, by_stretches(expression, clock, *window), *window, tally)


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_every_change_of_the_clock_since_1975(tally: Counter[str]) -> None:
    """Some minutes: each change that any zone has known or will know until 2038, once, with every expression."""
    known: set[tuple[int, int, int]] = set()
    first, last = SIXTY_YEARS[0] + 4 * DAY, SIXTY_YEARS[1] - 2 * DAY  # so that each window lies inside the clock
    for name in sorted(zone_names()):
        clock = Clock(ZoneInfo(name), *SIXTY_YEARS, step=6 * HOUR)
        changes = {change for change in clock.changes if first < change[0] < last}
        for change in changes - known:
            window = (change[0] - 36 * HOUR, change[0] + 36 * HOUR)
            for expression in EXPRESSIONS:
                compare(expression, name, by_stretches(expression, clock, *window), *window, tally)
        known |= changes
    tally["distinct changes"] += len(known)


def compare(expression: Expression, name: str, expected: list[int], start: int, stop: int, tally: Counter[str]) -> None:
    """All that a schedule answers about [start, stop), against the ticks it should have there."""
    schedule = Schedule(expression.text, name)
    after, until = instant(start - 1), instant(stop - 1)
    found = [int(tick.timestamp()) for tick in schedule.between(after, until)]
    where = f"{expression.text} in {name}"
    assert found == expected, f"{where}: {[str(instant(tick)) for tick in sorted({*found} ^ {*expected})[:5]]}"
    assert schedule.count(after, until) == len(expected), where
    assert schedule.latest(after, until, 3) == [instant(tick) for tick in expected[-3:]], where
    for earlier, later in [*pairwise(expected[:100]), *pairwise(expected[-100:])]:
        assert schedule.next_after(instant(earlier)) == instant(later), where
    draw = random.Random(f"{where} {start}")
    for moment in (draw.randrange(start, stop) for _ in range(10)):
        position = bisect_right(expected, moment)
        if position < len(expected):
            assert schedule.next_after(instant(moment)) == instant(expected[position]), f"{where} after {moment}"
    tally["windows"] += 1
    tally["ticks"] += len(expected)


def instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
