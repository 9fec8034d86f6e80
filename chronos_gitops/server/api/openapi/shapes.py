"""The pieces that schemas are made of (JSON Schema 2020-12)."""

from typing import Any

Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
COUNT: Schema = {"type": "integer", "minimum": 0}
NUMBER: Schema = {"type": "integer", "minimum": 1}
INSTANT: Schema = {"type": "string", "format": "date-time", "description": "RFC 3339, UTC"}
DURATION: Schema = {"type": "string", "examples": ["300ms", "30s", "1h30m"]}
REASON: Schema = {"type": "string", "pattern": r"\S", "description": "The reason; the audit log has it"}
FILE: Schema = {"type": "string", "format": "binary", "contentMediaType": "application/yaml"}
TEXT_MAP: Schema = {"type": "object", "additionalProperties": TEXT}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def listed(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def nullable(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


CLOSED_NOW: Schema = nullable(TEXT) | {
    "description": "Like `closed by year-end until 2027-01-04T05:00:00Z`, where a calendar closes the moment"
}


def one_of(values: Any) -> Schema:
    return {"type": "string", "enum": [str(value) for value in values]}


def shape(fields: dict[str, Schema], *, optional: tuple[str, ...] = (), description: str = "") -> Schema:
    """An object with exactly these fields, all of them present but the optional ones."""
    found: Schema = {"type": "object", "additionalProperties": False, "properties": fields}
    required = [name for name in fields if name not in optional]
    return found | ({"required": required} if required else {}) | ({"description": description} if description else {})


def page(items: str) -> Schema:
    following = {"type": ["string", "null"], "format": "uri", "description": "The next page, null on the last one"}
    return shape({"items": listed(ref(items)), "next": following})
