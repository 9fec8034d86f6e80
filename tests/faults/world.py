"""All that a fault programme breaks: a git server, a receiver, runners on small disks, and the engine they share."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from time import monotonic
from typing import Protocol, Self

import yaml
from faults.evidence import Request, Row, Violation, Window, WrongClock
from faults.supervised_runner import SupervisedRunner
from harness.machine.small_disk import SmallDisk
from harness.programs.faketime import SteppedClock
from harness.programs.git_http_server import HttpGit
from harness.repositories.repository import Repository

from chronos_gitops.cli.demo.receiver import Receiver

JOBS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "allowed": ("/ok", {"concurrency": "allow", "missed_run_policy": "execute_all"}),
    "forbidden": ("/slow/0.1", {"concurrency": "forbid", "missed_run_policy": "execute_all"}),
    "replaced": ("/slow/1.5", {"concurrency": "replace", "missed_run_policy": "execute_one"}),
    "current": ("/slow/0.2", {"concurrency": "forbid", "missed_run_policy": "ignore"}),
    "retried": ("/flaky/1", {"concurrency": "allow", "missed_run_policy": "execute_one"}),
    "spread": ("/ok", {"concurrency": "allow", "missed_run_policy": "execute_all", "jitter": "1s"}),
}
"""Path at the receiver, and fields: each concurrency and each policy for what was missed."""
PERIOD_MS = 1000
_DISK = "64m"
_PAUSE_S = 0.1


class Engine(Protocol):
    """Where executions are recorded; one for each kind of ``--engine``."""

    name: str
    runners: int
    """The number of runners that share it."""

    def environ(self, number: int) -> Mapping[str, str]:
        """The environment of a runner, with CHRONOS_ENGINE."""

    def rows(self, world: "World") -> list[Row]:
        """Everything that is recorded, also in ledgers that were replaced."""

    def archive(self, world: "World", data: Path) -> None:
        """The data folder was moved to ``data``, and no runner will have it again."""

    def faults(self) -> Mapping[str, "Fault"]:
        """Faults that only this engine can have."""

    def files(self) -> Sequence[Path]:
        """Further evidence of a run that broke a rule."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


Fault = Callable[["World", Random], None]
"""Does harm, and takes it back before it returns."""


class World:
    """``with World(folder, engine) as world``: all of it runs inside, and has ended afterwards."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        self.folder = folder
        self.engine = engine
        self.violations: list[Violation] = []
        self.wrong_clocks: list[WrongClock] = []
        self.lost_ledgers: list[Window] = []
        self.runners: list[SupervisedRunner] = []
        self._open = ExitStack()
        self._commits = 0

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            self._begin(opened)
            self._open = opened.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def _begin(self, opened: ExitStack) -> None:
        self.receiver = opened.enter_context(Receiver())
        self.checkout = Repository.init(self.folder / "checkout")
        self._write_jobs(is_enabled=True)
        self.head = self.checkout.commit("Jobs")
        bare = self.checkout.bare(self.folder / "server" / "jobs.git")
        self.git_server = opened.enter_context(HttpGit(bare.root.parent))
        numbers = range(self.engine.runners)
        self.clocks = [SteppedClock(_made(self.folder / f"clock-{number}")) for number in numbers]
        self.disks = [opened.enter_context(SmallDisk(self.folder / f"disk-{number}", _DISK)) for number in numbers]
        opened.callback(self._end_runners)
        for number in numbers:
            self.runners.append(self.launch(number, self.folder))

    def _end_runners(self) -> None:
        for runner in self.runners:
            runner.close()

    def launch(self, number: int, folder: Path, *, suffix: str = "") -> SupervisedRunner:
        """A runner on the disk ``number``; with a suffix beside the one that is there, on the same data folder."""
        disk = self.disks[number]
        return SupervisedRunner(
            [self.git_server.url("jobs.git"), "--interval", "20s", "--log-format", "json"],
            data=disk.folder / "data",
            environ={**self.clocks[number].environ(), **self.engine.environ(number)},
            within=disk.within,
            log=folder / f"runner-{number}{suffix}.log",
        )

    def another(self, number: int) -> SupervisedRunner:
        return self.launch(number, self.folder, suffix=f"-{len(list(self.folder.glob('*.log')))}")

    def data(self, number: int) -> Path:
        """The data folder of a runner, as this process sees it."""
        return self.disks[number].root / "data"

    def accuse(self, rule: str, detail: str) -> None:
        self.violations.append(Violation(rule, detail))

    def push(self) -> None:
        """A commit that changes a job which is not due."""
        self._commits += 1
        self._write_jobs(is_enabled=True)
        self.head = self.checkout.commit(f"Change {self._commits}")
        self.checkout.push("main")

    def disable_jobs(self) -> None:
        self._write_jobs(is_enabled=False)
        self.head = self.checkout.commit("Disable all jobs")
        self.checkout.push("main")

    def expect_applied(self, seconds: float = 90.0) -> None:
        """Every runner applies the newest commit once it is asked to."""
        for number, runner in enumerate(self.runners):
            runner.request_sync()
            if not self.wait(lambda runner=runner: self._applied(runner) == self.head, seconds):
                self.accuse("a commit is applied", f"runner {number} has {self._applied(runner)}, not {self.head}")

    def expect_recovery(self, seconds: float = 90.0) -> float:
        """Every job sends a request, be it one that was missed, and every runner is alive; how long that took."""
        began, since = monotonic(), now_ms()
        if not self.wait(lambda: not self._silent_jobs(since), seconds):
            self.accuse("no job is silenced", f"{sorted(self._silent_jobs(since))} after {seconds:.0f} s")
        for number, runner in enumerate(self.runners):
            if not self.wait(lambda runner=runner: runner.status("/livez") == 200, seconds):
                self.accuse("a runner is alive again", f"runner {number} after {seconds:.0f} s")
        return monotonic() - began

    def everything_has_ended(self) -> bool:
        """By what a runner says, so that it holds for every engine."""
        pages = [
            self.runners[0].get(f"/api/v1/executions?limit=1&status={status}") for status in ("pending", "running")
        ]
        return all(page is not None and not page["items"] for page in pages)

    def expect_no_lag(self, until: int, seconds: float = 90.0) -> None:
        """Waits until everything due by then is claimed: a busy machine may be late."""
        for job in JOBS:
            if not self.wait(lambda job=job: self._newest(job) >= until, seconds):
                self.accuse("what is due is claimed", f"{job} has {self._newest(job)}, not {until}")

    def claimed_until(self) -> int:
        """Scheduled times from then on may have no row yet: a busy machine is late."""
        return min(self._newest(job) for job in JOBS)

    def wait(self, holds: Callable[[], bool], seconds: float) -> bool:
        deadline = monotonic() + seconds
        while not holds():
            if monotonic() > deadline:
                return False
            threading.Event().wait(_PAUSE_S)
        return True

    def requests(self) -> list[Request]:
        return [
            Request(
                job=each.header("X-Chronos-Job-Name") or "",
                execution=each.execution_id or "",
                key=each.header("Idempotency-Key") or "",
                tick=_ms(each.header("X-Chronos-Scheduled-Time") or ""),
                at=round(each.arrived_at.timestamp() * 1000),
            )
            for each in self.receiver.requests
        ]

    def _newest(self, job: str) -> int:
        """The newest scheduled time with a row that is not of a time to come."""
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        page = self.runners[0].get(f"/api/v1/jobs/{job}/executions?limit=1&until={now}")
        return max((_ms(row["scheduled_time"]) for row in (page or {"items": []})["items"]), default=0)

    def _applied(self, runner: SupervisedRunner) -> object:
        status = runner.get("/api/v1/sync")
        return None if status is None else status["revision"]["applied"]

    def _silent_jobs(self, since: int) -> set[str]:
        return set(JOBS) - {request.job for request in self.requests()[-2000:] if request.at >= since}

    def _write_jobs(self, *, is_enabled: bool) -> None:
        for name, (path, fields) in JOBS.items():
            webhook = {"url": self.receiver.url(path), "timeout": "10s"}
            document = {"name": name, "schedule": "* * * * * *", "enabled": is_enabled, "webhook": webhook, **fields}
            self.checkout.write(f"jobs/{name}.yaml", yaml.safe_dump(document))
        webhook = {"url": self.receiver.url("/yearly")}
        document = {"name": "edited", "schedule": f"{self._commits % 60} 0 1 1 *", "webhook": webhook}
        self.checkout.write("jobs/edited.yaml", yaml.safe_dump(document))


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def _ms(time: str) -> int:
    return round(datetime.fromisoformat(time).timestamp() * 1000)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
