"""Variables are replaced in one pass, in the fields that send text, and one escape writes a reference itself."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chronos_gitops.jobs.layers.variables import fill, references, unclosed

VALUES = {"api": "https://api.test", "tenant": "acme", "odd": "${var:api}"}


def filled(body: str) -> str:
    value: dict[str, Any] = {"webhook": {"url": "u", "body": body}, "variables": VALUES}
    return str(fill(value).value["webhook"]["body"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${var:api}/x/${var:tenant}", "https://api.test/x/acme"),
        ("$${var:api}", "${var:api}"),
        ("$$${var:api}", "$${var:api}"),
        ("${FOO} ${ $$ $${secret:x} ${secret:x}", "${FOO} ${ $$ $${secret:x} ${secret:x}"),
        ("${var:odd}", "${var:api}"),
        ("${var:none}", "${var:none}"),
        ("{{.JobName}}${var:tenant}", "{{.JobName}}acme"),
    ],
)
def test_table(text: str, expected: str) -> None:
    assert filled(text) == expected


def test_only_fields_that_send_text_are_filled() -> None:
    text = "${var:tenant}"
    auth, headers = {"type": "bearer", "token": text}, {"X-A": text}
    value: dict[str, Any] = {
        "name": text,
        "schedule": text,
        "tags": {"a": text},
        "webhook": {"url": text, "method": text, "headers": headers, "auth": auth},
        "variables": VALUES,
    }
    found = fill(value)
    assert found.value == {
        "name": text,
        "schedule": text,
        "tags": {"a": text},
        "webhook": {
            "url": "acme",
            "method": text,
            "headers": {"X-A": "acme"},
            "auth": {"type": "bearer", "token": "acme"},
        },
    }
    assert found.names == {"tenant"}
    assert value["webhook"]["url"] == text


@given(st.text("${var:}ab-", max_size=40))
def test_text_without_references_stays(text: str) -> None:
    if "${var:" not in text:
        assert filled(text) == text
    assert all(name not in "${}" for name in references(text))
    assert all(part.startswith("${var:") for part in unclosed(text))


def test_unclosed_references_are_found() -> None:
    assert list(unclosed("${var:a} ${var:b $${var:c} $${var:d")) == ["${var:b"]
