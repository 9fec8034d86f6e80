"""Limits of layers, the files that are never left out, and secrets that a layer refers to (LAYERS sections 1 and 4)."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from harness.repositories.text_tree import Texts

from chronos_gitops.jobs.problem import Severity
from chronos_gitops.jobs.secrets.bindings import Bindings, SecretBinding
from chronos_gitops.jobs.validation.validate import validate_tree

JOB = "name: {name}\nschedule: '@daily'\nenabled: true\ntimeout: 1m\nwebhook: {{url: 'https://api.example.com/x'}}\n"
ONE = {"one-job.yaml": JOB.format(name="one-job")}
NAMED = "name: one-job\nvariables:\n"


def variables(number: int) -> str:
    return "variables:\n" + "".join(f"  name-{at}: text\n" for at in range(number))


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ({f"_environments/e{at:02}.yaml": "" for at in range(20)}, []),
        ({f"_environments/e{at:02}.yaml": "" for at in range(21)}, ["jobs/_environments/e20.yaml"]),
        ({"_defaults.yaml": variables(100)}, []),
        ({"_defaults.yaml": variables(101)}, ["jobs/_defaults.yaml"]),
        ({"_environments/a.yaml": variables(101)}, ["jobs/_environments/a.yaml"]),
        ({f"_environments/{'e' * 63}.yaml": ""}, []),
        ({f"_environments/{'e' * 64}.yaml": ""}, [f"jobs/_environments/{'e' * 64}.yaml"]),
    ],
    ids=["20 environments", "21", "100 variables", "101", "101 in an environment", "63 characters", "64"],
)
def test_limits(texts: Mapping[str, str], expected: list[str]) -> None:
    problems = validate_tree(Texts({**ONE, **texts})).problems
    found = [one for one in problems if one.severity is Severity.ERROR]
    assert [one.file for one in found] == expected
    assert {one.rule for one in found} <= {"range", "reserved-name"}


def test_secret_of_a_layer_is_judged_for_the_folder_of_the_job() -> None:
    texts = {
        "_defaults.yaml": "webhook: {auth: {type: bearer, token: '${secret:pay}'}}\n",
        "pay/one-job.yaml": ONE["one-job.yaml"],
        "ops/two-jobs.yaml": JOB.format(name="two-jobs"),
    }
    bound = Bindings({"pay": SecretBinding(folders=("jobs/pay",))})
    (found,) = validate_tree(Texts(texts), bindings=bound, today=datetime(2026, 1, 1, tzinfo=UTC)).problems
    assert (found.rule, found.file, found.job_names) == ("secret-binding", "jobs/_defaults.yaml", ("two-jobs",))
