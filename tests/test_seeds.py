"""Randomised programmes can be repeated: all chance comes from a seed that is printed."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.machine.seeds import VARIABLE, seeded

ROOT = Path(__file__).parents[1]
FILES = [path for folder in ("tests", "bench") for path in sorted((ROOT / folder).rglob("*.py"))]
_LARGEST_FIXED = 1000
"""A small literal is a fixture's; a larger one is a programme's, which has to print it."""


def unrepeatable(tree: ast.Module) -> Iterator[str]:
    imports = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        if called.startswith("random.") and not called.startswith("random.Random") and "random" in imports:
            yield f"{node.lineno}: {called} is the generator of the whole process"
        elif called in ("Random", "random.Random", "SystemRandom", "random.SystemRandom"):
            literal = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None
            if not node.args or (isinstance(literal, int) and literal > _LARGEST_FIXED):
                yield f"{node.lineno}: {ast.unparse(node)} prints no seed; use seeded()"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_all_chance_has_a_seed_that_is_printed(path: Path) -> None:
    assert list(unrepeatable(ast.parse(path.read_text("utf-8")))) == []


@pytest.mark.parametrize(
    "line",
    [
        "import random\nrandom.choice('ab')",
        "import random\nrandom.Random()",
        "from random import Random\nRandom()",
        "from random import Random\nRandom(20260302)",
        "import random\nrandom.SystemRandom()",
    ],
)
def test_the_look_finds_what_cannot_be_repeated(line: str) -> None:
    assert list(unrepeatable(ast.parse(line)))


def test_a_seed_is_printed_and_taken_from_the_environment(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = seeded(2026).random()
    assert f"{VARIABLE}=2026" in capsys.readouterr().out
    monkeypatch.setenv(VARIABLE, "2026")
    assert seeded(1).random() == usual
    assert f"{VARIABLE}=2026" in capsys.readouterr().out
