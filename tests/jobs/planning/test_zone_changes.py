"""Another release of the time zone database: the scheduled times that differ are those a walk of the year finds."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import tzdata
from harness.repositories.zone_data import RELEASE, wheel

from chronos_gitops.cli.checkout.zone_data_file import read_zone_data
from chronos_gitops.jobs.job_ids import DefinitionId
from chronos_gitops.jobs.model import Job, JobSet, JobVersion
from chronos_gitops.jobs.planning.zone_changes import MOST_SHOWN, YEAR, zone_changes
from chronos_gitops.schedule.calendars.parser import parse
from chronos_gitops.schedule.timing import Timing
from chronos_gitops.schedule.zones import timezones
from chronos_gitops.schedule.zones.timezones import ZoneData

AT = datetime(2026, 11, 29, 12, tzinfo=UTC)
WORKDAYS = parse("workdays", {"closed": ["SAT", "SUN", "12-25"], "timezone": "Africa/Cairo"})


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> ZoneData:
    """Cairo gives up its summer time, Paris moves for good, Lord Howe is left out."""
    swapped = {"Africa/Cairo": "Africa/Tripoli", "Europe/Paris": "Asia/Kathmandu"}
    path = tmp_path_factory.mktemp("wheel") / "tzdata.whl"
    return read_zone_data(wheel(path, swapped, without="Australia/Lord_Howe"))


def _job(schedule: str | list[str], timezone: str, **fields: object) -> Job:
    document = {"name": "some-job", "schedule": schedule, "timezone": timezone, "enabled": True} | fields
    return Job.from_document(document | {"webhook": {"url": "https://hooks.example.com/"}})


def _set(*jobs: Job) -> JobSet:
    return JobSet.of(None, (JobVersion(job, f"jobs/{job.name}.yaml", DefinitionId("b" * 40)) for job in jobs))


@pytest.mark.parametrize("timezone", ["Africa/Cairo", "Europe/Paris", "Europe/Berlin"])
@pytest.mark.parametrize(
    ("schedule", "fields"),
    [
        ("30 2 * * *", {}),
        ("0 9 L * *", {}),
        ("*/45 * * * *", {}),
        ("@every 5h", {}),
        (["@at 2027-06-01T12:00", "@at 2026-12-01T12:00"], {}),
        ("0 2 * * *", {"start": "2027-04-01", "end": "2027-05-01T02:00"}),
        ("15 0 * * *", {"skip": ["workdays"], "on_skip": "next"}),
        ("15 0 * * *", {"skip": ["workdays"], "on_skip": "previous"}),
        ("15 0 * * *", {"skip": ["workdays"]}),
    ],
)
def test_what_differs_is_what_a_walk_of_the_year_finds(
    data: ZoneData, schedule: str | list[str], fields: dict[str, object], timezone: str
) -> None:
    job = _job(schedule, timezone, **fields)
    if "skip" in fields:
        job = replace(job, timing=job.timing.with_calendars([WORKDAYS], []))
    old = set(job.timing.between(AT, AT + YEAR))
    with timezones.using(data):
        again = Timing.from_definition(job.timing.definition, timezone, key=job.name)
        again = again.with_calendars(job.timing.skip, job.timing.freezes)
        new = set(again.between(AT, AT + YEAR))
    changes = zone_changes(_set(job), data, AT)
    assert (changes.installed, changes.given) == (tzdata.IANA_VERSION, RELEASE)
    if old == new:
        assert changes.jobs == ()
        return
    (one,) = changes.jobs
    assert (one.gone, one.come) == (len(old - new), len(new - old))
    assert one.before == tuple(sorted(old - new)[:MOST_SHOWN])
    assert one.after == tuple(sorted(new - old)[:MOST_SHOWN])


def test_these_cases_differ_at_all(data: ZoneData) -> None:
    """Else the walk above would compare nothing."""
    jobs = (
        replace(_job("30 2 * * *", zone), name=zone.lower().replace("/", "-"))
        for zone in ("Africa/Cairo", "Europe/Paris")
    )
    assert [one.job for one in zone_changes(_set(*jobs), data, AT).jobs] == ["africa-cairo", "europe-paris"]


def test_missing_zone_is_named(data: ZoneData) -> None:
    (one,) = zone_changes(_set(_job("0 2 * * *", "Australia/Lord_Howe")), data, AT).jobs
    assert one.error == 'unknown timezone "Australia/Lord_Howe"'


def test_disabled_jobs_are_left_out(data: ZoneData) -> None:
    assert zone_changes(_set(replace(_job("0 2 * * *", "Europe/Paris"), enabled=False)), data, AT).jobs == ()


def test_schedules_of_both_releases_stay_apart(data: ZoneData) -> None:
    """Whatever is kept of a schedule or a zone is kept for one release."""
    asked = ("30 2 * * *", "Europe/Paris")
    installed = Timing.parse(*asked).next_after(AT)
    with timezones.using(data):
        other = Timing.parse(*asked).next_after(AT)
    assert installed == datetime(2026, 11, 30, 1, 30, tzinfo=UTC)
    assert other == datetime(2026, 11, 29, 20, 45, tzinfo=UTC), "02:30 in Kathmandu"
    assert Timing.parse(*asked).next_after(AT) == installed


def test_minutely_jobs_of_a_moved_zone_cost_no_more_than_their_ticks(data: ZoneData) -> None:
    """Half-hour offsets move no minute, so nothing differs; jobs with the same ticks are looked at once."""
    jobs = (replace(_job("* * * * *", "Europe/Paris"), name=f"job-{number}") for number in range(500))
    assert zone_changes(_set(*jobs), data, AT).jobs == ()


def test_file_that_is_no_release_is_refused(tmp_path: Path) -> None:
    from chronos_gitops.cli.checkout.zone_data_file import NoZoneData

    (tmp_path / "empty").mkdir()
    (tmp_path / "text.whl").write_text("no zip")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "UTC").write_bytes(b"TZif" + b"\0" * 10)
    for name, said in (("empty", "holds no time zones"), ("text.whl", "not a zip file"), ("broken", "cannot be read")):
        with pytest.raises(NoZoneData, match=said):
            read_zone_data(tmp_path / name)
