"""A calendar whose dates end soon is an incident from 30 days before on, until a file covers more."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from harness.engine_harness import NOON
from harness.engines import on_sqlite
from harness.notification_fixtures import SYNCED, Story, channel, types

from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.jobs.bound_jobs import bound
from chronos_gitops.jobs.calendar_set import NO_CALENDARS, CalendarFile, CalendarSet
from chronos_gitops.notifications.detection.calendar_incidents import CalendarIncidents
from chronos_gitops.notifications.message import Notification
from chronos_gitops.schedule.calendars import parser

DAY = timedelta(days=1)
HORIZON = "2026-06-30"  # NOON is 2026-03-02, so 120 days ahead


class CalendarStory(Story):
    """One job that names ``fr``."""

    incidents: CalendarIncidents

    def follow(self, covers_until: str | None, *, skip: bool = True) -> None:
        found = NO_CALENDARS
        if covers_until is not None:
            document = {"closed": ["12-25", "2026-05-01"], "covers_until": covers_until, "timezone": "Europe/Paris"}
            calendar = parser.parse("fr", document)
            path = "jobs/_calendars/fr.yaml"
            found = CalendarSet.in_force({"fr": CalendarFile("fr", path, "a", calendar, commit="a" * 40)})
        self.following.calendars = found
        self.edit("/ok", **({"skip": ["fr"]} if skip else {}))
        for name, one in self.following.definitions.items():
            self.following.definitions[name] = replace(one, job=bound(one.job, one.path, None, found))

    def told(self, days: float) -> list[Notification]:
        """The news this number of days after the beginning."""
        self.later = days * DAY
        self.incidents.look(NOON + self.later)
        return [letter for _, letter in self.letters()]


@pytest.fixture
def story(data_folder: Path) -> Iterator[CalendarStory]:
    with Receiver() as receiver:
        story = CalendarStory(on_sqlite(data_folder / "ledger.db"), receiver, channel(reminder=timedelta(0)))
        story.following.now = replace(SYNCED, has_job_set=True)
        story.incidents = CalendarIncidents(story.channels)
        story.open(story.incidents)
        yield story
        story.close()


def test_it_begins_30_days_before_and_ends_with_more_dates(story: CalendarStory) -> None:
    story.follow(HORIZON)
    assert story.told(0) == []
    assert story.told(89) == [], "31 days before"
    (letter,) = story.told(90)
    assert (letter.type, letter.title) == (
        "calendar.horizon",
        "fr is complete until 2026-06-30, 30 days from now; 1 job follows it",
    )
    assert letter.data is not None
    assert [letter.data[key] for key in ("calendar", "covers_until", "jobs", "commit")] == [
        "fr",
        HORIZON,
        1,
        "a" * 40,
    ]
    assert "File: jobs/_calendars/fr.yaml" in letter.lines
    assert story.told(95) == []
    assert story.told(130) == [], "it is the same incident after the last day"
    story.follow("2027-12-31")
    (letter,) = story.told(131)
    assert (letter.type, letter.title) == ("calendar.recovered", "fr has more dates again")
    assert story.told(132) == []


def test_reminder_says_that_it_lasts(data_folder: Path, story: CalendarStory) -> None:
    story.channels = (channel(reminder=timedelta(days=7)),)
    story.incidents = CalendarIncidents(story.channels)
    story.open(story.incidents)
    story.follow(HORIZON)
    assert len(story.told(100)) == 1
    (letter,) = story.told(108)
    assert letter.title == "still: fr is complete until 2026-06-30, 12 days from now; 1 job follows it"


@pytest.mark.parametrize("ending", ["the calendar is deleted", "no job names it"])
def test_it_ends_quietly_where_no_job_follows_it(story: CalendarStory, ending: str) -> None:
    story.follow(HORIZON)
    assert len(story.told(100)) == 1
    story.follow(None if ending == "the calendar is deleted" else HORIZON, skip=False)
    assert story.told(101) == []
    story.follow(HORIZON)
    assert types([("ops", letter) for letter in story.told(102)]) == ["calendar.horizon"]


def test_restart_tells_nothing_twice(story: CalendarStory) -> None:
    story.follow(HORIZON)
    assert len(story.told(100)) == 1
    story.incidents = CalendarIncidents(story.channels)
    story.open(story.incidents)
    assert story.told(101) == []


def test_channel_for_jobs_hears_nothing(story: CalendarStory) -> None:
    story.channels = (channel(kinds=frozenset({"job"})),)
    story.incidents = CalendarIncidents(story.channels)
    story.open(story.incidents)
    story.follow(HORIZON)
    assert story.told(100) == []


def test_nothing_ends_before_a_job_set_runs(story: CalendarStory) -> None:
    story.follow(HORIZON)
    assert len(story.told(100)) == 1
    story.following.now = replace(SYNCED, has_job_set=False)
    story.following.definitions.clear()
    assert story.told(101) == []
    story.following.now = replace(SYNCED, has_job_set=True)
    story.follow("2028-12-31")
    assert types([("ops", letter) for letter in story.told(102)]) == ["calendar.recovered"]
