"""Hints of the API reach the command line in its own words."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import chronos_gitops
from chronos_gitops.cli.client.api_hints import TOKEN, in_flags

PACKAGE = Path(chronos_gitops.__file__).parent
HTTP = re.compile(r"\b(?:GET|POST|DELETE) (?:/api|\.\.\.)|Authorization: Bearer|dry_run")
HAS_NO_COMMAND = ("GET /api/v1/calendars", "GET /problems")


def hints() -> Iterator[str]:
    """Every hint of the rooms behind the API, with x where it has a value."""
    for room in ("server/api", "sync", "rollback", "versions", "engine"):
        for file in sorted((PACKAGE / room).rglob("*.py")):
            text = file.read_text("utf-8")
            for found in re.finditer(r'hint ?= ?(?:f?"(?:[^"\\]|\\.)*"\s*)+', text):
                parts = re.findall(r'"((?:[^"\\]|\\.)*)"', found[0])
                yield re.sub(r"\{[^{}]*\}", "x", "".join(parts))


def test_no_hint_of_the_api_speaks_http_on_the_command_line() -> None:
    spoken = [hint for hint in hints() if HTTP.search(hint) and not hint.startswith(HAS_NO_COMMAND)]
    assert len(spoken) > 4
    assert [hint for hint in spoken if HTTP.search(in_flags(hint))] == []


@pytest.mark.parametrize(
    ("hint", "words"),
    [
        ("Send Authorization: Bearer <token>.", TOKEN),
        ("GET /api/v1/jobs lists the jobs.", "`chronos-gitops jobs` lists the jobs."),
        ("GET .../versions lists them", "`chronos-gitops history` lists them"),
        ("Did you mean daily-backup?", "Did you mean daily-backup?"),
    ],
)
def test_a_hint_in_flags(hint: str, words: str) -> None:
    assert in_flags(hint) == words
