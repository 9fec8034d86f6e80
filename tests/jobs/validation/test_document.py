"""Reading: values by YAML 1.2, places in code points from 1, and nothing a file can do to the reader."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chronos_gitops.jobs.problem import is_error
from chronos_gitops.jobs.validation import document
from chronos_gitops.jobs.validation.document import Document, SourceSpan
from chronos_gitops.jobs.validation.rule_texts.registry import RULES
from chronos_gitops.jobs.validation.validate import validate_file
from chronos_gitops.jobs.validation.yaml import decoding
from chronos_gitops.jobs.validation.yaml.event_reader import MAX_DEPTH, EventReader, libyaml_events, python_events

JOB = 'name: daily-backup\nschedule: "0 2 * * *"\nwebhook:\n  url: https://api.example.com/\n'


def read(yaml: str | bytes) -> Document:
    return document.read("jobs/a.yaml", yaml.encode() if isinstance(yaml, str) else yaml)


@pytest.mark.parametrize(
    ("plain", "value"),
    [
        ("text", "text"),
        ("", None),
        ("~", None),
        ("null", None),
        ("Null", None),
        ("true", True),
        ("False", False),
        ("TRUE", True),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("Off", "Off"),
        ("y", "y"),
        ("0", 0),
        ("42", 42),
        ("-7", -7),
        ("+7", 7),
        ("0755", "0755"),
        ("0o17", 15),
        ("0x1F", 31),
        ("0b11", "0b11"),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("12:30:45", "12:30:45"),
        ("1.5", 1.5),
        ("1.", 1.0),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("-1.5E-3", -0.0015),
        ("01.5", "01.5"),
        ("1.2.3", "1.2.3"),
        ("2026-01-29", "2026-01-29"),
        ("2026-01-29T10:00:00Z", "2026-01-29T10:00:00Z"),
        ("=", "="),
        (".", "."),
        ("-", "-"),
        ("+", "+"),
        ("999999999999999999", 999999999999999999),
        ("0.1.", "0.1."),
    ],
)
def test_plain_scalars_follow_the_core_schema(plain: str, value: Any) -> None:
    written = f"a: {plain}\n" if plain != "-" else "a: '-'\n"
    found = read(written).value["a"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("quoted", ["'true'", '"null"', "'12'", '"1.5"', "''", "|-\n  true"])
def test_what_is_quoted_is_text(quoted: str) -> None:
    assert isinstance(read(f"a: {quoted}\n").value["a"], str)


@pytest.mark.parametrize(
    ("yaml", "path", "key", "value"),
    [
        ("a: b\n", ("a",), (1, 1, 2), (1, 4, 5)),
        ("a:   'b c'  # d\n", ("a",), (1, 1, 2), (1, 6, 11)),
        ("# first\n\na:\n  b: c\n", ("a", "b"), (4, 3, 4), (4, 6, 7)),
        ("a: [x, yy]\n", ("a", 1), (1, 1, 2), (1, 8, 10)),
        ("a:\n- x\n- yy\n", ("a", 1), (1, 1, 2), (3, 3, 5)),
        ('{"a": {"b": 1}}\n', ("a", "b"), (1, 8, 11), (1, 13, 14)),
        ("漢字: \U0001f680\n", ("漢字",), (1, 1, 3), (1, 5, 6)),
        ("\ufeffa: b\n", ("a",), (1, 1, 2), (1, 4, 5)),
        ("x: 1\r\na: b\r\n", ("a",), (2, 1, 2), (2, 4, 5)),
        ("x: 1\ra: b\r", ("a",), (2, 1, 2), (2, 4, 5)),
        ("a:\n", ("a",), (1, 1, 2), (1, 1, 2)),
        ("a: |\n  one\n  two\n", ("a",), (1, 1, 2), (1, 4, 5)),
    ],
)
def test_keys_and_values_have_places(
    yaml: str, path: tuple[str | int, ...], key: tuple[int, int, int], value: tuple[int, int, int]
) -> None:
    found = read(yaml)
    assert place(found.key_spot(path)) == key
    assert place(found.spot(path)) == value


def place(spot: SourceSpan) -> tuple[int, int, int]:
    return spot.line, spot.column, spot.end


def test_a_place_that_is_not_there_is_the_nearest_one_above() -> None:
    found = read(JOB)
    assert place(found.spot(("webhook", "auth", "token"))) == (3, 1, 8)
    assert place(found.spot(("tags",))) == (1, 1, 5)


def test_a_part_of_a_text_is_found_in_the_line_where_it_stands() -> None:
    found = read('body: |\n  first {{.A}}\n  second {{.B}}\nnext: "{{.B}}"\n')
    assert place(found.spot_of(("body",), "{{.B}}")) == (3, 10, 16)
    assert place(found.spot_of(("body",), "not there")) == (1, 7, 8)


def test_the_same_value_twice_in_a_line_is_told_apart() -> None:
    found = read("{a: {{x}: 1}, b: xx}\n")
    assert found.problems
    assert place(read("{a: xx, b: xx}\n").spot_of(("b",), "xx")) == (1, 12, 14)


@pytest.mark.parametrize("depth", [MAX_DEPTH, MAX_DEPTH + 1])
def test_twenty_levels_are_the_limit(depth: int) -> None:
    nested = "[" * (depth - 1) + "]" * (depth - 1)
    rules = [problem.rule for problem in read(f"a: {nested}\n").problems]
    assert rules == ([] if depth == MAX_DEPTH else ["too-deep"])


def test_a_file_may_have_256_kib_and_not_a_byte_more() -> None:
    start = b"a: "
    whole = start + b"x" * (decoding.MAX_BYTES - len(start))
    assert read(whole).problems == ()
    assert [problem.rule for problem in read(whole + b"x").problems] == ["too-large"]


def test_what_was_read_before_a_syntax_error_is_kept_and_marked_incomplete() -> None:
    found = read('name: daily-backup\nschedule: "0 2\n')
    assert found.value["name"] == "daily-backup"
    assert not found.complete


def test_long_lines_are_not_copied_into_problems() -> None:
    problems = read("a: " + "x" * 5_000 + "\na: 2\n" + "b: &c " + "y" * 5_000 + "\n").problems
    assert {problem.rule: problem.excerpt for problem in problems} == {"duplicate-key": "a: 2", "anchor": ""}


def test_hidden_characters_of_a_key_are_escaped_in_messages() -> None:
    problem = next(iter(read('"a\\e[31m\\n": 1\n"a\\e[31m\\n": 2\n').problems))
    assert problem.message.isprintable()
    assert "\\x1b[31m\\n" in problem.message


YAML_PIECES = st.sampled_from(
    [
        *"abc:-?[]{},#&*!|>'\"%@`\t\n\r 0129.~<=$",
        "\n  ",
        ": ",
        "- ",
        "? ",
        "---\n",
        "...\n",
        "<<: ",
        "&a ",
        "*a",
        "!!str ",
        "name: ",
        "schedule: ",
        "webhook:\n  url: ",
        '"0 2 * * *"',
        "{{.JobID}}",
        "${secret:a}",
        "\ufeff",
        "\u2028",
        "é",
        "\U0001f680",
        "\0",
        "\x7f",
        "\x85",
    ]
)
YAML_LIKE = st.lists(YAML_PIECES, max_size=60).map("".join)


@st.composite
def damaged_jobs(draw: st.DrawFn) -> bytes:
    """A sound job with one slice of it replaced."""
    content = JOB.encode()
    start = draw(st.integers(0, len(content)))
    end = draw(st.integers(start, min(len(content), start + 12)))
    return content[:start] + draw(st.one_of(st.binary(max_size=8), YAML_LIKE.map(str.encode))) + content[end:]


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.binary(max_size=300), YAML_LIKE.map(str.encode), damaged_jobs()))
@example(b"\xff\xfe")
@example(b"a: !<" + b"x" * 2_000)
@example(b"%TAG ! tag:x,2000:\n---\n!a b\n")
@example(b"? \n? \n")
@example(b'"\\xff": "\\ud800"\n')
@example(b"name: [daily-backup]\nwebhook: [url]\ntags: 5\nschedule: {}\n")
@example(b"webhook:\n  headers: []\n  auth: x\n  success_codes: {}\n  url: []\n")
def test_any_bytes_are_a_job_or_problems(content: bytes) -> None:
    parsed = validate_file("jobs/a.yaml", content)
    lines = content.count(b"\n") + content.count(b"\r") + 2
    assert (parsed.job is None) == any(map(is_error, parsed.problems))
    for problem in parsed.problems:
        assert problem.rule in RULES
        assert 1 <= problem.line <= lines
        assert problem.column >= 1
        assert problem.end_column > problem.column
        assert problem.message.isprintable()
        assert len(problem.message) < 400


@settings(max_examples=200, deadline=None)
@given(YAML_LIKE)
def test_both_parsers_read_the_same_values(yaml: str) -> None:
    """Where both take a text without a finding; they differ about tabs, and a value that is a lone tag."""
    try:
        decoded = decoding.decode(yaml.encode())
    except decoding.TextError:
        return
    readers = [EventReader(events(decoded), decoding.lines(decoded)) for events in (libyaml_events, python_events)]
    if all(reader.run() and not reader.findings for reader in readers):
        first, second = readers
        assert first.root == second.root
        assert first.keys == second.keys


@pytest.mark.parametrize("yaml", ['a: "\\UFFFFFFFF"', 'a: "\\ud800"', f"%YAML 1.{'9' * 5_000}\n---\na: b"])
@pytest.mark.parametrize("events", [libyaml_events, python_events])
def test_what_is_no_character_is_a_syntax_error_for_both_parsers(events: Callable[..., Any], yaml: str) -> None:
    reader = EventReader(events(yaml), decoding.lines(yaml))
    assert not reader.run()
    assert [rule for rule, *_ in reader.findings] == ["syntax"]


FILL = 256 * 1024 - 400
HOSTILE = {
    unit: (unit * FILL)[:FILL]
    for unit in (
        *("[", "{", "- ", "? ", "a: ", '"', "'", "# ", ": ", " ", "\n", "- a\n", "---\n", "[a,", "[[],", "{? a : b},"),
        *("-", "!<", "a:\n", "%TAG ! x\n", '"\\u0041', "é", "a\n", "<<: {}\n", "k: &a [*a]\n"),
    )
}
WITH_BODY = 'name: a-b\nschedule: "@daily"\nwebhook:\n  url: https://x.example.com/\n  body: "{}"\n'
HOSTILE |= {
    f"body {unit}": WITH_BODY.replace("{}", unit * (FILL // len(unit) - 100))
    for unit in ("{{}}", "{{.", "${secret:", "${secret:A}", "token: a ", "?token=a", "eyJaaaaaaaaaa", "://a:", "secret")
}
HOSTILE["many unknown fields"] = "".join(f"u{number}: v\n" for number in range(9_000))
HOSTILE["spaces before nothing"] = 'schedule: "x" ' + " " * FILL + "x\n"


@pytest.mark.parametrize("name", HOSTILE)
def test_no_file_takes_long(name: str) -> None:
    before = time.process_time()
    parsed = validate_file("jobs/a.yaml", HOSTILE[name].encode())
    assert time.process_time() - before < 2
    assert len(parsed.problems) <= 250


def test_nested_brackets_do_not_end_the_process() -> None:
    """100,000 of them are a segmentation fault in PyYAML's composer."""
    assert [problem.rule for problem in read(b"[" * 100_000).problems] == ["top-level"]
    assert [problem.rule for problem in read(b"a: " + b"[" * 100_000).problems] == ["too-deep"]
