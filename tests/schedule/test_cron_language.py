"""The language of schedules, and the hint of each refusal."""

import time
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from chronos_gitops.schedule.errors import ScheduleError
from chronos_gitops.schedule.schedule import LONGEST, Schedule

THURSDAY = datetime(2026, 1, 1, 12, 30, 15, tzinfo=UTC)


def following(text: str, count: int, key: str = "") -> list[str]:
    schedule, instant, ticks = Schedule.parse(text, key=key), THURSDAY, []
    for _ in range(count):
        found = schedule.next_after(instant)
        assert found is not None
        instant = found
        ticks.append(found.strftime("%m-%d %H:%M:%S").removesuffix(":00"))
    return ticks


ACCEPTED = [
    # fields, lists, ranges, steps
    ("* * * * *", "01-01 12:31, 01-01 12:32"),
    ("*/20 * * * *", "01-01 12:40, 01-01 13:00"),
    ("5/20 * * * *", "01-01 12:45, 01-01 13:05"),
    ("59/15 * * * *", "01-01 12:59, 01-01 13:59"),
    ("10-30/10 * * * *", "01-01 13:10, 01-01 13:20"),
    ("7-7 * * * *", "01-01 13:07, 01-01 14:07"),
    ("*/60 * * * *", "01-01 13:00, 01-01 14:00"),
    ("0 22-23,0-2 * * *", "01-01 22:00, 01-01 23:00, 01-02 00:00, 01-02 01:00, 01-02 02:00, 01-02 22:00"),
    ("00 02 * * *", "01-02 02:00"),
    ("5,*/30 * * * *", "01-01 13:00, 01-01 13:05, 01-01 13:30"),
    ("*,5 0 * * *", "01-02 00:00, 01-02 00:01"),
    ("  0  2\t* * *  ", "01-02 02:00"),
    # seconds first
    ("*/20 * * * * *", "01-01 12:30:20, 01-01 12:30:40, 01-01 12:31"),
    ("30 0 2 * * *", "01-02 02:00:30, 01-03 02:00:30"),
    ("5-10/5 30 12 * * *", "01-02 12:30:05, 01-02 12:30:10"),
    # names, in any case
    ("0 0 1 mar,Dec *", "03-01 00:00, 12-01 00:00"),
    ("0 0 * * MON-wed", "01-05 00:00, 01-06 00:00, 01-07 00:00, 01-12 00:00"),
    ("0 0 1 FEB-4/2 *", "02-01 00:00, 04-01 00:00"),
    ("0 0 * JUL WED", "07-01 00:00, 07-08 00:00"),
    # Sunday is 0 and 7
    ("0 0 * * 0", "01-04 00:00, 01-11 00:00"),
    ("0 0 * * 7", "01-04 00:00, 01-11 00:00"),
    ("0 0 * * 6-7", "01-03 00:00, 01-04 00:00, 01-10 00:00"),
    ("0 0 * * 1-7", "01-02 00:00, 01-03 00:00, 01-04 00:00, 01-05 00:00"),
    ("0 0 * * 5-7/2", "01-02 00:00, 01-04 00:00"),
    ("0 0 * * 0-7/7", "01-04 00:00, 01-11 00:00"),
    ("0 0 * * SUN-TUE", "01-04 00:00, 01-05 00:00, 01-06 00:00, 01-11 00:00"),
    # last days and nearest weekdays
    ("0 0 L * *", "01-31 00:00, 02-28 00:00, 03-31 00:00"),
    ("0 0 15,L * *", "01-15 00:00, 01-31 00:00, 02-15 00:00"),
    ("0 0 LW * *", "01-30 00:00, 02-27 00:00, 03-31 00:00"),
    ("0 0 15w * *", "01-15 00:00, 02-16 00:00, 03-16 00:00, 04-15 00:00, 05-15 00:00, 06-15 00:00"),
    ("0 0 1W * *", "02-02 00:00, 03-02 00:00, 04-01 00:00, 05-01 00:00, 06-01 00:00, 07-01 00:00, 08-03 00:00"),
    ("0 0 31W * *", "01-30 00:00, 03-31 00:00, 05-29 00:00"),
    ("0 0 31W 2 MON", "02-02 00:00, 02-09 00:00, 02-16 00:00, 02-23 00:00, 02-01 00:00"),
    ("0 0 31W 4 SUN", "04-05 00:00, 04-12 00:00, 04-19 00:00, 04-26 00:00, 04-04 00:00"),
    ("0 0 10,1W,LW * *", "01-10 00:00, 01-30 00:00, 02-02 00:00, 02-10 00:00"),
    # nth and last weekdays
    ("0 0 * * MON#2", "01-12 00:00, 02-09 00:00"),
    ("0 0 * * 1#1,1#3", "01-05 00:00, 01-19 00:00, 02-02 00:00"),
    ("0 0 * * 7#5", "03-29 00:00, 05-31 00:00"),
    ("0 0 * * 5L", "01-30 00:00, 02-27 00:00"),
    ("0 0 * * friL", "01-30 00:00, 02-27 00:00"),
    ("0 0 * * L5", "01-30 00:00, 02-27 00:00"),
    ("0 0 * * TUE,FRI#2", "01-06 00:00, 01-09 00:00, 01-13 00:00"),
    # two day fields: either when both are restricted, both when one starts with * or ? (Vixie)
    ("0 0 13 * 5", "01-02 00:00, 01-09 00:00, 01-13 00:00, 01-16 00:00"),
    ("0 0 */2 * 1", "01-05 00:00, 01-19 00:00, 02-09 00:00"),
    ("0 0 13 * */5", "02-13 00:00, 03-13 00:00, 09-13 00:00"),
    ("0 0 1 * 1#1", "01-05 00:00, 02-01 00:00, 02-02 00:00, 03-01 00:00, 03-02 00:00"),
    ("0 0 */10 * 1#3", "09-21 00:00, 12-21 00:00"),
    ("0 0 30 2 1", "02-02 00:00, 02-09 00:00"),
    ("0 0 ? * 5", "01-02 00:00, 01-09 00:00"),
    ("0 0 13 * ?", "01-13 00:00, 02-13 00:00"),
    ("0 0 ? * ?", "01-02 00:00, 01-03 00:00"),
    # macros, in any case; literally midnight, also for a job with a name
    ("@yearly", "01-01 00:00"),
    ("@Annually", "01-01 00:00"),
    ("@monthly", "02-01 00:00, 03-01 00:00"),
    ("@WEEKLY", "01-04 00:00, 01-11 00:00"),
    ("@daily", "01-02 00:00, 01-03 00:00"),
    ("@midnight", "01-02 00:00, 01-03 00:00"),
    ("@hourly", "01-01 13:00, 01-01 14:00"),
    # intervals
    ("@every 7m", "01-01 12:36, 01-01 12:43"),
    ("@EVERY 1h30m", "01-01 13:30, 01-01 15:00"),
]


@pytest.mark.parametrize(("text", "expected"), ACCEPTED)
def test_accepted_expressions_tick_as_written(text: str, expected: str) -> None:
    wanted = expected.split(", ")
    assert following(text, len(wanted), key="daily-backup") == wanted


def test_leap_days_are_found_beyond_a_century_without_one() -> None:
    schedule = Schedule("0 0 29 2 *")
    assert schedule.next_after(datetime(2096, 3, 1, tzinfo=UTC)) == datetime(2104, 2, 29, tzinfo=UTC)


def test_the_rarest_day_is_found_forty_years_ahead_within_five_milliseconds() -> None:
    schedule, start = Schedule("0 0 */28 2 1#5"), datetime(2072, 3, 1, tzinfo=UTC)
    times = []
    for _ in range(5):
        begun = time.thread_time()
        assert schedule.next_after(start) == datetime(2112, 2, 29, tzinfo=UTC)
        times.append(time.thread_time() - begun)
    assert min(times) < 0.005


class TestHashed:
    def test_the_same_name_has_the_same_time_in_every_process(self) -> None:
        """The value is part of the contract: it must never change, or every H job moves with an upgrade."""
        assert following("H H * * *", 2, key="nightly-report") == ["01-01 23:04", "01-02 23:04"]
        assert following("H H H H H *", 1, key="daily-backup") == ["11-28 10:27:41"]
        assert following("0 0 * * H", 1, key="daily-backup") == ["01-04 00:00"]

    def test_names_spread_over_the_whole_field(self) -> None:
        minutes = {following("H * * * *", 1, key=f"job-{n}")[0][-2:] for n in range(1000)}
        assert len(minutes) == 60

    def test_fields_are_independent(self) -> None:
        pairs = {following("H H * * *", 1, key=f"job-{n}")[0][-5:] for n in range(300)}
        assert len(pairs) > 200

    @pytest.mark.parametrize("key", [f"job-{n}" for n in range(20)])
    def test_a_step_keeps_its_distance(self, key: str) -> None:
        minutes = [int(tick[-2:]) for tick in following("H/15 * * * *", 5, key=key)]
        assert {(later - earlier) % 60 for earlier, later in pairwise(minutes)} == {15}

    @pytest.mark.parametrize("key", [f"job-{n}" for n in range(20)])
    def test_a_range_is_kept(self, key: str) -> None:
        assert all(0 <= int(tick[6:8]) <= 7 for tick in following("0 H(0-7) * * *", 3, key=key))
        assert [int(tick[-2:]) // 10 for tick in following("H(0-29)/10 0 * * *", 3, key=key)] == [0, 1, 2]

    def test_every_month_has_the_day(self) -> None:
        days = {following("0 0 H * *", 1, key=f"job-{n}")[0][3:5] for n in range(500)}
        assert days == {f"{day:02}" for day in range(1, 29)}

    def test_a_schedule_without_it_does_not_depend_on_the_name(self) -> None:
        assert following("0 0 * MAR THU", 3, key="a") == following("0 0 * MAR THU", 3, key="b")


REFUSED = [
    ("", "empty", "0 2 * * *"),
    ("   ", "empty", "0 2 * * *"),
    ("* * * *", "this one has 4", "five fields"),
    ("* * * * * * *", "the seventh field is a year", "no field for years"),
    ("0 22-2 * * *", "runs backwards", "22-23,0-2"),
    ("50-10 * * * *", "runs backwards", "50-59,0-10"),
    ("0 23-0 * * *", "runs backwards", "23,0"),
    ("0 0 * * fri-mon", "runs backwards", "FRI-SAT,SUN-MON"),
    ("0 0 * * 5-0", "runs backwards", "5-6,0"),
    ("0 0 1 NOV-FEB *", "runs backwards", "NOV-DEC,JAN-FEB"),
    ("0 22-2/2 * * *", "runs backwards", "22,0,2"),
    ("H(30-10) * * * *", "runs backwards", "H(10-30)"),
    ("0 0 30 2 *", "never fires", "no month 2 has a day 30"),
    ("0 0 31 2,4,6,9,11 *", "never fires", "has a day 31"),
    ("0 0 31 4 */2", "never fires", "no day fits"),
    ("CRON_TZ=Asia/Tokyo 0 2 * * *", "a zone cannot stand inside", "timezone: Asia/Tokyo"),
    ("TZ=UTC 0 2 * * *", "a zone cannot stand inside", "timezone: UTC"),
    ("@reboot", "@reboot is not supported", "@every 10m"),
    ("@dayly", 'unknown macro "@dayly"', "@daily"),
    ("@evry 5m", "unknown macro", "@every"),
    ("@teatime", "unknown macro", "@yearly"),
    ("@daily 5", "unknown macro", "@daily"),
    ("@every", "not a duration", "@every 5m"),
    ("@every 5", "not a duration", "@every 5m"),
    ("@every 5 m", "not a duration", "@every 5m"),
    ("@every -5m", "not a duration", "@every 5m"),
    ("@every 0s", "too often", "@every 100ms"),
    ("@every 99ms", "too often", "@every 100ms"),
    ("@every 100.5ms", "whole number of milliseconds", "1500ms"),
    ("@every 90000h", "ten years", "@every 5m"),
    ("60 * * * *", "minute 60 is out of range", "0 to 59"),
    ("0 24 * * *", "hour 24 is out of range", "0 to 23"),
    ("0 0 0 * *", "day of month 0 is out of range", "1 to 31"),
    ("0 0 1 13 *", "month 13 is out of range", "1 to 12"),
    ("0 0 * * 8", "day of week 8 is out of range", "0 to 7"),
    ("60 0 0 * * *", "second 60 is out of range", "0 to 59"),
    ("0 0 * * 1#6", "names no week", "1 to 5"),
    ("0 0 * * 8#1", "day of week 8 is out of range", "0 to 7"),
    ("0 0 32W * *", "day of month 32 is out of range", "1 to 31"),
    ("*/0 * * * *", "out of range", "1 to 60"),
    ("*/90 * * * *", "out of range", "@every 90m"),
    ("0 */25 * * *", "out of range", "@every 25h"),
    ("0 0 1 */13 *", "out of range", "1 to 12"),
    ("H/0 * * * *", "out of range", "1 to 60"),
    ("0 0 * * MOM", '"MOM" is not a day of week', "MON"),
    ("0 0 * * monday", "not a day of week", "MON"),
    ("0 0 1 JUNE *", "not a month", "JUN"),
    ("MON * * * *", "not a minute", "0 to 59"),
    ("L * * * *", "not a minute", "days of month"),
    ("0 0 * * L", "not a day of week", "5L"),
    ("0 0 * * 5W", "not a day of week", "15W"),
    ("0 0 5#2 * *", "not a day of month", "MON#2"),
    ("0 0 L-3 * *", "L minus days is not supported", "LW"),
    ("0 0 * * MON-FRI#2", "not a day of week", "MON#2"),
    ("? * * * *", "cannot be the minute", "stands alone"),
    ("0 0 1,? * *", "cannot be the day of month", "stands alone"),
    ("H-5 * * * *", "not a minute", "H(0-7)"),
    ("H(0-99) * * * *", "minute 99 is out of range", "0 to 59"),
    ("1,,2 * * * *", "not a minute", "comma"),
    (", * * * *", "not a minute", "comma"),
    ("-5 * * * *", "not a minute", "negative"),
    ("1.5 * * * *", "not a minute", "0 to 59"),
    ("*-5 * * * *", "not a minute", "1-5"),
    ("** * * * *", "not a minute", "0 to 59"),
    ("1-2-3 * * * *", "not a minute", "0 to 59"),
    ("1/2/3 * * * *", "not a minute", "0 to 59"),
    ("9999999999999999999999 * * * *", "is out of range", "0 to 59"),
    ("1/9999999999999999999999 * * * *", "step", "1 to 60"),
    ("٣ * * * *", "is not part of a schedule", "ASCII"),
    ("０ 0 * * *", "is not part of a schedule", "ASCII"),
    ("0 0 * * ſun", "is not part of a schedule", "ASCII"),
    ("0 2 * * *\n", "U+000A", "one line"),
    ("0 2 *\u00a0* *", "U+00A0", "plain spaces"),
    ("0 2 * * *\x00", "U+0000", "one line"),
    ("0," * 200 + "0 * * * *", f"longer than {LONGEST}", "split"),
]


@pytest.mark.parametrize(("text", "message", "hint"), REFUSED, ids=[text[:40] for text, _, _ in REFUSED])
def test_refused_expressions_say_why_and_what_to_write(text: str, message: str, hint: str) -> None:
    with pytest.raises(ScheduleError) as refusal:
        Schedule.parse(text, key="daily-backup")
    assert message in str(refusal.value)
    assert hint in refusal.value.hint
    assert refusal.value.field == "schedule"
    assert len(str(refusal.value)) < 300


LAST_DAY = "the last working day is LW; with a calendar of days off, L and on_skip: previous"
NO_YEARS = "; there is no field for years: start and end bound a job"
AWS_CRON = "cron(...) is the syntax of AWS, with a year as its sixth field"
AWS_RATE = "rate(...) is the syntax of AWS"
SIXTH, SEVENTH = "the sixth field is a year, as in AWS", "the seventh field is a year, as in Quartz"
FOREIGN = {
    "0 18 L-2 * *": ("L minus days is not supported", LAST_DAY),
    "0 22, 10 * * *": ('a space stands in the list "22, 10"', "write 22,10"),
    "0 22 ,10 * * *": ('a space stands in the list "22 ,10"', "write 22,10"),
    "0 10 * * ? *": (SIXTH, "write 0 10 * * *" + NO_YEARS),
    "0 10 1 * ? 2027": (SIXTH, "write 0 10 1 * *" + NO_YEARS),
    "0 12 ? * MON *": (SIXTH, "write 0 12 * * MON" + NO_YEARS),
    "0 12 ? * 2-6 *": (SIXTH, "write 0 12 * * MON-FRI" + NO_YEARS),
    "0 12 ? * 1,7 *": (SIXTH, "write 0 12 * * SUN,SAT" + NO_YEARS),
    "0 12 ? * 6L 2026-2027": (SIXTH, "write 0 12 * * 5L" + NO_YEARS),
    "0 0 10 * * ? *": (SEVENTH, "write 0 0 10 * * *" + NO_YEARS),
    "0 0 10 ? * 2#1 2027": (SEVENTH, "write 0 0 10 * * MON#1" + NO_YEARS),
    "cron(0 12 * * ? *)": (AWS_CRON, "write 0 12 * * *" + NO_YEARS),
    "rate(5 minutes)": (AWS_RATE, "write @every 5m"),
    "rate(1 day)": (AWS_RATE, "write @every 24h"),
}


@pytest.mark.parametrize("text", FOREIGN)
def test_what_other_schedulers_write_is_named_with_what_to_write_instead(text: str) -> None:
    with pytest.raises(ScheduleError) as refusal:
        Schedule.parse(text)
    assert (str(refusal.value), refusal.value.hint) == FOREIGN[text]
    written = refusal.value.hint.removeprefix("write ").partition(";")[0]
    if len(written.split()) > 1 and refusal.value.hint != LAST_DAY:
        assert Schedule.parse(written)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("*/50 * * * * *", "At 0 and 50 seconds past the minute"),
        ("*/25 * * * *", "At 0, 25, and 50 minutes past the hour"),
        ("*/5 * * * *", "Every 5 minutes"),
    ],
)
def test_a_step_that_does_not_divide_its_range_is_described_by_its_instants(text: str, words: str) -> None:
    assert Schedule.parse(text).describe() == words
