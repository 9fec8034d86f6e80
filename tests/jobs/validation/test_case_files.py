"""Cases are files: drop ``x.yaml`` and ``x.out`` in ``cases/ok`` or ``cases/err`` and they are found here."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chronos_gitops.cli.reports.problems import concise
from chronos_gitops.jobs.validation.rule_texts.registry import RULES
from chronos_gitops.jobs.validation.validate import validate_file

CASES = Path(__file__).parent / "cases"
FILES = sorted(CASES.glob("*/*.yaml"))
TODAY = datetime(2026, 1, 1, tzinfo=UTC)

# What no single file can show; test_load.py does.
SHOWN_ELSEWHERE = {"duplicate-name", "symlink", "submodule", "unreadable", "unknown-secret"}
SHOWN_ELSEWHERE |= {"secret-binding", "secret-unbound", "missing-secret", "audience-unbound"}
SHOWN_ELSEWHERE |= {"reserved-name", "not-inheritable", "no-effect", "unknown-environment"}  # layers/test_layers.py
SHOWN_ELSEWHERE |= {"unknown-calendar", "calendar-entry", "calendar-silent", "calendar-horizon", "unused-calendar"}
SHOWN_ELSEWHERE |= {"unknown-variable", "variable-value", "secret-in-variable"}
SHOWN_ELSEWHERE |= {"requires-unknown", "requires-cycle"}  # test_required_jobs.py
SHOWN_ELSEWHERE |= {"policy"}  # layers/test_policies.py

# PyYAML's Python parser takes no tab between a key and its value, and points at another end of a bad escape.
OTHERWISE_IN_PYTHON = {"tabs-between", "bad-escape", "half-a-character"}

WITHOUT_LIBYAML = """
import json, pathlib, sys
sys.modules["yaml._yaml"] = None  # what an import of a missing module does
import yaml
assert not yaml.__with_libyaml__
from datetime import UTC, datetime
from chronos_gitops.jobs.validation.validate import validate_file as parse
from chronos_gitops.cli.reports.problems import concise
today = datetime(2026, 1, 1, tzinfo=UTC)
found = {}
for path in map(pathlib.Path, sys.argv[1:]):
    parsed = parse(f"jobs/{path.name}", path.read_bytes(), today=today)
    found[path.stem] = [concise.line(problem) for problem in parsed.problems]
print(json.dumps(found))
"""


def shown(path: Path) -> str:
    parsed = validate_file(f"jobs/{path.name}", path.read_bytes(), today=TODAY)
    return "".join(f"{concise.line(problem)}\n" for problem in parsed.problems)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_case_says_exactly_what_its_out_file_says(path: Path) -> None:
    assert shown(path) == path.with_suffix(".out").read_text("utf-8")


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_case_of_err_has_an_error_and_a_case_of_ok_makes_a_job(path: Path) -> None:
    is_error = ": error[" in path.with_suffix(".out").read_text("utf-8")
    assert is_error == (path.parent.name == "err")
    assert (validate_file(f"jobs/{path.name}", path.read_bytes()).job is None) == is_error


def test_there_are_many_cases_and_no_orphans() -> None:
    assert len([path for path in FILES if path.parent.name == "err"]) >= 100
    assert {path.stem for path in CASES.glob("*/*.out")} == {path.stem for path in FILES}


def test_every_rule_has_a_case() -> None:
    text = "".join(path.read_text("utf-8") for path in CASES.glob("*/*.out"))
    assert {rule for rule in RULES if f"[{rule}]: " not in text} == SHOWN_ELSEWHERE


def test_without_libyaml_the_verdicts_are_the_same() -> None:
    """One more interpreter, and the slow parser over all cases: about a second."""
    files = [path for path in FILES if path.stem not in OTHERWISE_IN_PYTHON]
    command = [sys.executable, "-c", WITHOUT_LIBYAML, *map(str, files)]
    seen = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert seen.returncode == 0, seen.stderr
    found = json.loads(seen.stdout)
    different = {
        path.stem: found[path.stem]
        for path in files
        if found[path.stem] != path.with_suffix(".out").read_text("utf-8").splitlines()
    }
    assert not different
