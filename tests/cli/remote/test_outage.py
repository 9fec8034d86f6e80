"""A night in which the remote is away: the commands say what goes on running, and the way out."""

import shutil
from pathlib import Path

import pytest
from harness.processes.subprocess_runner import Runner
from harness.repositories.repository import Repository

from chronos_gitops.cli.main import main


def test_a_remote_that_is_gone_is_told_with_what_runs_meanwhile(
    tmp_path: Path, repository: Repository, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = repository.bare(tmp_path / "remote.git").root
    with Runner(str(remote), data=tmp_path / "data") as runner:
        monkeypatch.setenv("CHRONOS_SERVER", runner.address)
        assert main(["status"]) == 0
        assert "meanwhile" not in capsys.readouterr().out
        shutil.move(remote, tmp_path / "moved")
        assert main(["sync"]) == 1
        assert "failed" in capsys.readouterr().out
        assert main(["status"]) == 1
        shown = capsys.readouterr().out
        assert f"meanwhile  the jobs of {repository.head()[:12]} go on running; chronos-gitops doctor" in shown
        text = runner.client.get(f"{runner.address}/", headers={"Accept": "text/html"}).text
        assert f"The jobs of <code>{repository.head()[:8]}</code> go on running; nothing newer is applied" in text
        assert main(["rollback", "one", "1", "--server", runner.address]) == 1
        assert "hint: put the repository back" in capsys.readouterr().err
        shutil.move(tmp_path / "moved", remote)
        assert main(["sync", "--wait"]) == 0
        capsys.readouterr()
        assert main(["status"]) == 0
        assert "meanwhile" not in capsys.readouterr().out
