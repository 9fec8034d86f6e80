"""The OpenAPI 3.1 document, made of the declarations in the URL map; tests hold every answer to it."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from werkzeug.routing import Map

import chronos_gitops
from chronos_gitops.server.api import endpoint
from chronos_gitops.server.api.endpoint import (
    CHAPTERS,
    JSON,
    OPERATE,
    ROLLBACK,
    Answer,
    ApiOperation,
    DeclaredRule,
    Endpoint,
    JsonBody,
    RawBody,
    answer,
)
from chronos_gitops.server.api.openapi import examples, request_limits
from chronos_gitops.server.api.openapi.schemas import components
from chronos_gitops.server.api.openapi.shapes import Schema, ref
from chronos_gitops.server.api.params import idempotency

_DESCRIPTION = (
    "Errors are RFC 9457 problems. GET responses have a strong ETag, and are 304 when If-None-Match matches it. "
    "Unknown query parameters are refused. Every response has X-Request-ID, and X-Chronos-Commit once a commit is "
    "applied. Security requirements name the role that a token needs; a browser session has the roles of its token. "
    "A token with `folders` or `tags` can access only the jobs that match them. A runner without tokens listens "
    "on loopback only."
)
_UNCHANGED = {"description": "Not modified: If-None-Match matches the ETag of the response"}
_SENT_ON = {"description": "For forms of the pages: redirect to `_next`"}
_PROBLEM = {"$ref": "#/components/responses/Problem"}


@lru_cache(maxsize=8)
def specification(urls: Map) -> dict[str, Any]:
    """The whole document; not to be changed, it is made once for each map."""
    schemas = components() | _request_shapes(urls)
    problem = endpoint.answer("Problem details (RFC 9457)", ref("Problem"), media="application/problem+json")
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "chronos-gitops",
            "version": chronos_gitops.__version__,
            "summary": "The runner's REST API",
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": _paths(urls, schemas),
        "components": {
            "schemas": schemas,
            "responses": {"Problem": _illustrated(problem, schemas)},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
        "tags": [{"name": name, "description": description} for name, description in CHAPTERS.items()],
    }


def without_callers(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document of a runner that knows no callers: no call of it asks for a token."""
    paths = {
        path: {method: {**operation, "security": []} for method, operation in methods.items()}
        for path, methods in document["paths"].items()
    }
    components = {name: found for name, found in document["components"].items() if name != "securitySchemes"}
    return {**document, "paths": paths, "components": components}


def _request_shapes(urls: Map) -> dict[str, Schema]:
    bodies = [rule.declared.body for rule in endpoint.declared(urls)]
    return {
        body.shape: request_limits.stated(components()[body.shape], body)
        for body in bodies
        if isinstance(body, JsonBody)
    }


def documented_path(rule: DeclaredRule) -> str:
    return rule.rule.replace("<", "{").replace(">", "}")


def method_of(rule: DeclaredRule) -> str:
    """Flask adds HEAD and OPTIONS to the one method that is declared."""
    return next(method.lower() for method in rule.methods or () if method not in ("HEAD", "OPTIONS"))


def _paths(urls: Map, schemas: Schema) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for rule in endpoint.declared(urls):
        if rule.declared.operation is not None:
            methods = paths.setdefault(documented_path(rule), {})
            methods[method_of(rule)] = _operation(rule.declared, rule.declared.operation, method_of(rule), schemas)
    return paths


def _operation(declared: Endpoint, operation: ApiOperation, method: str, schemas: Schema) -> dict[str, Any]:
    return {
        "operationId": operation.id,
        "summary": operation.summary,
        "parameters": [
            one.document() | ({"example": examples.of(one.schema, schemas, field=one.name)} if one.has_example else {})
            for one in (*declared.parameters, *([idempotency.KEY] if method == "post" else ()))
        ],
        "responses": _responses(declared, operation, method, schemas),
        "security": [{"bearer": [declared.role]}] if declared.role else [],
        **({"requestBody": _body(declared.body, schemas)} if declared.body else {}),
        "tags": [operation.chapter],
        "description": endpoint.announced(operation.text, declared.deprecation),
        **({"deprecated": True} if declared.deprecation else {}),
    }


def _body(body: JsonBody | RawBody, schemas: Schema) -> dict[str, Any]:
    if isinstance(body, RawBody):
        return _illustrated({"required": body.is_required, "content": {body.media: {"schema": body.schema}}}, schemas)
    required = bool(schemas[body.shape].get("required"))
    return _illustrated({"required": required, "content": {JSON: {"schema": ref(body.shape)}}}, schemas)


def _responses(declared: Endpoint, operation: ApiOperation, method: str, schemas: Schema) -> dict[str, Any]:
    answers = {status: _illustrated(found, schemas) for status, found in operation.answers.items()}
    done = {status: found for status, found in answers.items() if status < 400}
    if method == "get":
        done[304] = _UNCHANGED
    if method == "post" and declared.role in (OPERATE, ROLLBACK):
        done[303] = _sent_on(list(operation.answers.values()), schemas)
    always = (400, 401, 403, 421, 429, 500, 503) if declared.role else (400, 403, 421, 500)
    refusals = (*always, 412 if method == "get" else 413, *([422] if method == "post" else ()), *operation.errors)
    failing = {status: found for status, found in answers.items() if status >= 400}
    found = done | dict.fromkeys(refusals, _PROBLEM) | failing
    return {str(status): one for status, one in found.items()}


def _sent_on(answers: list[Answer], schemas: Schema) -> dict[str, Any]:
    """The same answer as a program gets, with the address of the page that the form names."""
    kinds = [one["content"][JSON]["schema"] for one in answers]
    flat = [kind for one in kinds for kind in one.get("oneOf", [one])]
    different = [kind for number, kind in enumerate(flat) if kind not in flat[:number]]
    return _illustrated(answer("", different[0] if len(different) == 1 else {"oneOf": different}), schemas) | _SENT_ON


def _illustrated(place: Answer, schemas: Schema) -> dict[str, Any]:
    """The answer or body with an example for each of its media types."""
    content: Mapping[str, Mapping[str, Any]] = place["content"]
    return dict(place) | {
        "content": {
            media: dict(one) | {"example": examples.of_media(media, one["schema"], schemas)}
            for media, one in content.items()
        }
    }
