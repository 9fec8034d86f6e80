"""Rules on the body of an answer: every type of JSON beside every comparison, and hostile bodies."""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from chronos_gitops.jobs.promises.success import Success
from chronos_gitops.webhooks.body_check import JUDGED, Answer, broken_rule

VALUES: dict[str, Any] = {
    "null": None,
    "true": True,
    "false": False,
    "zero": 0,
    "one": 1,
    "text one": "1",
    "text": "done",
    "empty": "",
    "object": {},
    "array": [],
}
COMPARED: dict[str, tuple[dict[str, Any], set[str]]] = {
    "equals 1": ({"equals": 1}, {"one"}),
    "equals true": ({"equals": True}, {"true"}),
    "equals '1'": ({"equals": "1"}, {"text one"}),
    "equals false or done": ({"equals": [False, "done"]}, {"false", "text"}),
    "not 1": ({"not": 1}, {"null", "true", "false", "zero", "text one", "text", "empty"}),
    "not 0 or done": ({"not": [0, "done"]}, {"null", "true", "false", "one", "text one", "empty"}),
    "exists": ({"exists": True}, set(VALUES)),
    "does not exist": ({"exists": False}, {"absent"}),
    "at least 1": ({"at_least": 1}, {"one"}),
    "at most 0": ({"at_most": 0}, {"zero"}),
}


def broken(rule: dict[str, Any], body: bytes, **answer: Any) -> str | None:
    return broken_rule(Success.from_document({"body": [rule]}), Answer(body, **answer))


@pytest.mark.parametrize("name", COMPARED)
def test_every_type_beside_every_comparison(name: str) -> None:
    comparison, holding = COMPARED[name]
    bodies = {kind: json.dumps({"v": value}).encode() for kind, value in VALUES.items()}
    found = {kind for kind, body in bodies.items() if broken({"json": "/v"} | comparison, body) is None}
    if broken({"json": "/v"} | comparison, b"{}") is None:
        found.add("absent")
    assert found == holding


@pytest.mark.parametrize(
    ("text", "value", "is_equal"),
    [
        ("1.0", 1, True),
        ("1e0", 1, True),
        ("0.1", 0.1, True),
        ("0.10", 0.1, True),
        ("0.1000000000000000055511151231257827", 0.1, False),
        ("9007199254740993", 9007199254740992, False),
        ("-0", 0, True),
        ("1e400", 1, False),
    ],
)
def test_numbers_compare_by_their_decimal_value(text: str, value: float, is_equal: bool) -> None:
    assert (broken({"json": "", "equals": value}, text.encode()) is None) is is_equal


@pytest.mark.parametrize(
    ("pointer", "is_there"),
    [
        ("", True),
        ("/a~1b", True),
        ("/m~0n", True),
        ("/list/0", True),
        ("/list/1", False),
        ("/list/-", False),
        ("/list/00", False),
        ("/list/٠", False),
        ("/", True),
        ("/ ", False),
        ("/list/0/x", False),
    ],
)
def test_pointers(pointer: str, is_there: bool) -> None:
    body = json.dumps({"a/b": 1, "m~n": 2, "list": [3], "": 4}).encode()
    assert (broken({"json": pointer, "exists": True}, body) is None) is is_there


NOT_JSON = (b"{", b"NaN", b"[Infinity]", b"\xff\xfe{\x00}\x00", b"'x'", b"[1,]", b"9" * 4301, b"[" * 60_000, b"\xc3(")


@pytest.mark.parametrize("body", NOT_JSON, ids=lambda body: body[:12].decode("latin-1"))
def test_what_is_not_json(body: bytes) -> None:
    message = broken({"json": "", "exists": True}, body)
    assert message == 'body rule 1 ("" exists) failed: it is not JSON'


def test_edges_of_json() -> None:
    assert broken({"json": "/a", "equals": 2}, b'\xef\xbb\xbf{"a": 1, "a": 2}') is None
    assert broken({"json": "", "exists": True}, b"[" * 500 + b"]" * 500) is None
    assert broken({"json": "", "exists": True}, b"") == 'body rule 1 ("" exists) failed: it is empty'


def test_texts_are_bytes() -> None:
    assert broken({"contains": "Größe"}, "die Größe".encode()) is None
    assert broken({"contains": "Größe"}, "die Größe".encode("latin-1")) is not None
    assert broken({"lacks": "ERROR"}, b"error") is None
    assert broken({"lacks": "ERROR"}, b"an ERROR") == 'body rule 1 (lacks "ERROR") failed: it is there'
    assert broken({"contains": "x"}, b"") is not None


def test_of_a_longer_body_the_beginning_counts() -> None:
    head = b'"' + b"x" * (JUDGED - 1)
    longer = "it is longer than 64 KiB"
    assert str(broken({"json": "", "exists": True}, head, is_longer=True)).endswith(longer)
    assert str(broken({"lacks": "ERROR"}, head, is_longer=True)).endswith(longer)
    assert broken({"contains": "xxx"}, head, is_longer=True) is None
    assert str(broken({"contains": "y"}, head, is_longer=True)).endswith("it is not in the first 64 KiB")


@pytest.mark.parametrize("rule", [{"json": "", "exists": True}, {"contains": "x"}, {"lacks": "y"}], ids=str)
def test_a_compressed_answer_fails_every_rule(rule: dict[str, Any]) -> None:
    message = broken(rule, b"x", encoding="gzip")
    assert str(message).endswith("the answer is compressed (gzip), which was not asked for")
    assert broken({"contains": "x"}, b"x", encoding="identity") is None


def test_the_first_rule_that_fails_is_told() -> None:
    success = Success.from_document(
        {"body": [{"contains": "{"}, {"json": "/status", "equals": ["done", "empty"]}, {"lacks": "failed"}]}
    )
    message = broken_rule(success, Answer(b'{"status": "failed"}'))
    assert message == 'body rule 2 (/status equals "done" or "empty") failed: it is "failed"'


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"a": 1}, "it is an object"),
        ([1], "it is an array"),
        (None, "it is null"),
        (True, "it is true"),
        (1.5, "it is 1.5"),
        ("x" * 201, f'it is "{"x" * 200}"'),
    ],
)
def test_each_found_value_has_its_words(found: Any, words: str) -> None:
    message = broken({"json": "/v", "equals": "z"}, json.dumps({"v": found}).encode())
    assert message == f'body rule 1 (/v equals "z") failed: {words}'


def test_a_found_value_is_shown_before_it_is_cut() -> None:
    secret = "s3cret-" + "y" * 40
    value = "x" * 180 + secret
    success = Success.from_document({"body": [{"json": "/v", "equals": "z"}]})
    message = broken_rule(success, Answer(json.dumps({"v": value}).encode()), lambda text: text.replace(secret, "***"))
    assert message is not None
    assert message.endswith('x***"')
    assert "s3cret" not in message


def filled(repeated: bytes, begin: bytes = b"[", end: bytes = b"1]") -> bytes:
    """Up to 64 KiB."""
    return begin + repeated * ((JUDGED - len(begin) - len(end)) // len(repeated)) + end


HOSTILE = {
    "nested": b"[" * 32_000 + b"]" * 32_000,
    "objects": filled(b'{"a":', b"", b""),
    "numbers": filled(b"1,"),
    "decimals": filled(b"0.1,"),
    "exponents": filled(b"1e9,"),
    "negative": filled(b"-1,"),
    "empty objects": filled(b"{},"),
    "cut numbers": filled(b"1,", end=b""),
    "escapes": filled(b"\\u0041", b'"', b'"'),
    "long numbers": filled(b"1" * 4_299 + b","),
    "long decimals": filled(b"1." + b"1" * 4_297 + b","),
    "too long decimals": filled(b"1." + b"1" * 4_300 + b","),
    "keys": filled(b'"a":1,', b"{", b'"a":1}'),
    "digits in a text": filled(b"1", b'["', b'"]'),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_body_costs_a_few_calls_and_not_one_for_each_number(name: str) -> None:
    """64 KiB hold 32,000 numbers; a count holds on a busy machine where a time does not."""
    rules = [{"json": "/0", "exists": False}, *[{"lacks": "x" * 1_000}] * 5, *[{"json": "/a", "exists": False}] * 14]
    success, answer = Success.from_document({"body": rules}), Answer(HOSTILE[name])
    assert len(answer.body) <= JUDGED
    assert 0 < calls_of(lambda: broken_rule(success, answer)) < 500
    started = time.process_time()
    broken_rule(success, Answer(HOSTILE[name]))
    assert time.process_time() - started < 0.5


def calls_of(work: Callable[[], object]) -> int:
    """Calls of Python functions."""
    events: list[str] = []
    before = sys.getprofile()
    sys.setprofile(lambda _frame, event, _argument: events.append(event))
    try:
        work()
    finally:
        sys.setprofile(before)
    return events.count("call")


@pytest.mark.parametrize(
    ("number", "is_json"),
    [
        (b"9" * 4_300, True),
        (b"9" * 4_301, False),
        (b"-" + b"9" * 4_300, True),
        (b"0." + b"1" * 4_298, True),
        (b"0." + b"1" * 4_299, False),
        (b"1e99999999999999999999", False),
        (b"1e400", True),
    ],
    ids=lambda value: str(value)[:12],
)
@pytest.mark.parametrize("before", [0, 1, 4_299, 4_301, 9_000])
def test_a_number_is_too_long_wherever_it_stands(number: bytes, is_json: bool, before: int) -> None:
    body = b"[" + b" " * before + number + b', "' + b"1" * 5_000 + b'"]'
    assert (broken({"json": "/1", "exists": True}, body) is None) is is_json
