"""An edit of a calendar that many jobs skip: from the commit to the moment that all of them run with it.

    python bench/calendars.py [--size smallest|quick|full] [--json FILE]

Each edit closes another day of January. No job file changes, and each job has another next time that has to be looked
for in its calendar.
"""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from announced import Announced
from figures import Figures, options
from runner import commit_paths, job

from chronos_gitops.jobs.model import JobSet

SIZES = {"smallest": (20, 1), "quick": (10_000, 3), "full": (10_000, 10)}
OURS = "chronos-gitops"
CALENDAR = "timezone: Europe/Berlin\nclosed: [SAT, SUN, 12-25, 12-26, 01-{day:02}]\n"


def main() -> None:
    given = options(__doc__).parse_args()
    (files, edits), figures = SIZES[given.size], Figures("calendars")
    with tempfile.TemporaryDirectory() as temporary:
        wall, processor = zip(*measure(Path(temporary), files, edits), strict=True)
    figures.add(f"a calendar that {files:,} jobs skip, commit to active", OURS, wall, "s")
    figures.add(f"a calendar that {files:,} jobs skip, processor time", OURS, processor, "s")
    figures.save(given.json)


def measure(temporary: Path, files: int, edits: int) -> list[tuple[float, float]]:
    folder, data, announced = temporary / "jobs.git", temporary / "data", Announced()
    subprocess.run(["git", "init", "--quiet", "--bare", "-b", "main", str(folder)], check=True)
    commit_paths(folder, [closed_on(1), *written(files)])
    follower = announced.follower(folder, data)
    follower.start()
    try:
        return [edit(folder, announced, 2 + number) for number in range(edits)]
    finally:
        follower.stop()


def edit(folder: Path, announced: Announced, day: int) -> tuple[float, float]:
    def is_active(jobs: JobSet) -> bool:
        return all(one.job.timing.skip[0].closed[-1].month_day == (1, day) for one in jobs.definitions.values())

    return announced.edit(folder, closed_on(day), is_active)


def closed_on(day: int) -> tuple[str, str]:
    return "_calendars/holidays.yaml", CALENDAR.format(day=day)


def written(files: int) -> Iterator[tuple[str, str]]:
    for number in range(files):
        text = job(f"job-{number}", f"{number % 60} {number % 24} * * *", "https://api.example.com/")
        yield f"job-{number}.yaml", text + "skip: [holidays]\n"


if __name__ == "__main__":
    main()
