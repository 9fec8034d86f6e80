"""The caller, and the sessions of browsers: its own, and those of others for operators who see every job."""

from datetime import datetime
from typing import Any

from flask import Blueprint, Response

from chronos_gitops.config.model import ROLES
from chronos_gitops.engine.login_sessions import LoginSession
from chronos_gitops.errors import NotFoundError
from chronos_gitops.observability.audit_log import AuditAction
from chronos_gitops.server.api import endpoint, request_context
from chronos_gitops.server.api.auth import caller_scope, roles, tokens
from chronos_gitops.server.api.endpoint import OPERATE, READ, ApiOperation, Audited, Endpoint, answer
from chronos_gitops.server.api.openapi import responses
from chronos_gitops.server.api.openapi.shapes import ref
from chronos_gitops.server.api.params import pagination, query
from chronos_gitops.server.api.request_context import service

blueprint = Blueprint("sessions", __name__, url_prefix="/api/v1")
NAME = query.text("name", "Only sessions of the caller with this name")
ID = endpoint.path("session_id", "The session's id")
_ENDED = answer("Number of sessions that ended", ref("EndedSessions"))


@blueprint.get(
    "/whoami",
    declared=Endpoint(
        ApiOperation(
            "whoami",
            "callers",
            "The caller of this request",
            "The caller's name, kind of authentication, roles and their expiry.",
            {200: answer("The caller", ref("Caller"))},
        ),
        role=READ,
        is_scoped=True,
    ),
)
def whoami() -> dict[str, Any]:
    if not roles.has_callers():
        everything: dict[str, Any] = {"roles": list(ROLES), "folders": None, "tags": {}}
        return {"name": request_context.caller(), "via": "none", "grants": [everything], "session": None, "until": None}
    login = tokens.session()
    return {
        "name": request_context.caller(),
        "via": request_context.via(),
        "grants": tokens.caller().document(),
        "session": None if login is None else login.id,
        "until": responses.instant(tokens.until()),
    }


@blueprint.get(
    "/sessions",
    declared=Endpoint(
        ApiOperation(
            "listSessions",
            "callers",
            "Login sessions",
            "Newest first: the caller's own; with the role operate and without tags those of others, too.",
            {200: answer("Sessions, newest first", ref("SessionList"))},
        ),
        role=READ,
        is_scoped=True,
        parameters=(*pagination.PAGED, NAME),
    ),
)
def list_sessions() -> Response:
    start = pagination.position(lambda values: (pagination.instant(values[0]), str(values[1])))
    found = [one for one in _seen(NAME.value()) if start is None or _follows(one, start)]
    size = pagination.limit()
    after = None if len(found) <= size else [found[size - 1].began_at.isoformat(), found[size - 1].id]
    return pagination.answer([_document(one) for one in found[:size]], after)


@blueprint.delete(
    "/sessions",
    declared=Endpoint(
        ApiOperation(
            "endSessions",
            "callers",
            "Log out everywhere",
            "Ends the caller's own sessions; with `name`, as an operator, those of another caller.",
            {200: _ENDED},
        ),
        role=READ,
        is_scoped=True,
        audit=Audited(AuditAction.SESSION_ENDED, None),
        parameters=(NAME,),
    ),
)
def end_sessions() -> dict[str, int]:
    name = NAME.value()
    found = [one for one in _seen(name) if name is not None or _is_own(one)]
    for one in found:
        tokens.callers().sessions.end(one.id)
    request_context.record_target(name or request_context.caller())
    return {"ended": len(found)}


@blueprint.get(
    "/sessions/<session_id>",
    declared=Endpoint(
        ApiOperation(
            "getSession",
            "callers",
            "One login session",
            "One that has ended, or that this caller may not see, is 404.",
            {200: answer("The session", ref("Session"))},
            errors=(404,),
        ),
        role=READ,
        is_scoped=True,
        parameters=(ID,),
    ),
)
def one_session(session_id: str) -> dict[str, Any]:
    return _document(_found(session_id))


@blueprint.delete(
    "/sessions/<session_id>",
    declared=Endpoint(
        ApiOperation(
            "endSession",
            "callers",
            "End a login session",
            "Every replica refuses its cookie within 5 seconds, and its event streams are closed.",
            {200: _ENDED},
            errors=(404,),
        ),
        role=READ,
        is_scoped=True,
        audit=Audited(AuditAction.SESSION_ENDED, None, target="session_id"),
        parameters=(ID,),
    ),
)
def end_session(session_id: str) -> dict[str, int]:
    tokens.callers().sessions.end(_found(session_id).id)
    return {"ended": 1}


def _found(session_id: str) -> LoginSession:
    session = service().sessions.find(session_id)
    if session is None or session.until <= service().now() or not _sees(session):
        raise NotFoundError(
            f'There is no session "{session_id[:64]}".',
            hint="GET /api/v1/sessions lists them.",
            command_hint="`chronos-gitops sessions` lists them.",
        )
    return session


def _seen(name: str | None) -> list[LoginSession]:
    found = service().sessions.current(service().now())
    return [one for one in found if _sees(one) and name in (None, one.name)]


def _sees(session: LoginSession) -> bool:
    return _is_own(session) or (roles.may(OPERATE) and not caller_scope.is_limited())


def _is_own(session: LoginSession) -> bool:
    return roles.has_callers() and session.is_of(*tokens.person())


def _follows(session: LoginSession, position: tuple[datetime, str]) -> bool:
    """In the order of the list: newest first, and by id where two began at one instant."""
    began_at, session_id = position
    return session.began_at < began_at or (session.began_at == began_at and session.id > session_id)


def _document(session: LoginSession) -> dict[str, Any]:
    login = tokens.session()
    return {
        "id": session.id,
        "name": session.name,
        "via": session.via,
        "address": session.address,
        "began_at": responses.instant(session.began_at),
        "until": responses.instant(session.until),
        "current": login is not None and login.id == session.id,
    }
