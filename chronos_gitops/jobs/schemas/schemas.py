"""The JSON schemas of all kinds of files, made from one source: ``schemas/source.json``.

The source describes an effective job. Where layers reach, a field takes ``null`` and none but the name is required, for
an editor cannot know what a file inherits; ``validate`` does.
"""

import json
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from chronos_gitops.jobs.layers.parts import ENVIRONMENTS, OWN_FIELDS
from chronos_gitops.jobs.schemas.resources import shipped

Schema = dict[str, Any]
_HEAD: Final = "http://json-schema.org/draft-07/schema#"
_COMMENT: Final = "Made from schemas/source.json by make docs; change it there."
_OF_JOBS: Final = ("compared", "auth")
"""Definitions that the fields of a job refer to."""


@cache
def load_schema() -> Schema:
    """The source as it is shipped; the same object each time. By it an effective job is judged."""
    source: Schema = json.loads(shipped("schemas.json").read_text("utf-8"))
    return {key: value for key, value in source.items() if key != "$comment"}


def schema(kind: str) -> Schema:
    """By name, one of ``KINDS``."""
    head = {"$comment": _COMMENT, "$schema": _HEAD, "$id": f"https://chronos-gitops.dev/schemas/{kind}.schema.json"}
    return head | KINDS[kind](load_schema())


def text(kind: str) -> str:
    return json.dumps(schema(kind), indent=2, ensure_ascii=False) + "\n"


def _effective(source: Schema) -> Schema:
    fields = {key: value for key, value in source["properties"].items() if key != ENVIRONMENTS}
    words = "One job as its files make it in one environment; it needs no layer."
    return {
        **_about(source, "Effective Chronos job", words),
        "required": source["required"],
        "properties": fields,
        "definitions": _definitions(source, _OF_JOBS),
    }


def _job(source: Schema) -> Schema:
    found = _part(source, "Chronos job", source["description"], [*source["properties"]])
    return found | {"required": ["name"]}


def _defaults(source: Schema) -> Schema:
    words = "Fields for all jobs in this folder and below it."
    return _layer(source, "Chronos defaults", words, [*_inheritable(source), ENVIRONMENTS])


def _environment(source: Schema) -> Schema:
    words = "Declares the environment of this name, with fields for all jobs in it."
    return _layer(source, "Chronos environment", words, _inheritable(source))


def _layer(source: Schema, title: str, words: str, fields: list[str]) -> Schema:
    """The timeout of an attempt is a job's own: inherited, it would win over the timeout of a job."""
    found = _part(source, title, words, fields)
    webhook = found["properties"]["webhook"]
    webhook["properties"] = {key: value for key, value in webhook["properties"].items() if key != "timeout"}
    return found | {"type": ["object", "null"]}


def _part(source: Schema, title: str, words: str, fields: list[str]) -> Schema:
    """Blocks for environments refer to the fields outside of them."""
    inheritable = set(_inheritable(source))
    properties = {
        key: _nullable(source["properties"][key]) if key in inheritable else source["properties"][key] for key in fields
    }
    definitions = _definitions(source, _OF_JOBS)
    auth = _nullable(definitions["auth"])
    auth["properties"]["type"] = definitions["auth"]["properties"]["type"]
    definitions["auth"] = auth
    if ENVIRONMENTS in properties:
        definitions["block"] = {
            "description": "Fields of the job in this environment.",
            "type": "object",
            "properties": {key: {"$ref": f"#/properties/{key}"} for key in fields if key in inheritable},
            "additionalProperties": False,
        }
        blocks = {"additionalProperties": {"$ref": "#/definitions/block"}}
        properties[ENVIRONMENTS] = source["properties"][ENVIRONMENTS] | blocks
    return {**_about(source, title, words), "properties": properties, "definitions": definitions}


def _inheritable(source: Schema) -> list[str]:
    return [key for key in source["properties"] if key not in OWN_FIELDS and key != ENVIRONMENTS]


def _nullable(schema: Schema) -> Schema:
    """Takes null, as each of its fields does; it may state any number of them. An entry by a name of its author's is
    one value."""
    found = _or_null({key: value for key, value in schema.items() if key != "required"})
    if "properties" in found:
        found["properties"] = {key: _nullable(value) for key, value in found["properties"].items()}
    if isinstance(found.get("additionalProperties"), dict):
        found["additionalProperties"] = _or_null(found["additionalProperties"])
    return found


def _or_null(schema: Schema) -> Schema:
    found = dict(schema)
    if "type" in found:
        kinds = [found["type"]] if isinstance(found["type"], str) else found["type"]
        found["type"] = [*kinds, "null"]
    if "enum" in found:
        found["enum"] = [*found["enum"], None]
    return found


def _about(source: Schema, title: str, words: str) -> Schema:
    return {
        "title": title,
        "description": words,
        "type": "object",
        "additionalProperties": source["additionalProperties"],
    }


def _definitions(source: Schema, names: tuple[str, ...]) -> Schema:
    return {name: source["definitions"][name] for name in names}


def _policy(source: Schema) -> Schema:
    return {**source["definitions"]["policy"], "definitions": _definitions(source, ("selection",))}


def _calendar(source: Schema) -> Schema:
    return {
        **source["definitions"]["calendar"],
        "definitions": _definitions(source, ("selection", "calendar_entry")),
    }


KINDS: Final[Mapping[str, Callable[[Schema], Schema]]] = MappingProxyType(
    {
        "job": _job,
        "defaults": _defaults,
        "environment": _environment,
        "policy": _policy,
        "calendar": _calendar,
        "effective": _effective,
    }
)
