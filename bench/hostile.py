"""Healthy webhooks beside hostile servers, and without them: does a receiver that misbehaves make the others late?

    python bench/hostile.py [--size smallest|quick|full] [--json FILE]

Seventeen servers, each on its own port and in another process, do what receivers should not: they drip, never answer,
never end, reset, bomb. Requests go to each of them every second, more than the runner may hold open at once, with the
circuit breaker off; healthy jobs go to a receiver of their own. Rounds with the servers and rounds without alternate,
each on a new runner. What is told is how late healthy requests came, by how much the longest attempt overran its
timeout, and how much memory grew while it went on.
"""

import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))  # the servers that the tests meet

from figures import Figures, options, p99  # noqa: E402
from harness import servers  # noqa: E402
from receiver import Receiver, receiver  # noqa: E402
from runner import Runner, job, repository, run  # noqa: E402

OURS = "chronos-gitops"
TIMEOUT_S = 5
IN_FLIGHT = 50
HEALTHY, BESIDE = "healthy jobs alone", "healthy jobs beside hostile servers"
LIMITS = f"timeout: {TIMEOUT_S}s\nretry_policy:\n  max_attempts: 1\n"
SERVERS: dict[str, tuple[str, servers.Talk]] = {
    "silent": ("http", servers.silent),
    "no-handshake": ("https", servers.never_reads),
    "drip-head": ("http", servers.drip_head),
    "drip-body": ("http", servers.drip_body),
    "drip-chunks": ("http", servers.drip_chunks),
    "endless-fields": ("http", servers.endless_fields),
    "endless-field": ("http", servers.endless_field),
    "endless-status": ("http", servers.endless_status_line),
    "interim-flood": ("http", servers.interim_flood),
    "endless-body": ("http", servers.endless_body),
    "endless-trailers": ("http", servers.endless_trailers),
    "gzip-bomb": ("http", servers.gzip_bomb(10_000_000)),
    "half-closed": ("http", servers.half_closed),
    "reset": ("http", servers.reset_at_once),
    "reset-in-body": ("http", servers.reset_in_body),
    "redirects": ("http", servers.answering(servers.answer("302 Found", b"", "Location: /"))),
    "wait-forever": ("http", servers.answering(servers.answer("429 Busy", b"", "Retry-After: 999999999"))),
}


@dataclass(frozen=True, slots=True)
class Size:
    rate: int
    """Healthy requests a second."""
    hostile: int
    """Requests a second to each hostile server."""
    seconds: int
    rounds: int


SIZES = {"smallest": Size(5, 1, 1, 1), "quick": Size(50, 2, 5, 2), "full": Size(100, 2, 60, 5)}


@dataclass(frozen=True, slots=True)
class Seen:
    late: float
    memory: float
    grown: float
    """MB between the moment when as many requests hang as can, and the end."""
    overrun: float


def main() -> None:
    given = options(__doc__).parse_args()
    size, figures = SIZES[given.size], Figures("hostile")
    alone: list[Seen] = []
    beside: list[Seen] = []
    with receiver() as arrivals, hostile_servers() as urls:
        for _ in range(size.rounds):
            alone.append(a_round(arrivals, size, {}))
            beside.append(a_round(arrivals, size, urls))
    for name, seen in ((HEALTHY, alone), (BESIDE, beside)):
        note = f"{size.rate} a second, n={size.rounds}"
        figures.add(f"lateness p99, {name}", OURS, [one.late for one in seen], "ms", note)
    ratio = statistics.median(one.late for one in beside) / statistics.median(one.late for one in alone)
    figures.add("lateness p99, beside hostile servers to alone", OURS, ratio, "times", f"{len(SERVERS)} servers")
    figures.add("worst overrun of an attempt's timeout", OURS, max(one.overrun for one in beside), "s")
    grown = statistics.median(one.grown for one in beside)
    figures.add("memory growth beside hostile servers", OURS, max(0.0, grown), "MB", f"in {size.seconds} s")
    cost = statistics.median(b.memory - a.memory for a, b in zip(alone, beside, strict=True))
    figures.add("memory beside hostile servers, above that of healthy jobs alone", OURS, max(0.0, cost), "MB")
    figures.save(given.json)


def a_round(arrivals: Receiver, size: Size, urls: dict[str, str]) -> Seen:
    files = [(f"job-{n}", job(f"job-{n}", "* * * * * *", f"{arrivals.url}/jitter", "1s")) for n in range(size.rate)]
    for name, url in urls.items():
        for number in range(size.hostile):
            job_name = f"{name}-{number}"
            files.append((job_name, job(job_name, "* * * * * *", url, "1s") + LIMITS))
    with (
        repository(files) as folder,
        tempfile.TemporaryDirectory() as data,
        run(folder, Path(data), CHRONOS_BREAKER_AFTER="0", CHRONOS_MAX_IN_FLIGHT=str(IN_FLIGHT)) as runner,
    ):
        time.sleep(min(TIMEOUT_S + 1, size.seconds))  # until as many hang as can
        arrivals.report()
        before = runner.memory()
        time.sleep(size.seconds)
        late, memory = arrivals.report()["late"], runner.memory()
        overrun = max((longest(runner, f"{name}-0") - TIMEOUT_S for name in urls), default=0.0)
        return Seen(p99(late), memory, memory - before, max(0.0, overrun))


def longest(runner: Runner, job_name: str) -> float:
    """Seconds of the longest of its newest attempts."""
    ended = json.loads(runner.get(f"/api/v1/jobs/{job_name}/executions?limit=20"))["items"]
    seconds = [0.0]
    for one in ended:
        attempts = json.loads(runner.get(f"/api/v1/executions/{one['id']}"))["attempts"]
        seconds += [attempt["duration_ms"] / 1000 for attempt in attempts]
    return max(seconds)


@contextlib.contextmanager
def hostile_servers() -> Iterator[dict[str, str]]:
    """Name to url, in a process of their own."""
    command = [sys.executable, __file__, "--servers"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.kill()


def serve(read: Callable[[], str]) -> None:
    with contextlib.ExitStack() as closing:
        urls = {}
        for name, (scheme, talk) in SERVERS.items():
            server = closing.enter_context(servers.Hostile(talk))
            urls[name] = f"{scheme}://127.0.0.1:{server.port}/"
        sys.stdout.write(json.dumps(urls) + "\n")
        sys.stdout.flush()
        read()


if __name__ == "__main__":
    serve(sys.stdin.read) if "--servers" in sys.argv else main()
