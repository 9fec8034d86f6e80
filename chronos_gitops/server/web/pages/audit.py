"""The audit log as a list with filters that stand in the address, newest first."""

from collections.abc import Mapping
from typing import Any

from flask import request, url_for

from chronos_gitops.observability.audit_log import AuditAction, AuditResult
from chronos_gitops.server.api.endpoint import READ, Endpoint
from chronos_gitops.server.api.params import pagination, query
from chronos_gitops.server.api.request_context import service
from chronos_gitops.server.api.routes import audit as api
from chronos_gitops.server.api.routes.audit import AuditQuery
from chronos_gitops.server.web import list_filters
from chronos_gitops.server.web.layout import blueprint, render_page

_SHOWN = 50


WITHIN = list_filters.within("Only calls of this long until now")
JOB, BY, SINCE, UNTIL = (query.of_form(one) for one in (api.JOB, api.BY, api.SINCE, api.UNTIL))
ACTION = query.of_form(query.choice("action", AuditAction, "Only this action"))
_WITH_AN_ID = (AuditAction.BULK_PAUSE, AuditAction.BULK_RESUME, AuditAction.BULK_TRIGGER, AuditAction.REPLAY_END)
_MADE_A_COMMIT = (AuditResult.DONE, AuditResult.UNCHANGED)


@blueprint.get(
    "/audit",
    declared=Endpoint(
        role=READ,
        is_scoped=True,
        parameters=(JOB, ACTION, api.RESULT, BY, WITHIN, SINCE, UNTIL, pagination.CURSOR),
    ),
)
def audit() -> str:
    within, action = WITHIN.value(), ACTION.value()
    asked = AuditQuery(
        job=JOB.value(),
        actions=() if action is None else (action,),
        results=api.RESULT.value() or (),
        by=BY.value(),
        since=list_filters.begin(within, SINCE.value()),
        until=UNTIL.value(),
    )
    entries, after = api.found(asked, _SHOWN)
    return render_page(
        "audit.html",
        rows=[entry | _targets(entry) for entry in entries],
        following=None if after is None else list_filters.relative(pagination.next_url(after)),
        first=list_filters.first(),
        is_first=pagination.CURSOR.value() is None,
        asked=asked,
        within=within,
        since=list_filters.local(SINCE.value()),
        until=list_filters.local(UNTIL.value()),
        choices={"action": list(AuditAction), "result": list(AuditResult), "within": list_filters.WORDS},
        shortcuts=_shortcuts(),
        is_filtered=bool(request.args),
        known={entry["job"] for entry in entries if _has_page(entry["job"])},
    )


def _has_page(job: str | None) -> bool:
    """Jobs that run, or were committed once."""
    return job is not None and (job in service().jobs().definitions or job in service().follower.index().jobs())


def _targets(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The version and the commit that the call was about, which have pages where it succeeded; else the target in
    words, if nothing else of the row shows it."""
    is_done = entry["result"] in _MADE_A_COMMIT
    target = entry["target"]
    version = target if entry["action"] == AuditAction.ROLLBACK and is_done else None
    undone = target if entry["action"] == AuditAction.UNDO and is_done else None
    is_shown = target is None or any((version, undone, target == entry["execution"], target == entry["replay"]))
    return {
        "version": version,
        "undone": undone,
        "target": None if is_shown or f'"{target}"' in (entry["detail"] or "") else _in_words(entry["action"], target),
        "commit": entry["commit"] if is_done else None,
    }


def _in_words(action: str, target: str) -> str:
    """The end of a pause with its preposition; of calls about many jobs the jobs, without the id of the call."""
    if action == AuditAction.PAUSE:
        return f"until {target}"
    words = target.partition(": ")[2] if action in _WITH_AN_ID else ""
    return words or target


def _shortcuts() -> list[tuple[str, str]]:
    """Labels and addresses of the most frequent filters."""
    asked = (
        ("refused in the last 24 hours", {"result": ["refused", "failed"], "within": "24h"}),
        ("rollbacks", {"action": "rollback"}),
        ("undone commits", {"action": "undo"}),
        ("triggers in the last 24 hours", {"action": "trigger", "within": "24h"}),
        ("logins", {"action": "login"}),
    )
    return [(words, url_for("pages.audit", **fields)) for words, fields in asked]
