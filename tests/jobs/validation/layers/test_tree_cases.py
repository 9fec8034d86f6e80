"""Cases of layers and policies are files: ``=== path`` begins a file of the tree, ``=== out`` its findings."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.repositories.text_tree import Texts

from chronos_gitops.cli.reports.problems import concise
from chronos_gitops.jobs.validation.validate import validate_tree

ROOT = Path(__file__).parents[4]
CASES = sorted((Path(__file__).parent / "cases").glob("*.txt"))
OUT = "out"
SPEAKING = (
    "jobs/validation/layers/effective.py",
    "jobs/validation/layers/findings.py",
    "jobs/validation/layers/form.py",
    "jobs/validation/layers/layer_files.py",
    "jobs/validation/layers/policy_files.py",
    "jobs/validation/layers/variable_values.py",
    "jobs/layers/file_roles.py",
    "jobs/policies/parser.py",
    "jobs/policies/schema_subset.py",
)
SHOWN_ELSEWHERE = {
    "the file could not be read": "it vanishes between listing and reading",
    "check that it is still there": "the same",
    "this release reads no ": "an older release says it",
    "keep it out of the branch until the runner is upgraded": "the same",
    "all policies together have more than ": "test_policies.py, which makes so many",
    "remove rules that are not needed": "the same",
    " characters with its variables; at most ": "test_variable_values.py, which makes so many",
    "use shorter variables": "the same",
    "the schemas of all policies together have more than ": "the same",
}


def sections(path: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    name = ""
    for line in path.read_text("utf-8").splitlines(keepends=True):
        if line.startswith("=== "):
            name = line[4:].strip()
            found[name] = ""
        else:
            found[name] += line
    return found


def findings(path: Path) -> str:
    files = {name: text for name, text in sections(path).items() if name != OUT}
    return "".join(f"{concise.line(one)}\n" for one in validate_tree(Texts(files)).problems)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_tree_has_exactly_the_findings_of_its_case(path: Path) -> None:
    assert findings(path) == sections(path)[OUT]


def sentences(path: Path) -> Iterator[str]:
    """The longest fixed part of each text of three words or more."""
    tree = ast.parse(path.read_text("utf-8"))
    skipped = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    skipped |= {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if id(node) in skipped or not isinstance(node, ast.JoinedStr | ast.Constant):
            continue
        parts = node.values if isinstance(node, ast.JoinedStr) else [node]
        texts = [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]
        longest = max(texts, key=len, default="")
        if len(longest.split()) > 2:
            yield longest


@pytest.mark.parametrize("module", SPEAKING)
def test_every_sentence_about_layers_and_policies_stands_in_a_case(module: str) -> None:
    shown = "".join(sections(path)[OUT] for path in CASES)
    found = list(sentences(ROOT / "chronos_gitops" / module))
    assert found
    assert [one for one in found if one.strip() not in shown and one not in SHOWN_ELSEWHERE] == []
