"""``plan``: what a change of the tree means for what runs."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Literal

import click

from chronos_gitops.cli.options import read_instant
from chronos_gitops.errors import ChronosError, UsageError
from chronos_gitops.exit_codes import ExitCode

if TYPE_CHECKING:
    from chronos_gitops.cli.plan_sides import Side
    from chronos_gitops.cli.reports.plans.wording import Sides
    from chronos_gitops.git.client import Git
    from chronos_gitops.jobs.model import JobSet
    from chronos_gitops.jobs.planning.plan import Plan
    from chronos_gitops.jobs.planning.review_flags import RunnerState
    from chronos_gitops.jobs.validation.validate import TreeResult


class CannotPlan(UsageError):
    """There is no plan, whatever the reason: it must not end like a plan with changes."""

    kind = "cannot-plan"


@click.command("plan")
@click.argument("base", default="HEAD")
@click.argument("head", required=False)
@click.option("--repo", type=click.Path(path_type=Path), default=".", help="The checkout.  [default: .]")
@click.option("--jobs", metavar="FOLDER", default="jobs", show_default=True, help="The jobs folder in the checkout.")
@click.option("--after", metavar="TIME", callback=read_instant, help="Show runs from this instant on.  [default: now]")
@click.option("--direct", is_flag=True, help="Compare both sides as they are, instead of the merge result.")
@click.option("--against", metavar="URL", help="Runner to ask for paused jobs and running executions.")
@click.option("--token", metavar="TOKEN", help="A bearer token for --against.  [env var: CHRONOS_TOKEN]")
@click.option("--format", "style", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True)
@click.option("--exit-code", is_flag=True, help="End with 1 when there are changes.")
def command(
    base: str,
    head: str | None,
    repo: Path,
    jobs: str,
    after: datetime | None,
    direct: bool,
    against: str | None,
    token: str | None,
    style: Literal["text", "json", "markdown"],
    exit_code: bool,
) -> int:
    """Show what going from BASE (HEAD) to HEAD (the files on disk) means: jobs added, changed, moved and removed,
    field by field, and the next runs before and after.

    Of two branches it shows what merging HEAD into BASE gives; with the files on disk, what they change since their
    branch left BASE. It needs no network and no secrets. Ends with 0; with --exit-code 1 when there are changes; 2 when
    there is no plan, whatever the reason.

    \b
    Examples:
      chronos-gitops plan                     what is not committed yet
      chronos-gitops plan main                this branch with its edits, against main
      chronos-gitops plan origin/main HEAD --format markdown
      chronos-gitops plan main --against https://chronos.example.com
    """
    try:
        found, sides, told = _planned(base, head, repo, jobs, after, direct, _asked(against, token))
    except ChronosError as error:
        raise CannotPlan(error.message, hint=error.hint) from error
    for line in told:
        click.echo(line, err=True)
    click.echo(_rendered(found, style, sides), nl=False)
    return ExitCode.FAILED if exit_code and found.changes else ExitCode.FINE


def _planned(
    base: str, head: str | None, repo: Path, jobs: str, given: datetime | None, direct: bool, live: "RunnerState | None"
) -> "tuple[Plan, Sides, list[str]]":
    """The plan, what it compares, and what to say beside it."""
    from chronos_gitops.cli.plan_sides import compare
    from chronos_gitops.git.client import Git, discover
    from chronos_gitops.jobs.model import JobSet
    from chronos_gitops.jobs.planning.plan import plan
    from chronos_gitops.sync.reconcile import broken_files

    git = Git(discover(repo.absolute()))
    compared = compare(git, base, head, str(PurePosixPath(jobs)), is_direct=direct)
    before = _job_set(compared.before, JobSet(), git)
    running = _with_commits(before, compared.before) if broken_files(compared.after.loaded) else before
    after = _job_set(compared.after, running, git)
    found = plan(before, after, at=given or datetime.now(UTC), live=live, allowed_deletions=compared.allowed_deletions)
    return found, compared.sides, [*compared.notes, *_invalid(compared.after.loaded)]


def _asked(against: str | None, token: str | None) -> "RunnerState | None":
    """What the runner says, when there is one to ask."""
    if against is None:
        return None
    from chronos_gitops.cli.api_client import RunnerClient
    from chronos_gitops.jobs.planning.review_flags import RunnerState

    runner = RunnerClient(against, token)
    paused = runner.items("/api/v1/jobs", {"state": "paused", "limit": "1000"})
    running = runner.items("/api/v1/executions", {"status": "running", "limit": "1000"})
    return RunnerState(
        runner.get("/api/v1/sync")["revision"]["applied"],
        {job["name"]: _reason(job) for job in paused},
        frozenset(execution["job"] for execution in running),
    )


def _reason(job: Mapping[str, Any]) -> str:
    pause = job.get("pause") or {}
    return f"{pause['reason']} (until {pause['until']})" if pause.get("until") else str(pause.get("reason") or "")


def _job_set(side: "Side", running: "JobSet", git: "Git") -> "JobSet":
    """As a runner that runs ``running`` would apply it, by the runner's own rules for invalid files (CONTRACT 3)."""
    from chronos_gitops.jobs.model import JobSet, JobVersion
    from chronos_gitops.sync.last_valid import last_valid_jobs
    from chronos_gitops.sync.reconcile import keep_broken

    loaded = side.loaded
    last_good = last_valid_jobs(loaded, running, side.versions, git.read_many)
    kept = keep_broken(loaded, loaded.jobs, running, side.versions, last_good)
    found = [
        JobVersion(parsed.job, parsed.path, parsed.blob) for parsed in loaded.jobs.values() if parsed.job is not None
    ]
    return JobSet.of(None, [*kept.values(), *found])


def _with_commits(jobs: "JobSet", side: "Side") -> "JobSet":
    """The same jobs with the commits of their versions: whether one was deleted since is asked of the history."""
    from chronos_gitops.jobs.model import JobSet

    def newest(name: str) -> str | None:
        return next((version.commit for version in reversed(side.versions.versions(name)) if version.blob), None)

    return JobSet.of(None, (replace(definition, commit=newest(definition.job.name)) for definition in jobs))


def _invalid(loaded: "TreeResult") -> "Iterator[str]":
    from chronos_gitops.jobs.problem import is_error

    for problem in filter(is_error, loaded.problems):
        yield str(problem)
    broken = sum(1 for parsed in loaded.files if parsed.job is None)
    if broken:
        yield f"note: a runner would keep what it runs for {broken} invalid file{'s' if broken > 1 else ''}"


def _rendered(found: "Plan", style: str, sides: "Sides") -> str:
    from chronos_gitops.cli.reports.plans import text
    from chronos_gitops.cli.reports.plans.formats import PLAN_FORMATS

    if style == "text":  # click takes colours out off a terminal
        return text.render(found, sides, colour=True)
    return PLAN_FORMATS[style](found, sides)
