"""The REST API of CONTRACT 6: ``create_app`` puts a Flask application over one Service."""

from functools import cache
from typing import TYPE_CHECKING

from flask import Blueprint, Flask
from flask.json.provider import DefaultJSONProvider
from flask.typing import ResponseReturnValue
from werkzeug.routing import Map, Rule

from chronos_gitops.server.api import budgets, problems, request_context
from chronos_gitops.server.api.auth import roles, tokens
from chronos_gitops.server.api.endpoint import DeclaredRule
from chronos_gitops.server.api.middleware import (
    audit_recorder,
    compression,
    conditional,
    cors,
    deprecation,
    form_redirect,
    key_reuse,
    readiness,
    request_metrics,
    security_headers,
)
from chronos_gitops.server.api.params import body, query
from chronos_gitops.server.api.proxied_requests import ProxiedRequests
from chronos_gitops.server.api.routes import (
    audit,
    calendars,
    callbacks,
    events,
    health,
    identity,
    openapi,
    preflight,
    push_webhooks,
    secrets,
    sessions,
    sync,
    validate,
)
from chronos_gitops.server.api.routes.executions import executions, replays
from chronos_gitops.server.api.routes.jobs import actions, bulk, calendar_feed, jobs, next_runs
from chronos_gitops.server.api.routes.versions import draft, rollback, undo, versions

if TYPE_CHECKING:
    from chronos_gitops.service import Service

BODY_LIMIT = 1024 * 1024
SUBJECTS = (
    jobs,
    actions,
    bulk,
    preflight,
    next_runs,
    calendar_feed,
    versions,
    draft,
    rollback,
    undo,
    executions,
    replays,
    callbacks,
    validate,
    sync,
    push_webhooks,
    audit,
    events,
    secrets,
    calendars,
    sessions,
    health,
    identity,
    openapi,
    problems,
)
"""In the order of the OpenAPI document."""


class Json(DefaultJSONProvider):
    """Fields in the order they were written, UTF-8 as it is, no spaces."""

    sort_keys = False
    ensure_ascii = False
    compact = True


class Application(Flask):
    json_provider_class = Json
    url_rule_class: type[Rule] = DeclaredRule

    def dispatch_request(self) -> ResponseReturnValue:
        return budgets.answer(super().dispatch_request, roles.caller_name())


@cache
def url_map() -> Map:
    """Every route of the API without a service, for what only reads declarations."""
    app = Application("chronos_gitops.api", static_folder=None)
    for subject in SUBJECTS:
        app.register_blueprint(subject.blueprint)
    return app.url_map


def create_app(service: "Service", *pages: Blueprint) -> Flask:
    """The application; ``pages`` are blueprints of higher rooms, kept by the same guard."""
    app = Application("chronos_gitops.api", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = BODY_LIMIT
    app.url_map.strict_slashes = True
    app.url_map.merge_slashes = False  # a doubled slash is another address: 404, never a redirect
    request_context.install(app, service)
    tokens.install(app, service)
    budgets.install(app)
    callbacks.install(app)
    events.install(app)
    problems.install(app)
    _before(app)
    for blueprint in (*(subject.blueprint for subject in SUBJECTS), *pages):
        app.register_blueprint(blueprint)
    settings = service.settings
    app.wsgi_app = ProxiedRequests(app.wsgi_app, public_url=settings.public_url, trusted=settings.proxy.trusted)  # type: ignore[method-assign]  # how Flask documents it
    return app


def _before(app: Flask) -> None:
    """In this order: who asks, whether now, what is asked; after-handlers run in reverse, so the ETag is first."""
    compression.install(app)
    form_redirect.install(app)
    request_metrics.install(app)
    roles.install(app)
    cors.install(app)
    deprecation.install(app)
    readiness.install(app)
    query.install(app)
    body.install(app)
    key_reuse.install(app)
    security_headers.install(app)
    conditional.install(app)
    audit_recorder.install(app)
