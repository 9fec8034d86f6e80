"""``undo``: what one commit changed goes back, as a new commit."""

import re
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from chronos_gitops.cli.client.reverts import on_runner, revert_options
from chronos_gitops.cli.output import Format, tell
from chronos_gitops.cli.reports.reverts import planned_commit, print_problems, tell_made
from chronos_gitops.jobs.validation.quoting import printable
from chronos_gitops.plurals import plural

if TYPE_CHECKING:
    from chronos_gitops.rollback.before_commit import UndoPlan, UndoResult


_DIGITS: Final = re.compile("[0-9a-fA-F]{4,64}")


@click.command("undo")
@click.argument("commit")
@revert_options
def command(
    commit: str,
    reason: str,
    dry_run: bool,
    repo: Path,
    jobs: str,
    server: str | None,
    token: str | None,
    style: Format,
) -> None:
    """Revert all changes of COMMIT to jobs, layers, policies and calendars with one new commit. COMMIT is a commit id
    of the checked-out branch, its first four or more digits, or a name such as HEAD. Nothing is written if one of the
    files has changed since, or if a job would be invalid. With --server the runner creates the commit, pushes it and
    applies it; COMMIT then has to be an id.

    \b
    Examples:
      chronos-gitops undo HEAD --dry-run
      chronos-gitops undo 3f2a9c1 --reason "payments timed out"
    """
    if server is not None:
        given = {"commit": commit.strip(), "reason": reason, "dry_run": dry_run}
        subject = f"what commit {commit.strip()[:12]} changed"
        return on_runner(server, token, "/api/v1/rollback", given, style=style, subject=subject)
    from chronos_gitops.rollback.before_commit import UndoRequest
    from chronos_gitops.rollback.local_checkout import Offline
    from chronos_gitops.rollback.revert import Reverter

    checkout = Offline(repo, jobs)
    reverter = Reverter(checkout)
    name = commit.strip()
    named = name if _DIGITS.fullmatch(name) else checkout.git.resolve(name) or name
    asked = UndoRequest(named, reason, checkout.author(), str(uuid.uuid4()))
    with print_problems():
        if dry_run:
            plan = reverter.plan(asked)
            return tell(style, plan.document() | {"diff": plan.diff}, lambda: _plan_in_words(plan))
        result = reverter.perform(asked)
        return tell_made(style, result, checkout, lambda: _result_in_words(result))


def _plan_in_words(plan: "UndoPlan") -> str:
    if not plan.changed:
        return _nothing(plan.commit)
    return f"{planned_commit(plan.diff, plan.message)}\n\nIt would undo {plan.commit[:12]}: {_counts(plan)}"


def _result_in_words(result: "UndoResult") -> str:
    if not result.changed or result.commit is None:
        return _nothing(result.undone)
    return f"commit {result.commit[:12]} undoes {result.undone[:12]}: {_counts(result)}"


def _nothing(commit: str) -> str:
    return f"every file already has its content from before {commit[:12]}: nothing to do"


def _counts(undone: "UndoPlan | UndoResult") -> str:
    files = f"; files: {', '.join(map(printable, undone.layers))}" if undone.layers else ""
    return f"{plural(len(undone.jobs), 'job')}{files}"
