"""An editor with our schema and ``validate`` agree about the shape of every file.

The server is yaml-language-server of npm, pinned in tests/node, which `make test` installs.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.programs.language_server import LanguageServer
from harness.programs.tools import tool

from chronos_gitops.cli.main import main
from chronos_gitops.jobs.problem import is_error
from chronos_gitops.jobs.validation.rule_texts.registry import SECTIONS
from chronos_gitops.jobs.validation.validate import validate_file

SCHEMA = Path(__file__).parents[3] / "schemas/effective.schema.json"
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


KINDS = {
    "jobs/hello-world.yaml": ("jitter", "name: only-name\ntimeuot: 1s\n"),
    "jobs/pay/_defaults.yaml": ("environments", "name: a\n"),
    "jobs/_environments/staging.yaml": ("retry_policy", "environments: {}\n"),
    "jobs/_policies/pay.yaml": ("select", "rules: [{id: a, tags: [b], hosts: [c]}]\n"),
    "jobs/_calendars/holidays.yaml": ("covers_until", "clsed: []\n"),
}


@pytest.mark.parametrize("file", KINDS)
def test_each_kind_of_file_is_completed_and_checked_by_its_own_schema(
    server: LanguageServer, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Modelines as ``init`` writes them win over the one schema for all files that the editor is set to."""
    monkeypatch.chdir(tmp_path)
    assert main(["init", "--environment", "staging"]) == 0
    field, wrong = KINDS[file]
    path = tmp_path / file
    if not path.exists():
        kind = {"pay": "defaults", "_policies": "policy", "_calendars": "calendar"}[path.parent.name]
        path.parent.mkdir()
        path.write_text(f"# yaml-language-server: $schema=../../schemas/{kind}.schema.json\n")
    else:
        assert server.errors(path) == []
    modeline = path.read_text().splitlines()[0]
    other = path.with_name(f"other-{path.name}")
    other.write_text(f"{modeline}\n\n")
    server.errors(other)
    assert field in server.completions(other, 1, 0)
    broken = path.with_name(f"broken-{path.name}")
    broken.write_text(f"{modeline}\n{wrong}")
    assert server.errors(broken)


OF_EACH_KIND = {
    "jobs/{}/some-job.yaml": ("name: some-job\nschedule: '@daily'\n", "timeout: 30s\n"),
    "jobs/{}/_defaults.yaml": ("timeout: 30s\n", "name: some-job\n"),
    "jobs/_environments/{}.yaml": ("variables: {api: x}\n", "name: some-job\n"),
    "jobs/_policies/{}.yaml": ("rules: [{id: owner, tags: [owner]}]\n", "timeout: 30s\n"),
    "jobs/_calendars/{}.yaml": ("closed: [2026-12-25]\n", "timeout: 30s\n"),
}


def test_settings_of_init_give_each_kind_of_file_its_schema(tmp_path: Path) -> None:
    """Without the first line that names a schema: a file that an author adds later has none."""
    assert main(["init", str(tmp_path)]) == 0
    schemas = json.loads((tmp_path / ".vscode/settings.json").read_text())["yaml.schemas"]
    server = LanguageServer([tool("yaml-language-server"), "--stdio"], schemas, tmp_path)
    try:
        for name, (right, wrong) in OF_EACH_KIND.items():
            for folder, text, is_wrong in (("right", right, False), ("wrong", wrong, True)):
                path = tmp_path / name.format(folder)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
                assert bool(server.errors(path)) == is_wrong, path
    finally:
        server.close()
