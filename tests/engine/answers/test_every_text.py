"""Each text of why a job did (not) run, of notifications, preflight, guard and expectations stands in a test.

A text is a literal with a space in it, or its parts between braces. Names of errors that cannot happen, SQL and the
help of metrics are none.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "chronos_gitops"
PLACES = (
    "engine/answers/*.py",
    "notifications/messages/*.py",
    "expectations/**/*.py",
    "webhooks/preflight/*.py",
    "jobs/promises/*.py",
    "jobs/validation/rules/expectations.py",
)
MODULES = sorted(path for place in PLACES for path in PACKAGE.glob(place) if not path.name.startswith("gauge"))
_SQL = re.compile(r"\s*(?:SELECT|INSERT|UPDATE|DELETE|WITH) ")


def texts(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text("utf-8"))
    left_out = {id(inner) for outer in ast.walk(tree) if _is_silent(outer) for inner in ast.walk(outer)}
    for found in ast.walk(tree):
        if isinstance(found, ast.Constant) and isinstance(found.value, str) and id(found) not in left_out:
            yield from (plain(part) for part in re.split(r"\{\w*\}", found.value) if not _SQL.match(part))


def _is_silent(found: ast.AST) -> bool:
    """Docstrings, annotations, assertions, and the help of a metric."""
    if isinstance(found, ast.Expr) and isinstance(found.value, ast.Constant):
        return True
    if isinstance(found, ast.Raise):
        return isinstance(found.exc, ast.Call) and ast.unparse(found.exc.func) == "AssertionError"
    is_metric = isinstance(found, ast.Call) and ast.unparse(found.func).endswith("Gauge")
    return isinstance(found, ast.Assert) or is_metric


def plain(text: str) -> str:
    return " ".join(text.split()).strip(" .,;:()\"'`")


@cache
def said_in_tests() -> str:
    """Everything that tests say, with literals in several lines joined."""
    files = (path for path in (ROOT / "tests").rglob("*") if path.suffix in (".py", ".out") and path != Path(__file__))
    joined = (re.sub(r"[\"']\s*\n\s*f?[\"']", "", path.read_text("utf-8", "replace")) for path in files)
    return " ".join(" ".join(joined).split())


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_text_stands_in_a_test(path: Path) -> None:
    words = (text for text in texts(path) if " " in text and not text.endswith("| None"))
    assert [text for text in words if text not in said_in_tests()] == []


def test_the_table_is_not_empty() -> None:
    assert sum(" " in text for path in MODULES for text in texts(path)) > 120
