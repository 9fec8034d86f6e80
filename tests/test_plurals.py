"""Texts count with ``plurals``, so that none of them says "1 attempts"."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import chronos_gitops
from chronos_gitops.plurals import plural, verb

PACKAGE = Path(chronos_gitops.__file__).parent
NOUNS = (
    "attempt|check|commit|day|environment|error|execution|file|job|line|note|policie|problem|run|scheduled time|secret"
    "|session|tick|time|token|version|warning"
)
COUNTED = re.compile(rf"\{{+(?P<count>[^{{}}]*)\}}+ (?:{NOUNS})s\b|== 1 else \\?[\"']s")
NEVER_ONE = re.compile(
    r"^[A-Z_.a-z]*_?[A-Z]{3,}[A-Z_]*(:,)?$"  # a constant
    r"|^len\((commits|found|values|changes)\)$|^self\._done:,|^self\._total:,|^self\.jobs:,|^found\.lines_after:,"
    r"|place\.role|job\.version or"  # no number, or one that the branch above excludes
)


def counted() -> Iterator[tuple[str, str, str]]:
    for file in sorted([*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.html")]):
        for line in file.read_text("utf-8").splitlines():
            for found in COUNTED.finditer(line):
                yield str(file.relative_to(PACKAGE)), line.strip(), (found["count"] or "").strip()


def test_no_text_counts_without_plurals() -> None:
    wrong = [
        (file, line)
        for file, line, count in counted()
        if "plural" not in count and "verb" not in count and not NEVER_ONE.search(count) and not line.startswith('"""')
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 jobs"), (1, "1 job"), (2, "2 jobs"), (1200, "1,200 jobs"), (1.5, "1.5 jobs")]
)
def test_a_number_has_its_noun(number: float, text: str) -> None:
    assert plural(number, "job") == text


def test_a_number_has_its_verb() -> None:
    assert [verb(number, "goes", "go") for number in (0, 1, 2)] == ["go", "goes", "go"]
