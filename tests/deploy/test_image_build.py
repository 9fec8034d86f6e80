"""The image runs read-only as its user by podman, on every engine, and the unit file under a real systemd."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from deploy.conftest import IMAGE, JOB, ROOT, Containers
from harness.programs.postgres import Server
from harness.programs.temporal import TemporalServer
from harness.programs.tools import free_port

import chronos_gitops
from chronos_gitops.cli.demo.receiver import Receiver

CONFINED = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--tmpfs", "/tmp:size=64m")
ENGINES = "import temporalio, psycopg, opentelemetry.sdk; from chronos_gitops.engine.temporal import engine"

pytestmark = [pytest.mark.full, pytest.mark.timeout(1800)]


def test_the_image_has_every_engine_and_what_the_dockerfile_says(containers: Containers) -> None:
    limits = ("--rm", "--network", "none", *CONFINED)
    assert (
        containers.run("podman", "run", *limits, IMAGE, "--version") == f"chronos-gitops {chronos_gitops.__version__}"
    )
    containers.run("podman", "run", *limits, "--entrypoint", "python", IMAGE, "-c", ENGINES)
    containers.run("podman", "run", *limits, "--entrypoint", "touch", IMAGE, "/opt/x", expected=1)
    user = containers.run("podman", "run", *limits, "--entrypoint", "id", IMAGE)
    assert user.startswith("uid=10001(chronos) gid=10001(chronos)")
    shown = containers.run("podman", "inspect", IMAGE, "--format", "{{.Config.StopSignal}} {{.Config.Labels}}")
    assert shown.startswith("SIGTERM ")
    assert "org.opencontainers.image.title:chronos-gitops" in shown


def test_a_runner_in_the_image_follows_a_repository_is_healthy_and_drains(
    containers: Containers, repository: Path, receiver: Receiver
) -> None:
    """On the host's network and port 8080, which its health check asks."""
    mounts = ("-v", f"{repository}:/srv/jobs:ro", "-v", "state:/var/lib/chronos-gitops")
    name = containers.run("podman", "run", "-d", "--network", "host", *CONFINED, *mounts, IMAGE, "run", "/srv/jobs",
                          "--branch", "main")  # fmt: skip
    try:
        assert receiver.wait_for(3, 60), containers.run("podman", "logs", name)
        containers.run("podman", "healthcheck", "run", name)
        containers.run("podman", "stop", "-t", "30", name)
        assert containers.run("podman", "inspect", name, "--format", "{{.State.ExitCode}}") == "0"
    finally:
        containers.run("podman", "rm", "-f", "-t", "1", name)
    receiver.clear()
    again = containers.run("podman", "run", "-d", "--network", "host", *CONFINED, *mounts, IMAGE, "run", "/srv/jobs",
                           "--branch", "main")  # fmt: skip
    try:
        assert receiver.wait_for(1, 60), "its volume keeps the state, and the next runner goes on"
    finally:
        containers.run("podman", "rm", "-f", "-t", "30", again)


@contextmanager
def engine_address(engine: str, folder: Path) -> Iterator[str]:
    """A real server of the engine on the host's loopback."""
    if engine == "postgresql":
        server = Server()
        try:
            yield server.url()
        finally:
            server.close()
    else:
        with TemporalServer(folder) as temporal:
            yield f"temporal://127.0.0.1:{temporal.port}/default"


@pytest.mark.parametrize("engine", ["postgresql", "temporal"])
def test_a_runner_in_the_image_works_on_a_server_of_each_engine(
    engine: str, containers: Containers, repository: Path, receiver: Receiver, tmp_path: Path
) -> None:
    """Read-only and as the user of the image; two runners, one after the other, share the server and nothing else."""
    with engine_address(engine, tmp_path) as address:
        earlier: set[str] = set()
        for data in ("first", "second"):
            listen = f"127.0.0.1:{free_port()}"
            mounts = ("-v", f"{repository}:/srv/jobs:ro", "-v", f"{engine}-{data}:/var/lib/chronos-gitops")
            settings = ("-e", f"CHRONOS_ENGINE={address}", "-e", f"CHRONOS_LISTEN={listen}")
            name = containers.run("podman", "run", "-d", "--network", "host", *CONFINED, *mounts, *settings, IMAGE,
                                  "run", "/srv/jobs", "--branch", "main")  # fmt: skip
            try:
                wanted = len(receiver.requests) + 3
                assert receiver.wait_for(wanted, 120), containers.run("podman", "logs", name)
                assert containers.run("podman", "exec", name, "id", "-u") == "10001"
                words = ("executions", "--limit", "1000", "--format", "json", "--server", f"http://{listen}")
                found = json.loads(containers.run("podman", "exec", name, "chronos-gitops", *words))["items"]
                succeeded = {one["id"] for one in found if one["status"] == "success"}
                assert earlier <= succeeded, "the second runner knows the executions of the first"
                assert len(succeeded) >= 2
                containers.run("podman", "stop", "-t", "30", name)
                assert containers.run("podman", "inspect", name, "--format", "{{.State.ExitCode}}") == "0"
                earlier = succeeded
            finally:
                containers.run("podman", "rm", "-f", "-t", "1", name)
        keys = [one.header("Idempotency-Key") for one in receiver.requests]
        assert len(keys) == len(set(keys)), "no scheduled time was sent twice"


UNIT = ROOT / "deploy/systemd/chronos-gitops.service"
BOOTED = """\
#!/bin/sh
for second in $(seq 60); do
    systemctl is-active --quiet chronos-gitops && curl -s http://127.0.0.1:8080/readyz && break
    sleep 1
done > /ready
sleep 5
systemctl show chronos-gitops -p ActiveState,StatusText,NRestarts > /running
systemctl stop chronos-gitops
systemctl show chronos-gitops -p ActiveState,Result,ExecMainStatus > /stopped
systemctl poweroff
"""


def test_the_unit_starts_and_stops_under_a_real_systemd(
    containers: Containers, repository: Path, receiver: Receiver, tmp_path: Path
) -> None:
    """The root of the image with systemd added, booted by systemd-nspawn, on the host's network. The secret of
    the job is a credential, as docs/how-to/deploy.md says."""
    page = (ROOT / "docs/how-to/deploy.md").read_text("utf-8")
    (drop_in,) = re.findall(r"^```ini\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    with_secret = JOB.replace("method:", 'headers: {{X-Key: "${{secret:backup-token}}"}}, method:')
    (repository / "jobs/tick.yaml").write_text(with_secret.format(url=receiver.url()))
    words = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qam", "Send a secret"]
    subprocess.run(words, cwd=repository, check=True)
    folder = tmp_path / "root"
    name = containers.run("buildah", "from", IMAGE)
    script = "apt-get update -qq && apt-get install -y -qq --no-install-recommends systemd systemd-sysv dbus curl"
    shell = ("--user", "0", "--network", "host", "-v", "/etc/resolv.conf:/etc/resolv.conf:ro", name)
    containers.run("buildah", "run", *shell, "sh", "-c", f"DEBIAN_FRONTEND=noninteractive; {script} >/dev/null")
    containers.run("cp", "-a", containers.run("buildah", "mount", name), folder)
    containers.run("buildah", "rm", name)
    units = folder / "etc/systemd/system"
    (folder / "opt/chronos-gitops").symlink_to("/opt/chronos")
    (folder / "etc/chronos-gitops/secrets").mkdir(parents=True)
    (folder / "etc/chronos-gitops/secrets/backup-token").write_text("hunter2-hunter2")
    (folder / "etc/chronos-gitops/secrets/backup-token").chmod(0o600)
    (units / f"{UNIT.name}.d").mkdir()
    (units / f"{UNIT.name}.d/secrets.conf").write_text(drop_in)
    (folder / "etc/chronos-gitops/chronos.toml").write_text('repo = "/srv/jobs"\nbranch = "main"\n')
    (folder / "booted.sh").write_text(BOOTED)
    (folder / "booted.sh").chmod(0o755)
    (units / UNIT.name).write_text(UNIT.read_text())
    (units / "booted.service").write_text("[Service]\nExecStart=/booted.sh\n")
    (units / "multi-user.target.wants").mkdir(exist_ok=True)
    for unit in (UNIT.name, "booted.service"):
        (units / "multi-user.target.wants" / unit).symlink_to(f"../{unit}")
    containers.run("cp", "-a", repository, folder / "srv/jobs")
    containers.run("systemd-nspawn", "-D", folder, "--boot", "--register=no", "--keep-unit", seconds=180)
    assert (folder / "ready").read_text() == "ok\n"
    running, stopped = ((folder / one).read_text() for one in ("running", "stopped"))
    assert "ActiveState=active\n" in running
    assert "NRestarts=0\n" in running
    assert "StatusText=chronos-gitops is ready on " in running
    assert set(stopped.split()) == {"ActiveState=inactive", "Result=success", "ExecMainStatus=0"}
    assert len(receiver.requests) >= 3
    assert {one.header("X-Key") for one in receiver.requests} == {"hunter2-hunter2"}
