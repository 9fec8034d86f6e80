"""The CI/CD component of GitLab: right by the published schema, and its jobs run by gitlab-ci-local."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from ci.conftest import JOB, ROOT, git
from harness.programs.tools import tool
from test_ci_files import check, ran

COMPONENT = ROOT / "templates/chronos-gitops.yml"
pytestmark = pytest.mark.timeout(300)


def test_both_documents_of_the_component_have_no_finding(tmp_path: Path) -> None:
    header, body = COMPONENT.read_text().split("\n---\n")
    inputs = yaml.safe_load(header)["spec"]["inputs"]
    for name, one in inputs.items():
        body = body.replace(f"$[[ inputs.{name} ]]", str(one["default"]).lower())
    assert "$[[" not in body
    for name, text in (("header.yml", header), ("body.yml", body)):
        (tmp_path / name).write_text(text)
        check("vendor.gitlab-ci", tmp_path / name, tmp_path)


def test_a_merge_request_is_validated_and_planned(repository: Path, offline_pip: dict[str, str]) -> None:
    (repository / "templates").mkdir()
    (repository / "templates/chronos-gitops.yml").write_text(COMPONENT.read_text())
    (repository / "jobs/other.yaml").write_text(JOB.replace("nightly", "weekly"))
    inputs = {"install": str(ROOT), "strict": True}
    included = {"include": [{"local": "templates/chronos-gitops.yml", "inputs": inputs}]}
    (repository / ".gitlab-ci.yml").write_text(yaml.safe_dump(included))
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", "Use the component")
    git(repository, "remote", "add", "origin", "git@gitlab.example.com:acme/jobs.git")
    base = git(repository, "rev-parse", "main")
    git(repository, "update-ref", "refs/remotes/origin/main", base)
    git(repository, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
    tool("rsync")
    variables = ("CI_PIPELINE_SOURCE=merge_request_event", f"CI_MERGE_REQUEST_DIFF_BASE_SHA={base}")
    variables += tuple(f"{name}={value}" for name, value in offline_pip.items())
    words = [word for variable in variables for word in ("--variable", variable)]
    words += ["--force-shell-executor", "--shell-isolation", "--ignore-predefined-vars", "CI_PIPELINE_SOURCE"]
    done = ran(tool("gitlab-ci-local"), *words, folder=repository)
    assert "chronos-validate" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 1, done.stdout + done.stderr  # a warning, and strict: true
    assert "1 to add, 1 to change" in (repository / "chronos-plan.md").read_text()
    (issue,) = json.loads(next(repository.rglob("chronos.codequality.json")).read_text())
    assert (issue["check_name"], issue["location"]["path"]) == ("file-name", "jobs/other.yaml")
    report = ElementTree.fromstring(next(repository.rglob("chronos.junit.xml")).read_text())
    assert report[0].get("tests") == "2"
