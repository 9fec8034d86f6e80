"""Laws that hold for every schedule, zone and instant."""

import random
import time
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from harness.machine.seeds import seeded
from harness.oracles.schedule_oracle import DAY, Expression, by_minutes
from hypothesis import given, settings
from hypothesis import strategies as st

from chronos_gitops.schedule.errors import ScheduleError
from chronos_gitops.schedule.schedule import Schedule
from chronos_gitops.schedule.zones.timezones import zone_names

LAW = settings(database=None, deadline=None, max_examples=100)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def values(low: int, high: int) -> st.SearchStrategy[str]:
    """Items of a field: numbers, ranges, and steps of ranges and of ``*``."""
    number = st.integers(low, high)
    ends = st.tuples(number, number).map(sorted)
    step = st.integers(1, high - low + 1)
    return st.one_of(
        number.map(str),
        ends.map(lambda pair: f"{pair[0]}-{pair[1]}"),
        st.tuples(ends, step).map(lambda parts: f"{parts[0][0]}-{parts[0][1]}/{parts[1]}"),
        step.map(lambda size: f"*/{size}"),
    )


def field(low: int, high: int, *more: str) -> st.SearchStrategy[str]:
    item = st.one_of(values(low, high), st.sampled_from(more)) if more else values(low, high)
    return st.one_of(st.just("*"), item, st.lists(item, min_size=2, max_size=3).map(",".join))


CRON = st.tuples(
    field(0, 59),
    field(0, 23),
    field(1, 31, "L", "LW", "15W", "1W"),
    field(1, 12, "JAN", "MAR-OCT"),
    field(0, 6, "SUN", "MON-FRI", "7", "MON#2", "5L"),
).map(" ".join)
SCHEDULES = st.one_of(
    CRON,
    st.tuples(field(0, 59), CRON).map(" ".join),
    st.integers(100, 10_000_000).map(lambda milliseconds: f"@every {milliseconds}ms"),
)
ZONES = st.sampled_from(sorted(zone_names()))
SECONDS = st.integers(
    int(datetime(1975, 1, 1, tzinfo=UTC).timestamp()), int(datetime(2037, 1, 1, tzinfo=UTC).timestamp())
)
INSTANTS = SECONDS.map(lambda second: datetime.fromtimestamp(second, UTC))
SPANS = st.timedeltas(timedelta(0), timedelta(hours=12))


def attempt(text: str, zone: str = "UTC") -> Schedule | ScheduleError:
    try:
        return Schedule(text, zone, "daily-backup")
    except ScheduleError as error:
        return error


def schedule(text: str, zone: str) -> Schedule | None:
    """None for the few random expressions that never fire."""
    subject = attempt(text, zone)
    if isinstance(subject, Schedule):
        return subject
    assert "never fires" in str(subject)
    return None


@LAW
@given(text=SCHEDULES, zone=ZONES, start=INSTANTS, first=SPANS, second=SPANS)
def test_ranges_concatenate_count_and_end(
    text: str, zone: str, start: datetime, first: timedelta, second: timedelta
) -> None:
    subject = schedule(text, zone)
    if subject is None:
        return
    middle, end = start + first, start + first + second
    ticks = list(subject.between(start, end))
    assert ticks == [*subject.between(start, middle), *subject.between(middle, end)]
    assert subject.count(start, end) == len(ticks) == subject.count(start, middle) + subject.count(middle, end)
    for limit in (1, 7, len(ticks) + 1):
        assert subject.latest(start, end, limit) == ticks[-limit:]
    assert set(subject.gap_ticks(start, end)) <= set(ticks)


@LAW
@given(text=SCHEDULES, zone=ZONES, start=INSTANTS)
def test_next_after_is_strictly_later_and_leaves_nothing_out(text: str, zone: str, start: datetime) -> None:
    subject = schedule(text, zone)
    if subject is None:
        return
    chain = [start]
    for _ in range(8):
        found = subject.next_after(chain[-1])
        assert found is not None
        chain.append(found)
    assert all(earlier < later for earlier, later in pairwise(chain))
    assert list(islice(subject.between(start, chain[-1]), 9)) == chain[1:]


@LAW
@given(text=st.one_of(CRON, st.tuples(field(0, 59), CRON).map(" ".join)), zone=ZONES, start=SECONDS)
def test_random_expressions_agree_with_the_oracle(text: str, zone: str, start: int) -> None:
    subject = schedule(text, zone)
    if subject is None:
        return
    begin = start // DAY * DAY
    (expected,) = by_minutes([Expression(text)], ZoneInfo(zone), begin, begin + 2 * DAY)
    ticks = subject.between(EPOCH + timedelta(seconds=begin - 1), EPOCH + timedelta(seconds=begin + 2 * DAY - 1))
    assert [(tick - EPOCH) // timedelta(seconds=1) for tick in ticks] == expected


ALPHABET = "0123456789*/,-#?LWHhlw() @:+.TZ=MONJANsun"
PIECES = (
    ("*", "0", "59", "*/7", "5/20", "10-30", "10-40/9", "H", "H/15", "H(0-7)", "0,30"),
    ("*", "0", "23", "*/5", "7/3", "9-17", "22-23", "H", "H(0-7)/2", "0,12"),
    ("*", "?", "1", "29", "30", "31", "*/2", "L", "LW", "15W", "1W", "1-7", "H", "15,L"),
    ("*", "2", "FEB", "*/3", "JAN-MAR", "4,6,9,11", "H"),
    ("*", "?", "0", "7", "MON", "MON-FRI", "5-7", "MON#1", "MON#5", "5L", "*/2", "H", "TUE,FRI#2"),
)
JUNK = (
    "",
    ",",
    "/",
    "-",
    "#",
    "L-3",
    "22-2",
    "60",
    "-1",
    "*/0",
    "*/90",
    "1.5",
    "\u00e9",
    "\0",
    "@daily",
    "@every 5m",
    "1#9",
)


def random_text(draw: random.Random) -> str:
    if draw.random() < 0.2:
        return "".join(draw.choices(ALPHABET, k=draw.randrange(20)))
    words = [",".join(draw.choices(pieces, k=draw.choice((1, 1, 1, 2)))) for pieces in PIECES]
    if draw.random() < 0.3:
        words[draw.randrange(5)] = draw.choice(JUNK)
    if draw.random() < 0.2:
        words.insert(0, draw.choice(PIECES[0]))
    return " ".join(words)


def test_ten_thousand_random_texts_neither_hang_nor_crash_nor_leave_people_alone() -> None:
    """Some seconds: 10,000 texts; none may take a second, and a refusal says what to write."""
    draw, start, accepted = seeded(20260308), datetime(2096, 3, 1, tzinfo=UTC), 0
    for text in (random_text(draw) for _ in range(10_000)):
        begun = time.thread_time()
        subject = attempt(text, "America/New_York")
        if isinstance(subject, ScheduleError):
            assert subject.hint, text
            assert str(subject), text
        else:
            accepted += 1
            assert subject.next_after(start) > start, text
            assert accepted % 10 or subject.describe(), text
        assert time.thread_time() - begun < 1, text
    assert accepted > 4000


@pytest.mark.parametrize("field_text", ["*,*", "0-59," * 40, "*/2," * 50, "H," * 100, "1W," * 80, "MON#1," * 30])
def test_long_lists_stay_cheap(field_text: str) -> None:
    begun = time.thread_time()
    for position in range(5):
        words = ["0", "0", "*", "*", "*"]
        words[position] = field_text.rstrip(",")
        subject = attempt(" ".join(words))
        assert isinstance(subject, ScheduleError) or subject.next_after(EPOCH)
    assert time.thread_time() - begun < 1
