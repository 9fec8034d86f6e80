"""When something runs next: exact JSON, words for people, usage errors."""

import json
import subprocess
from pathlib import Path

import pytest

from chronos_gitops.cli.main import main

JOB = """\
name: {name}
schedule: "0 2 * * *"
timezone: America/New_York
enabled: {enabled}
webhook:
  url: https://api.example.com/backup
timeout: 5m
"""


def items(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert main(["next", *arguments, "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert list(document) == ["items"]
    return list(document["items"])


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs/daily-backup.yaml").write_text(JOB.format(name="daily-backup", enabled="true"))
    (tmp_path / "jobs/weekly-report.yaml").write_text(JOB.format(name="weekly-report", enabled="false"))
    return tmp_path


@pytest.mark.parametrize(
    ("schedule", "zone", "after", "expected"),
    [
        # 2026-03-08 02:00 does not exist in New York: it fires at the first instant after the gap.
        ("0 2 * * *", "America/New_York", "2026-03-07T12:00:00Z", ["2026-03-08T07:00:00Z", "2026-03-09T06:00:00Z"]),
        ("@every 90s", "UTC", "2026-01-01", ["2026-01-01T00:01:30Z", "2026-01-01T00:03:00Z"]),
        ("@every 500ms", "UTC", "2026-01-01", ["2026-01-01T00:00:00.500Z", "2026-01-01T00:00:01Z"]),
        ("30 0 9 * * MON", "Asia/Tokyo", "2026-01-01", ["2026-01-05T00:00:30Z", "2026-01-12T00:00:30Z"]),
    ],
)
def test_ticks_of_a_schedule(
    schedule: str, zone: str, after: str, expected: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--schedule", schedule, "--timezone", zone, "--after", after, "--count", "2")
    assert items(capsys, *arguments) == expected


@pytest.mark.parametrize("after", ["2026-01-01T00:00:00Z", "2026-01-01 00:00", "2026-01-01", "2026-01-01T01:00+01:00"])
def test_after_is_a_time_and_utc_without_an_offset(after: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert items(capsys, "--schedule", "@daily", "--after", after, "--count", "1") == ["2026-01-02T00:00:00Z"]


def test_a_job_of_the_checkout(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("daily-backup", "--after", "2026-07-01", "--count", "1")
    assert items(capsys, *arguments) == ["2026-07-01T06:00:00Z"]


def test_people_see_the_time_on_the_wall_too(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["next", "daily-backup", "--after", "2026-07-01", "--count", "1"])
    assert capsys.readouterr().out.splitlines() == [
        "At 02:00, America/New_York",
        "2026-07-01T06:00:00Z  Wed 2026-07-01 02:00:00 EDT",
    ]


def test_a_disabled_job_says_so_beside_its_times(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["next", "weekly-report", "--format", "json"]) == 0
    captured = capsys.readouterr()
    assert len(json.loads(captured.out)["items"]) == 5
    assert captured.err == "note: weekly-report is disabled, so none of these will run\n"


def test_without_a_job_it_is_what_runs_next_of_all_enabled_jobs(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hourly = JOB.format(name="hourly-ping", enabled="true").replace("0 2 * * *", "0 * * * *")
    (checkout / "jobs/hourly-ping.yaml").write_text(hourly)
    assert main(["next", "--after", "2026-07-01T05:30:00Z", "--count", "3", "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["items"] == ["2026-07-01T06:00:00Z", "2026-07-01T06:00:00Z", "2026-07-01T07:00:00Z"]
    assert [run["job"] for run in document["runs"]] == ["daily-backup", "hourly-ping", "hourly-ping"]
    main(["next", "--after", "2026-07-01T05:30:00Z", "--count", "1"])
    assert capsys.readouterr().out == "2026-07-01T06:00:00Z  daily-backup  Wed 2026-07-01 02:00:00 EDT\n"


@pytest.mark.parametrize("arguments", [["daily-backup"], [], ["--count-only"]], ids=["a job", "all jobs", "counts"])
def test_calendars_that_are_invalid_are_said(
    checkout: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    (checkout / "jobs/_calendars").mkdir()
    (checkout / "jobs/_calendars/fr.yaml").write_text("closed: [2026-02-30]\n")
    assert main(["next", *arguments]) == 0
    told = capsys.readouterr().err
    assert "note: jobs/_calendars/fr.yaml is invalid and closes nothing here; a runner keeps what it read last" in told


def test_nothing_enabled_is_said(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (checkout / "jobs/daily-backup.yaml").unlink()
    assert main(["next"]) == 0
    assert capsys.readouterr().out == "no enabled job runs again; --disabled includes 1 disabled job\n"
    (checkout / "jobs/weekly-report.yaml").unlink()
    assert main(["next"]) == 0
    assert capsys.readouterr().out == "no enabled job runs again\n"


def test_disabled_jobs_are_included_on_request(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """After an import every job is disabled, and its times are to be compared with those of the old scheduler."""
    after = ("--after", "2026-07-01T05:30:00Z", "--format", "json")
    assert main(["next", "--disabled", "--count", "20", *after]) == 0
    assert {run["job"] for run in json.loads(capsys.readouterr().out)["runs"]} == {"daily-backup", "weekly-report"}
    window = ("--count-only", "--from", "2026-07-01", "--until", "2026-07-15", "--format", "json")
    counts = []
    for more in ((), ("--disabled",)):
        assert main(["next", *window, *more]) == 0
        counts.append(json.loads(capsys.readouterr().out)["total"])
    assert counts == [14, 28]


def test_an_unknown_job_gets_the_nearest(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["next", "daily-backu"]) == 1
    error = capsys.readouterr().err
    assert error.startswith('error: there is no job "daily-backu"')
    assert 'did you mean "daily-backup"?' in error


def test_an_invalid_job_shows_what_is_wrong(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = checkout / "jobs/daily-backup.yaml"
    path.write_text(path.read_text().replace("0 2 * * *", "0 25 * * *"))
    assert main(["next", "daily-backup"]) == 1
    assert "error: jobs/daily-backup.yaml:2:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("daily-backup", "--schedule", "@daily"), "name a job or give --schedule, not both"),
        (("--timezone", "UTC"), "--timezone goes with --schedule"),
        (("daily-backup", "--timezone", "UTC"), "--timezone goes with --schedule"),
        (("--schedule", "0 0 30 2 *"), "--schedule: "),
        (("--schedule", "@daily", "--timezone", "Europe/Pari"), "--timezone: "),
        (("--schedule", "@daily", "--after", "soon"), '"soon" is not a time'),
        (("--schedule", "@daily", "--after", "9999-12-30"), '"9999-12-30" lies outside the years 1970 to 9000'),
        (("--count-only", "--from", "9999-12-30"), '"9999-12-30" lies outside the years 1970 to 9000'),
        (("--schedule", "@daily", "--count", "0"), "0 is not in the range"),
    ],
)
def test_a_question_that_cannot_be_meant_is_2(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["next", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_checkout_without_the_jobs_folder_names_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    assert main(["next", "daily-backup"]) == 1
    assert capsys.readouterr().err.endswith("hint: name the jobs folder with --jobs\n")


def test_a_job_is_found_from_a_folder_inside_the_checkout(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(checkout / "jobs")
    assert len(items(capsys, "daily-backup")) == 5


CALENDAR = "timezone: Europe/Paris\ncovers_until: 2030-12-31\nclosed: [SAT, SUN, {date: 12-25, reason: Christmas}]\n"


@pytest.fixture
def held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "jobs" / "_calendars").mkdir(parents=True)
    (tmp_path / "jobs" / "_calendars" / "fr-holidays.yaml").write_text(CALENDAR)
    fields = {"timezone": "Europe/Paris", "skip": ["fr-holidays"], "on_skip": "next"}
    document = {"name": "nightly-report", "schedule": "0 2 * * *", "enabled": True} | fields
    document["webhook"] = {"url": "https://api.example.com/"}
    (tmp_path / "jobs" / "nightly-report.yaml").write_text(json.dumps(document))
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("held")
def test_held_ticks_are_shown_with_their_calendar_and_where_they_went(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["next", "nightly-report", "--after", "2026-12-24T12:00:00Z", "--count", "1"]) == 0
    moved = "moved to Mon 2026-12-28 02:00:00 CET"
    assert capsys.readouterr().out.splitlines()[1:] == [
        f"2026-12-25T01:00:00Z  Fri 2026-12-25 02:00:00 CET  held: fr-holidays (Christmas), {moved}",
        f"2026-12-26T01:00:00Z  Sat 2026-12-26 02:00:00 CET  held: fr-holidays (SAT), {moved}",
        f"2026-12-27T01:00:00Z  Sun 2026-12-27 02:00:00 CET  held: fr-holidays (SUN), {moved}",
        "2026-12-28T01:00:00Z  Mon 2026-12-28 02:00:00 CET",
    ]


@pytest.mark.usefixtures("held")
def test_runs_name_the_time_whose_place_they_take(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Saturday's and Sunday's runs meet on Monday at 02:00; of a job for Saturdays only, that run is Saturday's."""
    file = tmp_path / "jobs" / "nightly-report.yaml"
    file.write_text(file.read_text().replace("0 2 * * *", "0 2 * * SAT"))
    assert main(["next", "nightly-report", "--after", "2026-12-24T12:00:00Z", "--count", "1", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["items"] == ["2026-12-28T01:00:00Z"]
    assert found["runs"] == [{"time": "2026-12-28T01:00:00Z", "moved_from": "2026-12-26T01:00:00Z"}]
    assert [one["time"] for one in found["closed"]] == ["2026-12-26T01:00:00Z"]


@pytest.mark.usefixtures("held")
def test_count_only_counts_the_runs_of_each_day(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["next", "--from", "2026-12-24", "--until", "2026-12-29", "--count-only"]
    assert main([*asked, "--format", "json"]) == 0
    counts = {day["date"][-2:]: day["count"] for day in json.loads(capsys.readouterr().out)["days"]}
    assert counts == {"24": 1, "25": 0, "26": 0, "27": 0, "28": 1}
    assert main(asked) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == f"2026-12-24 Thu  1  {'#' * 40}"
    assert shown[-1] == "2 runs in 5 days"


@pytest.mark.usefixtures("held")
def test_count_only_says_how_many_jobs_are_disabled(capsys: pytest.CaptureFixture[str]) -> None:
    file = Path("jobs/nightly-report.yaml")
    file.write_text(json.dumps(json.loads(file.read_text("utf-8")) | {"enabled": False}), "utf-8")
    assert main(["next", "--count-only"]) == 0
    assert "note: --disabled includes 1 disabled job" in capsys.readouterr().err


@pytest.mark.usefixtures("held")
@pytest.mark.parametrize(
    "wrong", [["--from", "2026-12-24"], ["--from", "2027-01-02", "--until", "2027-01-01", "--count-only"]]
)
def test_a_window_that_means_nothing_is_refused(wrong: list[str]) -> None:
    assert main(["next", *wrong]) == 2
