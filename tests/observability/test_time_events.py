"""Freezes that begin and end, and another release of the time zone database: an event each, once."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chronos_gitops.jobs.bound_jobs import bound
from chronos_gitops.jobs.calendar_set import CalendarFile, CalendarSet
from chronos_gitops.jobs.job_ids import DefinitionId
from chronos_gitops.jobs.model import Job, JobSet, JobVersion
from chronos_gitops.observability.event_log import EventLog
from chronos_gitops.observability.time_events import TimeEvents
from chronos_gitops.schedule.calendars import parser
from chronos_gitops.schedule.zones.timezones import rules_version

BEGIN = datetime(2026, 12, 24, 17, tzinfo=UTC)
END = datetime(2027, 1, 4, 5, tzinfo=UTC)
YEAR_END = {"from": "2026-12-24T18:00", "to": "2027-01-04T06:00", "reason": "year-end freeze"}
HELD = "year-end holds 2 jobs until 2027-01-04T05:00:00Z (year-end freeze)"


class World:
    def __init__(self, path: Path) -> None:
        self._path = path
        self.now = BEGIN - timedelta(hours=1)
        self.jobs: JobSet | None = frozen([YEAR_END])
        self.before: str | None = None
        self.start()

    def start(self) -> None:
        """As after a restart: only the file is left."""
        self.log = EventLog(self._path)
        self._seen = self.log.last
        self._events = TimeEvents(
            self.log, jobs=lambda: self.jobs, now=lambda: self.now, zone_data_before=lambda: self.before
        )

    def look(self, now: datetime | None = None) -> list[tuple[str, str, str | None]]:
        self.now = now or self.now
        self._events.look()
        found, self._seen = self.log.after(self._seen), self.log.last
        return [(event.type.value, event.message, event.calendar) for _, event in found]


def frozen(closed: list[dict[str, str]], *, freeze: bool = True) -> JobSet:
    document = {"closed": closed, "timezone": "Europe/Paris"} | ({"applies_to": "all"} if freeze else {})
    calendar = parser.parse("year-end", document)
    path = "jobs/_calendars/year-end.yaml"
    calendars = CalendarSet.in_force({"year-end": CalendarFile("year-end", path, "a", calendar)})
    jobs = (
        Job.from_document({"name": name, "schedule": "@daily", "webhook": {"url": "http://x.example"}})
        for name in ("one", "two")
    )
    found = (bound(job, f"jobs/{job.name}.yaml", None, calendars) for job in jobs)
    versions = (JobVersion(job, f"jobs/{job.name}.yaml", DefinitionId("b" * 40)) for job in found)
    return JobSet.of("c" * 40, versions, calendars)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "events.jsonl")


def test_freeze_begins_and_ends_once(world: World) -> None:
    assert world.look() == []
    assert world.look(BEGIN - timedelta(seconds=1)) == []
    assert world.look(BEGIN) == [("calendar_closed", HELD, "year-end")]
    assert world.look(BEGIN + timedelta(seconds=1)) == []
    assert world.look(END - timedelta(seconds=1)) == []
    assert world.look(END) == [("calendar_opened", "year-end has ended", "year-end")]
    assert world.look(END + timedelta(days=300)) == []


def test_restart_in_a_freeze_tells_nothing_again(world: World) -> None:
    assert len(world.look(BEGIN)) == 1
    world.start()
    assert world.look(BEGIN + timedelta(days=1)) == []


def test_what_changed_while_the_runner_was_down_is_told_at_its_start(world: World) -> None:
    world.start()
    assert world.look(BEGIN + timedelta(days=1)) == [("calendar_closed", HELD, "year-end")]
    world.start()
    assert world.look(END + timedelta(days=1)) == [("calendar_opened", "year-end has ended", "year-end")]


def test_edits_of_a_freeze_that_holds(world: World) -> None:
    world.look(BEGIN)
    world.jobs = frozen([YEAR_END | {"to": "2027-01-05T06:00"}])
    assert world.look() == [], "it holds on"
    world.jobs = frozen([YEAR_END | {"to": "2026-12-24T18:00:01"}])
    assert world.look(BEGIN + timedelta(hours=1)) == [("calendar_opened", "year-end has ended", "year-end")]
    world.jobs = frozen([YEAR_END])
    assert world.look() == [("calendar_closed", HELD, "year-end")]
    world.jobs = JobSet()
    assert world.look() == [("calendar_opened", "year-end was deleted", "year-end")]


def test_calendar_that_jobs_name_tells_nothing(world: World) -> None:
    world.jobs = frozen([YEAR_END], freeze=False)
    assert world.look(BEGIN) == []


def test_nothing_is_told_before_a_job_set_runs(world: World) -> None:
    world.look(BEGIN)
    world.start()
    world.jobs = None
    assert world.look() == []


def test_clock_that_goes_back_before_the_freeze(world: World) -> None:
    world.look(BEGIN)
    assert world.look(BEGIN - timedelta(hours=2)) == [("calendar_opened", "year-end has ended", "year-end")]
    assert world.look(BEGIN) == [("calendar_closed", HELD, "year-end")]


def test_zone_data_is_told_once(world: World) -> None:
    world.before = "2020a"
    told = f"scheduled times now follow tzdata {rules_version()} instead of 2020a"
    assert world.look() == [("tzdata_changed", told, None)]
    assert world.look() == []
