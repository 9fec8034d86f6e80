"""A machine that is not as it should be: every command says so in one sentence, and never calls it a bug of ours."""

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from harness.repositories.repository import Repository

from chronos_gitops.cli import main
from chronos_gitops.exit_codes import ExitCode

PROGRAM = f"exec {sys.executable} -m chronos_gitops"
COMMANDS: Mapping[str, str] = {
    "init": "init fresh",
    "validate": "validate",
    "next": "next one",
    "explain": "explain",
    "import": "import crontab tab",
    "schema": "schema",
    "plan": "plan",
    "history": "history one",
    "show": "show one 1",
    "rollback": "rollback one 1",
    "undo": "undo 1234",
    "run": "run nowhere",
    "token": "token create ci --role read",
    "notify": "notify test",
    "demo": "demo --duration 1s",
    "secrets": "secrets",
    "layers": "layers extract nowhere --dry-run",
    "replay": "replay --status one --server 127.0.0.1:1",
    "identity": "identity documents --out public",
    "sessions": "sessions list --server 127.0.0.1:1",
    "status": "status --server 127.0.0.1:1",
    "jobs": "jobs --server 127.0.0.1:1",
    "executions": "executions --server 127.0.0.1:1",
    "trigger": "trigger one --server 127.0.0.1:1",
    "cancel": "cancel one --server 127.0.0.1:1",
    "pause": "pause one --reason x --server 127.0.0.1:1",
    "resume": "resume one --server 127.0.0.1:1",
    "preflight": "preflight one --server 127.0.0.1:1",
    "logs": "logs one --server 127.0.0.1:1",
    "sync": "sync --server 127.0.0.1:1",
    "approve": "approve --server 127.0.0.1:1",
    "events": "events --server 127.0.0.1:1",
    "backup": "backup --to backup.tar",
    "restore": "restore --from nowhere",
    "config": "config check",
    "completion": "completion bash",
    "mcp": "mcp --server 127.0.0.1:1",
    "doctor": "doctor",
    "help": "help next",
}
SPEAKS = ("help", "validate", "next", "explain", "schema", "plan", "history", "show")
NEEDS_GIT = ("plan", "history", "show", "rollback", "undo")
FAULTS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    # what the shell does before or after the command, and the commands that must end with 2
    "no git": ("PATH=/nonexistent; {}", NEEDS_GIT),
    "closed stdout": ("{} >&-", SPEAKS),
    "closed stdout and stderr": ("{} >&- 2>&-", SPEAKS),
    "full output": ("{} >/dev/full", SPEAKS),
    "closed stdin": ("{} <&-", ()),
    "deleted folder": (
        "mkdir gone && cd gone && rmdir ../gone; {}",
        ("plan", "history", "show", "rollback", "validate"),
    ),
    "missing object directory": ("export GIT_OBJECT_DIRECTORY=/nonexistent; {}", NEEDS_GIT),
}


def test_the_table_names_every_command() -> None:
    assert set(COMMANDS) == {name for section in main.COMMANDS.values() for name in section}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    repository = Repository.init(tmp_path / "checkout")
    repository.write_job("one")
    repository.write("tab", "0 2 * * * curl https://hooks.example.com/x\n")
    repository.commit()
    return repository.root


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_machine_is_one_sentence(checkout: Path, tmp_path: Path, fault: str) -> None:
    """Each command is a process of its own; four at a time."""
    words, must_refuse = FAULTS[fault]

    def ended(name: str) -> subprocess.CompletedProcess[str]:
        folder = Path(shutil.copytree(checkout, tmp_path / name))
        script = words.format(f"{PROGRAM} {COMMANDS[name]}")
        return subprocess.run(
            ["/bin/sh", "-c", script],
            cwd=folder,
            env={**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    with ThreadPoolExecutor(4) as pool:
        done = dict(zip(COMMANDS, pool.map(ended, COMMANDS), strict=True))
    for name, process in done.items():
        said = process.stdout + process.stderr
        assert "this is a bug" not in said, f"{name}: {said}"
        assert "Traceback" not in said, f"{name}: {said}"
        assert "Exception ignored" not in said, f"{name}: {said}"
        assert process.returncode in (0, 1, 2, 3), f"{name}: {process.returncode} {said}"
        if name in must_refuse:
            assert process.returncode == ExitCode.USAGE, f"{name}: {said}"
        is_said_otherwise = (name, process.returncode) in (("secrets", 3), ("doctor", 1))  # no secret used; findings
        is_fault = process.returncode and not is_said_otherwise
        if is_fault and "2>&-" not in words:
            assert said.count("error: ") == 1, f"{name}: {said}"


def test_a_pre_receive_hook_sees_the_commits_that_are_pushed(checkout: Path, tmp_path: Path) -> None:
    """They are in quarantine until the hook agrees (git-receive-pack(1))."""
    repository = Repository(checkout)
    server = repository.bare(tmp_path / "server.git")
    server.hook(
        "pre-receive", f"read old new ref\n{PROGRAM.removeprefix('exec ')} plan $old $new >{tmp_path}/plan 2>&1"
    )
    repository.write_job("two")
    repository.commit()
    repository.push()
    assert "two" in (tmp_path / "plan").read_text()


def test_exit_codes_stand_in_one_module() -> None:
    folder = Path(main.__file__).parent
    for path in (*folder.rglob("*.py"), folder.parent / "errors.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name in ("command", "main"):
                returned = [one.value for one in ast.walk(node) if isinstance(one, ast.Return)]
                numbers = [one for one in returned if isinstance(one, ast.Constant) and one.value]
                assert not numbers, f"{path.name}: {node.name} returns a number"
