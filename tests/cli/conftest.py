"""A whole runner in this process, for the commands that ask one: real git, real HTTP, real SQLite."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from chronos_gitops.cli.demo.receiver import Receiver

JOB = """\
name: {name}
schedule: "{schedule}"
enabled: {enabled}
webhook:
  url: {url}
timeout: 5m
tags:
  team: {team}
"""


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def jobs_repository(receiver: Receiver, tmp_path_factory: pytest.TempPathFactory, _guarded_environment: None) -> Path:
    folder = tmp_path_factory.mktemp("cli") / "repository"
    (folder / "jobs").mkdir(parents=True)
    for name, schedule, enabled, team in (
        ("daily-backup", "0 2 * * *", "true", "platform"),
        ("weekly-report", "@weekly", "true", "growth"),
        ("yearly-review", "@yearly", "false", "growth"),
    ):
        text = JOB.format(name=name, schedule=schedule, enabled=enabled, team=team, url=receiver.url(f"/{name}"))
        (folder / f"jobs/{name}.yaml").write_text(text)
    git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "Add the jobs")
    return folder


@pytest.fixture(scope="module")
def server(jobs_repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a runner that follows the repository."""
    from harness.openapi_check import hold

    from chronos_gitops.app import build
    from chronos_gitops.config.settings import Settings
    from chronos_gitops.server.web.app import create_app
    from chronos_gitops.server.wsgi import Server

    with build(Settings(str(jobs_repository), tmp_path_factory.mktemp("data"))) as service:
        server = Server(hold(create_app(service)), host="127.0.0.1", port=0)
        port = server.start()
        yield f"http://127.0.0.1:{port}"
        server.stop()
