"""The cost of the question which ticks are held: counted in looks at calendars, for clocks of test machines vary."""

from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest

from chronos_gitops.schedule.calendars import parser
from chronos_gitops.schedule.calendars.zoned import ZonedCalendar
from chronos_gitops.schedule.timing import Timing

AT = datetime(2026, 11, 29, tzinfo=UTC)
YEAR = timedelta(days=366)
CHRISTMAS = parser.parse("c", {"closed": ["12-25"], "timezone": "Europe/Paris"})
NEVER = parser.parse("n", {"closed": ["2020-01-01"]})


class Looks:
    """Counts looks at a calendar."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        real = ZonedCalendar.entry_at

        def counted(calendar: ZonedCalendar, second: int) -> object:
            self.count += 1
            return real(calendar, second)

        monkeypatch.setattr(ZonedCalendar, "entry_at", counted)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    return Looks(monkeypatch)


@pytest.mark.parametrize("schedule", ["* * * * * *", "* * * * *", "0 * * * *", "@every 1s"])
def test_open_ticks_cost_nothing(schedule: str, looks: Looks) -> None:
    """A year of every second has 31 million open ticks, and 367 open stretches, cut at midnights."""
    timing = Timing.parse(schedule, "Europe/Paris").with_calendars([CHRISTMAS], [])
    first = next(timing.held(AT, AT + YEAR))
    assert first.time in (datetime(2026, 12, 24, 23, tzinfo=UTC), datetime(2026, 12, 24, 23, 0, 1, tzinfo=UTC))
    assert looks.count < 40
    never = Timing.parse(schedule, "Europe/Paris").with_calendars([NEVER], [])
    assert list(never.held(AT, AT + YEAR)) == []
    assert looks.count < 40 + 380


def test_stretches_without_ticks_cost_nothing_either(looks: Looks) -> None:
    """A job that runs once a year is looked at once a year."""
    timing = Timing.parse("0 0 1 1 *", "Europe/Paris").with_calendars([CHRISTMAS, NEVER], [])
    assert list(timing.held(AT, AT + 10 * YEAR)) == []
    assert looks.count <= 2 * 12


def test_held_ticks_of_a_stretch_are_looked_at_once(looks: Looks) -> None:
    timing = Timing.parse("* * * * *", "Europe/Paris").with_calendars([CHRISTMAS], [])
    assert len(list(islice(timing.held(AT, AT + YEAR), 1000))) == 1000
    assert looks.count < 40
