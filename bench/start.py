"""A runner with many jobs: seconds until it is ready, memory, and what it costs while nothing is due.

    python bench/start.py [--size smallest|quick|full] [--json FILE]

Ready means that every job is scheduled and its ticks are claimed. APScheduler 3 has the same jobs in memory, each with
its own CronTrigger; it reads no files and records nothing. The floor is a runner without a job. Processor time while
nothing is due has that of ended children (git) in it. All is compiled before the first start.
"""

import compileall
import importlib.util
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from figures import Figures, options
from runner import Runner, job, repository, run

SIZES = {"smallest": ((20,), 1), "quick": ((1, 1_000, 10_000), 10), "full": ((1, 10_000, 100_000), 60)}
_PATIENCE = 300.0
PEER = """
import sys, time
begun = time.monotonic()
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
scheduler = BackgroundScheduler(timezone="UTC")
for number in range(int(sys.argv[1])):
    scheduler.add_job(print, CronTrigger.from_crontab(f"{number % 60} * * * *"), id=f"job-{number}")
scheduler.start()
took = time.monotonic() - begun
before, at = time.process_time(), time.monotonic()
time.sleep(float(sys.argv[2]))
memory = int(open("/proc/self/status").read().partition("VmRSS:")[2].split()[0]) / 1000
print(took, memory, (time.process_time() - before) / (time.monotonic() - at) * 100)
"""


HOURLY = "{minute} * * * *"
NEVER_NOW = "{minute} 0 29 2 *"


def main() -> None:
    given = options(__doc__).parse_args()
    (counts, idle), figures = SIZES[given.size], Figures("start")
    compileall.compile_dir(Path(__file__).parents[1] / "chronos_gitops", quiet=2)
    for count in counts:
        ours(figures, count, idle)
        nothing_due(figures, count, idle)
        theirs(figures, count, idle)
    figures.save(given.json)


def ours(figures: Figures, count: int, idle: float) -> None:
    with repository(files_of(count, HOURLY)) as folder, tempfile.TemporaryDirectory() as data:
        for start in ("first start", "start again"):
            with run(folder, Path(data)) as runner:
                processor = runner.processor_seconds()
                figures.add(f"{count:,} jobs, {start}", "chronos-gitops", runner.ready_after, "s")
                figures.add(f"{count:,} jobs, {start}, processor time", "chronos-gitops", processor, "s")
                if start == "start again":
                    time.sleep(min(5.0, idle))  # what the start left to do
                    used, _ = waited(runner, idle)
                    figures.add(f"{count:,} jobs, resident memory", "chronos-gitops", runner.memory(), "MB")
                    figures.add(f"{count:,} jobs due hourly, idle", "chronos-gitops", used, "% of a core")


def nothing_due(figures: Figures, count: int, idle: float) -> None:
    with (
        repository(files_of(count, NEVER_NOW)) as folder,
        tempfile.TemporaryDirectory() as data,
        run(folder, Path(data)) as runner,
    ):
        time.sleep(min(15.0, idle))
        used, woken = waited(runner, idle)
    figures.add(f"{count:,} jobs, nothing due, idle", "chronos-gitops", used, "% of a core")
    figures.add(f"{count:,} jobs, nothing due, wake-ups", "chronos-gitops", woken, "/s")


def waited(runner: Runner, seconds: float) -> tuple[float, float]:
    """Its use of a core in percent meanwhile, and wake-ups of its threads a second."""
    before, woken, at = runner.processor_seconds(), runner.switches(), time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - at
    return (runner.processor_seconds() - before) / took * 100, (runner.switches() - woken) / took


def files_of(count: int, schedule: str) -> Iterator[tuple[str, str]]:
    return ((f"job-{n}", job(f"job-{n}", schedule.format(minute=n % 60), "http://127.0.0.1:9/")) for n in range(count))


def theirs(figures: Figures, count: int, idle: float) -> None:
    if importlib.util.find_spec("apscheduler") is None:
        figures.add(f"{count:,} jobs", "apscheduler", None, "", "left out: not installed here")
        return
    command = [sys.executable, "-c", PEER, str(count), str(idle)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_PATIENCE + idle)
    except subprocess.TimeoutExpired:
        figures.add(
            f"{count:,} jobs, first start", "apscheduler", None, "", f"left out: not ready in {_PATIENCE:.0f} s"
        )
        return
    took, memory, used = map(float, done.stdout.split()[-3:])
    figures.add(f"{count:,} jobs, first start", "apscheduler", took, "s", "in memory, without files")
    figures.add(f"{count:,} jobs, resident memory", "apscheduler", memory, "MB")
    figures.add(f"{count:,} jobs due hourly, idle", "apscheduler", used, "% of a core")


if __name__ == "__main__":
    main()
