"""Secrets: their state, their bindings, and the jobs that use them; never anything of a value."""

from typing import Any

from flask import Blueprint, Response

from chronos_gitops.jobs.folders import is_path_in
from chronos_gitops.jobs.secrets.bindings import SecretBinding
from chronos_gitops.jobs.secrets.usage import SecretReport, item, report
from chronos_gitops.server.api import secret_places
from chronos_gitops.server.api.auth import caller_scope
from chronos_gitops.server.api.endpoint import READ, ApiOperation, Endpoint, answer
from chronos_gitops.server.api.openapi.shapes import ref
from chronos_gitops.server.api.params import pagination
from chronos_gitops.server.api.request_context import service

blueprint = Blueprint("secrets", __name__, url_prefix="/api/v1/secrets")


@blueprint.get(
    "",
    declared=Endpoint(
        ApiOperation(
            "listSecrets",
            "runner",
            "Secrets, their state on this runner and where jobs use them",
            "Sorted by name. Nothing about a value is shown, not even its length or age. `origin` is null if it "
            "is known only when a request is made. Callers see only uses in jobs that they can see.",
            {200: answer("Secrets by name", ref("SecretList"))},
        ),
        role=READ,
        is_scoped=True,
        parameters=pagination.PAGED,
    ),
)
def list_secrets() -> Response:
    return pagination.by_name(_visible(), lambda one: one.name, _item)


def _visible() -> tuple[SecretReport, ...]:
    """All of them; for a caller who sees only some jobs the uses in these, and no secret without one."""
    watch = service().secrets
    if not caller_scope.is_limited():
        return watch.reports()
    seen = caller_scope.jobs()
    return report((use for use in watch.uses() if use.job in seen.definitions), watch.bindings, watch.value)


def _item(found: SecretReport) -> dict[str, Any]:
    binding = found.binding or SecretBinding()
    folders, origins = binding.folders, binding.origins
    if caller_scope.is_limited():  # the rest of a binding is about other teams
        folders = tuple(one for one in folders if any(is_path_in(use.path, one) for use in found.uses))
        own = [use for use in found.uses if not binding.folders or any(is_path_in(use.path, one) for one in folders)]
        origins = tuple(one for one in origins if any(use.origin and one.holds(use.origin) for use in own))
    ticks = [next(iter(service().next_runs(job, 1)), None) for job in {use.job for use in found.uses}]
    return item(
        found,
        place=lambda use: secret_places.of(service(), use),
        next_use=min(filter(None, ticks), default=None),
        folders=folders,
        origins=origins,
    )
