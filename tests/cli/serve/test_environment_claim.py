"""One engine, one environment: real processes."""

import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from cli.serve.test_run import ended, ready_line, refused, running

from chronos_gitops.cli.main import main

MESSAGE = "error: this database belongs to environment production"
HINT = "give staging a database of its own; after a rename, --accept-environment once"


@pytest.fixture
def declared(jobs_repository: Path, tmp_path: Path) -> Path:
    """The repository with two environments."""
    root = tmp_path / "declared"
    shutil.copytree(jobs_repository, root)
    (root / "jobs/_environments").mkdir()
    for name in ("production", "staging"):
        (root / f"jobs/_environments/{name}.yaml").write_text("")
    subprocess.run(["git", "add", "--all"], cwd=root, check=True)
    subprocess.run(["git", "commit", "-qm", "Declare environments"], cwd=root, check=True)
    return root


def test_another_environment_is_2_until_a_rename_is_accepted(
    declared: Path, data_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def runs(environment: str, *more: str) -> None:
        with running(declared, data_folder, "--environment", environment, *more) as process:
            line = ready_line(process)
            assert line.startswith("chronos-gitops is ready on ")
            assert f" (environment {environment}, following {declared.resolve()}, 3 jobs)" in line
            address = line.split()[4]
            assert main(["status", "--server", address]) == 0
            assert f"environment  {environment}\n" in capsys.readouterr().out
            process.send_signal(signal.SIGTERM)
            assert ended(process) == 0

    runs("production")
    arguments = ("--listen", "127.0.0.1:0", "--data", str(data_folder), "--environment", "staging")
    code, error = refused(str(declared), *arguments)
    assert (code, error.startswith(MESSAGE), HINT in error) == (2, True, True), error
    runs("staging", "--accept-environment")
    runs("staging")
