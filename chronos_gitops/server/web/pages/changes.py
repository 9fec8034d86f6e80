"""The page of changes: commits applied and refused, operations, jobs that began to fail, the state now."""

from collections.abc import Iterable, Mapping
from typing import Any

from chronos_gitops.observability import logging_setup
from chronos_gitops.server.api.auth import caller_scope
from chronos_gitops.server.api.endpoint import READ, Endpoint
from chronos_gitops.server.api.request_context import service
from chronos_gitops.server.api.routes import events as api_events
from chronos_gitops.server.api.routes import health
from chronos_gitops.server.web.layout import blueprint, render_page
from chronos_gitops.versions.version import Version

_SHOWN = 100
_LOOKED_AT = 20
_LOUD = ("error", "warning")


@blueprint.get("/changes", declared=Endpoint(role=READ, is_scoped=True))
def changes() -> str:
    events = [event.document() for event in api_events.newest(_SHOWN)]
    status = caller_scope.status(service().follower.status())
    problems = [one.document() for one in status.problems]
    return render_page(
        "changes.html",
        events=events,
        authors=_authors(events),
        known=service().jobs().definitions.keys() | service().follower.index().jobs(),
        vouched=status.vouched,
        problems=[one for one in problems if one["severity"] in _LOUD],
        notes=[one for one in problems if one["severity"] not in _LOUD],
    )


def _authors(events: Iterable[Mapping[str, Any]]) -> dict[str, Version]:
    """A version that each commit made, found by the jobs it touched: its author and its subject are the commit's."""
    index, found = service().follower.index(), dict[str, Version]()
    for event in events:
        names = [*event["added"], *event["changed"], *event["removed"], event["job"] or ""][:_LOOKED_AT]
        made = (version for name in names for version in index.versions(name) if version.commit == event["commit"])
        if event["commit"] not in found and (version := next(made, None)) is not None:
            found[event["commit"]] = version
    return found


@blueprint.get("/status", declared=Endpoint(role=READ, is_scoped=True))
def status() -> str:
    return render_page(
        "status.html",
        checks=health.told_checks(),
        running=service().engine.health(),
        started_at=service().started_at,
        version=health.version(),
        dropped=logging_setup.dropped(),
    )
