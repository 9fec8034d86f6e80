"""The draft of a job: what on disk differs from HEAD, what that changes, and how to discard it."""

from typing import Any

from flask import Blueprint

from chronos_gitops.errors import NotFoundError
from chronos_gitops.jobs.model import Job, JobVersion
from chronos_gitops.jobs.planning import text_diff
from chronos_gitops.jobs.secrets import masking
from chronos_gitops.server.api.auth import caller_scope
from chronos_gitops.server.api.endpoint import READ, ApiOperation, Endpoint, answer
from chronos_gitops.server.api.openapi.shapes import ref
from chronos_gitops.server.api.params import job_lookup
from chronos_gitops.server.api.request_context import service
from chronos_gitops.server.api.routes.versions import version_diff, versions
from chronos_gitops.sync.draft_files import DraftFile, commit_command, draft_files, restore_command

blueprint = Blueprint("draft", __name__, url_prefix="/api/v1/jobs/<name>/draft")


class NoDraft(NotFoundError):
    kind = "no-draft"


@blueprint.get(
    "",
    declared=Endpoint(
        ApiOperation(
            "getDraft",
            "versions",
            "Uncommitted changes of a job",
            "The files that differ from HEAD, layers included, the fields and next runs that change, and the command "
            "that discards it. 404 `no-draft` where everything is committed. Literal credentials are masked.",
            {200: answer("The draft", ref("Draft"))},
            errors=(404,),
        ),
        role=READ,
        is_scoped=True,
        is_heavy=True,
        parameters=(job_lookup.NAME,),
    ),
)
def one_draft(name: str) -> dict[str, Any]:
    definition = job_lookup.definition(service(), name)
    if not definition.draft:
        raise NoDraft(
            f'Every file of the job "{definition.job.name}" is committed.',
            hint="GET /api/v1/jobs/<name> has draft: true where one is not.",
            command_hint="`chronos-gitops jobs` shows a draft where one is not.",
        )
    return rendered(definition)


def rendered(definition: JobVersion) -> dict[str, Any]:
    files = _files(definition)
    committed, now = _committed(definition), service().now()
    return {
        "files": [{"path": one.path, "diff": _diff(one, definition.job)} for one in files],
        "jobs": _reached(definition),
        "fields": version_diff.fields(committed, definition.job),
        "runs_before": version_diff.runs(committed, after=now),
        "runs_after": version_diff.runs(definition.job, after=now),
        "restore": restore_command(files),
    }


def commands(definition: JobVersion) -> dict[str, str]:
    files = _files(definition)
    return {"discard": restore_command(files), "keep": commit_command(files, definition)}


def _files(definition: JobVersion) -> tuple[DraftFile, ...]:
    """For a caller with folders the files in these; one with tags sees no layers, which are about other jobs."""
    follower = service().follower
    found = draft_files(follower.source, follower.index().head, definition)
    return tuple(one for one in found if one.path == definition.path or caller_scope.sees_layer(one.path))


def _committed(definition: JobVersion) -> Job | None:
    """The job by its newest committed version; None for one that was never committed, or is deleted at HEAD."""
    newest = service().follower.index().current(definition.job.name)
    return None if newest is None else versions.content_of(newest).job


def _reached(definition: JobVersion) -> int:
    """The number of jobs that the same files make drafts."""
    files = set(definition.draft_files)
    return sum(1 for one in caller_scope.jobs() if not files.isdisjoint(one.draft_files))


def _diff(file: DraftFile, job: Job) -> str:
    before, after = (_lines(content, job) for content in (file.before, file.after))
    names = (f"{file.path}@HEAD" if file.before is not None else "/dev/null", file.path)
    return text_diff.unified(before, after, before=names[0], after=names[1]).text


def _lines(content: bytes | None, job: Job) -> list[str]:
    return [] if content is None else masking.masked_file(content.decode("utf-8", "replace"), job).splitlines()
