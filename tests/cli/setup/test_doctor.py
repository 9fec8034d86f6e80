"""``doctor``: each kind of fault is found, with a way out; nothing is changed by looking."""

import json
import os
import resource
import sqlite3
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from harness.api_fixtures import Checkout, job_yaml
from harness.processes.subprocess_runner import PROGRAM
from harness.programs.git_http_server import HttpGit

from chronos_gitops.cli.main import main
from chronos_gitops.cli.setup.finding import Finding, FindingResult
from chronos_gitops.git.errors import INSTALL_GIT

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    found = Checkout(tmp_path / "repo")
    found.write("one", job_yaml("one", "http://127.0.0.1:9/"))
    found.commit("Add a job")
    monkeypatch.chdir(found.path)
    return found


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    return folder


def looked(capsys: Captured, code: int, *words: str) -> list[dict[str, Any]]:
    assert main(["doctor", "--format", "json", *words]) == code
    items: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["items"]
    assert [one for one in items if one["verdict"] != "ok" and not one["hint"]] == []
    return items


def bad(items: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(one["subject"], one["verdict"]) for one in items if one["verdict"] != "ok"]


def test_a_good_installation_has_no_finding_and_is_left_as_it_was(
    checkout: Checkout, data: Path, capsys: Captured
) -> None:
    items = looked(capsys, 0, "--data", str(data))
    assert bad(items) == []
    subjects = {one["subject"] for one in items}
    assert subjects == {"settings", "git", "data", "disk", "limits", "clock", "engine", "repository", "jobs", "secrets"}
    assert list(data.iterdir()) == []
    assert main(["doctor", "--data", str(data / "new")]) == 0
    assert not (data / "new").exists()
    assert "ok       engine       SQLite in " in capsys.readouterr().out


def test_no_git(checkout: Checkout, data: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setenv("PATH", str(data))
    items = looked(capsys, 1, "--data", str(data))
    assert ("git", "failed") in bad(items)


def test_an_old_git(checkout: Checkout, data: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    program = data / "git"
    program.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "git version 2.30.2" && exit\nexec /usr/bin/git "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{data}:{os.environ['PATH']}")
    items = looked(capsys, 1)
    assert "git version 2.30.2 is too old" in [one["message"] for one in items if one["subject"] == "git"]


def test_a_data_folder_that_is_a_file_or_open_to_others(checkout: Checkout, data: Path, capsys: Captured) -> None:
    (data / "file").write_text("")
    assert bad(looked(capsys, 1, "--data", str(data / "file")))[0] == ("data", "failed")
    data.chmod(0o755)
    items = looked(capsys, 0, "--data", str(data))
    assert bad(items) == [("data", "warning")]
    assert f"chmod -R go-rwx {data}" in [one["hint"] for one in items]


def test_files_from_the_future(checkout: Checkout, data: Path, capsys: Captured) -> None:
    (data / "events.jsonl").write_text("")
    os.utime(data / "events.jsonl", (time.time() + 7200, time.time() + 7200))
    assert bad(looked(capsys, 1, "--data", str(data))) == [("clock", "failed")]


def test_a_commit_from_the_future(
    checkout: Checkout, data: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv("GIT_COMMITTER_DATE", f"{int(time.time()) + 7200} +0000")
    checkout.commit("Ahead of its time")
    assert bad(looked(capsys, 0, "--data", str(data))) == [("clock", "warning")]


def test_too_few_descriptors(checkout: Checkout, data: Path) -> None:
    words = [*PROGRAM, "doctor", "--data", str(data), "--format", "json"]
    seen = subprocess.run(
        words,
        env={**os.environ, "CHRONOS_MAX_IN_FLIGHT": "1000"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (512, 512)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert seen.returncode == 1, seen.stderr
    assert bad(json.loads(seen.stdout)["items"]) == [("limits", "failed")]


def test_a_ledger_that_no_runner_can_open(checkout: Checkout, data: Path, capsys: Captured) -> None:
    ledger = data / "ledger.db"
    ledger.write_bytes(b"this is no database, it is a sentence of more than sixteen bytes" * 100)
    assert bad(looked(capsys, 1, "--data", str(data))) == [("engine", "failed")]
    ledger.unlink()
    with sqlite3.connect(ledger) as connection:
        connection.execute("PRAGMA user_version = 9999")
    connection.close()
    items = looked(capsys, 1, "--data", str(data))
    assert bad(items) == [("engine", "failed")]
    assert "newer chronos-gitops" in next(one["message"] for one in items if one["subject"] == "engine")
    assert {path.name for path in data.iterdir()} == {"ledger.db"}


@pytest.mark.parametrize("engine", ["postgresql://me:s3cret@127.0.0.1:1/none", "temporal://127.0.0.1:1/none"])
def test_an_engine_that_does_not_answer(engine: str, checkout: Checkout, data: Path, capsys: Captured) -> None:
    items = looked(capsys, 1, "--data", str(data), "--engine", engine)
    assert bad(items) == [("engine", "failed")]
    assert "s3cret" not in json.dumps(items)


def test_jobs_with_errors_and_secrets_without_values(
    checkout: Checkout, data: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    checkout.write("two", "name: two\nschedul: x\n")
    checkout.write("three", job_yaml("three", "http://127.0.0.1:9/${secret:backup-token}"))
    items = looked(capsys, 1, "--data", str(data))
    assert bad(items) == [("jobs", "failed"), ("secrets", "failed")]
    assert "jobs/two.yaml" in next(one["message"] for one in items if one["subject"] == "jobs" and one["hint"])
    assert "set CHRONOS_SECRET_BACKUP_TOKEN" in items[-1]["hint"]
    monkeypatch.setenv("CHRONOS_SECRET_BACKUP_TOKEN", "any value")
    assert bad(looked(capsys, 1, "--data", str(data))) == [("jobs", "failed")]


def test_a_remote_is_asked_and_not_fetched(checkout: Checkout, data: Path, tmp_path: Path, capsys: Captured) -> None:
    checkout.git("clone", "-q", "--bare", str(checkout.path), str(tmp_path / "served" / "jobs.git"))
    with HttpGit(tmp_path / "served") as server:
        url = server.url("jobs.git")
        good = looked(capsys, 0, url, "--data", str(data))
        assert bad(good) == []
        assert "branch main is at " in good[-1]["message"]
        assert bad(looked(capsys, 1, url, "--branch", "none", "--data", str(data))) == [("repository", "failed")]
        assert bad(looked(capsys, 1, server.url("none.git"), "--data", str(data))) == [("repository", "failed")]
    assert bad(looked(capsys, 1, url, "--data", str(data))) == [("repository", "failed")]
    assert list(data.iterdir()) == []


@pytest.mark.parametrize("kind", ["no repository", "no jobs folder", "no commit"])
def test_a_folder_that_cannot_be_followed(kind: str, data: Path, tmp_path: Path, capsys: Captured) -> None:
    folder = tmp_path / "other"
    if kind == "no repository":
        folder.mkdir()
    else:
        other = Checkout(folder)
        if kind == "no jobs folder":
            other.commit("Empty")
    items = looked(capsys, 1, str(folder), "--data", str(data))
    assert bad(items)[0][0] == "repository"


def test_settings_that_mean_nothing_end_the_look_with_their_errors(checkout: Checkout, capsys: Captured) -> None:
    items = looked(capsys, 1, "--listen", ":x", "--interval", "soon")
    assert bad(items) == [("settings", "failed"), ("settings", "failed")]
    assert [one["subject"] for one in items] == ["settings", "settings", "git"]


def test_no_finding_is_without_a_way_out() -> None:
    with pytest.raises(ValueError, match="way out"):
        Finding("disk", FindingResult.FAILED, "full")


def test_the_page_about_installing_names_the_oldest_git() -> None:
    page = (Path(__file__).parents[3] / "docs/how-to/install.md").read_text("utf-8")
    assert f"needs {INSTALL_GIT.removeprefix('install ')}" in page
