"""The versions of a job: what git says it was, and what changed between two of them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response

from chronos_gitops.jobs import masking
from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.validation.validate import FileResult, validate_file
from chronos_gitops.process.engine_priority import yielding
from chronos_gitops.server.api.openapi import responses
from chronos_gitops.server.api.params import job_lookup, pagination, query
from chronos_gitops.server.api.request_context import service
from chronos_gitops.server.api.routes.jobs import version_diff

if TYPE_CHECKING:
    from chronos_gitops.versions.version_log import Version

blueprint = Blueprint("versions", __name__, url_prefix="/api/v1/jobs/<name>/versions")


@dataclass(frozen=True, slots=True)
class VersionContent:
    """A version with its content; ``source`` is None for a deletion."""

    version: "Version"
    source: str | None
    parsed: FileResult | None

    @property
    def yaml(self) -> str | None:
        return None if self.source is None else masking.masked_file(self.source, self.job)

    @property
    def job(self) -> Job | None:
        return None if self.parsed is None else self.parsed.job


@blueprint.get("")
def list_versions(name: str) -> Response:
    job, size = job_lookup.name(service(), name), pagination.limit()
    before = pagination.position(lambda values: int(values[0]))
    newest_first = reversed(service().follower.index().versions(job))
    page = [version for version in newest_first if before is None or version.position < before]
    current = current_commit(job)
    items = [rendered(version, current) for version in yielding(page[:size])]
    return pagination.answer(items, [page[size - 1].position] if len(page) > size else None)


@blueprint.get("/<n>")
def one_version(name: str, n: str) -> dict[str, Any]:
    job = job_lookup.name(service(), name)
    then = at(job, n)
    found = then.job
    problems = then.parsed.problems if then.parsed else ()
    return rendered(then.version, current_commit(job)) | {
        "job": None if found is None else masking.masked(found.document()),
        "yaml": then.yaml,
        "problems": [responses.problem(problem) for problem in problems],
    }


@blueprint.get("/<n>/diff")
def diff(name: str, n: str) -> dict[str, Any]:
    """What changed from ``against`` (the version before, unless the query names one) to ``n``."""
    job = job_lookup.name(service(), name)
    after = at(job, n)
    against = query.text("against")
    before = before_that(after) if against is None else at(job, against)
    return {"version": after.version.number, "against": before and before.version.number} | version_diff.versions(
        before, after, now=service().now()
    )


def before_that(after: VersionContent) -> VersionContent | None:
    """The version before; None for the first one that is known."""
    before = service().follower.index().previous(after.version)
    return None if before is None else content_of(before)


def rendered(version: "Version", current: str | None) -> dict[str, Any]:
    deployed_at = service().follower.deployments.at(version.job, version.commit)
    return responses.version(version, current=current, deployed_at=deployed_at)


def at(job: str, reference: str) -> VersionContent:
    """One version by number or commit; NotFoundError when there is no such one."""
    return content_of(service().follower.index().version(job, reference))


def content_of(version: "Version") -> VersionContent:
    if version.change == "deleted":
        return VersionContent(version, None, None)
    content = service().follower.read(version.blob)
    return VersionContent(version, content.decode("utf-8", "replace"), validate_file(version.path, content))


def current_commit(job: str) -> str | None:
    """Of what runs; for a job that does not, of its newest version."""
    running = service().jobs().get(job)
    if running is not None and running.commit is not None:
        return running.commit
    newest = service().follower.index().current(job)
    return None if newest is None else newest.commit
