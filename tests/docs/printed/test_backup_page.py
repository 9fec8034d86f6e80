"""docs/how-to/back-up-and-restore.md: the commands for SQLite keep a pause over the loss of the data folder.

Those for Compose are run by tests/deploy/test_compose.py, those for PostgreSQL by
tests/cli/serve/test_backup_postgresql.py.
"""

from pathlib import Path

import pytest
from docs.printed.page_commands import printed_commands, ran
from harness.processes.subprocess_runner import Runner
from harness.repositories.repository import Repository

DATA = "/var/lib/chronos-gitops"
COMMANDS = [one.line for one in printed_commands("back-up-and-restore")]


@pytest.mark.timeout(300)
def test_commands_bring_back_a_runner_with_its_pauses(tmp_path: Path) -> None:
    repository = Repository.init(tmp_path / "checkout")
    repository.write_job("nightly-backup")
    repository.commit("A job")
    backup, restore = (line.replace(DATA, f"{tmp_path}{DATA}") for line in COMMANDS if line.endswith(f"--data {DATA}"))
    data = Path(f"{tmp_path}{DATA}")
    with Runner(str(repository.root), data=data) as runner:
        runner.client.post("/jobs/nightly-backup/pause", json={"reason": "inventory"})
        done = ran(backup, repository.root)
        assert done.returncode == 0, done.stdout + done.stderr
        refused = ran(restore, repository.root)
        assert refused.returncode != 0
    data.rename(tmp_path / "away")
    done = ran(restore, repository.root)
    assert done.returncode == 0, done.stdout + done.stderr
    with Runner(str(repository.root), data=data) as again:
        again.until("/jobs/nightly-backup", lambda job: job["state"] == "paused", timeout=60)


def test_every_command_of_the_page_is_of_a_kind_that_a_test_runs() -> None:
    kinds = ("chronos-gitops ", "docker compose ", "sudo chown ", "pg_dump ", "pg_restore ")
    assert [line for line in COMMANDS if not line.startswith(kinds)] == []
    assert len(COMMANDS) == 10
