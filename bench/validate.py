"""``validate`` beside what else checks YAML files, on the same files and schema, one after the other in every round.

    python bench/validate.py [--size smallest|quick|full] [--json FILE]

Wall-clock and processor seconds of whole processes. check-jsonschema and ajv know the schema only, yamllint the layout
only; ours also looks at schedules, zones, names over all files, credentials and addresses, and tells lines and columns.
The last lines are the floor: Python with click imported and nothing done, and libyaml's events of all files.
"""

import importlib.util
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from figures import Figures, options

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
ZONES = ("UTC", "Europe/Paris", "America/New_York", "Asia/Tokyo")
SIZES = {
    "smallest": ((1, 5), 1),
    "quick": ((1, 1_000, 10_000), 1),
    "full": ((1, 1_000, 10_000), 5),
}
"""Numbers of files and rounds."""
MODULES = {"check-jsonschema": "check_jsonschema", "yamllint": "yamllint"}
AJV = ROOT / ".venv/bench/node/node_modules/ajv-cli/dist/index.js"
NOTES = {(count, "check-jsonschema"): "goal: a ratio of 12" for count in (1_000, 10_000)}
FLOORS = {
    "python and click": "import click",
    "libyaml": """
import pathlib
from yaml._yaml import CParser
for path in pathlib.Path("jobs").rglob("*.yaml"):
    parser = CParser(path.read_bytes())
    while parser.get_event() is not None:
        pass
""",
}


def main() -> None:
    given = options(__doc__).parse_args()
    (counts, rounds), figures = SIZES[given.size], Figures("validate")
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder) / "jobs", count)
            measure(figures, Path(folder), count, rounds)
    for name, module in MODULES.items():
        if importlib.util.find_spec(module) is None:
            figures.add("validate", name, None, "", "left out: not installed here, see requirements/bench.lock")
    if ajv() is None:
        figures.add(
            "validate", "ajv-cli", None, "", "left out: it needs node and npm, with which make bench installs it"
        )
    figures.save(given.json)


def write(jobs: Path, files: int) -> None:
    for number in range(files):
        folder = jobs / f"team-{number % 50}"
        folder.mkdir(parents=True, exist_ok=True)
        values = {"minute": number % 60, "hour": number % 24, "zone": ZONES[number % 4], "tier": number % 3}
        text = JOB.format(number=number, team=number % 50, **values)
        (folder / f"daily-job-{number}.yaml").write_text(text)


def commands(folder: Path) -> dict[str, list[str]]:
    found = {"chronos-gitops": [sys.executable, "-m", "chronos_gitops", "validate", "jobs", "--format", "json"]}
    files = sorted(str(path) for path in (folder / "jobs").rglob("*.yaml"))
    schema = ["--schemafile", str(ROOT / "schemas/effective.schema.json")]
    others = {"check-jsonschema": [*schema, *files], "yamllint": ["-d", "{rules: {key-duplicates: enable}}", "jobs"]}
    for name, given in others.items():
        if importlib.util.find_spec(MODULES[name]):
            found[name] = [sys.executable, "-m", MODULES[name], *given]
    if (program := ajv()) is not None:
        found["ajv-cli"] = [*program, "validate", "--strict=false", "-s", schema[1], "-d", "jobs/**/*.yaml"]
    return found | {name: [sys.executable, "-c", text] for name, text in FLOORS.items()}


def ajv() -> list[str] | None:
    node = shutil.which("node")
    return [node, str(AJV)] if node and AJV.exists() else None


def measure(figures: Figures, folder: Path, count: int, rounds: int) -> None:
    programs = commands(folder)
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in programs}
    for _ in range(rounds):
        for name, command in programs.items():
            taken[name].append(seconds(command, folder))
    for name, each in taken.items():
        wall, processor = zip(*each, strict=True)
        figures.add(f"validate {count:,} files", name, wall, "s", NOTES.get((count, name), ""))
        figures.add(f"validate {count:,} files, processor time", name, processor, "s")


def seconds(command: list[str], folder: Path) -> tuple[float, float]:
    """Wall-clock and processor; see getrusage(2)."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
