"""One of many job files changed: from the commit, or the save, to the moment it runs.

    python bench/reload.py [--size smallest|quick|full] [--json FILE]

A repository on this machine, followed by its branch or by its files. The clock starts before git writes the commit, or
before the file is written, and stops when the new JobSet is announced. The floor for a tool that reads everything again
is our own first pass, with nothing cached.
"""

import subprocess
import tempfile
import time
from pathlib import Path

from announced import Announced
from figures import Figures, options, p99
from runner import commit

from chronos_gitops.jobs.model import JobSet

SIZES = {"smallest": (10, 2), "quick": (10_000, 20), "full": (10_000, 100)}
OURS = "chronos-gitops"


def wait(announced: Announced, name: str, tick: int) -> None:
    def is_active(jobs: JobSet) -> bool:
        found = jobs.get(name)
        return found is not None and found.job.webhook.url == url(tick)

    announced.wait(is_active, what=name, seconds=60)


def url(tick: int) -> str:
    return f"https://example.com/{tick}"


def text(number: int, tick: int) -> str:
    schedule = f"{number % 60} {number % 24} * * *"
    return f'name: job-{number}\nschedule: "{schedule}"\nenabled: true\nwebhook:\n  url: {url(tick)}\n'


def main() -> None:
    given = options(__doc__).parse_args()
    (files, changes), figures = SIZES[given.size], Figures("reload")
    for mode in ("branch", "worktree"):
        with tempfile.TemporaryDirectory() as temporary:
            measure(figures, Path(temporary), mode, files, changes)
    figures.save(given.json)


def measure(figures: Figures, temporary: Path, mode: str, files: int, changes: int) -> None:
    folder, data, announced = temporary / "repository", temporary / "data", Announced()
    subprocess.run(["git", "init", "--quiet", "-b", "main", str(folder)], check=True)
    commit(folder, ((f"job-{number}", text(number, 0)) for number in range(files)))
    subprocess.run(["git", "-C", str(folder), "reset", "--quiet", "--hard"], check=True)
    follower = announced.follower(folder, data, mode=mode)
    begun = time.perf_counter()
    follower.start()
    wait(announced, f"job-{files - 1}", 0)
    figures.add(f"{files:,} files, {mode}, all of them read", OURS, time.perf_counter() - begun, "s")
    try:
        edits(figures, folder, mode, announced, files, changes)
    finally:
        follower.stop()


def edits(figures: Figures, folder: Path, mode: str, announced: Announced, files: int, changes: int) -> None:
    taken, processor = [], []
    for tick in range(1, changes + 1):
        time.sleep(0.5)  # the change comes to a follower that is at rest
        number = tick % files
        begun, before = time.perf_counter(), time.process_time()
        if mode == "branch":
            commit(folder, [(f"job-{number}", text(number, tick))], onto=True)
        else:
            (folder / f"jobs/team-{number % 50}/job-{number}.yaml").write_text(text(number, tick))
        wait(announced, f"job-{number}", tick)
        taken.append((time.perf_counter() - begun) * 1000)
        processor.append((time.process_time() - before) * 1000)
    what = "commit" if mode == "branch" else "save"
    figures.add(f"one of {files:,} files, {what} to active, p50", OURS, taken, "ms")
    figures.add(f"one of {files:,} files, {what} to active, p99", OURS, p99(taken), "ms")
    figures.add(f"one of {files:,} files, {what} to active, processor time, p99", OURS, p99(processor), "ms")


if __name__ == "__main__":
    main()
