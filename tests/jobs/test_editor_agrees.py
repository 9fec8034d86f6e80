"""What an editor underlines by our schema and what ``validate`` says about the shape of a file are the same verdict.

The server is yaml-language-server of npm: the one on PATH, else it is installed into a temporary folder.
"""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from language_server import LanguageServer

from chronos_gitops.jobs.load import parse
from chronos_gitops.jobs.problem import is_error
from chronos_gitops.jobs.rulebook import SECTIONS

SCHEMA = Path(__file__).parents[2] / "schemas/job.schema.json"
CASES = Path(__file__).parent / "cases"
VERSION = "1.19.2"
ABOUT_SHAPE = {rule.name for rule in SECTIONS["The fields"]}
ABOUT_TEXT = {rule.name for rule in SECTIONS["The text"]} | {rule.name for rule in SECTIONS["The file"]}
# "0755" is text here and 755 in YAML 1.2: an editor underlines it where text must be, and quotes settle it for both.
STRICTER_IN_AN_EDITOR = {"yaml-1-2-words"}
# A duration of more than ten years has the right form; no expression can add its parts up.
BEYOND_A_SCHEMA = {"duration-too-long"}

pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LanguageServer]:
    server = LanguageServer([_program(tmp_path_factory.mktemp("npm")), "--stdio"], SCHEMA)
    yield server
    server.close()


def _program(folder: Path) -> str:
    there = shutil.which("yaml-language-server")
    if there is not None:
        return there
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("node and npm are not installed, so no editor can be asked")
    command = [npm, "install", "--silent", "--no-audit", "--prefix", str(folder), f"yaml-language-server@{VERSION}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=110)
    if done.returncode != 0:
        pytest.skip(f"npm cannot install yaml-language-server here: {done.stderr[-200:]}")
    return str(folder / "node_modules/.bin/yaml-language-server")


def error_rules(path: Path) -> set[str]:
    return {problem.rule for problem in parse(f"jobs/{path.name}", path.read_bytes()).problems if is_error(problem)}


def is_text(path: Path) -> bool:
    try:
        return len(path.read_bytes().decode("utf-8")) < 100_000
    except UnicodeDecodeError:
        return False


def test_what_is_valid_here_is_valid_in_an_editor(server: LanguageServer) -> None:
    """A second, most of it node's start; the installation before it takes a minute where it is needed."""
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
