"""Two runners of one engine, engine by engine: ``python bench/fleets.py [--engines sqlite] [--smallest]``.

The runners are the installed program, each following the same local bare repository; the embedded engine has one. The
receiver is this process, on the same machine, and so is the server of the engine. What is told:

* forbid, replace: the most requests of one job that were open at once, while ticks and triggers of all runners race;
* cancel: from the call at one runner until the receiver sees that the other one's connection is closed;
* push: from ``git push`` until every runner says that it has applied the commit.
"""

import argparse
import contextlib
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from engines import KINDS

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))  # the receiver, the runners and the repository of the tests

import yaml  # noqa: E402
from harness.engine_harness import eventually  # noqa: E402
from harness.processes.replicas import Sink  # noqa: E402
from harness.processes.subprocess_runner import Runner  # noqa: E402
from harness.repositories.repository import Repository  # noqa: E402

JOBS: dict[str, dict[str, Any]] = {
    "forbid": {"concurrency": "forbid", "path": "/0.7"},
    "replace": {"concurrency": "replace", "path": "/30"},
    "held": {"concurrency": "allow", "path": "/hold"},
}


@dataclass(frozen=True, slots=True)
class Size:
    """The amount of work: seconds of a race, cancellations, pushes."""

    race_s: float
    cancels: int
    pushes: int


FULL = Size(race_s=20, cancels=20, pushes=20)
SMALLEST = Size(race_s=3, cancels=2, pushes=2)


class Fleet:
    """A repository, what follows it, and a receiver that measures."""

    def __init__(self, engine: str, closing: contextlib.ExitStack) -> None:
        folder = Path(closing.enter_context(tempfile.TemporaryDirectory()))
        address = closing.enter_context(KINDS[engine].open(folder))
        self._random = Random(7)
        self.sink = Sink()
        closing.enter_context(self.sink.server)
        self._checkout = Repository.init(folder / "checkout")
        for name in JOBS:
            self._write(name)
        self._checkout.commit("Jobs")
        bare = str(self._checkout.bare(folder / "bare.git").root)
        count = min(2, KINDS[engine].workers[-1])
        environ = {"CHRONOS_ENGINE": address} if count > 1 else {}
        self.runners = [Runner(bare, data=folder / f"data-{number}", environ=environ) for number in range(count)]
        for runner in self.runners:
            closing.enter_context(runner)
            closing.callback(runner.kill)  # what is under way is held on purpose, and would be waited for

    def _write(self, job: str, **fields: Any) -> None:
        given = dict(JOBS[job])
        webhook = {"url": self.sink.url(given.pop("path")), "timeout": "2m"}
        document = {"name": job, "schedule": "@yearly", "enabled": True, "webhook": webhook, **given, **fields}
        self._checkout.write(f"jobs/{job}.yaml", yaml.safe_dump(document))

    def push(self, job: str, **fields: Any) -> float:
        """Seconds until every runner has applied it."""
        self._write(job, **fields)
        head = self._checkout.commit(f"{job} changes")
        began = time.monotonic()
        self._checkout.push("main")
        with ThreadPoolExecutor() as pool:
            return max(pool.map(lambda runner: _applied(runner, head) - began, self.runners))

    def post(self, runner: int, path: str) -> Any:
        answer = self.runners[runner % len(self.runners)].client.post(path)
        if answer.status_code not in (200, 202):
            raise SystemExit(f"{path}: {answer.text}")
        return answer.json()

    def race(self, job: str, seconds: float) -> int:
        """The most that were open at once while it is due every second and all runners trigger it."""
        self.push(job, schedule="* * * * * *")
        stop = threading.Event()

        def trigger(runner: int) -> None:
            while not stop.wait(0.2):
                self.post(runner, f"/jobs/{job}/trigger")

        threads = [threading.Thread(target=trigger, args=[number]) for number in range(len(self.runners))]
        for thread in threads:
            thread.start()
        stop.wait(seconds)
        stop.set()
        for thread in threads:
            thread.join()
        self.push(job, enabled=False)
        return self.sink.most_at_once(job)

    def cancel(self, number: int) -> float:
        """Seconds until the receiver sees it; triggered at one runner and cancelled at the next."""
        running = self.post(number, "/jobs/held/trigger")["id"]
        visit = eventually(lambda: next((one for one in self.sink.visits if one.execution == running), None))
        threading.Event().wait(self._random.random())  # at any moment, for a runner on Temporal hears once a second
        asked = time.monotonic()
        self.post(number + 1, f"/executions/{running}/cancel")
        return eventually(lambda: visit.until) - asked


def _applied(runner: Runner, head: str) -> float:
    """When it said so, looked at every 5 ms."""
    deadline, pause = time.monotonic() + 60, threading.Event()
    while runner.get("/sync")["revision"]["applied"] != head:
        if time.monotonic() > deadline:
            raise SystemExit(f"{head} is not applied after a minute")
        pause.wait(0.005)
    return time.monotonic()


def spread(seconds: Sequence[float]) -> str:
    late = sorted(seconds)
    p50, p99 = statistics.median(late), late[min(len(late) - 1, int(len(late) * 0.99))]
    return f"p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms (n={len(late)})"


def measure(engine: str, size: Size) -> None:
    with contextlib.ExitStack() as closing:
        fleet = Fleet(engine, closing)
        runners = f"{len(fleet.runners)} runner{'s' * (len(fleet.runners) > 1)}"
        figures: dict[str, Callable[[], str]] = {
            f"git push until active, {runners}": lambda: spread(
                [fleet.push("held", description=f"change {number}") for number in range(size.pushes)]
            ),
            "cancel until the receiver sees it": lambda: spread(
                [fleet.cancel(number) for number in range(size.cancels)]
            ),
            "forbid, most at once": lambda: counted(fleet, "forbid", size.race_s),
            "replace, most at once": lambda: counted(fleet, "replace", size.race_s),
        }
        for what, figure in figures.items():
            sys.stdout.write(f"{engine:<10} {what:<40} {figure()}\n")
            sys.stdout.flush()


def counted(fleet: Fleet, job: str, seconds: float) -> str:
    most = fleet.race(job, seconds)
    return f"{most} ({len(fleet.sink.of(job))} requests)"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--engines", default=",".join(KINDS))
    parser.add_argument("--smallest", action="store_true", help="only to see that it works")
    given = parser.parse_args()
    names = given.engines.split(",")
    if unknown := [name for name in names if name not in KINDS]:
        parser.error(f"there is no engine {unknown[0]}; there are {', '.join(KINDS)}")
    for name in names:
        measure(name, SMALLEST if given.smallest else FULL)


if __name__ == "__main__":
    main()
