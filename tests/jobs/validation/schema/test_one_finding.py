"""One wrong value is one finding, whichever keywords of the schema it breaks."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from chronos_gitops.jobs.schemas.schemas import load_schema
from chronos_gitops.jobs.validation import document
from chronos_gitops.jobs.validation.schema import json_schema
from chronos_gitops.jobs.yaml_writer import yaml_of

WRONG = {"nothing": None, "number": 5, "negative": -5.5, "boolean": True, "list": [], "map": {}}
WHOLE: Mapping[str, Any] = {"name": "a-job", "schedule": "@daily", "webhook": {"url": "https://a.example.com/"}}


def fields(schema: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, one in schema.get("properties", {}).items():
        yield (*above, name)
        yield from fields(load_schema()["definitions"]["auth"] if name == "auth" else one, (*above, name))


FIELDS = [path for path in fields(load_schema()) if path[0] not in ("id", "created_at", "updated_at", "next_run")]


def with_value(value: Mapping[str, Any], path: tuple[str, ...], wrong: Any) -> dict[str, Any]:
    first, *rest = path
    return {**value, first: with_value(value.get(first, {}), tuple(rest), wrong) if rest else wrong}


def written(value: Mapping[str, Any]) -> bytes:
    return yaml_of(value).replace("null", "").encode()


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("path", FIELDS, ids=".".join)
def test_wrong_value_is_told_at_most_once(path: tuple[str, ...], wrong: Any) -> None:
    read = document.read("job.yaml", written(with_value(WHOLE, path, wrong)))
    assert read.complete
    places = {read.spot(path), read.key_spot(path)}
    found = [
        one for one in json_schema.check(read) if (one.line, one.column) in {(at.line, at.column) for at in places}
    ]
    assert len([one for one in found if one.rule != "required"]) <= 1, found


def test_words_of_a_field_are_told_for_a_value_of_another_type() -> None:
    read = document.read("job.yaml", written({**WHOLE, "concurrency": 5, "missed_run_policy": None}))
    assert [(one.rule, one.message, one.hint, one.fix) for one in json_schema.check(read)] == [
        ("type", "concurrency must be one of forbid, allow, replace, queue, not a number", "", ""),
        ("type", "missed_run_policy has no value; it must be text", "give it a value, or remove the line", ""),
    ]
