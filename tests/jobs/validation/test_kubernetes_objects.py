"""A Kubernetes object among the job files is one problem, with the command that converts it."""

import pytest

from chronos_gitops.jobs.validation.validate import validate_file

OBJECT = "apiVersion: batch/v1\nkind: {kind}\nmetadata: {{name: a}}\nspec: {{schedule: '0 1 * * *'}}\n"


@pytest.mark.parametrize(
    ("kind", "hint"),
    [
        ("CronJob", "convert it: chronos-gitops import k8s jobs/a.yaml"),
        ("ChronosJob", "convert it: chronos-gitops import chronos jobs/a.yaml"),
        ("ConfigMap", "move it out of the jobs folder, or list it in .chronosignore"),
    ],
)
def test_an_object_of_kubernetes_is_one_problem(kind: str, hint: str) -> None:
    result = validate_file("jobs/a.yaml", OBJECT.format(kind=kind).encode())
    (problem,) = result.problems
    assert (problem.rule, problem.line) == ("kubernetes-object", 2)
    assert problem.message == f"this is a Kubernetes {kind}, not a job file"
    assert problem.hint == hint
    assert result.job is None


@pytest.mark.parametrize(
    "content", [b"apiVersion: batch/v1\n", b"kind: CronJob\n", b"kind: a\napiVersion: b\nwebhook: {}\n"]
)
def test_a_file_with_some_of_these_fields_is_judged_as_a_job(content: bytes) -> None:
    problems = validate_file("jobs/a.yaml", content).problems
    assert "kubernetes-object" not in {problem.rule for problem in problems}
    assert "required" in {problem.rule for problem in problems}
