"""A runner under load for a while, with commits, rollbacks and API reads: what grows does not stay.

    python bench/soak.py [--size smallest|quick|full] [--minutes N] [--rate N] [--json FILE]

``--rate`` webhooks a second; every 5 s a commit changes a job, every third time a rollback takes it back, and lists,
jobs and executions are read all the time. Memory, file descriptors and lateness are told for each tenth of the time.
"""

import http.client
import json
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from figures import Figures, options, p99
from receiver import Receiver, receiver
from runner import Runner, commit, job, repository, run

SIZES = {"smallest": (5, 0.05), "quick": (200, 0.5), "full": (200, 20.0)}
PARTS = 10
WARM_UP_S = 300
BETWEEN_S = 5.0
OURS = "chronos-gitops"


class Traffic:
    """Commits, rollbacks and reads, in a thread of their own, until ``stop``."""

    def __init__(self, folder: Path, runner: Runner, url: str) -> None:
        self._folder, self._runner, self._url = folder, runner, url
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self.commits = self.rollbacks = self.reads = 0
        self.failed: list[str] = []

    def __enter__(self) -> "Traffic":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _work(self) -> None:
        due = time.monotonic()
        while not self._stopping.wait(0.05):
            if time.monotonic() >= due:
                due += BETWEEN_S
                self._tried(self._change)
            self._tried(self._read)

    def _tried(self, step: Callable[[], None]) -> None:
        try:
            step()
        except urllib.error.HTTPError as error:
            self._told(step, f"{error.code} {error.url} {error.read(2000).decode(errors='replace')}")
        except (OSError, http.client.HTTPException, subprocess.CalledProcessError) as error:
            self._told(step, repr(error))

    def _told(self, step: Callable[[], None], what: str) -> None:
        self.failed.append(f"{step.__name__.strip('_')}: {what}")
        sys.stderr.write(f"{datetime.now(UTC).isoformat(timespec='seconds')} {self.failed[-1]}\n")

    def _change(self) -> None:
        if self.commits and self.commits % 3 == 0 and self.rollbacks < self.commits / 3:
            call = urllib.request.Request(f"{self._runner.url}/api/v1/jobs/edited-0/rollback/1", method="POST")
            with urllib.request.urlopen(call, timeout=30):
                self.rollbacks += 1
            return
        self.commits += 1
        commit(self._folder, [("edited-0", job("edited-0", f"{self.commits % 60} 3 * * *", self._url))], onto=True)

    def _read(self) -> None:
        for path in ("/api/v1/jobs?limit=100", "/api/v1/jobs/job-0", "/api/v1/executions?limit=50", "/metrics"):
            self._runner.get(path)
            self.reads += 1


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--rate", type=int, help="webhooks a second")
    given = parser.parse_args()
    rate, minutes = SIZES[given.size]
    rate = given.rate or rate
    figures = Figures("soak")
    files = [("edited-0", job("edited-0", "0 3 * * *", "http://127.0.0.1:9/"))]
    with receiver() as arrivals, tempfile.TemporaryDirectory() as data:
        files += [(f"job-{n}", job(f"job-{n}", "* * * * * *", arrivals.url + "/jitter", "1s")) for n in range(rate)]
        with repository(files) as folder, run(folder, Path(data)) as runner:
            with Traffic(folder, runner, "http://127.0.0.1:9/") as traffic:
                soak(figures, runner, arrivals, (given.minutes or minutes) * 60)
            state = json.loads(runner.get("/api/v1/sync"))["state"]
    done = f"{traffic.commits} commits, {traffic.rollbacks} rollbacks, {traffic.reads:,} reads, sync {state}"
    why = f"; first: {traffic.failed[0][:200]}" if traffic.failed else ""
    figures.add("calls that failed", OURS, len(traffic.failed), "", done + why)
    figures.save(given.json)


def soak(figures: Figures, runner: Runner, arrivals: Receiver, seconds: float) -> None:
    time.sleep(min(5.0, seconds))
    arrivals.report()
    settled: list[float] = []
    for part in range(1, PARTS + 1):
        time.sleep(seconds / PARTS)
        late = arrivals.report()["late"]
        at = f"after {part * seconds / PARTS / 60:.3g} min"
        note = f"{len(late) / (seconds / PARTS):.0f} requests a second, {runner.descriptors()} file descriptors"
        memory = runner.memory()
        if part * seconds / PARTS >= WARM_UP_S:
            settled.append(memory)
        figures.add(f"{at}, memory", OURS, memory, "MB", note)
        figures.add(f"{at}, lateness p99", OURS, p99(late) if late else 0.0, "ms")
    if len(settled) > 1:
        figures.add("growth of memory after minute 5", OURS, settled[-1] - settled[0], "MB")


if __name__ == "__main__":
    main()
