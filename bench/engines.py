"""Every engine side by side, interleaved.

    python bench/engines.py [--engines sqlite,temporal] [--size smallest|quick|full] [--json FILE]

Workers are processes; the receiver is this process, on the same machine, and so is the database. What is told:

* throughput: that many jobs due at one instant, requests a second until the last one has arrived;
* lateness: how long after it was due a request arrives, with that many due in each second, spread by jitter;
* kill -9: the worker is killed with so many requests open; another one stands by (or is started, where there is one);
* doubled: two workers claim the same ticks.
"""

import argparse
import atexit
import contextlib
import functools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))  # the server that the tests start

from figures import Figures, options  # noqa: E402

from chronos_gitops.cli.demo.receiver import Receiver  # noqa: E402
from chronos_gitops.jobs.job_ids import DefinitionId  # noqa: E402
from chronos_gitops.schedule.schedule import jitter  # noqa: E402

if TYPE_CHECKING:
    from harness.programs.postgres import Server
    from harness.programs.temporal import TemporalServer

SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Kind:
    """An engine: where one is for a while, and with how many workers it is measured."""

    open: Callable[[Path], AbstractContextManager[str]]
    workers: tuple[int, ...]
    apply_s: float = 0.001
    """Seconds that it takes to hand over one job."""
    most: int = 1000
    """So many jobs are enough for a burst."""
    rate: int = 250
    """More than so many due in a second are not tried."""


@dataclass(frozen=True, slots=True)
class Size:
    """The amount of work; ``lateness`` holds (due a second, seconds)."""

    rounds: int
    workers: int
    burst: int
    lateness: tuple[tuple[int, int], ...]
    in_flight: int
    ticks: int


SIZES = {
    "smallest": Size(rounds=1, workers=2, burst=20, lateness=((10, 1),), in_flight=3, ticks=8),
    "quick": Size(rounds=1, workers=4, burst=1000, lateness=((100, 5),), in_flight=20, ticks=100),
    "full": Size(rounds=3, workers=4, burst=1000, lateness=((10, 10), (50, 10), (100, 10)), in_flight=50, ticks=1000),
}


@contextmanager
def on_sqlite(folder: Path) -> Iterator[str]:
    yield f"sqlite://{folder}/ledger.db"


@contextmanager
def on_postgres(_folder: Path) -> Iterator[str]:
    """A database of its own on a server of ours that syncs to disk; CHRONOS_TEST_POSTGRES names another server."""
    from harness.programs.postgres import database

    with database(os.environ.get("CHRONOS_TEST_POSTGRES") or _postgres().url()) as address:
        yield address


@functools.cache
def _postgres() -> "Server":
    from harness.programs.postgres import Server

    server = Server(synced=True)
    atexit.register(server.close)
    return server


@contextmanager
def on_temporal(_folder: Path) -> Iterator[str]:
    """A namespace of its own on a dev server, in memory: it says nothing of a cluster."""
    server = _temporal()
    yield server.url(server.namespace())


@functools.cache
def _temporal() -> "TemporalServer":
    from harness.programs.temporal import TemporalServer

    folder = tempfile.TemporaryDirectory()
    server = TemporalServer(Path(folder.name)).start()
    atexit.register(folder.cleanup)
    atexit.register(server.stop)
    return server


KINDS: Mapping[str, Kind] = {
    "sqlite": Kind(on_sqlite, workers=(1,)),
    "postgres": Kind(on_postgres, workers=(1, 2, 4)),
    "temporal": Kind(on_temporal, workers=(1, 2, 4), apply_s=0.05, most=200, rate=10),
}


class Worker:
    """A process with an engine that has the jobs of one plan."""

    def __init__(self, engine: str, data: Path, plan: Path) -> None:
        command = [sys.executable, __file__, "--worker", engine, str(data), str(plan)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def wait_until_ready(self) -> Self:
        assert self._process.stdout is not None
        if self._process.stdout.readline().strip() != "ready":
            raise SystemExit("a worker did not become ready")
        return self

    def apply(self) -> None:
        """Takes the plan as it is now."""
        assert self._process.stdin is not None
        self._process.stdin.write("apply\n")
        self._process.stdin.flush()

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()

    def stop(self) -> None:
        self._process.communicate("stop\n", timeout=60)


def work(engine: str, data: Path, plan: Path) -> None:
    """The worker's side: runs the plan until a line comes in."""
    from chronos_gitops.config.settings import Settings
    from chronos_gitops.engine.factory import build_engine_setup
    from chronos_gitops.engine.observer import Observers
    from chronos_gitops.jobs.model import Job, JobSet, JobVersion
    from chronos_gitops.webhooks.attempt import Delivery
    from chronos_gitops.webhooks.credentials.secrets import Secrets
    from chronos_gitops.webhooks.transport.egress.egress import EgressPolicy, Level

    egress = EgressPolicy(level=Level.INTERNAL, loopback_allowed=True)
    running = build_engine_setup(Settings(repo="", data=data, engine=engine)).build(
        lambda: Delivery(secrets=Secrets({}), egress=egress, user_agent="bench", at_once=200, per_host=200),
        Observers(()),
        lambda _since, _head: False,
    )
    running.start()
    while True:
        jobs = [Job.from_document(document) for document in json.loads(plan.read_text())]
        identity = DefinitionId("b" * 40)
        running.apply(JobSet.of("b" * 40, [JobVersion(job, f"jobs/{job.name}.yaml", identity) for job in jobs]))
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        if sys.stdin.readline().strip() != "apply":
            break
    running.stop(5.0)


class Round:
    """One database, one receiver, and workers with a plan."""

    def __init__(self, name: str, closing: contextlib.ExitStack) -> None:
        self.folder = Path(closing.enter_context(tempfile.TemporaryDirectory()))
        self.engine = closing.enter_context(KINDS[name].open(self.folder))
        self.receiver = closing.enter_context(Receiver())
        self._plan = self.folder / "plan.json"
        self._closing = closing
        self._started = 0
        self.plan(0)

    def plan(self, count: int, path: str = "/ok", **fields: Any) -> None:
        job = {"enabled": True, "concurrency": "allow", "webhook": {"url": self.receiver.url(path)}, **fields}
        self._plan.write_text(json.dumps([{"name": f"job-{number}", **job} for number in range(count)]))

    def launch(self, *, again: bool = False) -> Worker:
        """A worker with a data folder of its own, or with that of the one before it."""
        self._started += not again
        data = self.folder / f"data-{self._started}"
        data.mkdir(exist_ok=True)
        return Worker(self.engine, data, self._plan)

    def workers(self, count: int) -> list[Worker]:
        """Ready, with whatever the plan is by now."""
        launched = [self.launch() for _ in range(count)]
        for worker in launched:
            self._closing.callback(worker.stop)
            worker.wait_until_ready()
        return launched

    def give(self, workers: list[Worker]) -> None:
        for worker in workers:
            worker.apply()
        for worker in workers:
            worker.wait_until_ready()

    def wait_for(self, count: int, seconds: float) -> None:
        if not self.receiver.wait_for(count, seconds):
            raise SystemExit(f"only {len(self.receiver.requests)} of {count} requests came")

    def doubled(self) -> int:
        counts = Counter(request.execution_id for request in self.receiver.requests)
        return sum(count - 1 for count in counts.values())


def once_at(instant: datetime) -> str:
    return f"{instant.second} {instant.minute} {instant.hour} {instant.day} {instant.month} *"


def soon(seconds: float) -> datetime:
    """A whole second from now on; workers have to be ready by then."""
    return (datetime.now(UTC) + timedelta(seconds=seconds + 1)).replace(microsecond=0)


def throughput(name: str, workers: int, size: Size) -> float:
    """Requests a second from the instant at which all are due to the arrival of the last one."""
    with contextlib.ExitStack() as closing:
        this = Round(name, closing)
        ready = this.workers(workers)
        burst = min(size.burst, KINDS[name].most)
        due = handed_over(this, ready, burst, patience=0.2 + burst * workers * KINDS[name].apply_s)
        this.wait_for(burst, 120)
        took = max(request.arrived_at for request in this.receiver.requests) - due
        return burst / took.total_seconds()


def handed_over(this: Round, workers: list[Worker], burst: int, patience: float) -> datetime:
    """When all of them are due; on a busy machine the workers may need longer to know that, and are given it."""
    for _ in range(4):
        due = soon(patience)
        this.plan(burst, schedule=once_at(due))
        this.give(workers)
        if datetime.now(UTC) < due:
            this.receiver.clear()
            return due
        patience *= 2
    raise SystemExit("the workers were not ready in time")


def lateness(name: str, rate: int, seconds: int) -> tuple[float, float]:
    """p50 and p99 in milliseconds."""
    with contextlib.ExitStack() as closing:
        this = Round(name, closing)
        this.plan(rate, schedule="* * * * * *", jitter="1s")
        this.workers(1)
        threading.Event().wait(1.5)  # the first ticks find everything cold
        this.receiver.clear()
        this.wait_for(rate * seconds, seconds * 10)
        late = []
        for request in this.receiver.requests:
            tick = datetime.fromisoformat(request.header("X-Chronos-Scheduled-Time") or "")
            at = tick + jitter(request.header("X-Chronos-Job-Name") or "", tick, SECOND)
            late.append((request.arrived_at - at).total_seconds() * 1000)
    late.sort()
    return statistics.median(late), late[int(len(late) * 0.99)]


def killed(name: str, in_flight: int) -> tuple[int, float, float]:
    """The number lost, and the seconds from the kill to the first and the last one that was sent again."""
    has_replicas = KINDS[name].workers[-1] > 1
    with contextlib.ExitStack() as closing:
        this = Round(name, closing)
        victim = this.launch().wait_until_ready()
        this.plan(
            in_flight, path="/hold/answer", schedule=once_at(soon(0.2 + in_flight * KINDS[name].apply_s)), timeout="2m"
        )
        this.give([victim])
        this.wait_for(in_flight, 60)
        other = this.launch().wait_until_ready() if has_replicas else None
        victim.kill()
        at = time.monotonic()
        other = other or this.launch(again=True).wait_until_ready()
        closing.callback(other.stop)
        this.receiver.wait_for(2 * in_flight, 60)
        again = [request for request in this.receiver.requests if request.monotonic > at]
        this.receiver.release("answer")
        lost = in_flight - len({request.execution_id for request in again})
        times = [request.monotonic - at for request in again] or [float("nan")]
        return lost, min(times), max(times)


def raced(name: str, ticks: int) -> tuple[int, int]:
    """Two workers and the same ticks: how many requests there were, how many of them for the second time."""
    with contextlib.ExitStack() as closing:
        this = Round(name, closing)
        this.plan(min(max(1, ticks // 4), KINDS[name].rate), schedule="* * * * * *")
        this.workers(2)
        this.wait_for(ticks, 200)
        return len(this.receiver.requests), this.doubled()


def measure(figures: Figures, names: list[str], size: Size) -> None:
    rates: dict[tuple[str, int], list[float]] = {}
    late: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for _ in range(size.rounds):
        for name in names:
            for workers in (count for count in KINDS[name].workers if count <= size.workers):
                rates.setdefault((name, workers), []).append(throughput(name, workers, size))
        for rate, seconds in size.lateness:
            for name in (each for each in names if rate <= KINDS[each].rate):
                late.setdefault((name, rate), []).append(lateness(name, rate, seconds))
    for (name, workers), found in rates.items():
        who = f"{name}, {workers} runner{'s' * (workers > 1)}"
        note = f"{min(found):.0f} to {max(found):.0f}, n={len(found)}"
        figures.add(f"burst of {min(size.burst, KINDS[name].most)}, requests a second", who, found, "/s", note)
    for (name, rate), pairs in late.items():
        for which, values in zip(("p50", "p99"), zip(*pairs, strict=True), strict=True):
            figures.add(f"lateness at {rate} due a second, {which}", f"{name}, 1 runner", values, "ms")
    for name in names:
        lost, first, last = killed(name, size.in_flight)
        figures.add(f"kill -9 with {size.in_flight} in flight, lost", name, lost, "")
        figures.add(
            f"kill -9 with {size.in_flight} in flight, all sent again after", name, last, "s", f"first {first:.2g}"
        )
        if KINDS[name].workers[-1] > 1:
            requests, twice = raced(name, size.ticks)
            figures.add("two runners and the same ticks, sent twice", name, twice, "", f"of {requests}")


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--engines", default="sqlite,postgres")
    parser.add_argument("--worker", nargs=3, metavar=("ENGINE", "DATA", "PLAN"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        work(given.worker[0], Path(given.worker[1]), Path(given.worker[2]))
        return
    names = given.engines.split(",")
    if unknown := [name for name in names if name not in KINDS]:
        parser.error(f"there is no engine {unknown[0]}; there are {', '.join(KINDS)}")
    figures = Figures("engines")
    measure(figures, names, SIZES[given.size])
    figures.save(given.json)


if __name__ == "__main__":
    main()
