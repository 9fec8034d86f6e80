"""``validate FILE`` says of an inherited finding only what is about the jobs that were asked for (LAYERS section 5)."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from harness.repositories.repository import Repository

from chronos_gitops.cli.main import main

JOB = """\
name: {name}
schedule: "0 2 * * *"
enabled: true
timeout: 1m
webhook: {{url: "${{var:api}}/{name}"}}
"""
FILES = {
    "_environments/staging.yaml": "variables: {api: http://staging.example.com}\n",
    "_environments/production.yaml": "variables: {api: https://api.example.com}\n",
    "_policies/pay.yaml": "select: {folder: jobs/payments}\nrules:\n  - {id: https, match: {webhook.url: 'https://*'}}\n",
}


@pytest.fixture
def company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three payments jobs to whose url a policy objects, where the environment writes it; and an ops job."""
    monkeypatch.chdir(tmp_path)
    for path, text in FILES.items():
        write(tmp_path, path, text)
    for name in ("pay-01", "pay-02", "pay-03"):
        write(tmp_path, f"payments/{name}.yaml", JOB.format(name=name))
    write(tmp_path, "ops/ops-03.yaml", JOB.format(name="ops-03"))
    return tmp_path


def write(root: Path, path: str, text: str) -> None:
    file = root / "jobs" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def findings(capsys: pytest.CaptureFixture[str], *paths: str) -> list[dict[str, Any]]:
    main(["validate", *paths, "--format", "json"])
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["problems"]
    return found


def counts(found: list[dict[str, Any]], rule: str) -> list[tuple[str, int, list[str]]]:
    return [(one["file"], one["jobs"], one["job_names"]) for one in found if one["rule"] == rule]


STAGING = "jobs/_environments/staging.yaml"
PAY = ["pay-01", "pay-02", "pay-03"]
JOBS = ["ops/ops-03", *(f"payments/{name}" for name in PAY)]
QUIET = {"http", "private-host", "file-name"}


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ([], [(STAGING, 3, PAY)]),
        (["jobs/ops/ops-03.yaml"], []),
        (["jobs/payments/pay-02.yaml"], [(STAGING, 1, ["pay-02"])]),
        (["jobs/payments/pay-02.yaml", "jobs/ops/ops-03.yaml"], [(STAGING, 1, ["pay-02"])]),
        ([STAGING], [(STAGING, 3, PAY)]),
        (["jobs/ops/ops-03.yaml", "jobs/_policies/pay.yaml"], [(STAGING, 3, PAY)]),
        (["jobs/ops/ops-03.yaml", STAGING], [(STAGING, 3, PAY)]),
    ],
)
def test_findings_of_policies_are_about_the_jobs_asked_for(
    company: Path, capsys: pytest.CaptureFixture[str], paths: list[str], expected: list[tuple[str, int, list[str]]]
) -> None:
    assert counts(findings(capsys, *paths), "policy") == expected
    assert main(["validate", *paths]) == (1 if expected else 0)


@pytest.mark.parametrize("folder", ["payments", "ops"])
def test_a_part_of_the_tree_is_judged_as_the_whole_judges_it(
    company: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    """As a folder, its files one by one, from within it, and by its absolute path."""
    write(company, "_defaults.yaml", "jitter: ten\n")
    whole = findings(capsys)
    expected = {
        (one["file"], one["rule"]) for one in whole if f"jobs/{folder}/" in one["file"] or "_defaults" in one["file"]
    }

    def found(*paths: str) -> set[tuple[str, str]]:
        answers = findings(capsys, *paths)
        return {
            (Path(one["file"]).resolve().relative_to(company.resolve()).as_posix(), one["rule"]) for one in answers
        } - {(STAGING, "policy")}

    files = [str(file.relative_to(company)) for file in sorted((company / "jobs" / folder).iterdir())]
    assert found(f"jobs/{folder}") == expected
    assert found(*files) == expected
    assert found(f"jobs/{folder}/") == expected
    assert found(str(company / "jobs" / folder)) == expected
    monkeypatch.chdir(company / "jobs" / folder)
    assert found(".") == expected
    assert found(*(Path(file).name for file in files)) == expected


def test_values_of_layers_are_about_the_jobs_that_inherit_them(
    company: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``ops-03`` sets its own timeout, ``ops-04`` inherits the wrong one."""
    write(company, "ops/_defaults.yaml", "timeout: 5 minutes\n")
    inheriting = JOB.format(name="ops-04").replace("timeout: 1m\n", "")
    write(company, "ops/ops-04.yaml", inheriting)
    layer = "jobs/ops/_defaults.yaml"
    assert counts(findings(capsys, "jobs/ops/ops-03.yaml"), "duration") == []
    assert counts(findings(capsys, "jobs/ops/ops-04.yaml"), "duration") == [(layer, 1, ["ops-04"])]
    (company / "jobs/ops/ops-04.yaml").unlink()
    assert counts(findings(capsys, "jobs/ops/ops-03.yaml"), "duration") == [(layer, 0, [])]


def test_a_comment_that_ignores_a_finding_of_other_jobs_has_its_use(
    company: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(
        company, "ops/_defaults.yaml", "retry_policy: {initial_interval: 2m}  # chronos: ignore[retry-interval] known\n"
    )
    write(company, "ops/ops-03.yaml", JOB.format(name="ops-03") + "retry_policy: {initial_interval: 2s}\n")
    write(company, "ops/ops-04.yaml", JOB.format(name="ops-04"))
    layer = "jobs/ops/_defaults.yaml"
    whole = [one["rule"] for one in findings(capsys) if one["file"] == layer]
    part = [one["rule"] for one in findings(capsys, "jobs/ops/ops-03.yaml") if one["file"] == layer]
    assert (whole, part) == ([], [])


class Stdin:
    def __init__(self, text: str) -> None:
        self.buffer = io.BytesIO(text.encode())


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("jobs/payments/pay-02.yaml", JOB.format(name="pay-02"), [(STAGING, "policy")]),
        ("jobs/ops/new-job.yaml", JOB.format(name="new-job"), []),
        ("jobs/ops/new-job.yaml", JOB.format(name="ops-03"), [("jobs/ops/ops-03.yaml", "duplicate-name")]),
        (
            "jobs/ops/new-job.yaml",
            JOB.format(name="new-job").replace("api", "apy"),
            [("jobs/ops/new-job.yaml", "unknown-variable")] * 2,
        ),
        ("jobs/_defaults.yaml", "jitter: soon\n", [("jobs/_defaults.yaml", "duration")]),
        ("jobs/_environments/production.yaml", "", [(f"jobs/{one}.yaml", "unknown-variable") for one in JOBS]),
        ("jobs/_policies/new.yaml", "rules: 5\n", [("jobs/_policies/new.yaml", "type")]),
        ("jobs/_old/x.yaml", JOB.format(name="x-y"), [("jobs/_old/x.yaml", "reserved-name")]),
        ("elsewhere/new-job.yaml", JOB.format(name="new-job"), [("elsewhere/new-job.yaml", "unknown-variable")]),
    ],
)
def test_standard_input_is_judged_in_the_tree_where_its_name_stands(
    company: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    text: str,
    expected: list[tuple[str, str]],
) -> None:
    before = {path: path.read_text() for path in company.rglob("*.yaml")}
    monkeypatch.setattr(sys, "stdin", Stdin(text))
    found = findings(capsys, "-", "--stdin-filename", name)
    assert [(one["file"], one["rule"]) for one in found if one["rule"] not in QUIET] == expected
    assert {path: path.read_text() for path in company.rglob("*.yaml")} == before


def test_errors_of_jobs_below_a_layer_are_told_with_it(company: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Named, changed since a commit, and gone since then."""
    repository = Repository.init(company)
    repository.write("jobs/payments/_defaults.yaml", "variables: {path: v1}\n")
    text = JOB.format(name="pay-04").replace("/pay-04", "/${var:path}")
    repository.write("jobs/payments/pay-04.yaml", text)
    repository.commit("All is well")
    layer = "jobs/payments/_defaults.yaml"
    lacking = [("jobs/payments/pay-04.yaml", "unknown-variable")] * 2

    def told(*words: str) -> list[tuple[str, str]]:
        found = findings(capsys, *words)
        return [(one["file"], one["rule"]) for one in found if one["rule"] not in (*QUIET, "policy")]

    assert told(layer) == told("--changed-since", "HEAD") == []
    repository.write(layer, "variables: {paths: v1}\n")
    assert told(layer) == told("--changed-since", "HEAD") == lacking
    assert told("jobs/ops", "--changed-since", "HEAD") == []
    (company / layer).unlink()
    assert told("--changed-since", "HEAD") == told("jobs/payments", "--changed-since", "HEAD") == lacking
    assert told("jobs/ops", "--changed-since", "HEAD") == []
    repository.write(layer, "variables: {path: v1}\n")
    (company / STAGING).unlink()
    assert told("--changed-since", "HEAD") == []


def test_chronosignore_leaves_out_no_layer(company: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(company, "payments/_defaults.yaml", "jitter: 5s\n")
    write(company, "_old/pay-09.yaml", JOB.format(name="pay-09"))
    assert counts(findings(capsys), "reserved-name") == [("jobs/_old/pay-09.yaml", 1, [])]
    policies = counts(findings(capsys), "policy")
    assert policies
    (company / "jobs/.chronosignore").write_text("_*\n")
    Repository.init(company).commit("All")
    assert counts(findings(capsys), "reserved-name") == []
    assert counts(findings(capsys), "policy") == policies
    assert main(["show", "pay-01", "--effective", "--environment", "production"]) == 0
    shown = capsys.readouterr().out
    assert "# jobs/payments/_defaults.yaml:1" in shown
    assert "# jobs/_environments/production.yaml:1" in shown


@pytest.mark.parametrize("folder", ["payments", "empty"])
def test_a_layer_that_cannot_be_read_is_an_error_in_each_environment(
    folder: str, company: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where no job is below it."""
    write(company, f"{folder}/_defaults.yaml", "{")
    for environment in ((), ("--environment", "production")):
        (found,) = [one for one in findings(capsys, *environment) if one["rule"] == "syntax"]
        assert (found["file"], found["environments"]) == (f"jobs/{folder}/_defaults.yaml", ["production", "staging"])
