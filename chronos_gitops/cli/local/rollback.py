"""``rollback``: a version of a job again, as a new commit."""

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import click

from chronos_gitops.cli import job_words
from chronos_gitops.cli.client.api_client import job_path
from chronos_gitops.cli.client.reverts import on_runner, revert_options
from chronos_gitops.cli.output import Format, tell
from chronos_gitops.cli.reports.reverts import planned_commit, print_problems, tell_made
from chronos_gitops.jobs.validation.quoting import printable

if TYPE_CHECKING:
    from chronos_gitops.rollback.to_version import RollbackPlan, RollbackResult


@click.command("rollback")
@click.argument("job", shell_complete=job_words.from_checkout)
@click.argument("version")
@revert_options
def command(
    job: str,
    version: str,
    reason: str,
    dry_run: bool,
    repo: Path,
    jobs: str,
    server: str | None,
    token: str | None,
    style: Format,
) -> None:
    """Restore JOB to VERSION (a number, or the beginning of a commit id) with one new commit on the checked-out
    branch. Only the job's file is written; other uncommitted changes are not affected. With --server the runner
    creates the commit, pushes it and applies it.
    """
    if server is not None:
        path, given = job_path(job, f"/rollback/{quote(version, safe='')}"), {"reason": reason, "dry_run": dry_run}
        return on_runner(server, token, path, given, style=style, subject=job)
    from chronos_gitops.rollback.local_checkout import Offline
    from chronos_gitops.rollback.revert import Reverter
    from chronos_gitops.rollback.to_version import RollbackRequest

    checkout = Offline(repo, jobs)
    reverter = Reverter(checkout)
    asked = RollbackRequest(job, version, reason, checkout.author(), str(uuid.uuid4()))
    with print_problems():
        if dry_run:
            plan = reverter.plan(asked)
            _warn(plan.warnings)
            return tell(style, plan.document() | {"diff": plan.diff}, lambda: _plan_in_words(plan))
        result = reverter.perform(asked)
        _warn(result.warnings)
        return tell_made(style, result, checkout, lambda: _result_in_words(result))


def _warn(warnings: Sequence[str]) -> None:
    for warning in warnings:
        click.echo(f"warning: {printable(warning)}", err=True)


def _plan_in_words(plan: "RollbackPlan") -> str:
    if not plan.changed:
        return f"{plan.job} already has the content of version {plan.target.label}: there would be no commit"
    return planned_commit(plan.diff, plan.message)


def _result_in_words(result: "RollbackResult") -> str:
    if not result.changed or result.commit is None:
        return f"{result.job} already has the content of {_named(result.restored_version)}: nothing to do"
    made = f"commit {result.commit[:12]} is its {_named(result.version)}"
    written = [one.place for one in result.written_out]
    more = f"; written into its file, because layers have changed: {', '.join(written)}" if written else ""
    return f"rolled {result.job} back to {_named(result.restored_version)}: {made}{printable(more)}"


def _named(number: int | None) -> str:
    """Versions of a partial history have no numbers."""
    return "that version" if number is None else f"version {number}"
