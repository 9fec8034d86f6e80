"""Bad nights on the command line and the page: the remote is away, the disk is full. Each is told with its way out."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from harness.api_fixtures import Checkout, job_yaml, settings_of
from harness.processes.subprocess_runner import Runner
from harness.repositories.repository import Repository

from chronos_gitops.app import build
from chronos_gitops.cli.main import main
from chronos_gitops.server.web.app import create_app
from chronos_gitops.server.wsgi import Server


def first_page(address: str) -> str:
    return httpx.get(f"{address}/", headers={"Accept": "text/html"}, timeout=30, trust_env=False).text


def test_a_remote_that_is_gone_is_told_with_what_runs_meanwhile(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = Repository.init(tmp_path / "work")
    repository.write_job("one")
    head = repository.commit("Add one")
    remote = repository.bare(tmp_path / "remote.git").root
    with Runner(str(remote), "--follow", "branch", data=tmp_path / "data") as runner:
        monkeypatch.setenv("CHRONOS_SERVER", runner.address)
        assert main(["status"]) == 0
        assert "meanwhile" not in capsys.readouterr().out
        shutil.move(remote, tmp_path / "moved")
        assert main(["sync"]) == 1
        assert "failed" in capsys.readouterr().out
        assert main(["status"]) == 1
        assert f"jobs keep running as of commit {head[:12]}; run chronos-gitops doctor" in capsys.readouterr().out
        assert (
            f"Jobs keep running as of commit <code>{head[:8]}</code>; newer commits are applied once this is fixed."
            in first_page(runner.address)
        )
        assert main(["rollback", "one", "1", "--server", runner.address]) == 1
        assert "hint: " in capsys.readouterr().err
        shutil.move(tmp_path / "moved", remote)
        assert main(["sync", "--wait"]) == 0
        capsys.readouterr()
        assert main(["status"]) == 0
        assert "meanwhile" not in capsys.readouterr().out


def test_a_runner_that_starts_nothing_says_so_though_git_is_synced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = Checkout(tmp_path / "repo")
    checkout.write("one", job_yaml("one", "http://127.0.0.1:9/"))
    checkout.commit("Add one")
    with build(settings_of(checkout, tmp_path / "data")) as service:
        server = Server(create_app(service), host="127.0.0.1", port=0)
        address = f"http://127.0.0.1:{server.start()}"
        monkeypatch.setenv("CHRONOS_SERVER", address)
        try:
            assert main(["status"]) == 0
            assert "health" not in capsys.readouterr().out
            assert "The runner is failing" not in first_page(address)
            service.shortage = "the disk of /data is full"
            assert main(["status"]) == 1
            shown = capsys.readouterr().out
            assert "failing: disk fail: the disk of /data is full; run chronos-gitops doctor" in shown
            assert "synced" in shown
            assert main(["status", "--format", "json"]) == 1
            assert json.loads(capsys.readouterr().out)["health"]["checks"]["disk"]["status"] == "fail"
            text = first_page(address)
            assert "No executions start." in text
            assert "<b>Disk</b> full: the disk of /data is full" in text
            service.shortage = ""
            engine = service.engine.health()
            ahead = replace(engine, ok=False, detail="the clock was ahead by 2 days")
            monkeypatch.setattr(type(service.engine), "health", lambda _: ahead)
            text = first_page(address)
            assert "The runner is failing" in text
            assert "<b>Engine</b> unavailable: the clock was ahead by 2 days" in text
            assert "No execution starts now" not in text, "it does: only its clock was wrong"
        finally:
            server.stop()
