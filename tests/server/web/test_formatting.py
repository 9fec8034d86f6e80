"""Bodies as the pages show them."""

import json

import pytest

from chronos_gitops.server.web.formatting import indented_json


@pytest.mark.parametrize("text", ['{"error":{"code":7,"words":["no","é"]}}', "[1, 2.5, true, null]", " {}", "[]"])
def test_json_is_indented_and_means_the_same(text: str) -> None:
    shown = indented_json(text)
    assert json.loads(shown) == json.loads(text)
    assert shown == json.dumps(json.loads(text), indent=2, ensure_ascii=False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain",
        "<h1>503</h1>",
        "7",
        '"text"',
        '{"cut": "off',
        '{"a": 1, "a": 2}',
        '{"price": 1.10}',
        '{"big": 1e400}',
        '{"none": NaN}',
        "[" * 5_000 + "]" * 5_000,
        "[" * 5_000,
        "[" + "9" * 5_000 + "]",
    ],
)
def test_everything_else_is_shown_as_it_is(text: str) -> None:
    assert indented_json(text) == text
