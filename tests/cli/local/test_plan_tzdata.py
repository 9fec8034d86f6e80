"""``plan --tzdata``: which jobs the next release of the time zone database runs at other times, offline."""

import json
from pathlib import Path

import pytest
import tzdata
from harness.repositories.repository import Repository
from harness.repositories.zone_data import RELEASE, folder, wheel

from chronos_gitops.cli.main import main

JOB = "name: {name}\nschedule: '0 2 * * *'\ntimezone: {zone}\nenabled: true\nwebhook:\n  url: https://hooks.example.com/\n"
AT = ["--after", "2026-12-01T00:00:00Z"]
MOVED = {"Africa/Cairo": "Africa/Tripoli"}


@pytest.fixture(autouse=True)
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    found = Repository.init(tmp_path / "repo")
    for name, zone in (("cairo", "Africa/Cairo"), ("berlin", "Europe/Berlin")):
        found.write(f"jobs/{name}.yaml", JOB.format(name=name, zone=zone))
    found.commit("Add jobs")
    monkeypatch.chdir(found.root)
    return found


def test_jobs_that_move_are_shown_before_and_after(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = wheel(tmp_path / "tzdata.whl", MOVED)
    assert main(["plan", *AT, "--tzdata", str(path), "--exit-code"]) == 1
    shown = capsys.readouterr().out
    assert f"{tzdata.IANA_VERSION} installed, {RELEASE} given: 1 job runs at other times in the next 366 days" in shown
    assert "  cairo  Africa/Cairo: 182 runs go, 182 come\n" in shown
    assert "before 2027-04-29T23:00:00Z, 2027-04-30T23:00:00Z" in shown
    assert "after  2027-04-30T00:00:00Z, 2027-05-01T00:00:00Z" in shown
    assert "berlin" not in shown


def test_zoneinfo_folder_does_too_and_json_has_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder(tmp_path / "zoneinfo", MOVED)
    assert main(["plan", *AT, "--tzdata", str(path), "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)["tzdata"]
    assert (found["installed"], found["given"]) == (tzdata.IANA_VERSION, RELEASE)
    (job,) = found["jobs"]
    assert (job["job"], job["timezone"], job["gone"], job["come"], job["error"]) == (
        "cairo",
        "Africa/Cairo",
        182,
        182,
        "",
    )
    assert job["before"][0] == "2027-04-29T23:00:00Z"
    assert job["after"][0] == "2027-04-30T00:00:00Z"


def test_same_release_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = wheel(tmp_path / "tzdata.whl", {})
    assert main(["plan", *AT, "--tzdata", str(path), "--exit-code"]) == 0
    assert "no job runs at other times" in capsys.readouterr().out


def test_each_environment_is_looked_at(
    repository: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.write("jobs/_environments/production.yaml", "")
    repository.write("jobs/_environments/staging.yaml", "")
    repository.commit("Declare environments")
    path = wheel(tmp_path / "tzdata.whl", MOVED)
    assert main(["plan", *AT, "--tzdata", str(path), "--format", "markdown"]) == 0
    assert capsys.readouterr().out.count("cairo  Africa/Cairo") == 1


def test_file_that_is_no_release_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "some.whl").write_text("no zip")
    assert main(["plan", "--tzdata", str(tmp_path / "some.whl")]) == 2
    said = capsys.readouterr().err
    assert "some.whl" in said
    assert "give a tzdata wheel" in said
