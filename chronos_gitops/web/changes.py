"""What happened: commits applied and refused, what people asked for, jobs that began to fail; how it is now."""

from collections.abc import Iterable, Mapping
from typing import Any

from chronos_gitops import logs
from chronos_gitops.api import events as api_events
from chronos_gitops.api import health, render, scope
from chronos_gitops.api.context import service
from chronos_gitops.repo.history import Version
from chronos_gitops.web.frame import blueprint, filled_in

_SHOWN = 100
_LOOKED_AT = 20
_LOUD = ("error", "warning")


@blueprint.get("/changes")
def changes() -> str:
    events = [event.document() for event in api_events.newest(_SHOWN)]
    problems = [render.problem(one) for one in scope.status(service().follower.status()).problems]
    return filled_in(
        "changes.html",
        events=events,
        authors=_authors(events),
        known=service().jobs().definitions.keys() | service().follower.index().jobs(),
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


@blueprint.get("/status")
def status() -> str:
    return filled_in(
        "status.html",
        checks=health.told_checks(),
        running=service().engine.health(),
        started_at=service().started_at,
        version=health.version(),
        dropped=logs.dropped(),
    )
