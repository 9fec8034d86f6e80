"""Only its owner can read the data folder, under any umask, and after any older version."""

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from chronos_gitops.app import build
from chronos_gitops.config.settings import Settings
from chronos_gitops.observability.event_log import Event, EventKind, EventLog
from chronos_gitops.state.atomic_files import make_private

JOB = "name: a\nenabled: true\nschedule: '@daily'\nwebhook:\n  url: http://127.0.0.1:9/\n"


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    (folder / "jobs").mkdir(parents=True)
    (folder / "jobs" / "a.yaml").write_text(JOB)
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "A job"]):
        subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True)
    return folder


def open_to_others(data: Path) -> list[str]:
    """Whatever of the folder others may read, links aside: they have no modes."""
    paths = [data, *(Path(top, name) for top, folders, files in os.walk(data) for name in (*folders, *files))]
    return [str(path) for path in paths if mode_of(path) & 0o077]


def mode_of(path: Path) -> int:
    """0 for a link, and for a temporary file that was renamed meanwhile."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return 0
    return 0 if stat.S_ISLNK(mode) else mode


@pytest.mark.parametrize("follow", ["worktree", "branch"])
def test_every_file_of_a_running_runner_is_its_owners_alone(tmp_path: Path, repository: Path, follow: str) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    for name in ("ledger.db-journal.old", "events.jsonl", "audit.jsonl"):
        (data / name).write_text("")
    (data / "folder" / "inner").mkdir(parents=True)
    (data / "folder" / "inner" / "file").write_text("")
    with build(Settings(str(repository), data, port=0, follow=follow)) as service:  # type: ignore[arg-type]  # one of two words
        service.engine.trigger("a")
        service.events.add(Event("2026-11-28T18:00:00Z", EventKind.JOB_TRIGGERED, "done", job="a"))
        service.audit.append({"action": "trigger"})
        assert {"ledger.db", "ledger.db-wal", "ledger.db-shm", "events.jsonl", "audit.jsonl"} <= {
            path.name for path in data.iterdir()
        }
        assert open_to_others(data) == []
    assert open_to_others(data) == []


def test_events_stay_private_when_they_are_rewritten(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl", keep=2)
    for number in range(10):
        log.add(Event("2026-11-28T18:00:00Z", EventKind.JOB_TRIGGERED, str(number)))
    assert (tmp_path / "events.jsonl").stat().st_mode & 0o777 == 0o600
    assert [event.message for _, event in EventLog(tmp_path / "events.jsonl", keep=2).newest(5)] == ["9", "8"]


def test_the_mode_of_a_checkout_stays(repository: Path) -> None:
    before = {path: path.stat().st_mode for path in repository.rglob("*")}
    list(make_private(repository / ".git"))
    assert {path: path.stat().st_mode for path in repository.rglob("*") if ".git" not in path.parts} == {
        path: mode for path, mode in before.items() if ".git" not in path.parts
    }


@pytest.mark.parametrize("is_old", [False, True])
def test_what_git_fetches_into_the_mirror_is_its_owners_alone(tmp_path: Path, repository: Path, is_old: bool) -> None:
    data = tmp_path / "data"
    settings = Settings(str(repository), data, port=0, follow="branch")
    with build(settings) as service:
        assert len(service.jobs()) == 1
        assert open_to_others(data) == []
    if is_old:  # as a version before this one left it
        [mirror] = data.glob("mirror-*.git")
        subprocess.run(["git", "-C", str(mirror), "config", "--unset", "core.sharedRepository"], check=True)
        for path in (mirror, *mirror.rglob("*")):
            path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
    with build(settings) as service:
        (repository / "jobs" / "b.yaml").write_text(JOB.replace("name: a", "name: b"))
        for words in (["add", "-A"], ["commit", "-q", "-m", "Another job"]):
            subprocess.run(["git", "-C", str(repository), *words], check=True, capture_output=True)
        service.follower.sync()
        assert len(service.jobs()) == 2
        assert open_to_others(data) == []
    assert (repository / "jobs" / "b.yaml").stat().st_mode & 0o777 == 0o644, "the repository keeps its modes"
