"""Which events a feed has: each scheduled time once, in order, and no more than a program can take."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.planning.calendar_feed import MOST_EVENTS, FeedSource, events
from chronos_gitops.jobs.planning.load_forecast import ScheduledJob
from chronos_gitops.schedule.calendars.parser import parse

START = datetime(2026, 3, 28, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def job(name: str, schedule: str, **fields: Any) -> Job:
    document = {"name": name, "schedule": schedule, "enabled": True, "webhook": {"url": "https://x.example/"}}
    return Job.from_document(document | fields)


def source(*jobs: Job, since: datetime = EPOCH, realm: str = "") -> FeedSource:
    due = [ScheduledJob(one.name, one.timing, since) for one in jobs]
    return FeedSource({one.name: one for one in jobs}, due, realm)


def test_one_event_for_each_scheduled_time_in_order() -> None:
    two = source(job("b", "0 9 * * *"), job("a", "0 9 * * *", timezone="Europe/Paris"))
    found, is_cut = events(two, START, START + timedelta(days=2))
    assert [(event.summary, event.start) for event in found] == [
        ("a", datetime(2026, 3, 28, 8, tzinfo=UTC)),
        ("b", datetime(2026, 3, 28, 9, tzinfo=UTC)),
        ("a", datetime(2026, 3, 29, 7, tzinfo=UTC)),
        ("b", datetime(2026, 3, 29, 9, tzinfo=UTC)),
    ]
    assert not is_cut


def test_a_job_that_runs_often_has_one_event_a_day_of_its_zone() -> None:
    often = source(job("sync", "*/30 * * * *", timezone="Europe/Paris"))
    found, _ = events(often, START, START + timedelta(days=2))
    assert [(event.start, event.summary) for event in found] == [
        (date(2026, 3, 28), "sync (46 runs)"),  # from 01:00 on, which is midnight in UTC
        (date(2026, 3, 29), "sync (46 runs)"),  # the day has 23 hours
        (date(2026, 3, 30), "sync (4 runs)"),
    ]


def test_an_identifier_is_that_of_job_and_time_whenever_it_is_asked() -> None:
    both, stop = source(job("a", "0 9 * * *"), job("b", "* * * * *")), START + timedelta(days=5)
    early = {event.uid for event in events(both, START, stop)[0]}
    late = {event.uid for event in events(both, START + timedelta(days=2), stop)[0]}
    assert late < early
    staging = {event.uid for event in events(source(job("a", "0 9 * * *"), realm="staging"), START, stop)[0]}
    assert not staging & early


def test_a_pause_that_ends_leaves_what_comes_after_it() -> None:
    paused = source(job("a", "0 9 * * *"), since=START + timedelta(days=1))
    assert [event.start for event in events(paused, START, START + timedelta(days=2))[0]] == [
        datetime(2026, 3, 29, 9, tzinfo=UTC)
    ]


def test_there_are_so_many_events_at_most_and_the_earliest_stay() -> None:
    many = source(*(job(f"j{number}", f"{number % 60} {number % 24} * * *") for number in range(300)))
    found, is_cut = events(many, START, START + timedelta(days=30))
    assert (len(found), is_cut) == (MOST_EVENTS, True)
    starts = [event.start for event in found if isinstance(event.start, datetime)]
    assert all(before <= after for before, after in pairwise(starts))
    assert starts[-1] < START + timedelta(days=17)


def test_held_times_are_left_out_and_moved_ones_are_where_they_went() -> None:
    moved = job("a", "0 9 28 * *", skip=["fr"], on_skip="next")
    held = ScheduledJob("a", moved.timing.with_calendars((parse("fr", {"closed": ["SAT", "SUN"]}),), ()), EPOCH)
    found, _ = events(FeedSource({"a": moved}, [held]), START, START + timedelta(days=4))
    assert [event.start for event in found] == [datetime(2026, 3, 30, 9, tzinfo=UTC)]
