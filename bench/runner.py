"""A whole runner as users start it: a real repository, `chronos-gitops run`, a data folder of its own."""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

JOB = """\
name: {name}
schedule: '{schedule}'
enabled: true
concurrency: allow
jitter: {jitter}
webhook:
  url: {url}
"""
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Runner:
    process: Any
    url: str
    ready_after: float
    """Seconds from the start of the process to the line that says it is ready."""

    def memory(self) -> float:
        """Resident, in MB; see proc(5)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1000

    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def switches(self) -> int:
        """The number of times its threads went to sleep until now."""
        texts = [(task / "status").read_text() for task in Path(f"/proc/{self.process.pid}/task").iterdir()]
        return sum(int(text.partition("\nvoluntary_ctxt_switches:")[2].split()[0]) for text in texts)

    def processor_seconds(self) -> float:
        return processor_seconds(self.process.pid)

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            content: bytes = answer.read()
            return content


def processor_seconds(pid: int) -> float:
    """Of the process and its children that have ended, git for one."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS


def job(name: str, schedule: str, url: str, jitter: str = "0s") -> str:
    return JOB.format(name=name, schedule=schedule, url=url, jitter=jitter)


def commit(folder: Path, files: Iterable[tuple[str, str]], *, onto: bool = False) -> str:
    """Names, like job-7, and texts of files as one commit on main; its id."""
    return commit_paths(folder, map(_placed, files), onto=onto)


def commit_paths(folder: Path, files: Iterable[tuple[str, str]], *, onto: bool = False) -> str:
    """The same with paths below the jobs folder."""
    return _imported(folder, _commit(files, b"from refs/heads/main^0\n" if onto else b""))


def commits(folder: Path, files: Iterable[tuple[str, str]]) -> str:
    """The same, each as a commit of its own, one after the other on top of main; the id of the last one."""
    onto = b"from refs/heads/main^0\n"
    each = (_commit([_placed(file)], b"" if number else onto) for number, file in enumerate(files))
    return _imported(folder, b"".join(each))


def _placed(file: tuple[str, str]) -> tuple[str, str]:
    name, content = file
    return f"team-{int(name.rpartition('-')[2]) % 50}/{name}.yaml", content


def _commit(files: Iterable[tuple[str, str]], onto: bytes) -> bytes:
    """See git-fast-import(1)."""
    text = b"commit refs/heads/main\ncommitter A <a@example.com> %d +0000\ndata 6\nChange\n" % time.time() + onto
    parts = []
    for path, content in files:
        body = content.encode()
        parts.append(b"M 100644 inline jobs/%s\ndata %d\n%s\n" % (path.encode(), len(body), body))
    return text + b"".join(parts)


def _imported(folder: Path, text: bytes) -> str:
    subprocess.run(["git", "-C", str(folder), "fast-import", "--quiet"], input=text, check=True)
    show = ["git", "-C", str(folder), "rev-parse", "refs/heads/main"]
    return subprocess.run(show, check=True, capture_output=True, text=True).stdout.strip()


@contextlib.contextmanager
def repository(files: Iterable[tuple[str, str]]) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "jobs.git")
        subprocess.run(["git", "init", "--quiet", "--bare", "-b", "main", str(folder)], check=True)
        commit(folder, files)
        yield folder


@contextlib.contextmanager
def run(folder: Path, data: Path, **environment: str) -> Iterator[Runner]:
    command = [sys.executable, "-m", "chronos_gitops", "run", str(folder), "--data", str(data)]
    begun = time.monotonic()
    process = subprocess.Popen(
        [*command, "--listen", "127.0.0.1:0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **environment},
    )
    try:
        line = process.stdout.readline() if process.stdout else ""
        if " ready on " not in line:
            raise SystemExit(f"the runner did not start: {line}")
        yield Runner(process, line.split(" ready on ")[1].split(" ")[0], time.monotonic() - begun)
    finally:
        process.terminate()
        process.communicate(timeout=60)
