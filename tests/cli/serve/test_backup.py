"""A backup of a runner that works, restored after its folder is gone; what is damaged or in use is refused."""

import json
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from harness.processes.subprocess_runner import PROGRAM, Runner, run
from harness.repositories.repository import Repository

from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.state import archive

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def repository(tmp_path: Path, receiver: Receiver) -> Repository:
    found = Repository.init(tmp_path / "repository")
    url = f"http://127.0.0.1:{receiver.port}/ok"
    found.write(
        "jobs/each-second.yaml",
        f'name: each-second\nschedule: "@every 1s"\nenabled: true\nwebhook: {{url: "{url}"}}\n',
    )
    found.commit()
    return found


def backed_up(repository: Repository, data: Path, target: Path) -> dict[str, object]:
    words = ("--to", str(target), str(repository.root), "--data", str(data), "--format", "json")
    done = run("backup", *words, cwd=repository.root)
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def restored(repository: Repository, data: Path, source: Path) -> "subprocess.CompletedProcess[str]":
    return run("restore", "--from", str(source), str(repository.root), "--data", str(data), cwd=repository.root)


def finished(runner: Runner) -> dict[str, str]:
    items = runner.get("/executions?limit=1000&status=success")["items"]
    return {one["scheduled_time"]: one["id"] for one in items}


def test_a_runner_goes_on_from_its_backup_after_its_folder_is_gone(repository: Repository, tmp_path: Path) -> None:
    data, target = tmp_path / "data", tmp_path / "chronos.backup"
    with Runner(str(repository.root), data=data) as runner:
        runner.until("/executions?status=success", lambda found: len(found["items"]) >= 3, timeout=60)
        before = finished(runner)
        manifest = backed_up(repository, data, target)
        runner.until("/executions?status=success", lambda found: len(found["items"]) > len(before), timeout=60)
        runner.client.post("/jobs/each-second/pause", json={"reason": "later than the backup"})
        runner.kill()
    shutil.rmtree(data)
    assert target.stat().st_mode & 0o077 == 0
    done = restored(repository, data, target)
    assert (done.returncode, f"{manifest['executions']} executions" in done.stdout) == (0, True), done.stderr
    with Runner(str(repository.root), data=data) as runner:
        assert runner.get("/jobs/each-second")["state"] == "enabled"
        after = finished(runner)
        assert before.items() <= after.items()
        runner.until("/executions?status=success", lambda found: len(found["items"]) > len(after), timeout=60)


def test_a_kill_leaves_a_whole_backup_or_none(repository: Repository, tmp_path: Path) -> None:
    """The backup before it stays, too."""
    data, target = tmp_path / "data", tmp_path / "chronos.backup"
    with Runner(str(repository.root), data=data) as runner:
        runner.until("/executions?status=success", lambda found: found["items"], timeout=60)
    backed_up(repository, data, target)
    command = [*PROGRAM, "backup", "--to", str(target), str(repository.root), "--data", str(data)]
    started = time.monotonic()
    subprocess.run(command, check=True, capture_output=True)
    whole = time.monotonic() - started
    for number in range(3):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(whole * (number + 1) / 4)
        process.kill()
        process.wait()
        place = tmp_path / f"restored-{number}"
        assert restored(repository, place, target).returncode == 0
        assert (place / "ledger.db").is_file()


def test_a_backup_that_changed_or_was_cut_restores_nothing(tmp_path: Path) -> None:
    state, target = tmp_path / "events.jsonl", tmp_path / "chronos.backup"
    state.write_text("".join(f'{{"number": {number}}}\n' for number in range(1_000)))
    archive.write(target, {state.name: state}, {"version": "0"})
    with archive.unpacked(target, tmp_path) as (folder, _):
        assert (folder / state.name).read_bytes() == state.read_bytes()
    content = target.read_bytes()
    cut = (content[: len(content) // 2], b"", b"PK", content[:-1])
    flipped = [content[:at] + bytes((content[at] ^ 1,)) + content[at + 1 :] for at in range(60, len(content) // 2, 97)]
    assert len(flipped) > 5
    refused = 0
    for one in (*cut, *flipped):
        target.write_bytes(one)
        try:
            # Bits of a zip archive that nothing reads may change, and the files in it are as before.
            with archive.unpacked(target, tmp_path) as (folder, _):
                assert (folder / state.name).read_bytes() == state.read_bytes()
        except archive.ArchiveError:
            refused += 1
    assert refused >= len(cut) + len(flipped) - 2
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []


def test_nothing_is_replaced_and_a_runner_at_work_is_left_alone(repository: Repository, tmp_path: Path) -> None:
    data, target = tmp_path / "data", tmp_path / "chronos.backup"
    with Runner(str(repository.root), data=data):
        backed_up(repository, data, target)
        working = restored(repository, data, target)
        assert "another runner" in working.stderr
    stopped = restored(repository, data, target)
    assert (stopped.returncode, "has state already" in stopped.stderr) == (2, True)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("backup", "--to", "x.backup", ".", "--data", "nowhere"), "there is no ledger at"),
        (("backup", "--to", "x.backup", ".", "--engine", "postgresql://localhost/x"), "kept by a server"),
        (("restore", "--from", "nothing", "."), "there is no file nothing"),
    ],
)
def test_a_wrong_question_is_a_sentence(repository: Repository, words: tuple[str, ...], text: str) -> None:
    done = run(*words, cwd=repository.root)
    assert (done.returncode, text in done.stderr) == (2, True), done.stderr
