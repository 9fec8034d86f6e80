"""The entries to submit to SchemaStore: of its catalog's form, with the addresses and places of our schemas."""

import json
from pathlib import Path, PurePosixPath
from typing import Any, Final

import pytest
from jsonschema import Draft7Validator

from chronos_gitops.jobs.layers.file_roles import place_of

ROOT = Path(__file__).parents[3]
ENTRIES: list[dict[str, Any]] = json.loads((ROOT / "schemas/schemastore.json").read_text())

CATALOG: Final = {
    "type": "array",
    "items": {
        "type": "object",
        "additionalProperties": False,
        "required": ["name", "url", "description"],
        "properties": {
            "name": {"type": "string"},
            "description": {"type": "string"},
            "fileMatch": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
            "url": {"type": "string", "format": "uri", "pattern": "^https://"},
        },
    },
}
"""The items of SchemaStore's schema-catalog.json, and no more than these entries use."""


def test_the_entries_have_the_form_of_the_catalog() -> None:
    assert [error.message for error in Draft7Validator(CATALOG).iter_errors(ENTRIES)] == []
    assert all("schema" not in entry["description"].lower() for entry in ENTRIES)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: str(entry["name"]))
def test_an_entry_names_a_schema_by_its_id_and_files_by_their_role(entry: dict[str, Any]) -> None:
    file = ROOT / "schemas" / PurePosixPath(entry["url"]).name
    assert json.loads(file.read_text())["$id"] == entry["url"]
    for pattern in entry.get("fileMatch", ()):
        path = pattern.removeprefix("**/jobs/").replace("**/", "payments/").replace("*", "example")
        assert place_of(path).role == file.name.partition(".")[0]


def test_every_schema_that_a_file_of_a_repository_has_is_there() -> None:
    made = {path.name for path in (ROOT / "schemas").glob("*.schema.json")} - {"effective.schema.json"}
    assert {PurePosixPath(entry["url"]).name for entry in ENTRIES} == made
