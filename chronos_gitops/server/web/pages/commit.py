"""One commit: the jobs and files that it changed, how these jobs did since, and the way to undo it."""

from collections.abc import Sequence
from typing import Any

from chronos_gitops.errors import ChronosError, NotFoundError
from chronos_gitops.git.log import Commit, commits, recent
from chronos_gitops.jobs.secrets import masking
from chronos_gitops.rollback.undone_layers import on_chain
from chronos_gitops.server.api import job_health
from chronos_gitops.server.api.auth import caller_scope
from chronos_gitops.server.api.endpoint import READ, ROLLBACK, Endpoint
from chronos_gitops.server.api.request_context import service
from chronos_gitops.server.api.routes.versions import version_diff, versions
from chronos_gitops.server.api.routes.versions.undo import request_of
from chronos_gitops.server.web.layout import blueprint, render_page
from chronos_gitops.versions.version import Version

_MOST_JOBS = 200
_MOST_DIFFS = 20


@blueprint.get("/commits/<commit>", declared=Endpoint(role=READ, is_scoped=True, is_heavy=True))
def commit(commit: str) -> str:
    made = _made_by(commit)
    found = _commit(commit, made)
    shown = made[:_MOST_JOBS]
    return render_page(
        "commit.html",
        may_roll_back=caller_scope.may_change(ROLLBACK, [edit.path for edit in found.edits]),
        commit=found,
        is_newest=found.sha == service().follower.index().head,
        files=_files(found, made),
        rows=[_row(version) for version in shown],
        changes=[_change(version) for version in shown[:_MOST_DIFFS]],
        count=len(made),
        health=_health(shown),
    )


@blueprint.get("/commits/<commit>/undo", declared=Endpoint(role=ROLLBACK, is_scoped=True, is_heavy=True))
def undo(commit: str) -> str:
    """The plan of the commit that takes it back; the form below it makes that commit."""
    found = _commit(commit, _made_by(commit))
    plan, refusal, diff = None, None, ""
    try:
        plan = service().reverter.plan(request_of(found.sha, ""))
        diff = masking.masked_file(plan.diff, None)
    except ChronosError as error:
        refusal = error
    return render_page("undo.html", commit=found, plan=plan, refusal=refusal, diff=diff)


def _made_by(commit: str) -> Sequence[Version]:
    """By job, of those that the caller sees. NotFoundError when more than one commit begins so."""
    found = service().follower.index().made_by(commit)
    if len({version.commit for version in found}) > 1:
        raise NotFoundError(f'"{commit[:40]}" begins more than one commit', hint="give more digits")
    return [version for version in found if caller_scope.sees_row(version.job, version.path)]


def _commit(commit: str, made: Sequence[Version]) -> Commit:
    """With its edits. A caller who sees some jobs only finds no commit that changed none of them."""
    source, head = service().follower.source, service().follower.index().head
    sha = made[0].commit if made else None if caller_scope.is_limited() else on_chain(source.git, commit, head)
    if sha is None:
        raise NotFoundError(
            f'no commit "{commit[:40]}" of the followed branch changed a job',
            hint="give four digits or more; a merged branch is one commit: its merge",
        )
    edited = commits(source.git, source.jobs, source.git.resolve(f"{sha}^"), sha)
    return edited[0] if edited else recent(source.git, sha, 1)[0]


def _files(found: Commit, made: Sequence[Version]) -> list[str]:
    """A caller who sees some jobs only gets the files of these jobs."""
    if not caller_scope.is_limited():
        return [edit.path for edit in found.edits]
    index = service().follower.index()
    return sorted({file for version in made for file in index.files(version) if caller_scope.sees_path(file)})


def _row(version: Version) -> dict[str, Any]:
    index = service().follower.index()
    later, current = index.versions(version.job)[version.position :], index.current(version.job)
    shown = versions.rendered(version, versions.current_commit(version.job))
    outcome = versions.fate(version, service().engine.outcomes(version.job))
    return (
        shown
        | outcome
        | {
            "job": version.job,
            "label": version.label,
            "later": later[-1] if later else None,
            "gone": current is None or not current.blob,
        }
    )


def _change(version: Version) -> dict[str, Any]:
    after = versions.content_of(version)
    before = versions.before_that(after)
    return {"job": version.job, "diff": version_diff.versions(before, after, now=service().now())}


def _health(made: Sequence[Version]) -> dict[str, str]:
    """By name, of the jobs that run."""
    jobs = service().jobs()
    running = [found for version in made if (found := jobs.get(version.job)) is not None]
    return {one.definition.job.name: one.standing.value for one in job_health.search(service(), running)}
