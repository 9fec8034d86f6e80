from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from chronos_gitops.jobs.planning import load_forecast
from chronos_gitops.jobs.planning.load_forecast import ScheduledJob
from chronos_gitops.schedule.schedule import Schedule

START = datetime(2026, 3, 8, tzinfo=UTC)
ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def due(text: str, *, zone: str = "UTC", name: str = "a", since: datetime = ALWAYS) -> ScheduledJob:
    return ScheduledJob(name, Schedule.parse(text, zone, key=name), since)


def counts(*jobs: ScheduledJob, bucket: timedelta = HOUR, buckets: int = 24) -> tuple[int, ...]:
    return load_forecast.load(load_forecast.group_by_schedule(jobs), START, bucket, buckets).counts


def test_a_tick_counts_where_a_bucket_begins() -> None:
    assert counts(due("0 0,1 * * *"), buckets=3) == (1, 1, 0)


def test_dense_and_sparse_schedules_are_counted_alike() -> None:
    assert counts(due("@every 1s"), buckets=2) == (3600, 3600)
    assert counts(due("*/10 * * * *"), buckets=2) == (6, 6)


def test_a_change_of_the_clock_is_minded() -> None:
    """New York springs forward at 07:00 UTC on this day; 02:30 fires once, at the end of the gap."""
    load = counts(due("30 2 * * *", zone="America/New_York"))
    assert load.index(1) == 7
    assert sum(load) == 1


def test_a_pause_counts_until_its_end() -> None:
    assert counts(due("*/30 * * * *", since=START + HOUR * 2 + timedelta(minutes=15)), buckets=4) == (0, 0, 1, 2)
    assert counts(due("@every 1m", since=START + HOUR * 2 + timedelta(minutes=15)), buckets=4) == (0, 0, 45, 60)


def test_the_peak_is_the_first_of_the_fullest() -> None:
    load = load_forecast.load(
        load_forecast.group_by_schedule([due("0 3,5 * * *"), due("0 5,3 * * *", name="b")]), START, HOUR, 24
    )
    assert (load.peak, load.total) == (3, 4)
    assert load_forecast.load({}, START, HOUR, 24).peak is None


def test_equal_schedules_are_counted_once_and_hashed_ones_each() -> None:
    alike = [due("0 2 * * *", name=f"job-{number}") for number in range(100)]
    assert len(load_forecast.group_by_schedule(alike)) == 1
    assert sum(counts(*alike)) == 100
    assert (
        len(load_forecast.group_by_schedule([due("H 2 * * *", name=f"job-{number}") for number in range(100)])) == 100
    )


SCHEDULES = st.sampled_from(["@every 7m", "@every 90s", "*/5 * * * *", "0 2 * * *", "H H(0-7) * * *", "15 10 1 * *"])
ZONES = st.sampled_from(["UTC", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"])


@settings(max_examples=60, deadline=None)
@given(
    jobs=st.lists(st.tuples(SCHEDULES, ZONES), max_size=6),
    minutes=st.integers(1, 600),
    buckets=st.integers(1, 40),
)
def test_the_counts_are_those_of_the_ticks(jobs: list[tuple[str, str]], minutes: int, buckets: int) -> None:
    found = [due(text, zone=zone, name=f"job-{number}") for number, (text, zone) in enumerate(jobs)]
    bucket = timedelta(minutes=minutes)
    walked = list(load_forecast.ticks(load_forecast.group_by_schedule(found), START, START + bucket * buckets))
    expected = [0] * buckets
    for at, _ in walked:
        expected[(at - START) // bucket] += 1
    assert counts(*found, bucket=bucket, buckets=buckets) == tuple(expected)
    assert walked == sorted(walked)
