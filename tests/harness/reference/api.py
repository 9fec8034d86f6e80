"""Every call of the REST API, from the OpenAPI document."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from harness.reference.markdown import anchor, code, head, table

from chronos_gitops.server.api.app import url_map
from chronos_gitops.server.api.openapi.generator import specification

Schema = Mapping[str, Any]


def openapi() -> str:
    return json.dumps(specification(url_map()), ensure_ascii=False, indent=2) + "\n"


def page() -> str:
    document = specification(url_map())
    operations = [
        (method.upper(), path, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in ("get", "post", "put", "patch", "delete")
    ]
    rows = (
        (f"[{method} {path}](#{anchor(f'{method} {path}')})", _role(operation), operation["summary"])
        for method, path, operation in operations
    )
    parts = [
        head("The REST API", "the OpenAPI document", document["info"]["description"]),
        "The document itself: `GET /api/v1/openapi.json`.",
        table(("call", "role", "what it does"), rows),
        "# Calls",
    ]
    for method, path, operation in operations:
        parts += _operation(method, path, operation)
    parts.append("# Shapes")
    for name, schema in document["components"]["schemas"].items():
        parts += [f"### {name}", *_shape(schema)]
    return "\n\n".join(parts) + "\n"


def _role(operation: Schema) -> str:
    return ", ".join(role for each in operation["security"] for roles in each.values() for role in roles) or "none"


def _operation(method: str, path: str, operation: Schema) -> Iterator[str]:
    yield f"### {method} {path}"
    yield f"{operation['summary']}. Role: {_role(operation)}. operationId {code(operation['operationId'])}."
    if operation.get("description"):
        yield operation["description"]
    if operation.get("parameters"):
        rows = (
            (code(each["name"]), each["in"], _type(each["schema"]), each.get("description", ""))
            for each in operation["parameters"]
        )
        yield table(("parameter", "in", "type", "meaning"), rows)
    if "requestBody" in operation:
        yield f"Body: {_content(operation['requestBody'])}."
    answers = operation["responses"]
    own = [(status, each["description"], _content(each)) for status, each in answers.items() if "$ref" not in each]
    yield table(("answer", "when", "body"), own)
    refusals = ", ".join(sorted(status for status, each in answers.items() if "$ref" in each))
    if refusals:
        yield f"Problems: {refusals}."


def _content(answer: Schema) -> str:
    return "; ".join(
        f"{code(media)} {_type(each.get('schema', {}))}" for media, each in answer.get("content", {}).items()
    )


def _shape(schema: Schema) -> Iterator[str]:
    if schema.get("description"):
        yield schema["description"]
    if "properties" not in schema:
        yield _type(schema)
        return
    required = schema.get("required", ())
    rows = (
        (code(name), _type(each), "yes" if name in required else "no", each.get("description", ""))
        for name, each in schema["properties"].items()
    )
    yield table(("field", "type", "always", "meaning"), rows)


def _type(schema: Schema) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    for several in ("oneOf", "anyOf", "allOf"):
        if several in schema:
            return (" and " if several == "allOf" else " or ").join(map(_type, schema[several]))
    if "enum" in schema:
        return " ".join(code(str(each)) for each in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if isinstance(schema.get("additionalProperties"), Mapping):
        return f"map of {_type(schema['additionalProperties'])}"
    kind = schema.get("type", "any")
    return schema.get("format") or (kind if isinstance(kind, str) else " or ".join(kind))
