"""Lateness of webhooks and the time of a burst: the whole runner beside its alternatives.

    python bench/dispatch.py [--size smallest|quick|full] [--json FILE]

Lateness: so many due in each second, spread evenly over it; from the instant a request was due to its arrival at a
receiver in another process, at the end of which the execution is recorded. Burst: all due at one instant; from then to
the arrival of the last one. All programs run one after the other in each round.
"""

import contextlib
import importlib.util
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import peers
from figures import Figures, options, p99
from receiver import Receiver, receiver
from runner import job, processor_seconds, repository, run

OURS = "chronos-gitops"


@dataclass(frozen=True, slots=True)
class Size:
    rates: tuple[int, ...]
    seconds: int
    bursts: tuple[int, ...]
    cron_burst: int
    rounds: int
    patience: float
    """Multiples of HEAD_START in which a program must get ready."""


HEAD_START = {OURS: 1.5, "client": 0.2, "apscheduler": 0.5, peers.CRON: 1.5, "huey": 3.0, "celery": 2.0}
"""Seconds for each thousand requests, beside three."""
SIZES = {
    "smallest": Size((5,), 1, (10,), 10, 1, 1),
    "quick": Size((500,), 5, (1000, 5000), 2000, 1, 1),
    "full": Size((10, 100, 500), 60, (1000, 5000), 10_000, 3, 3),
}


def main() -> None:
    given = options(__doc__).parse_args()
    size, figures = SIZES[given.size], Figures("dispatch")
    programs = present()
    with receiver() as arrivals:
        for rate in size.rates:
            lateness(figures, programs, arrivals, rate, size)
        for burst in size.bursts:
            bursts(figures, {who: start for who, start in programs.items() if who != peers.CRON}, arrivals, burst, size)
        by_cron = {who: start for who, start in programs.items() if who in (OURS, peers.CRON)}
        bursts(figures, by_cron, arrivals, size.cron_burst, size, "cron jobs")
    for name in sorted({OURS, *peers.PEERS} - set(programs)):
        figures.add("dispatch", name, None, "", "left out: not installed here, see requirements/bench.lock")
    figures.save(given.json)


def present() -> dict[str, Callable[..., contextlib.AbstractContextManager[int]]]:
    programs: dict[str, Callable[..., contextlib.AbstractContextManager[int]]] = {OURS: ours}
    for name, module in peers.NEEDS.items():
        if importlib.util.find_spec(module) and (name != "celery" or shutil.which("redis-server")):
            programs[name] = lambda *given, name=name: peer(name, *given)
    return programs


def lateness(figures: Figures, programs: dict[str, Callable], arrivals: Receiver, rate: int, size: Size) -> None:
    question = f"lateness at {rate} due a second"
    for name in (name for name in programs if name not in ("client", peers.CRON)):
        wanted = rate * size.seconds
        with in_time(name, programs[name], arrivals.url, rate, size.seconds, size.patience) as (pid, first):
            begun, before = time.time(), processor_seconds(pid)
            wait_until(max(first, begun) + size.seconds)  # who was ready too late is late, and seen to be
            used = (processor_seconds(pid) - before) / (time.time() - begun)
            time.sleep(1)
            late = arrivals.report()["late"]
            if name == OURS:  # its jobs run on: what came within the time is what counts
                wanted = len(late)
        note = f"{wanted - len(late)} of {wanted} not sent a second after the end" if len(late) < wanted else ""
        figures.add(f"{question}, p50", name, p50(late), "ms")
        figures.add(f"{question}, p99", name, p99(late) if late else None, "ms", note)
        if name != "celery":  # several processes
            figures.add(f"processor at {rate} due a second", name, used * 100, "% of a core")


def p50(values: list[float]) -> float | None:
    return sorted(values)[len(values) // 2] if values else None


def bursts(
    figures: Figures, programs: dict[str, Callable], arrivals: Receiver, burst: int, size: Size, what: str = ""
) -> None:
    """``what``: which kind of jobs, where the programs can have several."""
    took: dict[str, list[float]] = {name: [] for name in programs}
    used: dict[str, list[float]] = {name: [] for name in programs}
    lost: dict[str, int] = dict.fromkeys(programs, 0)
    for _ in range(size.rounds):
        for name, program in programs.items():
            with in_time(name, program, arrivals.url, burst, 0, size.patience) as (pid, first):
                wait_until(first)
                before = processor_seconds(pid)
                late = settled(arrivals, burst)
                used[name].append((processor_seconds(pid) - before) / burst * 1000)
            took[name].append(max(late, default=float("nan")) / 1000)
            lost[name] += burst - len(late)
    for name, seconds in took.items():
        note = f"{lost[name]} lost" if lost[name] else ""
        question = " ".join(["burst of", str(burst), what]).strip()
        figures.add(f"{question}, last one sent after", name, seconds, "s", note)
        figures.add(f"{question}, requests a second", name, [burst / one for one in seconds], "/s")
        if name != "celery":  # several processes
            figures.add(f"{question}, processor time of each", name, used[name], "ms")


def settled(arrivals: Receiver, wanted: int) -> list[float]:
    """The lateness of each, once all are there or nothing has come for five seconds."""
    late: list[float] = []
    quiet_since = time.monotonic()
    while len(late) < wanted and time.monotonic() < quiet_since + 5:
        time.sleep(0.2)
        more = arrivals.report()["late"]
        if more:
            late, quiet_since = late + more, time.monotonic()
    return late


@contextlib.contextmanager
def in_time(
    name: str, program: Callable, url: str, rate: int, seconds: int, patience: float
) -> Iterator[tuple[int, float]]:
    """The process and the instant from which its requests are due; who was not ready by then tries with more time."""
    for longer in (1, 2, 4):
        first = soon(longer * (3 + patience * HEAD_START[name] * rate * max(1, seconds) / 1000))
        with program(url, first, rate, seconds) as pid:
            if time.time() < first or longer == 4:
                if seconds:
                    wait_until(first)
                Receiver(url).report()  # what came before the time is measured by nobody
                yield pid, first
                return


@contextlib.contextmanager
def ours(url: str, first: float, rate: int, seconds: int) -> Iterator[int]:
    """The runner itself, on a repository; for lateness its jobs run every second, spread by their jitter."""
    at = datetime.fromtimestamp(first, UTC)
    schedule, jitter, path = "* * * * * *", "1s", "/jitter"
    if not seconds:
        schedule, jitter, path = f"{at.second} {at.minute} {at.hour} {at.day} {at.month} *", "0s", "/exact"
    files = [(f"job-{number}", job(f"job-{number}", schedule, url + path, jitter)) for number in range(rate)]
    with repository(files) as folder, tempfile.TemporaryDirectory() as data:
        limits = {"CHRONOS_MAX_IN_FLIGHT": "200", "CHRONOS_MAX_IN_FLIGHT_PER_HOST": "200"}
        with run(folder, Path(data), **limits) as runner:
            yield runner.process.pid


@contextlib.contextmanager
def peer(name: str, url: str, first: float, rate: int, seconds: int) -> Iterator[int]:
    command = [sys.executable, peers.__file__, name, url, str(first), str(rate), str(seconds)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        if process.stdout is None or process.stdout.readline().strip() != "ready":
            raise SystemExit(f"{name} did not start")
        yield process.pid
    finally:
        process.stdin.close() if process.stdin and name == "celery" else process.kill()
        process.wait(30)


def soon(seconds: float) -> float:
    return float(int(time.time() + seconds) + 1)


def wait_until(instant: float) -> None:
    time.sleep(max(0.0, instant - time.time()))


if __name__ == "__main__":
    main()
