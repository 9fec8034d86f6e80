"""The commands of docs/how-to/back-up-and-restore.md for PostgreSQL, with the real pg_dump and pg_restore."""

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from harness.processes.subprocess_runner import Runner
from harness.programs.postgres import Server, debian_programs
from harness.repositories.repository import Repository

PAGE = Path(__file__).parents[3] / "docs/how-to/back-up-and-restore.md"
JOB = """\
name: each-second
schedule: "@every 1s"
enabled: true
webhook: {url: "http://127.0.0.1:9/"}
retry_policy: {max_attempts: 1}
missed_run_policy: ignore
"""


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server(programs=debian_programs())
    yield found
    found.close()


def command(program: str, folder: Path, engine: str) -> subprocess.CompletedProcess[str]:
    (line,) = re.findall(rf"^\$ ({program} .*)$", PAGE.read_text(), re.MULTILINE)
    words = [os.path.expandvars(word) for word in shlex.split(line.replace("$CHRONOS_ENGINE", engine))]
    words[0] = str(debian_programs() / "bin" / program)
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.timeout(200)
def test_what_was_dumped_while_a_runner_worked_is_restored(server: Server, tmp_path: Path) -> None:
    repository = Repository.init(tmp_path / "repository")
    repository.write("jobs/each-second.yaml", JOB)
    repository.write_job("nightly-backup")
    repository.commit()
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE first")
        connection.execute("CREATE DATABASE restored")

    def runner(database: str) -> Runner:
        words = (str(repository.root), "--follow", "branch", "--engine", server.url(database))
        return Runner(*words, data=tmp_path / database)

    with runner("first") as before:
        before.until("/executions?status=failed", lambda found: len(found["items"]) >= 3, timeout=40)
        paused = before.client.post("/jobs/nightly-backup/pause", json={"reason": "inventory"})
        assert paused.status_code == 200, paused.text
        dumped = command("pg_dump", tmp_path, server.url("first"))
        assert (dumped.returncode, dumped.stderr) == (0, "")
        kept = {one["id"]: one["scheduled_time"] for one in before.get("/executions?status=failed")["items"]}
        before.until("/executions?status=failed&limit=1000", lambda found: len(found["items"]) > len(kept), timeout=40)
    restored = command("pg_restore", tmp_path, server.url("restored"))
    assert (restored.returncode, restored.stderr) == (0, "")
    with runner("restored") as after:
        job = after.get("/jobs/nightly-backup")
        assert (job["state"], job["pause"]["reason"]) == ("paused", "inventory")
        found = after.get("/executions?limit=1000")["items"]
        earlier = {one["id"]: one["scheduled_time"] for one in found if one["id"] in kept}
        assert len(earlier) >= 3
        assert earlier.items() <= kept.items()
        times = [one["scheduled_time"] for one in found if one["job"] == "each-second"]
        assert len(times) == len(set(times))
    again = command("pg_restore", tmp_path, server.url("restored"))
    assert again.returncode != 0  # it needs an empty database
