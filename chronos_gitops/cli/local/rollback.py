"""``rollback``: a version of a job again, as a new commit."""

import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chronos_gitops.cli.output import Format, tell
from chronos_gitops.jobs.validation.quoting import printable

if TYPE_CHECKING:
    from chronos_gitops.rollback.revert import RollbackPlan, RollbackResult


@click.command("rollback")
@click.argument("job")
@click.argument("version")
@click.option("--reason", metavar="TEXT", default="", help="Reason, recorded in the commit message.")
@click.option("--dry-run", is_flag=True, help="Show the change and the commit message without writing anything.")
@click.option("--repo", type=click.Path(path_type=Path), default=".", help="The checkout.  [default: .]")
@click.option("--jobs", metavar="FOLDER", default="jobs", show_default=True, help="The jobs folder in the checkout.")
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(job: str, version: str, reason: str, dry_run: bool, repo: Path, jobs: str, style: Format) -> None:
    """Restore JOB to VERSION (a number, or the beginning of a commit) as one new commit on the branch that is checked
    out. Only that file is written; whatever else is not committed yet stays as it is.
    """
    from chronos_gitops.rollback.committer import InvalidVersion
    from chronos_gitops.rollback.local_checkout import Offline
    from chronos_gitops.rollback.revert import RollbackRequest, Rollbacks

    checkout = Offline(repo, jobs)
    rollbacks = Rollbacks(checkout)
    asked = RollbackRequest(job, version, reason, checkout.author(), str(uuid.uuid4()))
    try:
        if dry_run:
            plan = rollbacks.plan(asked)
            return tell(style, _planned(plan), lambda: _plan_in_words(plan))
        result = rollbacks.perform(asked)
        return tell(style, _done(result), lambda: _result_in_words(result))
    except InvalidVersion as error:
        for problem in error.problems:
            click.echo(str(problem), err=True)
        raise


def _planned(plan: "RollbackPlan") -> dict[str, Any]:
    return plan.document() | {"diff": plan.diff}


def _done(result: "RollbackResult") -> dict[str, Any]:
    return {
        "job": result.job,
        "version": result.version,
        "restored_version": result.restored_version,
        "commit": result.commit,
        "changed": result.changed,
    }


def _plan_in_words(plan: "RollbackPlan") -> str:
    if not plan.changed:
        return f"{plan.job} is what it was in version {plan.target.label}: there would be no commit"
    indented = "\n".join(f"    {line}".rstrip() for line in plan.message.splitlines())
    return f"{_on_screen(plan.diff)}\nThe commit would say:\n\n{indented}"


def _result_in_words(result: "RollbackResult") -> str:
    if not result.changed or result.commit is None:
        return f"{result.job} is what it was in {_named(result.restored_version)}: nothing to do"
    made = f"commit {result.commit[:12]} is its {_named(result.version)}"
    return f"{result.job} is what it was in {_named(result.restored_version)}: {made}"


def _named(number: int | None) -> str:
    """Versions of a partial history have no numbers."""
    return "that version" if number is None else f"version {number}"


def _on_screen(diff: str) -> str:
    return "\n".join(printable(line) for line in diff.splitlines())
