"""An edit of the top layer over many jobs in two environments: from the commit to the moment that all of them run.

    python bench/layers.py [--size smallest|quick|full] [--json FILE]

Every job inherits from `_defaults.yaml` of the jobs folder, from that of its team and from its environment. Each edit
changes one field, one variable or one header, and with it each job. The floor is the first pass, with nothing cached.
"""

import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from announced import Announced, timed
from figures import Figures, options
from runner import commit_paths

from chronos_gitops.jobs.model import Job, JobSet

SIZES = {"smallest": (20, 1), "quick": (10_000, 3), "full": (10_000, 10)}
TEAMS, OURS = 20, "chronos-gitops"
TOP = """\
timeout: {field}s
retry_policy: {{max_attempts: 4, initial_interval: 2s}}
variables: {{api-host: api.example.com, release: r{variable}}}
webhook:
  headers: {{X-Release: v{header}, Content-Type: application/json}}
"""
TEAM = "tags: {{team: team-{team}}}\nwebhook:\n  headers: {{X-Team: team-{team}}}\n"
JOB = """\
name: job-{number}
schedule: "{minute} {hour} * * *"
enabled: true
webhook:
  url: https://${{var:api-host}}/{number}/${{var:release}}
  method: POST
  body: '{{"job": {number}}}'
"""
ENVIRONMENTS = {"production": "variables: {api-host: api.example.com}\n", "staging": "timeout: 9s\n"}
EDITS: dict[str, Callable[[Job], object]] = {
    "field": lambda job: job.timeout.total_seconds(),
    "variable": lambda job: job.webhook.url.rpartition("/r")[2],
    "header": lambda job: dict(job.webhook.headers)["X-Release"].removeprefix("v"),
}
"""Each with the number of the edit as a job shows it."""


def main() -> None:
    given = options(__doc__).parse_args()
    (files, edits), figures = SIZES[given.size], Figures("layers")
    with tempfile.TemporaryDirectory() as temporary:
        measure(figures, Path(temporary), files, edits)
    figures.save(given.json)


def measure(figures: Figures, temporary: Path, files: int, edits: int) -> None:
    folder, data, announced = temporary / "jobs.git", temporary / "data", Announced()
    subprocess.run(["git", "init", "--quiet", "--bare", "-b", "main", str(folder)], check=True)
    commit_paths(folder, [("_defaults.yaml", top()), *written(files)])
    follower = announced.follower(folder, data, environment="production")
    taken = timed(follower.start)
    figures.add(f"{files:,} jobs with layers, all of them read", OURS, taken[0], "s")
    figures.add(f"{files:,} jobs with layers, all of them read, processor time", OURS, taken[1], "s")
    try:
        for kind, shown in EDITS.items():
            figures_of(figures, files, kind, [edit(folder, announced, kind, shown, n) for n in range(edits)])
    finally:
        follower.stop()


def figures_of(figures: Figures, files: int, kind: str, taken: list[tuple[float, float]]) -> None:
    wall, processor = zip(*taken, strict=True)
    figures.add(f"a {kind} of the top layer over {files:,} jobs, commit to active", OURS, wall, "s")
    figures.add(f"a {kind} of the top layer over {files:,} jobs, processor time", OURS, processor, "s")


def edit(
    folder: Path, announced: Announced, kind: str, shown: Callable[[Job], object], number: int
) -> tuple[float, float]:
    value = 30 + number

    def is_active(jobs: JobSet) -> bool:
        return all(float(str(shown(one.job))) == value for one in jobs.definitions.values())

    return announced.edit(folder, ("_defaults.yaml", top(**{kind: value})), is_active)


def top(field: int = 20, variable: int = 1, header: int = 1) -> str:
    return TOP.format(field=field, variable=variable, header=header)


def written(files: int) -> Iterator[tuple[str, str]]:
    for name, text in ENVIRONMENTS.items():
        yield f"_environments/{name}.yaml", text
    for team in range(TEAMS):
        yield f"team-{team}/_defaults.yaml", TEAM.format(team=team)
    for number in range(files):
        text = JOB.format(number=number, minute=number % 60, hour=number % 24)
        yield f"team-{number % TEAMS}/job-{number}.yaml", text


if __name__ == "__main__":
    main()
