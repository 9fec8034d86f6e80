"""The versions of a job: what git says it was, and what changed between two of them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response

from chronos_gitops.engine.answers.version_outcomes import VersionOutcomes
from chronos_gitops.jobs.secrets import masking
from chronos_gitops.process.engine_priority import yielding
from chronos_gitops.server.api import endpoint
from chronos_gitops.server.api.auth import caller_scope
from chronos_gitops.server.api.endpoint import READ, ApiOperation, Endpoint, answer
from chronos_gitops.server.api.openapi import responses
from chronos_gitops.server.api.openapi.shapes import ref
from chronos_gitops.server.api.params import job_lookup, pagination, query
from chronos_gitops.server.api.request_context import service
from chronos_gitops.server.api.routes.versions import version_diff
from chronos_gitops.server.api.routes.versions.version_content import VersionContent

if TYPE_CHECKING:
    from chronos_gitops.versions.version import Version

blueprint = Blueprint("versions", __name__, url_prefix="/api/v1/jobs/<name>/versions")
N = endpoint.path("n", "A version's number, or its commit (4 digits or more)")
ENVIRONMENT = query.text("environment", "The environment to show it in; the runner's own when absent")
FIELDS = pagination.fields("Version")
AGAINST = query.text("against", "The version before the change; the one before `n` when absent")


@blueprint.get(
    "",
    declared=Endpoint(
        ApiOperation(
            "listVersions",
            "versions",
            "Versions of a job",
            "Newest first; also of a deleted job.",
            {200: pagination.listed("Versions, newest first", "VersionList")},
            errors=(404,),
        ),
        role=READ,
        is_scoped=True,
        parameters=(job_lookup.NAME, *pagination.PAGED, FIELDS),
    ),
)
def list_versions(name: str) -> Response:
    job, size = job_lookup.name(service(), name), pagination.limit()
    before = pagination.position(lambda values: int(values[0]))
    newest_first = reversed(service().follower.index().versions(job))
    page = [
        version
        for version in newest_first
        if (before is None or version.position < before) and caller_scope.sees_row(job, version.path)
    ]
    current, outcomes = current_commit(job), service().engine.outcomes(job)
    items = [rendered(version, current) | fate(version, outcomes) for version in yielding(page[:size])]
    return pagination.answer(items, [page[size - 1].position] if len(page) > size else None)


@blueprint.get(
    "/<n>",
    declared=Endpoint(
        ApiOperation(
            "getVersion",
            "versions",
            "One version",
            "The job and its YAML at that version. Literal credentials are masked, so `yaml` is not "
            "byte for byte the content in git if it contains one.",
            {200: answer("The version", ref("VersionDetail"))},
            errors=(404,),
        ),
        role=READ,
        is_scoped=True,
        is_heavy=True,
        parameters=(job_lookup.NAME, N, ENVIRONMENT),
    ),
)
def one_version(name: str, n: str) -> dict[str, Any]:
    job = job_lookup.name(service(), name)
    then = at(job, n, ENVIRONMENT.value())
    found = then.job
    problems = then.parsed.problems if then.parsed else ()
    outcomes = service().engine.outcomes(job)
    return (
        rendered(then.version, current_commit(job))
        | fate(then.version, outcomes)
        | {
            "job": None if found is None else masking.masked(found.document()),
            "sources": then.sources,
            "yaml": then.yaml,
            "problems": [problem.document() for problem in problems],
        }
    )


@blueprint.get(
    "/<n>/diff",
    declared=Endpoint(
        ApiOperation(
            "diffVersions",
            "versions",
            "Changes of a version",
            "Field by field, as a unified diff, and the next runs before and after.",
            {200: answer("The change from `against` to `n`", ref("Diff"))},
            errors=(404,),
        ),
        role=READ,
        is_scoped=True,
        is_heavy=True,
        parameters=(job_lookup.NAME, N, AGAINST),
    ),
)
def diff(name: str, n: str) -> dict[str, Any]:
    """The changes from ``against`` (default: the version before) to ``n``."""
    job = job_lookup.name(service(), name)
    after = at(job, n)
    against = AGAINST.value()
    before = before_that(after) if against is None else at(job, against)
    return {"version": after.version.number, "against": before and before.version.number} | version_diff.versions(
        before, after, now=service().now()
    )


def before_that(after: VersionContent) -> VersionContent | None:
    """The version before; None for the first one that is known."""
    before = service().follower.index().previous(after.version)
    if before is None or not caller_scope.sees_row(before.job, before.path):
        return None
    return content_of(before)


def rendered(version: "Version", current: str | None) -> dict[str, Any]:
    deployed_at = service().follower.deployments.at(version.job, version.commit)
    files = tuple(
        file for file in service().follower.index().files(version) if "/_" in file or caller_scope.sees_path(file)
    )
    return responses.version(version, files=files, current=current, deployed_at=deployed_at)


def fate(version: "Version", outcomes: Mapping[str, VersionOutcomes]) -> dict[str, Any]:
    """Outcomes of the version's executions; null if the engine has none."""
    found = outcomes.get(version.commit)
    return {"executions": None if found is None else responses.version_outcomes(found)}


def at(job: str, reference: str, environment: str | None = None) -> VersionContent:
    """One version by number or commit; NotFoundError when there is no such one, or no such environment then."""
    return content_of(job_lookup.version(service(), job, reference), environment)


def content_of(version: "Version", environment: str | None = None) -> VersionContent:
    if version.change == "deleted":
        return VersionContent(version, None, None)
    follower = service().follower
    content = follower.read(version.blob)
    if environment is not None:
        follower.effective_version(version, content, environment)  # which refuses one that was not declared
    parsed = follower.judge_version(version, content, environment)
    return VersionContent(version, content.decode("utf-8", "replace"), parsed, environment)


def current_commit(job: str) -> str | None:
    """Of what runs; for a job that does not, of its newest version."""
    running = service().jobs().get(job)
    if running is not None and running.commit is not None:
        return running.commit
    newest = service().follower.index().current(job)
    return None if newest is None else newest.commit
