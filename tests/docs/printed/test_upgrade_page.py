"""docs/how-to/upgrade.md: its commands upgrade a runner, bring its state back, and look at a new time zone database.

systemd, pip and root are scripts. Installing changes nothing, so both releases are this program; the runner is real.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from docs.printed.page_commands import printed_commands, ran
from harness.programs.tools import free_port
from harness.repositories.repository import Repository
from harness.repositories.zone_data import wheel

from chronos_gitops import __version__

PIP = """\
echo "$@" >> "$ROOT/pip.log"
if [ "$1" = download ]; then mkdir -p "$4" && cp "$ROOT/tzdata-2099.1-py2.py3-none-any.whl" "$4"; fi
"""
STUBS = {
    "sudo": 'exec "$@"\n',
    "pip": PIP,
    "python3": 'mkdir -p "$3/bin" && ln -s "$PROGRAM" "$ROOT/programs/pip" "$3/bin/"\n',
    "systemctl": """\
echo "$@" >> "$ROOT/systemctl.log"
case $1 in stop | restart) kill "$(cat "$ROOT/pid")" && tail --pid="$(cat "$ROOT/pid")" -f /dev/null ;; esac
case $1 in
start | restart)
    "$PROGRAM" run --config "$ROOT/etc/chronos-gitops/chronos.toml" --data "$ROOT/var/lib/chronos-gitops" \\
        >> "$ROOT/runner.log" 2>&1 &
    echo $! > "$ROOT/pid"
    curl --fail --silent --retry 60 --retry-connrefused --retry-delay 1 "$CHRONOS_SERVER/readyz" ;;
esac
""",
}


@dataclass
class Machine:
    """``root`` is / of the page's paths."""

    root: Path
    port: int
    checkout: Path

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        for folder in ("/opt/", "/etc/", "/var/"):
            line = line.replace(f" {folder}", f" {self.root}{folder}")
        return ran(
            line.replace("127.0.0.1:8080", f"127.0.0.1:{self.port}"),
            self.checkout,
            STUBS,
            ROOT=str(self.root),
            PROGRAM=str(Path(sys.executable).with_name("chronos-gitops")),
            CHRONOS_SERVER=f"http://127.0.0.1:{self.port}",
            OLDER="0.1.9",
            no_proxy="*",
        )

    def well(self, line: str) -> str:
        done = self.run(line)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout

    def state(self) -> str:
        (job,) = json.loads(self.well("chronos-gitops jobs --format json"))["items"]
        return str(job["state"])


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """With a runner that works, as docs/how-to/deploy.md leaves it."""
    found = Machine(tmp_path, free_port(), tmp_path / "checkout")
    repository = Repository.init(found.checkout)
    repository.write_job("nightly-backup")
    repository.commit("A job")
    private = tmp_path / "var/lib/private/chronos-gitops"
    for folder in (private, tmp_path / "etc/chronos-gitops", tmp_path / "opt/chronos-gitops/bin"):
        folder.mkdir(parents=True)
    (tmp_path / "var/lib/chronos-gitops").symlink_to(private)
    (tmp_path / "etc/chronos-gitops/chronos.toml").write_text(
        f'repo = "{found.checkout}"\nfollow = "branch"\nlisten = "127.0.0.1:{found.port}"\n'
    )
    for name, target in (("pip", tmp_path / "programs/pip"), ("chronos-gitops", Path(sys.executable).parent)):
        program = target / name if target.is_dir() else target
        (tmp_path / "opt/chronos-gitops/bin" / name).symlink_to(program)
    wheel(tmp_path / "tzdata-2099.1-py2.py3-none-any.whl", {})
    found.well("systemctl start chronos-gitops")
    yield found
    found.well("systemctl stop chronos-gitops")


@pytest.mark.timeout(400)
def test_commands_upgrade_a_runner_and_bring_its_state_back(machine: Machine) -> None:
    """Takes some seconds: a runner starts four times."""
    machine.well('chronos-gitops pause nightly-backup --reason "before the upgrade"')
    commands = [one.line for one in printed_commands("upgrade")]
    assert len(commands) == 19
    for line in commands:
        machine.well(line)
        if line.startswith("chronos-gitops status"):
            assert machine.state() == "paused"
            machine.well("chronos-gitops resume nightly-backup")
            assert machine.state() == "enabled"
    assert machine.state() == "paused"
    done = (machine.root / "systemctl.log").read_text().splitlines()[1:]
    assert [line.split()[0] for line in done] == ["stop", "start", "stop", "start", "restart"]
    installed = (machine.root / "pip.log").read_text().splitlines()
    assert [line for line in installed if "==" in line] == [
        *[f"install chronos-gitops=={__version__}"] * 2,
        "install chronos-gitops==0.1.9",
    ]
