"""The REST API of CONTRACT 6: ``create_app`` puts a Flask application over one Service."""

from typing import TYPE_CHECKING

from flask import Blueprint, Flask
from flask.json.provider import DefaultJSONProvider
from flask.typing import ResponseReturnValue

from chronos_gitops.server.api import budgets, problems, request_context
from chronos_gitops.server.api.auth import roles, tokens
from chronos_gitops.server.api.middleware import (
    conditional,
    cors,
    form_redirect,
    readiness,
    request_metrics,
    security_headers,
)
from chronos_gitops.server.api.openapi import generator
from chronos_gitops.server.api.params import query
from chronos_gitops.server.api.routes import audit, callbacks, events, health, push_webhooks, sync, validate
from chronos_gitops.server.api.routes.jobs import actions, executions, jobs, next_runs, rollback, undo, versions

if TYPE_CHECKING:
    from chronos_gitops.app import Service

BODY_LIMIT = 1024 * 1024
_SUBJECTS = (
    jobs,
    next_runs,
    versions,
    rollback,
    undo,
    executions,
    callbacks,
    actions,
    validate,
    sync,
    push_webhooks,
    audit,
    events,
    health,
    generator,
    problems,
)


class Json(DefaultJSONProvider):
    """Fields in the order they were written, UTF-8 as it is, no spaces."""

    sort_keys = False
    ensure_ascii = False
    compact = True


class Application(Flask):
    json_provider_class = Json

    def dispatch_request(self) -> ResponseReturnValue:
        return budgets.answer(super().dispatch_request, roles.caller_name())


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
    for blueprint in (*(subject.blueprint for subject in _SUBJECTS), *pages):
        app.register_blueprint(blueprint)
    return app


def _before(app: Flask) -> None:
    """In this order: who asks, whether now, what is asked; after-handlers run in reverse, so the ETag is first."""
    form_redirect.install(app)
    request_metrics.install(app)
    roles.install(app)
    cors.install(app)
    readiness.install(app)
    query.install(app)
    security_headers.install(app)
    conditional.install(app)
    audit.install(app)
