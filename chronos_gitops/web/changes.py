"""What happened: commits applied and refused, what people asked for, jobs that began to fail; how it is now."""

from flask import render_template

from chronos_gitops.api import health, render, scope
from chronos_gitops.api.context import service
from chronos_gitops.web.frame import blueprint

_SHOWN = 100


@blueprint.get("/changes")
def changes() -> str:
    found = service().events.newest(_SHOWN)
    return render_template(
        "changes.html",
        events=[event.document() for _, event in found],
        known=service().jobs().definitions.keys() | service().follower.index().jobs(),
        problems=[render.problem(one) for one in scope.status(service().follower.status()).problems],
    )


@blueprint.get("/status")
def status() -> str:
    return render_template(
        "status.html",
        checks=health.checks(),
        running=service().engine.health(),
        started_at=service().started_at,
        version=health.version(),
    )
