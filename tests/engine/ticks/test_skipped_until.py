"""Ranges of skipped ticks that a clock which was ahead has recorded, cut at now."""

from datetime import UTC, datetime, timedelta

from chronos_gitops.engine.model import Reason
from chronos_gitops.engine.ticks.due_queue import Missed
from chronos_gitops.engine.ticks.skipped_until import skipped_until
from chronos_gitops.schedule.calendars import parser
from chronos_gitops.schedule.timing import Timing

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_counts_the_ticks_that_have_come() -> None:
    hourly = Timing.from_definition("0 * * * *", "UTC", key="daily-backup")
    assert skipped_until(hourly, Reason.MISSED, NOON, NOON + 2.5 * HOUR) == Missed(2, NOON + HOUR, NOON + 2 * HOUR)
    assert skipped_until(hourly, Reason.MISSED, NOON, NOON + HOUR / 2) is None
    assert skipped_until(hourly, Reason.MISSED, NOON + HOUR, NOON) is None


def test_of_held_ticks_those_that_calendars_hold() -> None:
    closed = {"closed": [{"from": "2026-06-01T13:00", "to": "2026-06-01T15:00"}]}
    hourly = Timing.from_definition("0 * * * *", "UTC", key="daily-backup")
    timing = hourly.with_calendars([parser.parse("works", closed, lambda _: 2)], [])
    assert skipped_until(timing, Reason.CALENDAR, NOON, NOON + 2.5 * HOUR) == Missed(2, NOON + HOUR, NOON + 2 * HOUR)
    assert skipped_until(timing, Reason.CALENDAR, NOON, NOON + 9 * HOUR) == Missed(2, NOON + HOUR, NOON + 2 * HOUR)
    assert skipped_until(hourly, Reason.CALENDAR, NOON, NOON + 9 * HOUR) is None
