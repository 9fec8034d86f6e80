"""The API while webhooks fire: how long its answers take, and whether asking makes webhooks late.

    python bench/api.py [--size smallest|quick|full] [--json FILE]

A runner fires so many webhooks a second and holds many more jobs that are due hourly, and a repository with many
commits. Load is made by wrk (Debian's package); where that is not installed, by a small asyncio client of ours, which
the figures say. Lateness is measured in turns: without anybody asking, while wrk asks for lists and jobs, without, ...
Each route is then timed alone, one request after the other, while webhooks fire, beside ``git log -- path``.
"""

import asyncio
import contextlib
import http.client
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from figures import Figures, options, p99
from receiver import Receiver, receiver
from runner import Runner, commits, job, repository, run

OURS = "chronos-gitops"
HOURLY = "http://127.0.0.1:9/"


@dataclass(frozen=True, slots=True)
class Size:
    rate: int
    jobs: int
    commits: int
    """Of one job, one after the other."""
    seconds: int
    turns: int
    asked: int


SIZES = {
    "smallest": Size(5, 10, 3, 1, 1, 3),
    "quick": Size(500, 10_000, 2_000, 8, 4, 100),
    "full": Size(500, 10_000, 20_000, 30, 5, 500),
}


def main() -> None:
    given = options(__doc__).parse_args()
    size, figures = SIZES[given.size], Figures("api")
    with receiver() as arrivals, tempfile.TemporaryDirectory() as data, filled(arrivals.url, size) as folder:
        limits = {"CHRONOS_MAX_IN_FLIGHT": "200", "CHRONOS_MAX_IN_FLIGHT_PER_HOST": "200"}
        with run(folder, Path(data), **limits) as runner:
            time.sleep(min(3, size.seconds))
            in_turns(figures, runner, arrivals, size)
            one_by_one(figures, runner, size)
        git_log(figures, folder, size)
    figures.save(given.json)


@contextlib.contextmanager
def filled(url: str, size: Size) -> Iterator[Path]:
    """job-N fire every second, idle-N every hour; job-0 has so many versions."""
    files = [(f"job-{n}", job(f"job-{n}", "* * * * * *", f"{url}/jitter", "1s")) for n in range(size.rate)]
    files += [(f"idle-{n}", job(f"idle-{n}", f"{n % 60} * * * *", HOURLY)) for n in range(size.jobs - size.rate)]
    with repository(files) as folder:
        texts = (job("job-0", "* * * * * *", f"{url}/jitter?{n}", "1s") for n in range(size.commits - 1))
        commits(folder, (("job-0", text) for text in (*texts, files[0][1])))
        yield folder


def in_turns(figures: Figures, runner: Runner, arrivals: Receiver, size: Size) -> None:
    found: dict[str, list[float]] = {"no requests": [], "API requests": []}
    rates = []
    for _ in range(size.turns):
        for name, late in found.items():
            arrivals.report()
            if name == "no requests":
                time.sleep(size.seconds)
            else:
                rates.append(asked(runner.url, size.seconds))
            late.append(p99(arrivals.report()["late"]))
    for name, late in found.items():
        figures.add(f"lateness p99 at {size.rate} due a second, {name}", OURS, late, "ms", f"n={size.turns}")
    ratio = statistics.median(b / a for a, b in zip(*found.values(), strict=True))
    how = "wrk" if shutil.which("wrk") else "a client of ours, for wrk is not installed"
    figures.add("lateness p99, API requests to no requests", OURS, ratio, "times", f"n={size.turns}")
    figures.add("answers meanwhile", OURS, rates, "/s", f"lists of 100 and jobs in turn, 4 connections, by {how}")


def asked(url: str, seconds: int) -> float:
    """Answers a second."""
    paths = ["/api/v1/jobs?limit=100", "/api/v1/jobs/job-0"]
    if not shutil.which("wrk"):
        return asyncio.run(asked_by_us(url, paths, seconds))
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        choices = ", ".join(f'"{path}"' for path in paths)
        script.write(f"local paths, n = {{{choices}}}, 0\nrequest = function()\n  n = n + 1\n")
        script.write("  return wrk.format(nil, paths[n % #paths + 1])\nend\n")
        script.flush()
        command = ["wrk", "-t1", "-c4", f"-d{seconds}s", "-s", script.name, url]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return float(said.partition("Requests/sec:")[2].split()[0])


async def asked_by_us(url: str, paths: list[str], seconds: int) -> float:
    place = urllib.parse.urlsplit(url)
    deadline, count = time.monotonic() + seconds, 0

    async def ask() -> None:
        nonlocal count
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        while time.monotonic() < deadline:
            head = f"GET {paths[count % len(paths)]} HTTP/1.1\r\nHost: {place.netloc}\r\n\r\n"
            writer.write(head.encode())
            answer = (await reader.readuntil(b"\r\n\r\n")).lower()
            await reader.readexactly(int(answer.partition(b"content-length:")[2].split()[0]))
            count += 1
        writer.close()

    await asyncio.gather(*(ask() for _ in range(4)))
    return count / seconds


def one_by_one(figures: Figures, runner: Runner, size: Size) -> None:
    routes = {
        "a page of 100 jobs of many": "/api/v1/jobs?limit=100",
        "one job": "/api/v1/jobs/job-0",
        "versions of a job, warm": "/api/v1/jobs/job-0/versions?limit=100",
    }
    place = urllib.parse.urlsplit(runner.url)
    for name, path in routes.items():
        connection = http.client.HTTPConnection(place.hostname or "", place.port or 80, timeout=60)
        took = []
        for _ in range(size.asked + 1):
            begun = time.perf_counter()
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            took.append((time.perf_counter() - begun) * 1000)
            if answer.status != 200:
                raise SystemExit(f"{path} answers {answer.status}")
        connection.close()
        note = f"{size.jobs:,} jobs, n={size.asked}; p99 {p99(took[1:]):.3g} ms, first {took[0]:.3g} ms"
        figures.add(f"{name}, median", OURS, took[1:], "ms", note)


def git_log(figures: Figures, folder: Path, size: Size) -> None:
    took = []
    for _ in range(5):
        begun = time.perf_counter()
        command = ["git", "-C", str(folder), "log", "--format=%H", "main", "--", "jobs/team-0/job-0.yaml"]
        subprocess.run(command, check=True, capture_output=True)
        took.append((time.perf_counter() - begun) * 1000)
    figures.add("versions of a job, warm, median", "git log -- path", took, "ms", f"{size.commits:,} commits")


if __name__ == "__main__":
    sys.exit(main())
