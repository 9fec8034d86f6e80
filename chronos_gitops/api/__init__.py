"""The REST API of CONTRACT 6: ``create_app`` puts a Flask application over one Service."""

from typing import TYPE_CHECKING

from flask import Blueprint, Flask
from flask.json.provider import DefaultJSONProvider
from flask.typing import ResponseReturnValue

from chronos_gitops.api import (
    audit,
    budgets,
    callbacks,
    callers,
    context,
    control,
    cors,
    etag,
    events,
    executions,
    forms,
    guard,
    headers,
    health,
    hooks,
    jobs,
    measure,
    openapi,
    problems,
    query,
    readiness,
    rollback,
    sync,
    undo,
    upcoming,
    validate,
    versions,
)

if TYPE_CHECKING:
    from chronos_gitops.service import Service

BODY_LIMIT = 1024 * 1024
_SUBJECTS = (
    jobs,
    upcoming,
    versions,
    rollback,
    undo,
    executions,
    callbacks,
    control,
    validate,
    sync,
    hooks,
    audit,
    events,
    health,
    openapi,
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
        return budgets.answer(super().dispatch_request, guard.caller_name())


def create_app(service: "Service", *pages: Blueprint) -> Flask:
    """The application; ``pages`` are blueprints of higher rooms, kept by the same guard."""
    app = Application("chronos_gitops.api", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = BODY_LIMIT
    app.url_map.strict_slashes = True
    app.url_map.merge_slashes = False  # a doubled slash is another address: 404, never a redirect
    context.install(app, service)
    callers.install(app, service)
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
    forms.install(app)
    measure.install(app)
    guard.install(app)
    cors.install(app)
    readiness.install(app)
    query.install(app)
    headers.install(app)
    etag.install(app)
    audit.install(app)
