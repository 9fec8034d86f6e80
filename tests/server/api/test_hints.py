"""A hint that names calls of the API has a second form in commands and flags, made where the error is raised."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import chronos_gitops

PACKAGE = Path(chronos_gitops.__file__).parent
ROOMS = ("server/api", "sync", "rollback", "versions", "engine", "expectations", "git", "webhooks")
CALL = re.compile(r'\b(?:GET|POST|DELETE) (?:/api|\.\.\.)|Authorization: Bearer|\bdry_run\b|\{"all": true\}')
HAS_NO_COMMAND = ("GET /api/v1/calendars", "GET /problems")


def words(node: ast.AST) -> str:
    """The text of a literal, with x where it has a value."""
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "x" for part in parts)


def pairs() -> Iterator[tuple[str, str, str]]:
    """The place, the hint and its command form, of each call that is given a hint in these rooms."""
    for room in ROOMS:
        for file in sorted((PACKAGE / room).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                given = {one.arg: words(one.value) for one in node.keywords} if isinstance(node, ast.Call) else {}
                if "hint" in given:
                    yield f"{file.name}:{node.lineno}", given["hint"], given.get("command_hint", "")


def test_a_hint_that_names_a_call_has_a_command_form() -> None:
    found = [one for one in pairs() if CALL.search(one[1]) and not one[1].startswith(HAS_NO_COMMAND)]
    assert len(found) > 8
    assert [one for one in found if not one[2] or CALL.search(one[2])] == []


def test_no_hint_that_names_a_call_is_made_apart_from_its_error() -> None:
    for room in ROOMS:
        for file in sorted((PACKAGE / room).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.Assign) and any(getattr(one, "id", "") == "hint" for one in node.targets):
                    made = ast.unparse(node.value)
                    for call in HAS_NO_COMMAND:
                        made = made.replace(call, "")
                    assert not CALL.search(made), f"{file.name}:{node.lineno}"


@pytest.mark.parametrize("text", ["GET /api/v1/jobs lists", "GET .../versions", "a dry_run", 'send {"all": true}'])
def test_a_call_is_known_by_its_words(text: str) -> None:
    assert CALL.search(text)
