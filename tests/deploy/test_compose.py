"""The compose files with the real image; the deployed one with its backup, by the commands of the pages."""

import re
import shlex
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from deploy.conftest import IMAGE, JOB, ROOT, Containers
from harness.processes.subprocess_runner import run
from harness.programs.git_http_server import HttpGit
from harness.programs.tools import tool

from chronos_gitops.config.callers.weak_digests import PLACEHOLDER

pytestmark = [pytest.mark.full, pytest.mark.timeout(1800)]
GATEWAY = "10.89.77.1"
"""Of the network of the containers: the host, as they see it."""


def commands(page: str, heading: str) -> Iterator[str]:
    section = (ROOT / f"docs/how-to/{page}.md").read_text().partition(f"{heading}\n")[2]
    for block in re.findall(r"^```console\n(.*?)^```", section.partition("\n## ")[0], re.MULTILINE | re.DOTALL):
        yield from re.findall(r"^\$ (.*)$", block, re.MULTILINE)


@contextmanager
def served(repository: Path) -> Iterator[str]:
    """A git server on the gateway, which exists while a container runs."""
    server = HttpGit(repository.parent, password="hunter2")
    server.socket.close()
    deadline = time.monotonic() + 60
    while True:
        with suppress(OSError):
            server.socket = socket.create_server((GATEWAY, 8999))
            break
        assert time.monotonic() < deadline, "the network of the containers did not come up"
        time.sleep(0.1)
    with server:
        yield server.url("repository/.git")


def until(holds: Callable[[], object], what: Callable[[], str]) -> None:
    deadline = time.monotonic() + 90
    while not holds():
        assert time.monotonic() < deadline, what()[-3000:]
        time.sleep(0.5)


_CREATE = ("token", "create", "--name", "reader", "--role", "read")


class Deployed:
    """The commands of the pages in a checkout, with podman-compose in place of docker compose."""

    def __init__(self, containers: Containers, folder: Path) -> None:
        self.containers = containers
        self.folder = folder
        self.compose = folder / "deploy/compose"
        self.container = ""
        shutil.copytree(ROOT / "deploy", folder / "deploy")
        self._token, *table = run(*_CREATE, cwd=folder).stdout.splitlines()
        settings = "\n".join([(folder / "deploy/chronos.toml").read_text().replace(PLACEHOLDER, "5d" * 32), *table])
        settings = settings.replace(
            "https://git.example.com/platform/jobs.git", f"http://{GATEWAY}:8999/repository/.git"
        )
        bound = f'[secrets.bind.backup-token]\nfolders = ["jobs"]\norigins = ["http://{GATEWAY}"]\n'
        (folder / "deploy/chronos.toml").write_text(f'git.username = "runner"\n{settings}\n{bound}')
        (folder / "git-password").write_text("hunter2")
        (folder / "backup-token").write_text("hunter2-hunter2")

    def follow(self, line: str) -> str:
        line = line.replace("$PWD", str(self.compose)).replace("--build", "--no-build")
        line = line.replace("./chronos.backup", str(self.compose / "chronos.backup"))
        words = [part for word in shlex.split(line) for part in self._globbed(word)]
        words = words[1:] if words[0] == "sudo" else words
        folder = self.folder
        if words[:2] == ["docker", "compose"]:
            if words[2] == "cp":  # podman-compose has none
                words = ["podman", "cp", words[3].replace("chronos-gitops:", "compose_chronos-gitops_1:", 1), words[4]]
                folder = self.compose
            else:
                words = [tool("podman-compose"), *words[2:]]
                folder = self.folder if "-f" in words else self.compose
        elif words[0] == "chown" and words[-1] == "chronos.backup":
            folder = self.compose
        done = subprocess.run(
            words, cwd=folder, env=self.containers.environment, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, (words, done.stdout[-3000:], done.stderr[-3000:])
        return done.stdout

    def _globbed(self, word: str) -> list[str]:
        return sorted(map(str, self.folder.glob(word))) if "*" in word else [word]

    def executions(self) -> set[str]:
        """Ids, as the published port tells them; none while no runner answers."""
        with suppress(httpx.TransportError):
            answer = httpx.get(
                "http://127.0.0.1:8080/api/v1/executions?limit=1000",
                headers={"Authorization": f"Bearer {self._token}"},
                trust_env=False,
            )
            return {one["id"] for one in answer.json()["items"]} if answer.is_success else set()
        return set()

    def logs(self) -> str:
        return self.containers.run("sh", "-c", "podman logs compose_chronos-gitops_1 2>&1")


def test_the_deployed_compose_file_runs_is_backed_up_and_restored_as_the_pages_say(
    containers: Containers, repository: Path, tmp_path: Path
) -> None:
    """The job fails because nothing listens; a secret that could not be read would be another class of error."""
    job = JOB.format(url=f"http://{GATEWAY}:80/").replace("method: POST", 'headers: {X-Key: "${secret:backup-token}"}')
    (repository / "jobs/tick.yaml").write_text(job + "retry_policy: {max_attempts: 1}\n")
    words = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qam", "Call with a secret"]
    subprocess.run(words, cwd=repository, check=True)
    deployed = Deployed(containers, tmp_path / "checkout")
    containers.run("podman", "tag", IMAGE, "compose_chronos-gitops")
    network = ("--subnet", f"{GATEWAY[:-1]}0/24", "--gateway", GATEWAY, "compose_default")
    containers.run("podman", "network", "create", *network)
    try:
        for line in commands("deploy", "## Start with Compose"):
            deployed.follow(line)
        with served(repository):
            until(lambda: '"error_class": "connect"' in deployed.logs(), deployed.logs)
            kept = deployed.executions()
            *backup, down, chown, restore, up = [
                line for line in commands("back-up-and-restore", "## SQLite") if "compose" in line or "chown" in line
            ]
            for line in backup:
                deployed.follow(line)
            deployed.follow(down)
            deployed.follow(chown)
            assert " restored to /var/lib/chronos-gitops" in deployed.follow(restore)
        deployed.follow(up)
        with served(repository):
            until(lambda: len(deployed.executions()) > len(kept), deployed.logs)
        assert len(kept) >= 1
        assert kept <= deployed.executions()
    finally:
        deployed.follow("docker compose down --volumes")
        containers.run("podman", "network", "rm", "--force", "compose_default")


def test_the_compose_file_to_try_brings_up_a_runner_and_its_target(containers: Containers, repository: Path) -> None:
    job = repository / "jobs/tick.yaml"
    job.write_text(JOB.format(url="http://127.0.0.1:9000/ok"))
    words = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qam", "Call the target"]
    subprocess.run(words, cwd=repository, check=True)
    environment = containers.environment | {"REPOSITORY": str(repository)}

    def compose(*words: str) -> str:
        command = [tool("podman-compose"), "-f", str(ROOT / "deploy/compose/try.yaml"), *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout + done.stderr

    containers.run("podman", "tag", IMAGE, "chronos-gitops")
    compose("up", "-d", "--no-build")
    try:
        deadline = time.monotonic() + 60
        while "POST /ok" not in (shown := compose("logs", "target")):
            assert time.monotonic() < deadline, shown + compose("logs", "chronos-gitops")
            time.sleep(1)
    finally:
        compose("down", "-v")
