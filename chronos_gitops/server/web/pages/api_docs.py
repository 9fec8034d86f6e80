"""``/api/docs``: the OpenAPI document as a page of our own, with a command for each operation; no script, no CDN."""

import json
import shlex
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from flask import Blueprint, current_app, redirect
from werkzeug import Response

from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.server.api import links
from chronos_gitops.server.api.auth import roles
from chronos_gitops.server.api.endpoint import Endpoint
from chronos_gitops.server.api.openapi.generator import specification
from chronos_gitops.server.web.layout import head_values, render_page

blueprint = Blueprint("docs", __name__)
_TOKEN = '-H "Authorization: Bearer $CHRONOS_TOKEN"'


@dataclass(frozen=True, slots=True)
class DocumentedOperation:
    """One operation as the page shows it; examples are text."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    role: str | None
    parameters: tuple[Mapping[str, Any], ...]
    curl: str
    body: str | None
    answers: tuple[tuple[str, str, str | None], ...]


@blueprint.get("/api/docs", declared=Endpoint(role=None))
def page() -> str:
    document = specification(current_app.url_map)
    chapters = [
        (tag["name"], tag["description"], operations(document, tag["name"], _server())) for tag in document["tags"]
    ]
    return render_page("docs.html", info=document["info"], chapters=chapters, **head_values())


@blueprint.get("/docs", declared=Endpoint(role=None))
@blueprint.get("/api", declared=Endpoint(role=None))
@blueprint.get("/api/v1", declared=Endpoint(role=None))
def documentation() -> Response:
    """Where people look for the API."""
    return redirect(links.path("/api/docs"), 302)


def operations(document: Mapping[str, Any], chapter: str, server: str) -> list[DocumentedOperation]:
    return [
        _operation(document, path, method, found, server)
        for path, methods in document["paths"].items()
        for method, found in methods.items()
        if chapter in found["tags"]
    ]


def _operation(
    document: Mapping[str, Any], path: str, method: str, found: Mapping[str, Any], server: str
) -> DocumentedOperation:
    return DocumentedOperation(
        id=found["operationId"],
        method=method.upper(),
        path=path,
        summary=found["summary"],
        description=found["description"],
        role=found["security"][0]["bearer"][0] if found["security"] else None,
        parameters=tuple(found["parameters"]),
        curl=curl(path, method, found, server),
        body=_example(found.get("requestBody")),
        answers=tuple(_answer(document, status, answer) for status, answer in found["responses"].items()),
    )


def curl(path: str, method: str, found: Mapping[str, Any], server: str) -> str:
    """A line for a shell that works as it is, but for the token and the names of the example."""
    for parameter in found["parameters"]:
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", quote(str(parameter["example"]), safe=""))
    words = ["curl"] + (["-X", method.upper()] if method != "get" else [])
    line = " ".join([*words, shlex.quote(server + path)])
    if found["security"] and roles.has_callers():
        line += f" {_TOKEN}"
    content = found.get("requestBody", {}).get("content", {})
    if "application/yaml" in content:
        return f"{line} --data-binary @jobs/daily-backup.yaml"
    if "application/json" in content:
        line += f" -d {shlex.quote(json.dumps(content['application/json']['example']))}"
    return line


def _answer(document: Mapping[str, Any], status: str, answer: Mapping[str, Any]) -> tuple[str, str, str | None]:
    if "$ref" in answer:  # the same for every error; its types have pages of their own
        return status, document["components"]["responses"]["Problem"]["description"], None
    return status, answer["description"], _example(answer)


def _example(place: Mapping[str, Any] | None) -> str | None:
    """The first of the media types, as text."""
    content = next(iter((place or {}).get("content", {}).values()), None)
    if content is None:
        return None
    example = content["example"]
    return example if isinstance(example, str) else json.dumps(example, indent=2, ensure_ascii=False)


def _server() -> str:
    """As the reader came, so that the commands work where they are read."""
    return links.absolute("")
