"""The tutorial is true: its commands, run in order in one shell, print what it says."""

import doctest
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from time import monotonic
from types import TracebackType
from typing import NamedTuple, Self

import pytest

TUTORIAL = Path(__file__).parents[3] / "docs/tutorial.md"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# (\S+)\n")
_LOOKS = ("chronos-gitops status", "chronos-gitops jobs", "chronos-gitops executions", "tail ")
"""Commands that a reader repeats until the runner has seen the change."""


class Step(NamedTuple):
    command: str
    expected: str


def steps(text: str) -> Iterator[Step]:
    """The commands in order; a file that the reader saves is a command, too."""
    for language, block in _BLOCK.findall(text):
        if language == "yaml":
            named = _FILE.match(block)
            assert named, "a file of the tutorial names its path in its first line"
            yield Step(f"cat > {named[1]} <<'END'\n{block}END", "")
        else:
            for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                yield Step(*part.split("\n", 1))


def agrees(found: str, expected: str) -> bool:
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    return doctest.OutputChecker().check_output(expected, found, flags)


class Shell:
    """One bash that runs command after command; leaving the block ends what it started."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=environ,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.run("kill $(jobs -p) 2>/dev/null; wait")
        assert self._bash.stdin
        assert self._bash.stdout
        self._bash.stdin.close()
        self._bash.wait(20)
        self._bash.stdout.close()

    def run(self, command: str) -> str:
        assert self._bash.stdin
        assert self._bash.stdout
        self._bash.stdin.write(f"{command}\necho '<end>'\n")
        self._bash.stdin.flush()
        lines: list[str] = []
        for line in self._bash.stdout:
            if line.endswith("<end>\n"):
                return "".join([*lines, line.removesuffix("<end>\n")])
            lines.append(line)
        raise AssertionError(f"the shell ended in: {command}\n{''.join(lines)}")


def answer(shell: Shell, step: Step) -> str:
    """The output of the command; a reading command is repeated for 20 s until it is as the tutorial says."""
    found = shell.run(step.command)
    deadline = monotonic() + 20
    while step.command.startswith(_LOOKS) and not agrees(found, step.expected) and monotonic() < deadline:
        Event().wait(0.1)
        found = shell.run(step.command)
    return found


def free_ports() -> tuple[int, int]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return one.getsockname()[1], other.getsockname()[1]


@pytest.mark.timeout(110)
def test_each_command_prints_what_the_tutorial_says(tmp_path: Path) -> None:
    """Takes some seconds: a real runner, a real receiver and real ticks."""
    port, receiver = free_ports()
    runner = f"127.0.0.1:{port}"
    text = TUTORIAL.read_text().replace("9000", str(receiver)).replace("127.0.0.1:8080", runner)
    environ = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "CHRONOS_LISTEN": runner,
        "CHRONOS_SERVER": f"http://{runner}",
        "CHRONOS_DATA": str(tmp_path / "state"),
        "no_proxy": "*",
    }
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"):
        environ.pop(name, None)
    found_steps = list(steps(text))
    assert len(found_steps) >= 20
    with Shell(tmp_path, environ) as shell:
        for step in found_steps:
            found = answer(shell, step)
            log = tmp_path / "runner.log"
            told = f"$ {step.command}\n{found}\n--- the tutorial says\n{step.expected}"
            assert agrees(found, step.expected), told + (log.read_text() if log.exists() else "")
