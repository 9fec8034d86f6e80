"""10,000 job files, one changed: from the commit to the moment it runs: ``python bench/reload.py [files] [changes]``.

A bare repository on this machine, followed by its branch; its refs are watched. The clock starts before git writes the
commit and stops when the new JobSet is announced, so that making the commit is in it too.
"""

import statistics
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from chronos_gitops.jobs.model import JobSet
from chronos_gitops.repo.follow import Follower
from chronos_gitops.repo.source import open_source

JOB = 'name: job-{job}\nschedule: "{minute} {hour} * * *"\nenabled: true\nwebhook:\n  url: https://example.com/{tick}\n'


class Announced:
    """The newest JobSet, and waiting for a revision."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._revision: str | None = None

    def take(self, jobs: JobSet) -> None:
        with self._changed:
            self._revision = jobs.revision
            self._changed.notify_all()

    def wait(self, revision: str) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: self._revision == revision, 60):
                raise SystemExit(f"{revision} did not become active within a minute")


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def content(job: int, tick: int) -> bytes:
    return JOB.format(job=job, minute=tick % 60, hour=tick % 24, tick=tick).encode()


def commit(folder: Path, files: dict[int, bytes], *, onto: bool) -> str:
    """All files as one commit; its id. See git-fast-import(1)."""
    text = b"commit refs/heads/main\ncommitter A <a@example.com> %d +0000\ndata 6\nChange\n" % time.time()
    text += b"from refs/heads/main^0\n" if onto else b""
    text += b"".join(
        b"M 100644 inline jobs/team-%d/job-%d.yaml\ndata %d\n%s\n" % (job % 50, job, len(body), body)
        for job, body in files.items()
    )
    command = [
        "git",
        "-C",
        str(folder),
        "fast-import",
        "--quiet",
    ]
    subprocess.run(command, input=text, check=True)
    show = ["git", "-C", str(folder), "rev-parse", "refs/heads/main"]
    return subprocess.run(show, check=True, capture_output=True, text=True).stdout.strip()


def main(files: int = 10_000, changes: int = 50) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder, announced = Path(temporary, "repo.git"), Announced()
        subprocess.run(["git", "init", "--quiet", "--bare", "-b", "main", str(folder)], check=True)
        first = commit(folder, {job: content(job, job) for job in range(files)}, onto=False)
        follower = Follower(
            open_source(str(folder), data=Path(temporary, "data")),
            on_change=announced.take,
            data=Path(temporary, "data"),
            now=lambda: datetime.now(UTC),
            interval=timedelta(hours=1),
        )
        begun = time.perf_counter()
        follower.start()
        announced.wait(first)
        say(f"{files:,} files, first start {time.perf_counter() - begun:.2f} s")
        measure(folder, follower, announced, changes)
        follower.stop()


def measure(folder: Path, follower: Follower, announced: Announced, changes: int) -> None:
    whole, inside = [], []
    for tick in range(changes):
        begun = time.perf_counter()
        revision = commit(folder, {tick: content(tick, 100_000 + tick)}, onto=True)
        announced.wait(revision)
        whole.append((time.perf_counter() - begun) * 1000)
        time.sleep(0.3)  # the next change comes to a follower that is at rest
        inside.append(follower.status().reload_ms or 0.0)
    for name, found in (("commit to active", whole), ("noticed to active", inside)):
        ordered = sorted(found)
        p99 = ordered[max(0, round(len(ordered) * 0.99) - 1)]
        say(f"  {name:18} p50 {statistics.median(ordered):7.1f} ms   p99 {p99:7.1f} ms   worst {ordered[-1]:7.1f} ms")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
