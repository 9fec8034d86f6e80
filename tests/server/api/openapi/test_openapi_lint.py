"""Our own rules for the document: whole sentences, working examples, errors on every route."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from harness.openapi_check import SPECIFICATION
from jsonschema import Draft202012Validator, FormatChecker

from chronos_gitops.server.api import endpoint
from chronos_gitops.server.api.app import url_map
from chronos_gitops.server.api.openapi import generator

SCHEMAS = SPECIFICATION["components"]["schemas"]


def found() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in SPECIFICATION["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def contents() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every body, in and out, with the operation it belongs to."""
    for _, _, operation in found():
        places = [*operation["responses"].values(), operation.get("requestBody", {})]
        for place in places:
            for media, content in place.get("content", {}).items():
                yield operation["operationId"], media, content
    for name, answer in SPECIFICATION["components"]["responses"].items():
        for media, content in answer["content"].items():
            yield name, media, content


def errors(value: Any, schema: dict[str, Any]) -> list[str]:
    whole = schema | {"components": SPECIFICATION["components"]}
    return [error.message for error in Draft202012Validator(whole, format_checker=FormatChecker()).iter_errors(value)]


def test_every_operation_has_a_name_a_chapter_a_summary_and_a_description() -> None:
    for _, _, operation in found():
        assert re.fullmatch(r"[a-z]+([A-Z][a-z]*)*", operation["operationId"])
        assert len(operation["tags"]) == 1
        assert operation["tags"][0] in endpoint.CHAPTERS
        assert operation["summary"]
        assert not operation["summary"].endswith(".")
        assert re.fullmatch(r"[A-Z].*\.", operation["description"], re.S), operation["operationId"]


def test_every_chapter_has_an_operation() -> None:
    assert {tag["name"] for tag in SPECIFICATION["tags"]} == {operation["tags"][0] for _, _, operation in found()}


def test_every_parameter_is_described_and_has_an_example_that_it_takes() -> None:
    for path, _, operation in found():
        for parameter in operation["parameters"]:
            assert parameter["description"], (path, parameter["name"])
            if parameter["name"] == "cursor":  # only the runner makes one
                assert "example" not in parameter
                continue
            assert errors(parameter["example"], parameter["schema"]) == [], (path, parameter["name"])


def test_every_body_has_an_example_of_its_schema() -> None:
    count = 0
    for name, media, content in contents():
        assert errors(content["example"], content["schema"]) == [], (name, media)
        count += 1
    assert count > 50


def test_every_operation_declares_its_errors() -> None:
    for path, method, operation in found():
        declared = set(operation["responses"])
        assert {"400", "421", "500"} <= declared, path
        assert ("401" in declared) == bool(operation["security"]) or "hooks" in path
        if operation["security"]:
            assert {"403", "429", "503"} <= declared, path
        if method == "get":
            assert {"200", "304", "412"} <= declared, path
        if "{" in path:
            assert "404" in declared, path
        for status, answer in operation["responses"].items():
            if int(status) >= 400 and "health" not in path and path not in ("/livez", "/readyz"):
                assert answer == {"$ref": "#/components/responses/Problem"}, (path, status)


def test_every_schema_is_used_and_closed() -> None:
    text = str(SPECIFICATION)
    for name, schema in SCHEMAS.items():
        assert f"#/components/schemas/{name}'" in text, name
        assert schema["additionalProperties"] is False, name


def test_the_document_is_made_once_and_not_changed_by_serving_it() -> None:
    urls = url_map()
    assert generator.specification(urls) is generator.specification(urls)
    assert generator.specification(urls) == SPECIFICATION


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_every_schema_is_a_schema(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name] | {"components": SPECIFICATION["components"]})
