"""``{name}`` of a path, a job's name or its id, to what is known about it."""

from typing import TYPE_CHECKING

from chronos_gitops.errors import NotFoundError
from chronos_gitops.jobs.job_ids import job_id
from chronos_gitops.jobs.model import JobVersion
from chronos_gitops.jobs.validation.suggestions import closest
from chronos_gitops.server.api import endpoint
from chronos_gitops.server.api.auth import caller_scope

if TYPE_CHECKING:
    from chronos_gitops.service import Service
    from chronos_gitops.versions.version import Version

NAME = endpoint.path("name", "The job's name or id")
_ID_LENGTH = 36


def definition(service: "Service", reference: str) -> JobVersion:
    """The running job; NotFoundError says when it was deleted, or which name is near."""
    found = caller_scope.jobs().find(reference)
    if found is None:
        caller_scope.refuse_known(reference)
        raise _missing(service, reference)
    return found


def name(service: "Service", reference: str) -> str:
    """The name of a job that runs or ever was committed: versions outlive their job."""
    found = caller_scope.jobs().find(reference)
    known = found.job.name if found is not None else _once_known(service, reference)
    if known is None:
        caller_scope.refuse_known(reference)
        raise _missing(service, reference)
    return known


def version(service: "Service", job: str, reference: str) -> "Version":
    """By number or commit. NotFoundError for none, and for one whose file the caller does not see."""
    found = service.follower.index().version(job, reference)
    if not caller_scope.sees_row(job, found.path):
        raise NotFoundError(
            f'job "{job}" has no version "{reference[:40]}"',
            hint="GET .../versions lists them",
            command_hint="`chronos-gitops history` lists them",
        )
    return found


def _once_known(service: "Service", reference: str) -> str | None:
    names = service.follower.index().jobs()
    known = reference if reference in names else None
    if known is None and len(reference) == _ID_LENGTH:
        known = next((name for name in names if job_id(name) == reference.lower()), None)
    return known if known is not None and caller_scope.sees(known) else None


def _missing(service: "Service", reference: str) -> NotFoundError:
    known = _once_known(service, reference)
    if known is not None:
        return _gone(service, known)
    near = closest(reference, caller_scope.jobs().definitions)
    said = f'There is no job "{reference[:100]}".'
    if near:
        return NotFoundError(said, hint=f'Did you mean "{near}"?')
    return NotFoundError(
        said, hint="GET /api/v1/jobs lists the jobs.", command_hint="`chronos-gitops jobs` lists the jobs."
    )


def _gone(service: "Service", known: str) -> NotFoundError:
    versions = service.follower.index().versions(known)
    last_content = next((found.label for found in reversed(versions) if found.change != "deleted"), "1")
    return NotFoundError(
        f'The job "{known}" was deleted in version {versions[-1].label}.',
        hint=f"GET /api/v1/jobs/{known}/versions shows its history; "
        f"POST /api/v1/jobs/{known}/rollback/{last_content} restores it.",
        command_hint=f"`chronos-gitops history {known}` shows its versions; "
        f"`chronos-gitops rollback {known} {last_content}` restores it.",
    )
