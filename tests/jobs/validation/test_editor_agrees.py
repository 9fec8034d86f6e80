"""What an editor underlines by our schema and what ``validate`` says about the shape of a file are the same verdict.

The server is yaml-language-server of npm, pinned in tests/node, which `make test` installs.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.language_server import LanguageServer
from harness.tools import tool

from chronos_gitops.jobs.problem import is_error
from chronos_gitops.jobs.validation.rule_texts.registry import SECTIONS
from chronos_gitops.jobs.validation.validate import validate_file

SCHEMA = Path(__file__).parents[3] / "schemas/job.schema.json"
CASES = Path(__file__).parent / "cases"
ABOUT_SHAPE = {rule.name for rule in SECTIONS["The fields"]}
ABOUT_TEXT = {rule.name for rule in SECTIONS["The text"]} | {rule.name for rule in SECTIONS["The file"]}
# "0755" is text here and 755 in YAML 1.2: an editor underlines it where text must be, and quotes settle it for both.
STRICTER_IN_AN_EDITOR = {"yaml-1-2-words"}
# A duration of more than ten years has the right form; no expression can add its parts up.
BEYOND_A_SCHEMA = {"duration-too-long"}

pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def server() -> Iterator[LanguageServer]:
    server = LanguageServer([tool("yaml-language-server"), "--stdio"], SCHEMA)
    yield server
    server.close()


def error_rules(path: Path) -> set[str]:
    return {
        problem.rule for problem in validate_file(f"jobs/{path.name}", path.read_bytes()).problems if is_error(problem)
    }


def is_text(path: Path) -> bool:
    try:
        return len(path.read_bytes().decode("utf-8")) < 100_000
    except UnicodeDecodeError:
        return False


def test_what_is_valid_here_is_valid_in_an_editor(server: LanguageServer) -> None:
    """A second, most of it node's start."""
    found = {path.stem: server.errors(path) for path in sorted((CASES / "ok").glob("*.yaml"))}
    assert {name: errors for name, errors in found.items() if errors}.keys() == STRICTER_IN_AN_EDITOR


def test_what_has_a_wrong_shape_here_is_underlined_in_an_editor(server: LanguageServer) -> None:
    paths = [path for path in sorted((CASES / "err").glob("*.yaml")) if is_text(path)]
    wrong = [path for path in paths if error_rules(path) & ABOUT_SHAPE and not error_rules(path) & ABOUT_TEXT]
    assert len(wrong) >= 40
    assert {path.stem for path in wrong if not server.errors(path)} == BEYOND_A_SCHEMA


def test_what_only_its_meaning_makes_wrong_is_left_to_validate(server: LanguageServer) -> None:
    paths = [path for path in sorted((CASES / "err").glob("*.yaml")) if is_text(path)]
    meant = [path for path in paths if not error_rules(path) & (ABOUT_SHAPE | ABOUT_TEXT)]
    assert len(meant) >= 20
    found = {path.stem: server.errors(path) for path in meant}
    assert {name: errors for name, errors in found.items() if errors} == {}
