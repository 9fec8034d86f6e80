"""``plan``: what a change of the tree means for what runs."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final, Literal

import click

from chronos_gitops.cli.checkout.environments import environment_option
from chronos_gitops.cli.options import read_instant
from chronos_gitops.errors import ChronosError, UsageError
from chronos_gitops.exit_codes import ExitCode

if TYPE_CHECKING:
    from chronos_gitops.cli.checkout.runner_answers import RunnerAnswers
    from chronos_gitops.jobs.planning.plan import Plan
    from chronos_gitops.jobs.validation.validate import TreeResult
    from chronos_gitops.plans.wording import Sides


_DAYS: Final = range(1, 91)


class CannotPlan(UsageError):
    """There is no plan, whatever the reason: it must not end like a plan with changes."""

    kind = "cannot-plan"


def _read_days(_context: click.Context, _option: click.Parameter, value: str | None) -> int | None:
    """``30d``: days of 24 hours."""
    if value is None:
        return None
    if not re.fullmatch(r"[0-9]{1,3}d", value, re.ASCII) or int(value[:-1]) not in _DAYS:
        raise click.BadParameter(f'"{value[:40]}" is not a number of days from 1d to 90d; write one like 30d')
    return int(value[:-1])


@click.command("plan")
@click.argument("base", default="HEAD")
@click.argument("head", required=False)
@click.option("--repo", type=click.Path(path_type=Path), default=".", help="The checkout.  [default: .]")
@click.option("--jobs", metavar="FOLDER", default="jobs", show_default=True, help="The jobs folder in the checkout.")
@click.option("--after", metavar="TIME", callback=read_instant, help="Show runs from this instant on.  [default: now]")
@click.option("--direct", is_flag=True, help="Compare both sides as they are, instead of the merge result.")
@click.option("--against", metavar="URL", help="Runner to ask for paused jobs and running executions.")
@click.option("--token", metavar="TOKEN", help="A bearer token for --against.  [env var: CHRONOS_TOKEN]")
@click.option(
    "--backtest",
    metavar="DAYS",
    callback=_read_days,
    help="Simulate changed jobs over the last days (1d to 90d), with the executions of the runner at --against.",
)
@click.option(
    "--tzdata",
    metavar="PATH",
    type=click.Path(exists=True, path_type=Path),
    help="A tzdata wheel or zoneinfo folder: show the jobs that it runs at other times.",
)
@click.option("--format", "style", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True)
@environment_option
@click.option("--all", "show_all", is_flag=True, help="Show the names of all jobs that inherit a change.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 if there are changes, or jobs become invalid.")
def command(
    base: str,
    head: str | None,
    repo: Path,
    jobs: str,
    after: datetime | None,
    direct: bool,
    against: str | None,
    token: str | None,
    backtest: int | None,
    tzdata: Path | None,
    style: Literal["text", "json", "markdown"],
    environment: str | None,
    show_all: bool,
    exit_code: bool,
) -> int:
    """Show the effect of a change from BASE (default: HEAD) to HEAD (default: the files on disk): jobs added,
    changed, moved and removed, field by field, and the next runs before and after.

    For two branches, the plan shows the result of merging HEAD into BASE; for files on disk, their changes since the
    branch left BASE. An edited layer is shown once, with the jobs that inherit it in each environment. A plan needs
    no network and no secrets. Exits with 0 (with --exit-code: 1 if there are changes or files become invalid), and
    with 2 if no plan can be made.

    With --tzdata it also shows the jobs whose runs of the next 366 days differ between the installed release of the
    time zone database and the given one. These count as changes.

    \b
    Examples:
      chronos-gitops plan                     what is not committed yet
      chronos-gitops plan main                this branch with its edits, against main
      chronos-gitops plan origin/main HEAD --format markdown
      chronos-gitops plan main --against https://chronos.example.com
      chronos-gitops plan main --against https://chronos.example.com --backtest 30d
      chronos-gitops plan --tzdata tzdata-2027.1-py2.py3-none-any.whl --exit-code
    """
    if backtest is not None and against is None:
        raise UsageError("--backtest needs --against", hint="name the runner that has the executions: --against URL")
    try:
        asked = _asked(against, token, backtest)
        found, sides, told = _planned(base, head, repo, jobs, after, direct, asked, environment, tzdata)
    except ChronosError as error:
        raise CannotPlan(error.message, hint=error.hint) from error
    for line in told:
        click.echo(line, err=True)
    click.echo(_rendered(found, style, sides, show_all=show_all), nl=False)
    return ExitCode.FAILED if exit_code and found.has_changes else ExitCode.FINE


def _planned(
    base: str,
    head: str | None,
    repo: Path,
    jobs: str,
    given: datetime | None,
    direct: bool,
    asked: "RunnerAnswers | None",
    environment: str | None,
    tzdata: Path | None,
) -> "tuple[Plan, Sides, list[str]]":
    """The plan, what it compares, and what to say beside it."""
    from chronos_gitops.cli.checkout.environment_plans import plan_change
    from chronos_gitops.cli.checkout.plan_sides import compare
    from chronos_gitops.cli.checkout.zone_data_file import read_zone_data
    from chronos_gitops.git.client import Git
    from chronos_gitops.git.discovery import CHECKOUT_HINT, discover

    data = None if tzdata is None else read_zone_data(tzdata)
    git, folder = Git(discover(repo.absolute(), hint=CHECKOUT_HINT)), str(PurePosixPath(jobs))
    compared = compare(git, base, head, folder, is_direct=direct)
    at = given or datetime.now(UTC)
    found = plan_change(compared, git, folder, environment=environment, at=at, asked=asked, zone_data=data)
    notes = () if asked is None else asked.notes()
    return found, compared.sides, [*compared.notes, *notes, *_invalid(compared.after.loaded)]


def _asked(against: str | None, token: str | None, days: int | None) -> "RunnerAnswers | None":
    """The runner to ask about the jobs; None without ``--against``."""
    if against is None:
        return None
    from chronos_gitops.cli.checkout.runner_answers import RunnerAnswers

    return RunnerAnswers(against, token, days)


def _invalid(loaded: "TreeResult") -> "Iterator[str]":
    from chronos_gitops.jobs.problem import is_error

    for problem in filter(is_error, loaded.problems):
        yield str(problem)
    broken = sum(1 for parsed in loaded.files if parsed.job is None)
    if broken:
        yield f"note: a runner would keep what it runs for {broken} invalid file{'s' if broken > 1 else ''}"


def _rendered(found: "Plan", style: str, sides: "Sides", *, show_all: bool) -> str:
    from chronos_gitops.plans import text
    from chronos_gitops.plans.formats import PLAN_FORMATS

    if style == "text":  # click takes colours out off a terminal
        return text.render(found, sides, colour=True, show_all=show_all)
    return PLAN_FORMATS[style](found, sides, show_all=show_all)
