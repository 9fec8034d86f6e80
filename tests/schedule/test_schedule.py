"""The value and its questions: equality, ranges, counts, words, jitter, zones."""

import copy
import pickle
import time
from dataclasses import FrozenInstanceError
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from chronos_gitops.schedule.errors import ScheduleError
from chronos_gitops.schedule.schedule import Schedule, jitter
from chronos_gitops.schedule.zones.timezones import zone_names

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def test_schedules_are_equal_when_text_zone_and_key_are() -> None:
    schedule = Schedule.parse("H 2 * * *", "Europe/Paris", key="a")
    assert schedule == Schedule.parse("H 2 * * *", "Europe/Paris", key="a")
    assert len({schedule, Schedule("H 2 * * *", "Europe/Paris", "a")}) == 1
    others = [("H 3 * * *", "Europe/Paris", "a"), ("H 2 * * *", "UTC", "a"), ("H 2 * * *", "Europe/Paris", "b")]
    assert all(schedule != Schedule(*other) for other in others)


def test_jobs_of_one_schedule_share_it_unless_h_tells_them_apart() -> None:
    assert Schedule.parse("0 2 * * *", key="a") is Schedule.parse("0 2 * * *", key="b")
    assert Schedule("0 2 * * *", key="a") == Schedule("0 2 * * *", key="b")


def test_a_schedule_survives_pickle_and_copy() -> None:
    schedule = Schedule.parse("H H * * MON#1", "America/New_York", key="daily-backup")
    for twin in (pickle.loads(pickle.dumps(schedule)), copy.deepcopy(schedule)):
        assert twin == schedule
        assert twin.next_after(NEW_YEAR) == schedule.next_after(NEW_YEAR)


def test_a_schedule_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Schedule("0 2 * * *").text = "0 3 * * *"


def test_repr_shows_what_makes_it() -> None:
    assert repr(Schedule("0 2 * * *")) == "Schedule(text='0 2 * * *', timezone='UTC', key='')"


@pytest.mark.parametrize("text", ["* * * * *", "0 2 * * *", "@every 5m"])
def test_instants_without_a_zone_are_refused(text: str) -> None:
    with pytest.raises(TypeError):
        Schedule(text).next_after(datetime(2026, 1, 1))  # noqa: DTZ001 - the case


@pytest.mark.parametrize("text", ["* * * * *", "0 0 * * *", "@every 1m"])
def test_the_next_tick_is_strictly_later_to_the_microsecond(text: str) -> None:
    schedule, midnight = Schedule(text), NEW_YEAR + DAY
    assert schedule.next_after(midnight - timedelta(microseconds=1)) == midnight
    assert schedule.next_after(midnight) > midnight
    assert schedule.next_after(midnight + timedelta(microseconds=1)) > midnight


def test_an_instant_may_come_in_any_zone() -> None:
    schedule, instant = Schedule("*/5 * * * *", "Asia/Kathmandu"), datetime(2026, 1, 1, 12, 1, tzinfo=UTC)
    for zone in (ZoneInfo("America/New_York"), ZoneInfo("UTC"), timezone(timedelta(hours=9))):
        found = schedule.next_after(instant.astimezone(zone))
        assert found == schedule.next_after(instant)
        assert found.tzinfo is UTC


@pytest.mark.parametrize("text", ["0 2 * * *", "*/5 * * * *", "0 0 29 2 *", "@every 1h"])
@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Niue"])
def test_the_ends_of_the_calendar_are_no_crash(text: str, zone: str) -> None:
    schedule = Schedule(text, zone)
    earliest, latest = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    assert schedule.next_after(earliest) > earliest
    assert schedule.next_after(latest) is None
    assert list(schedule.between(latest, latest)) == []
    assert schedule.latest(earliest, datetime(2026, 1, 1, tzinfo=UTC), 1)[0] <= datetime(2026, 1, 1, tzinfo=UTC)


class TestRanges:
    def test_between_excludes_the_first_end_and_includes_the_last(self) -> None:
        ticks = list(Schedule("0 0 * * *").between(NEW_YEAR, NEW_YEAR + 3 * DAY))
        assert ticks == [NEW_YEAR + DAY, NEW_YEAR + 2 * DAY, NEW_YEAR + 3 * DAY]

    @pytest.mark.parametrize("text", ["0 0 * * *", "* * * * *", "@every 1h"])
    def test_an_empty_range_has_no_ticks(self, text: str) -> None:
        schedule = Schedule(text)
        for until in (NEW_YEAR, NEW_YEAR - DAY):
            assert list(schedule.between(NEW_YEAR, until)) == []
            assert schedule.count(NEW_YEAR, until) == 0
            assert schedule.latest(NEW_YEAR, until, 5) == []

    def test_between_is_lazy(self) -> None:
        assert next(Schedule("* * * * * *").between(NEW_YEAR, NEW_YEAR + 36500 * DAY)) == NEW_YEAR + timedelta(
            seconds=1
        )

    @pytest.mark.parametrize(
        ("text", "days", "expected"),
        [
            ("* * * * *", 30, 43_200),
            ("*/10 * * * * *", 1, 8_640),
            ("0 0 * * 1-5", 365, 261),
            ("0 0 29 2 *", 3653, 2),
            ("@every 1s", 365, 31_536_000),
            ("@every 250ms", 1, 345_600),
        ],
    )
    def test_counts(self, text: str, days: int, expected: int) -> None:
        assert Schedule(text).count(NEW_YEAR, NEW_YEAR + days * DAY) == expected

    def test_an_hourly_job_has_23_and_25_ticks_on_the_days_of_change(self) -> None:
        schedule, zone = Schedule("0 * * * *", "America/New_York"), ZoneInfo("America/New_York")
        midnights = [datetime(2026, month, day, tzinfo=zone) for month, day in ((3, 8), (3, 9), (11, 1), (11, 2))]
        assert schedule.count(midnights[0], midnights[1]) == 23
        assert schedule.count(midnights[2], midnights[3]) == 25

    @pytest.mark.parametrize("text", ["* * * * *", "0 2 * * *", "0 0 1 1 *", "@every 7s"])
    def test_latest_are_the_last_of_between(self, text: str) -> None:
        schedule, until = Schedule(text, "Europe/Paris"), NEW_YEAR + 100 * DAY
        expected = list(schedule.between(NEW_YEAR, until))
        for limit in (0, 1, 3, 100):
            assert schedule.latest(NEW_YEAR, until, limit) == (expected[-limit:] if limit else [])

    @pytest.mark.parametrize("text", ["* * * * * *", "* * * * *", "0 0 1 1 *", "@every 100ms"])
    def test_latest_and_count_are_quick_over_ten_years(self, text: str) -> None:
        schedule, times = Schedule(text, "America/New_York"), []
        for _ in range(3):
            begun = time.thread_time()
            assert len(schedule.latest(NEW_YEAR, NEW_YEAR + 3653 * DAY, 100)) >= 10
            assert schedule.count(NEW_YEAR, NEW_YEAR + 3653 * DAY) >= 10
            times.append(time.thread_time() - begun)
        assert min(times) < 0.1


class TestIntervals:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("@every 100ms", datetime(2026, 1, 1, 0, 0, 0, 100_000, tzinfo=UTC)),
            ("@every 1500ms", datetime(2026, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC)),
            ("@every 7m", datetime(2026, 1, 1, 0, 7, tzinfo=UTC)),
            ("@every 35h", datetime(2026, 1, 1, 14, tzinfo=UTC)),
        ],
    )
    def test_ticks_are_whole_multiples_since_the_epoch(self, text: str, expected: datetime) -> None:
        schedule = Schedule(text, "Asia/Tokyo")
        found = schedule.next_after(NEW_YEAR)
        every = schedule.next_after(found) - found
        assert found == expected
        assert (found - datetime(1970, 1, 1, tzinfo=UTC)) % every == timedelta(0)

    def test_multiples_reach_behind_the_epoch(self) -> None:
        assert Schedule("@every 1h").next_after(datetime(1969, 12, 31, 22, 30, tzinfo=UTC)) == datetime(
            1969, 12, 31, 23, tzinfo=UTC
        )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 0 13 * 5", True),
        ("0 0 1 * 1#1", True),
        ("0 0 L * MON", True),
        ("0 0 1,* * 5", True),
        ("0 0 H * 5", True),
        ("0 0 */2 * 1", False),
        ("0 0 * * 5", False),
        ("0 0 13 * ?", False),
        ("0 0 13 * *", False),
        ("@monthly", False),
        ("@every 5m", False),
    ],
)
def test_both_day_fields(text: str, expected: bool) -> None:
    assert Schedule(text).both_day_fields is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 2 * * *", "At 02:00"),
        ("0 0 2 * * *", "At 02:00"),
        ("*/5 * * * *", "Every 5 minutes"),
        ("*/10 * * * * *", "Every 10 seconds"),
        ("@daily", "At 00:00"),
        ("@hourly", "Every hour"),
        ("@every 90m", "Every 1h30m"),
        ("0 9 * * MON-FRI", "At 09:00, Monday through Friday"),
        ("0 0 1 1 ?", "At 00:00, on day 1 of the month, only in January"),
        ("0 0 * * 7", "At 00:00, only on Sunday"),
        ("0 0 13 * 5", "At 00:00, on day 13 of the month, or on Friday"),
        ("0 0 */2 * 1", "At 00:00, every 2 days, only on Monday"),
        ("0 0 1 * 1#1", "At 00:00, on day 1 of the month, or on the first Monday of the month"),
        ("0 0 15,L * *", "At 00:00, on day 15 of the month, or on the last day of the month"),
        ("0 0 LW * *", "At 00:00, on the last weekday of the month"),
        ("0 9 * * 5L", "At 09:00, on the last Friday of the month"),
        ("0 0 * * MON,FRI#2", "At 00:00, only on Monday, or on the second Friday of the month"),
    ],
)
def test_descriptions_say_when(text: str, expected: str) -> None:
    assert Schedule(text).describe() == expected


def test_a_description_names_the_hashed_time() -> None:
    schedule = Schedule("H H * * *", key="nightly-report")
    assert schedule.describe() == f"At {schedule.next_after(NEW_YEAR):%H:%M}"


class TestJitter:
    def test_is_stable_and_inside_the_spread(self) -> None:
        spread = timedelta(seconds=30)
        delays = [jitter("daily-backup", NEW_YEAR + n * DAY, spread) for n in range(1000)]
        assert delays == [jitter("daily-backup", NEW_YEAR + n * DAY, spread) for n in range(1000)]
        assert all(timedelta(0) <= delay < spread for delay in delays)
        assert all(delay % timedelta(milliseconds=1) == timedelta(0) for delay in delays)

    def test_the_value_never_changes_with_an_upgrade(self) -> None:
        assert jitter("daily-backup", NEW_YEAR, timedelta(minutes=1)) == timedelta(milliseconds=41_418)

    def test_spreads_jobs_and_ticks_evenly(self) -> None:
        spread = timedelta(seconds=10)
        by_job = [jitter(f"job-{n}", NEW_YEAR, spread) // timedelta(seconds=1) for n in range(1000)]
        by_tick = [jitter("job", NEW_YEAR + n * DAY, spread) // timedelta(seconds=1) for n in range(1000)]
        for seconds in (by_job, by_tick):
            assert all(60 < seconds.count(second) < 150 for second in range(10))

    def test_the_zone_of_the_instant_does_not_matter(self) -> None:
        spread = timedelta(hours=1)
        there = NEW_YEAR.astimezone(ZoneInfo("Asia/Tokyo"))
        assert jitter("a", there, spread) == jitter("a", NEW_YEAR, spread)

    @pytest.mark.parametrize("spread", [timedelta(0), timedelta(microseconds=999), timedelta(seconds=-1)])
    def test_no_spread_is_no_delay(self, spread: timedelta) -> None:
        assert jitter("a", NEW_YEAR, spread) == timedelta(0)


class TestZones:
    def test_every_listed_zone_can_be_used(self) -> None:
        assert {"UTC", "America/New_York", "Asia/Kathmandu"} < zone_names()
        for name in zone_names():
            assert Schedule("0 0 * * *", name).next_after(NEW_YEAR) > NEW_YEAR

    @pytest.mark.parametrize(
        ("name", "hint"),
        [
            ("America/NewYork", "America/New_York"),
            ("america/new_york", "America/New_York"),
            ("New York", "America/New_York"),
            ("Europe/Pari", "Europe/Paris"),
            ("Tokio", "Asia/Tokyo"),
            ("US/Pacfic", "US/Pacific"),
            ("PST", "America/Los_Angeles"),
            ("cest", "Europe/Berlin"),
            ("UTC+2", "an offset is not a zone"),
            ("+02:00", "an offset is not a zone"),
            ("", "write an IANA name"),
            ("Middle-earth/Shire", "write an IANA name"),
            ("localtime", "write an IANA name"),
            ("posixrules", "write an IANA name"),
            ("../../etc/passwd", "write an IANA name"),
            ("/etc/localtime", "write an IANA name"),
            ("America", "write an IANA name"),
            ("America/New_York\x00", "America/New_York"),
            ("Europe/Paris ", "Europe/Paris"),
            ("\ud800", "write an IANA name"),
            ("x" * 100_000, "write an IANA name"),
        ],
    )
    def test_other_names_are_refused_with_a_suggestion(self, name: str, hint: str) -> None:
        with pytest.raises(ScheduleError) as refusal:
            Schedule.parse("0 0 * * *", name)
        assert hint in refusal.value.hint
        assert refusal.value.field == "timezone"
        assert len(str(refusal.value)) < 200

    def test_a_wrong_zone_is_told_for_an_interval_too(self) -> None:
        with pytest.raises(ScheduleError, match="unknown timezone"):
            Schedule("@every 5m", "Mars/Olympus")
