"""``validate`` beside check-jsonschema, on the same files and schema, one after the other in every round.

    python bench/validate.py --other path/to/check-jsonschema [--files 1000 10000] [--rounds 3]

Wall-clock and processor time of whole processes, "1.20s (0.90s)"; the median of the rounds. check-jsonschema knows the
schema only; ours also looks at schedules, zones, names over all files, credentials and addresses, and tells lines and
columns.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
JOB = """\
name: daily-job-{number}
description: What this job is for, in a sentence of the usual length.
schedule: "{minute} {hour} * * *"
timezone: {zone}
enabled: true
webhook:
  url: https://api.example.com/jobs/{number}
  method: POST
  headers:
    Content-Type: application/json
    Authorization: Bearer ${{secret:api-token}}
  body: '{{"job": "{{{{.JobName}}}}", "at": "{{{{.ScheduledTime}}}}"}}'
timeout: 30s
retry_policy:
  max_attempts: 3
  initial_interval: 1s
tags:
  team: team-{team}
  tier: "{tier}"
"""
Seconds = tuple[float, ...]
"""Wall-clock, processor."""
ZONES = ("UTC", "Europe/Paris", "America/New_York", "Asia/Tokyo")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--other", help="the program check-jsonschema; without it only ours is measured")
    options.add_argument("--files", type=int, nargs="+", default=[1, 1_000, 10_000])
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    sys.stdout.write(f"{'files':>7}  {'ours':>16}  {'other':>16}  ratio of the two\n")
    for number in given.files:
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder) / "jobs", number)
            sys.stdout.write(row(number, measure(Path(folder), given.other, given.rounds)) + "\n")
            sys.stdout.flush()


def write(jobs: Path, files: int) -> None:
    for number in range(files):
        folder = jobs / f"team-{number % 50}"
        folder.mkdir(parents=True, exist_ok=True)
        values = {"minute": number % 60, "hour": number % 24, "zone": ZONES[number % 4], "tier": number % 3}
        text = JOB.format(number=number, team=number % 50, **values)
        (folder / f"daily-job-{number}.yaml").write_text(text)


def measure(folder: Path, other: str | None, rounds: int) -> dict[str, Seconds]:
    commands = {"ours": [sys.executable, "-m", "chronos_gitops", "validate", "jobs", "--format", "json"]}
    if other:
        files = sorted(str(path) for path in (folder / "jobs").rglob("*.yaml"))
        commands["other"] = [other, "--schemafile", str(ROOT / "schemas/job.schema.json"), *files]
    taken: dict[str, list[Seconds]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            taken[name].append(seconds(command, folder))
    return {name: tuple(map(statistics.median, zip(*each, strict=True))) for name, each in taken.items()}


def seconds(command: list[str], folder: Path) -> Seconds:
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def row(files: int, taken: dict[str, Seconds]) -> str:
    shown = {name: f"{wall:.2f}s ({cpu:.2f}s)" for name, (wall, cpu) in taken.items()}
    ratio = "-"
    if "other" in taken:
        ratio = " ".join(f"{theirs / ours:.1f}" for theirs, ours in zip(taken["other"], taken["ours"], strict=True))
    return f"{files:>7,}  {shown['ours']:>16}  {shown.get('other', '-'):>16}  {ratio}"


if __name__ == "__main__":
    main()
