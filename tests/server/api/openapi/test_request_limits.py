"""The limits of a body in the document are those that the runner enforces."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from harness.openapi_check import SPECIFICATION
from jsonschema import Draft202012Validator

from chronos_gitops.server.api.openapi import request_limits

WHOLE = {"components": SPECIFICATION["components"]}
VALUES: tuple[Any, ...] = (
    None, "", " \t", "x", "x\n", "x" * 2000, "x" * 2001, "x\0", "x\x1b", "x\x9f", "é😀",
    0, 1, -1, 10**9, 10**9 + 1, True, False, [], ["x"], ["x\0"], [1], ["x"] * 1001, {}, {"x": "y"}, {"x\0": "y"},
)  # fmt: skip
OF_LIMITS = (
    "longer than",
    "control characters",
    "is empty",
    "is missing",
    " is a",
    " is true",
    " is one of",
    "no field",
)
"""Words of refusals that the shape of a body is the reason for; formats of times and durations have others."""


def bodies() -> Iterator[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    for path, methods in SPECIFICATION["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if content is not None and "$ref" in content["schema"]:
                yield path, method, content["schema"], content["example"]


def cases() -> Iterator[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    for path, method, schema, example in bodies():
        shape = SPECIFICATION["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        for name in shape["properties"]:
            for value in VALUES:
                yield path, method, schema, example | {name: value}


def test_a_body_is_refused_for_its_shape_exactly_where_the_document_refuses_it(client: FlaskClient) -> None:
    count = 0
    for path, method, schema, given in cases():
        address = path.format(name="no-such-job", n="1", execution_id="nothing", replay_id="nothing", forge="github")
        response = client.open(address, method=method.upper(), data=json.dumps(given))
        answer = response.get_json()
        is_refused = answer.get("type") == "/problems/invalid-body"
        is_valid = Draft202012Validator(schema | WHOLE).is_valid(given)
        if not is_valid:
            assert is_refused, (path, given, answer)
        elif is_refused and "expect_jobs" not in answer["detail"]:  # which a bulk trigger needs unless it is a dry run
            assert not any(words in answer["detail"] for words in OF_LIMITS), (path, given, answer)
        count += 1
    assert count > 500


@pytest.mark.parametrize("code", [*range(33), 126, 127, 159, 160, 0xD7FF, 0xD800, 0xDFFF, 0xE000, 0x1F600])
def test_control_characters_and_lone_surrogates_are_no_clean_text(code: int) -> None:
    is_control = code not in (9, 10) and (code < 32 or 127 <= code <= 159)
    assert request_limits.is_clean(f"x{chr(code)}") is not (is_control or 0xD800 <= code <= 0xDFFF)


def test_every_example_of_the_document_is_accepted(client: FlaskClient) -> None:
    """Times together, the others one by one; that the job has changed or ended since is another matter."""
    for path, methods in SPECIFICATION["paths"].items():
        for method, operation in methods.items():
            if "hooks" in path or "callback" in path or path == "/api/v1/events/stream":
                continue  # signed, or endless
            given = [one for one in operation["parameters"] if "example" in one]
            names, query, headers = (
                {one["name"]: one["example"] for one in given if one["in"] == place}
                for place in ("path", "query", "header")
            )
            times = {name: query.pop(name) for name in ("from", "since", "until") if name in query}
            tag = query.pop("tag.", {})
            content = operation.get("requestBody", {}).get("content", {})
            body = next((one["example"] for one in content.values()), None)
            data = body if isinstance(body, str | None) else json.dumps(body)
            address = path.format(**names)
            for asked in ({}, tag, *({name: value} for name, value in query.items())):
                headers["Idempotency-Key"] = f"{operation['operationId']}-{len(asked)}"
                response = client.open(
                    address,
                    method=method.upper(),
                    data=data,
                    query_string=asked if "at" in asked else times | asked,
                    headers=headers,
                )
                wrong = (400, 405, 413, 415, 422)
                assert response.status_code not in wrong, (method, path, asked, response.get_json())
