"""The OpenAPI document, as this runner answers."""

from typing import Any

from flask import Blueprint, current_app

from chronos_gitops.server.api import links
from chronos_gitops.server.api.auth import roles
from chronos_gitops.server.api.endpoint import ApiOperation, Endpoint, answer
from chronos_gitops.server.api.openapi import generator

blueprint = Blueprint("openapi", __name__, url_prefix="/api/v1")


@blueprint.get(
    "/openapi.json",
    declared=Endpoint(
        ApiOperation(
            "openapi",
            "runner",
            "This document",
            "The source of /api/docs.",
            {200: answer("OpenAPI 3.1", {"type": "object"})},
        ),
        role=None,
    ),
)
def document() -> dict[str, Any]:
    specification = generator.specification(current_app.url_map)
    known = specification if roles.has_callers() else generator.without_callers(specification)
    return known | {"servers": [{"url": links.path("") or "/"}]}
