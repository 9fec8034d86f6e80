"""The pages with many jobs: how long the server takes, what goes over the wire, when a browser shows something useful.

    python bench/pages.py [--size smallest|quick|full] [--json FILE]

Every job has a schedule of its own and twenty recorded runs. Server time is from the request to the last byte over
loopback, one request after the other. Sizes are of the page, its style and its script, as a proxy in front would gzip
them. The browser is Chromium without a window and with an empty cache; what counts is its largest contentful paint
(https://www.w3.org/TR/largest-contentful-paint/).
"""

import gzip
import os
import random
import sqlite3
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from figures import Figures, options, p99
from runner import Runner, job, repository, run

SIZES = {"smallest": ((20,), 2), "quick": ((500, 2_000), 20), "full": ((500, 2_000, 10_000), 60)}
OURS = "chronos-gitops"
CHROMIUM = Path(os.environ.get("CHRONOS_TEST_CHROMIUM", "/usr/bin/chromium"))
QUIET = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync")
RUNS = 20
FIRST_LOAD = ("/", "/static/chronos.css", "/static/chronos.js")
LARGEST_PAINT = """() => new Promise(done => new PerformanceObserver(list => done(list.getEntries().at(-1).startTime))
  .observe({type: "largest-contentful-paint", buffered: true}))"""


def main() -> None:
    given = options(__doc__).parse_args()
    (counts, rounds), figures = SIZES[given.size], Figures("pages")
    for count in counts:
        with busy_runner(count) as runner:
            server(figures, runner, count, rounds)
            weight(figures, runner, count)
            browser(figures, runner, count, min(rounds, 10))
    figures.save(given.json)


@contextmanager
def busy_runner(count: int) -> Iterator[Runner]:
    names = [f"job-{number}" for number in range(count)]
    schedules = [f"{number % 60} {number // 60 % 24} * * *" for number in range(count)]
    files = ((name, text(name, schedule)) for name, schedule in zip(names, schedules, strict=True))
    with repository(files) as folder, tempfile.TemporaryDirectory() as data:
        with run(folder, Path(data)):
            pass  # it makes the ledger
        record(Path(data, "ledger.db"), names)
        with run(folder, Path(data)) as runner:
            yield runner


def text(name: str, schedule: str) -> str:
    """With the default of concurrency, as most files are."""
    return job(name, schedule, "http://127.0.0.1:9/").replace("concurrency: allow\n", "")


def record(ledger: Path, names: list[str]) -> None:
    """Twenty days of runs for each job, one in twenty failed."""
    chance, now = random.Random(1), int(time.time() * 1000)
    rows = []
    for name in names:
        for day in range(1, RUNS + 1):
            tick, failed = now - day * 86_400_000 - chance.randrange(3_600_000), chance.random() < 0.05
            ended, status, code = tick + chance.randrange(50, 5_000), "failed" if failed else "success", 500
            key = str(uuid.UUID(int=chance.getrandbits(128)))
            rows.append((key, name, tick, tick, "schedule", status, 1, tick, tick, ended, code if failed else 200))
    with sqlite3.connect(ledger) as database:
        database.executemany(
            "INSERT INTO executions (id, job, tick, scheduled_at, trigger_kind, status, attempts, created_at,"
            " started_at, completed_at, status_code) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
    database.close()


def server(figures: Figures, runner: Runner, count: int, rounds: int) -> None:
    shown = min(100, count)
    for what, path in (
        (f"{count:,} jobs, the page with {shown} of them", "/"),
        (f"{count:,} jobs, the failing ones", "/?standing=failing"),
        (f"{count:,} jobs, one job's page", "/jobs/job-7"),
        (f"{count:,} jobs, what is upcoming", "/upcoming"),
        (f"{count:,} jobs, a scrape of /metrics", "/metrics"),
    ):
        page(runner, path)
        before, took = runner.processor_seconds(), timed(lambda path=path: page(runner, path), rounds)  # type: ignore[misc]
        used = (runner.processor_seconds() - before) * 1000 / rounds
        figures.add(what, OURS, took, "ms", f"median of {rounds}, p99 {p99(took):.0f} ms; {used:.0f} ms of processor")


def timed(ask: Callable[[], object], rounds: int) -> list[float]:
    took = []
    for _ in range(rounds):
        begun = time.perf_counter()
        ask()
        took.append((time.perf_counter() - begun) * 1000)
    return took


def page(runner: Runner, path: str) -> bytes:
    request = urllib.request.Request(runner.url + path, headers={"Accept": "text/html"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        content: bytes = answer.read()
        return content


def weight(figures: Figures, runner: Runner, count: int) -> None:
    contents = [page(runner, path) for path in FIRST_LOAD]
    zipped, raw = (sum(map(len, map(shrink, contents))) for shrink in (gzip.compress, bytes))
    figures.add(f"{count:,} jobs, first load", OURS, zipped / 1000, "kB gzipped", f"{raw / 1000:.0f} kB plain")


def browser(figures: Figures, runner: Runner, count: int, rounds: int) -> None:
    question = f"{count:,} jobs, largest contentful paint"
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        figures.add(question, OURS, None, "ms", "left out: Playwright is not installed")
        return
    if not CHROMIUM.exists():
        figures.add(question, OURS, None, "ms", "left out: Chromium is not installed")
        return
    painted = []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        for _ in range(rounds):
            context = chromium.new_context(viewport={"width": 1280, "height": 900})
            shown = context.new_page()
            shown.goto(runner.url)
            painted.append(float(shown.evaluate(LARGEST_PAINT)))
            context.close()
        chromium.close()
    figures.add(question, OURS, painted, "ms", f"median of {rounds}, the slowest {max(painted):.0f} ms")


if __name__ == "__main__":
    sys.exit(main())
