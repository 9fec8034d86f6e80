"""Every question about a job with calendars against an oracle that looks at each minute of the zone's clock.

Lists, one-offs, bounds, calendars that jobs name, freezes, horizons and moves: chosen by hypothesis in some zones, and
at random around every change of the clock of every zone of tzdata (a sample of them in the normal suite).
"""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from harness.machine.seeds import seeded
from harness.oracles.calendar_oracle import Rules, clock_of, ticks_of, watched
from harness.oracles.schedule_oracle import DAY, Clock
from hypothesis import given, settings
from hypothesis import strategies as st

from chronos_gitops.schedule.calendars import parser
from chronos_gitops.schedule.calendars.calendar import Calendar
from chronos_gitops.schedule.errors import ScheduleError
from chronos_gitops.schedule.schedule_list import ScheduleList
from chronos_gitops.schedule.timing import OnSkip, Timing
from chronos_gitops.schedule.zones.timezones import zone_names

ZONES = ("Europe/Paris", "Africa/Cairo", "Australia/Lord_Howe", "America/Havana", "Pacific/Apia", "America/New_York")
FIXED = ("0 9 * * *", "30 2 * * *", "0 0 * * *", "0,30 2,3 * * *", "15 23 L * *", "0 12 1 * *", "0 3 * * MON-FRI")
ELAPSED = ("*/15 * * * *", "0 */2 * * *", "* 2 * * *", "*/20 1 * * *")
STARTS = ("2026-03-20", "2026-04-17", "2026-10-18", "2025-10-28", "2011-12-22", "2026-06-10")
DAYS = st.integers(0, 13)


@st.composite
def entries(draw: st.DrawFn, start: str) -> Any:
    def day() -> datetime:
        return datetime.fromisoformat(start) + timedelta(days=draw(DAYS))

    def moment() -> str:
        return f"{day() + timedelta(minutes=30 * draw(st.integers(0, 47))):%Y-%m-%dT%H:%M}"

    kind = draw(st.sampled_from(("weekday", "date", "yearly", "days", "hours")))
    if kind == "weekday":
        return draw(st.sampled_from(("MON", "WED", "SAT", "SUN")))
    if kind == "date":
        return f"{day():%Y-%m-%d}"
    if kind == "yearly":
        return f"{day():%m-%d}"
    first, last = sorted((f"{day():%Y-%m-%d}", f"{day():%Y-%m-%d}") if kind == "days" else (moment(), moment()))
    return {"from": first, "to": last} if kind == "days" or first < last else f"{day():%Y-%m-%d}"


@st.composite
def stories(draw: st.DrawFn) -> Rules:
    start = draw(st.sampled_from(STARTS))
    on_skip = draw(st.sampled_from(("drop", "next", "previous")))
    known = FIXED if on_skip != "drop" else FIXED + ELAPSED
    texts = draw(st.lists(st.sampled_from(known), min_size=1, max_size=3, unique=True))
    closed = [draw(st.lists(entries(start), max_size=4)) for _ in range(draw(st.integers(0, 2)))]
    opened = [
        draw(st.lists(entries(start).filter(lambda e: e not in ("MON", "WED", "SAT", "SUN")), max_size=2))
        for _ in closed
    ]
    zones = [draw(st.sampled_from(("", *ZONES))) for _ in closed]
    bounds = draw(st.sampled_from((("", ""), (start, ""), ("", f"{_at(start) + timedelta(days=9):%Y-%m-%dT%H:%M}"))))
    last = f"{_at(start) + timedelta(days=draw(DAYS)):%Y-%m-%d}"
    covers = [draw(st.sampled_from(("", "", last))) for _ in closed]
    if draw(st.booleans()):
        moment = _at(start) + timedelta(days=draw(DAYS), minutes=30 * draw(st.integers(0, 47)))
        texts.append(f"@at {moment:%Y-%m-%dT%H:%M}")
    return Rules(draw(st.sampled_from(ZONES)), start, texts, closed, opened, zones, on_skip, *bounds, covers)


@settings(deadline=None)
@given(stories())
def test_every_question_equals_a_watched_clock(rules: Rules) -> None:
    compare(rules)


def compare(rules: Rules, *, probes: int = 12) -> int:
    """The number of ticks compared; at ``probes`` instants the ticks before and after are asked for."""
    try:
        subject = _timing(rules)
    except ScheduleError as refusal:
        assert str(refusal) in ("no tick lies between start and end", "end is not after start")  # noqa: PT017
        return 0
    after, until = _at(rules.start), _at(rules.start) + timedelta(days=rules.days)
    expected, held = ticks_of(rules, after, until)
    assert list(subject.between(after, until)) == expected
    assert [(one.time, one.move.target if one.move else None) for one in subject.held(after, until)] == held
    assert subject.count(after, until) == len(expected)
    hours = random.Random(len(expected)).sample(range(rules.days * 24), probes)
    for probe in (after + timedelta(hours=hour) for hour in hours):
        following = [tick for tick in expected if tick > probe]
        found = subject.next_after(probe)
        assert found == following[0] if following else found is None or found > until
        assert subject.latest(after, probe, 3) == [tick for tick in expected if tick <= probe][-3:]
    ranges = list(subject.held_ranges(after, until))
    assert sum(one.count for one in ranges) == len(held)
    return len(expected) + len(held)


def _timing(rules: Rules) -> Timing:
    """The last calendar is a freeze: it closes as the others do."""
    covers = rules.covers or [""] * len(rules.zones)
    calendars = [
        _calendar(f"c{number}", *one)
        for number, one in enumerate(zip(rules.closed, rules.opened, rules.zones, covers, strict=True))
    ]
    schedules = ScheduleList.parse(rules.texts, rules.zone)
    on_skip, skip, freezes = OnSkip(rules.on_skip), tuple(calendars[:-1]), tuple(calendars[-1:])
    return Timing(schedules, rules.begin, rules.end, skip, freezes, on_skip)


def _calendar(name: str, closed: Sequence[Any], opened: Sequence[Any], zone: str, covers: str) -> Calendar:
    document: dict[str, Any] = {"closed": list(closed), "open": list(opened)}
    document |= ({"timezone": zone} if zone else {}) | ({"covers_until": covers} if covers else {})
    return parser.parse(name, document)


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# --- every zone ---------------------------------------------------------------------------------------------------

YEARS = tuple(int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (2025, 2027))
SAMPLE = 6


@lru_cache(maxsize=1)
def every_change() -> tuple[tuple[str, str], ...]:
    """A zone and the day a week before a change of its clock; of zones with the same clock only one. Zones without
    a change are looked at once."""
    found: dict[tuple[Any, ...], list[tuple[str, str]]] = {}
    for name in sorted(zone_names()):
        clock = Clock(ZoneInfo(name), *YEARS)
        weeks_before = [at - 7 * DAY for at, _, _ in clock.changes] or [YEARS[0] + 40 * DAY]
        days = [(name, f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}") for at in weeks_before]
        found.setdefault((tuple(clock.stretches),), days)
    return tuple(place for places in found.values() for place in places)


def random_stories(zone: str, start: str, chance: random.Random, count: int) -> Iterator[Rules]:
    def day() -> datetime:
        return _at(start) + timedelta(days=chance.randrange(10))

    def moment() -> str:
        return f"{day() + timedelta(minutes=15 * chance.randrange(96)):%Y-%m-%dT%H:%M}"

    def entry(*, weekdays: bool) -> Any:
        first, last = sorted((moment(), moment()))
        kinds: list[Any] = [f"{day():%Y-%m-%d}", f"{day():%m-%d}", {"from": first[:10], "to": last[:10]}]
        kinds += [{"from": first, "to": last}] if first < last else []
        kinds += ["SAT", "SUN", "WED"] if weekdays else []
        return chance.choice(kinds)

    for _ in range(count):
        on_skip = chance.choice(("drop", "next", "previous"))
        known = FIXED if on_skip != "drop" else FIXED + ELAPSED
        texts = [*chance.sample(known, chance.randint(1, 3)), *(f"@at {moment()}" for _ in range(chance.randrange(3)))]
        calendars = range(chance.randint(1, 2))
        yield Rules(
            zone,
            start,
            texts,
            [[entry(weekdays=True) for _ in range(chance.randrange(4))] for _ in calendars],
            [[entry(weekdays=False) for _ in range(chance.randrange(2))] for _ in calendars],
            [chance.choice(("", "", "Europe/Paris", "Pacific/Apia")) for _ in calendars],
            on_skip,
            chance.choice(("", "", start)),
            chance.choice(("", "", moment(), f"{day():%Y-%m-%d}")),
            [chance.choice(("", f"{day():%Y-%m-%d}")) for _ in calendars],
            days=12,
        )


def walk(places: Sequence[tuple[str, str]], chance: random.Random, stories: int) -> int:
    """The number of ticks compared."""
    compared = 0
    for zone, start in places:
        for rules in random_stories(zone, start, chance, stories):
            try:
                compared += compare(rules, probes=3)
            except AssertionError:
                print(rules)
                raise
        for kept in (clock_of, watched):
            kept.cache_clear()
    return compared


def test_some_changes_of_the_clock() -> None:
    chance = seeded(20261129)
    assert walk(chance.sample(every_change(), SAMPLE), chance, 6) > 200


@pytest.mark.full
@pytest.mark.timeout(7200)
def test_every_change_of_the_clock_of_every_zone() -> None:
    chance, places = seeded(20261129), every_change()
    compared = walk(places, chance, 25)
    print(f"{len(places)} changes of clocks, {25 * len(places):,} stories, {compared:,} ticks")
    assert compared > 100 * len(places)
