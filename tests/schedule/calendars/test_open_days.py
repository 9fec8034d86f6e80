"""The search for open days: right where closed time is long and partial, and bounded where nothing is open.

Costs are counted in looks at calendars, because clocks of test machines vary.
"""

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from chronos_gitops.schedule.calendars import parser
from chronos_gitops.schedule.calendars.steps import steps
from chronos_gitops.schedule.calendars.zoned import ZonedCalendar
from chronos_gitops.schedule.timing import Timing

AT = datetime(2026, 11, 29, tzinfo=UTC)
EVENING = AT - timedelta(hours=2)
DAY = timedelta(days=1)
PARTS = [
    {"from": f"{date(2026, 11, 1) + timedelta(n)}T01:00", "to": f"{date(2026, 11, 1) + timedelta(n)}T23:59"}
    for n in range(999)
]
SUNDAYS = [f"{date(2026, 11, 29) + timedelta(7 * n)}" for n in range(900)]
HOSTILE: dict[str, list[Any]] = {
    "one range": [{"from": "2020-01-01", "to": "2060-01-01"}],
    "each day of the year": [f"{date(2028, 1, 1) + timedelta(n):%m-%d}" for n in range(366)],
    "weekdays and each Sunday": ["MON", "TUE", "WED", "THU", "FRI", "SAT", *SUNDAYS],
    "but for a minute of each day": [*PARTS, {"from": "2029-07-01", "to": "2060-01-01"}],
}
TIMES_A_DAY = 24
YEARS = 10


def timing(schedule: Any, closed: list[Any], on_skip: str) -> Timing:
    calendar = parser.parse("c", {"closed": closed, "timezone": "Europe/Paris"})
    return Timing.parse(schedule, "Europe/Paris", skip=["c"], on_skip=on_skip).with_calendars([calendar], [])


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The instants at which a calendar was looked at."""
    found: list[int] = []
    real = ZonedCalendar.entry_at

    def counted(calendar: ZonedCalendar, second: int) -> object:
        found.append(second)
        return real(calendar, second)

    monkeypatch.setattr(ZonedCalendar, "entry_at", counted)
    return found


@pytest.mark.parametrize("on_skip", ["next", "previous"])
@pytest.mark.parametrize("name", HOSTILE)
def test_the_search_for_a_tick_looks_at_each_closed_day_once(name: str, on_skip: str, looks: list[int]) -> None:
    subject = timing("0,30 1-12 * * *", HOSTILE[name], on_skip)
    assert subject.next_after(AT) is None
    assert len(looks) < 2 * TIMES_A_DAY * 366 * YEARS
    looks.clear()
    assert subject.next_after(AT + 30 * DAY) is None
    assert len(looks) < TIMES_A_DAY * 200, "nearly all of it is known"


@pytest.mark.parametrize("on_skip", ["drop", "next", "previous"])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_step_of_the_scheduler_looks_no_month_ahead_for_each_tick(name: str, on_skip: str, looks: list[int]) -> None:
    subject = timing("0,30 1-12 * * *", HOSTILE[name], on_skip)
    held = [row for step in steps(subject, EVENING, EVENING + 3 * DAY, ()) for row in step.held]
    assert sum(row.count for row in held) == 3 * TIMES_A_DAY
    assert len(looks) < 100 * 3 * TIMES_A_DAY


@pytest.mark.parametrize("on_skip", ["drop", "next", "previous"])
def test_a_rare_tick_that_is_closed_is_one_step_at_once(on_skip: str, looks: list[int]) -> None:
    """Years lie before it."""
    subject = timing("0 9 29 2 *", HOSTILE["each day of the year"], on_skip)
    (step,) = steps(subject, AT, AT + 600 * DAY, ())
    assert step.at == datetime(2028, 2, 29, 8, tzinfo=UTC)
    assert len(looks) < 200


SCHEDULES: tuple[Any, ...] = (
    "0,30 1-12 * * *",
    "0 9 * * WED",
    ["0 9 29 2 *", "15 10 * * *"],
    ["0 9 1 */6 *", "0 10 * * MON", "@at 2027-03-28T02:30", "@at 2027-05-02T10:00"],
)


def closed_for_long(chance: random.Random) -> list[Any]:
    """Weeks that are closed as a whole, and weeks of which only some times of day are open."""
    found: list[Any] = chance.sample(["MON", "WED", "SAT", "SUN"], chance.randrange(3))
    day = date(2026, 11, 1)
    while day < date(2028, 4, 1):
        end = day + timedelta(days=chance.choice((1, 3, 20, 33, 34, 70)))
        kind = chance.randrange(3)
        if kind == 0:
            found.append({"from": f"{day}", "to": f"{end}"})
        elif kind == 1:
            hour = chance.choice(("01:00", "09:30", "10:00", "11:30"))
            days = (day + timedelta(n) for n in range((end - day).days))
            found += [{"from": f"{one}T{hour}", "to": f"{one}T23:00"} for one in days]
        day = end + timedelta(days=1)
    return found


@pytest.mark.parametrize("on_skip", ["next", "previous"])
def test_the_next_tick_is_the_first_of_those_found_by_looking_at_each(on_skip: str) -> None:
    """``between`` leaves nothing out, ``next_after`` jumps over closed time."""
    differing = []
    for seed in range(25):
        chance = random.Random(seed)
        subject = timing(chance.choice(SCHEDULES), closed_for_long(chance), on_skip)
        begin, end = AT, AT + 400 * DAY
        ticks = list(subject.between(begin, end))
        for probe in sorted(begin + timedelta(hours=chance.randrange(350 * 24)) for _ in range(6)):
            expected = next((tick for tick in ticks if tick > probe), None)
            found = subject.next_after(probe)
            if found != expected and not (expected is None and found is not None and found > end):
                differing.append((seed, probe, found, expected))
    assert differing == []
