"""A tree with layers: effective jobs in each environment, and findings where the offending value is written."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest
from harness.repositories.text_tree import Texts
from hypothesis import given, settings
from hypothesis import strategies as st

from chronos_gitops.jobs.problem import Severity
from chronos_gitops.jobs.validation.parallel import validate_in_parallel
from chronos_gitops.jobs.validation.validate import TreeResult, ValidationCache, validate_tree

JOB = 'name: {name}\nenabled: true\ntimeout: 1m\nschedule: "0 2 * * *"\nwebhook:\n  url: https://api.example.com/x\n'
BARE = "name: {name}\nenabled: true\n"
TWO: Mapping[str, str] = MappingProxyType(
    {"_environments/production.yaml": "", "_environments/staging.yaml": "# both\n"}
)


def tree(texts: Mapping[str, str], environment: str | None = None) -> TreeResult:
    return validate_tree(Texts(texts), environment=environment)


def findings(loaded: TreeResult) -> list[str]:
    return [str(problem) for problem in loaded.problems if problem.severity is Severity.ERROR]


def document(loaded: TreeResult, name: str) -> dict[str, Any]:
    job = loaded.jobs[name].job
    assert job is not None
    return job.document()


def test_jobs_inherit_what_the_folders_above_say() -> None:
    layers = {
        "_defaults.yaml": 'schedule: "0 3 * * *"\ntags: {a: top, b: top}\n',
        "pay/_defaults.yaml": "webhook: {url: https://pay.example.com/, method: POST}\ntags: {b: pay}\n",
    }
    loaded = tree(layers | {"pay/one-job.yaml": BARE.format(name="one-job") + "tags: {c: own}\n"})
    assert findings(loaded) == []
    found = document(loaded, "one-job")
    assert (found["schedule"], found["webhook"]["method"]) == ("0 3 * * *", "POST")
    assert found["tags"] == {"a": "top", "b": "pay", "c": "own"}


def test_one_bad_inherited_value_is_one_finding_with_its_count() -> None:
    jobs = {
        f"job-{number:03}.yaml": JOB.format(name=f"job-{number:03}").replace("timeout: 1m\n", "")
        for number in range(214)
    }
    loaded = tree({"_defaults.yaml": "# shared\n\ntimeout: 5 minutes\n"} | jobs)
    assert findings(loaded) == [
        'jobs/_defaults.yaml:3:10: error[duration]: timeout "5 minutes" is not a duration (214 jobs)'
    ]
    [problem] = [one for one in loaded.problems if one.severity is Severity.ERROR]
    assert (problem.jobs, problem.environments) == (214, None)
    assert problem.job_names == tuple(f"job-{number:03}" for number in range(10))
    assert loaded.jobs == {}


def test_value_that_every_job_overrides_is_told_and_stops_nobody() -> None:
    loaded = tree({"_defaults.yaml": "timeout: 5 minutes\n", "one-job.yaml": JOB.format(name="one-job")})
    assert findings(loaded) == [
        'jobs/_defaults.yaml:1:10: error[duration]: timeout "5 minutes" is not a duration (0 jobs)'
    ]
    assert "one-job" in loaded.jobs


def test_missing_field_is_told_at_the_name() -> None:
    loaded = tree({"_defaults.yaml": "webhook: {method: POST}\n", "one-job.yaml": BARE.format(name="one-job")})
    assert findings(loaded) == [
        "jobs/one-job.yaml:1:7: error[required]: schedule is missing",
        "jobs/one-job.yaml:1:7: error[required]: webhook.url is missing",
    ]


def test_what_a_file_without_a_name_lacks_is_told_in_that_file() -> None:
    loaded = tree({"_environments/staging.yaml": "enabled: false\n", "eu_defaults.yaml": "timeout: 5m\n"})
    assert findings(loaded) == [
        "jobs/eu_defaults.yaml:1:1: error[required]: name is missing",
        "jobs/eu_defaults.yaml:1:1: error[required]: schedule is missing",
        "jobs/eu_defaults.yaml:1:1: error[required]: webhook is missing",
    ]


def test_one_bad_variable_is_one_finding_whatever_the_jobs_make_of_it() -> None:
    text = BARE + 'schedule: "@daily"\nwebhook: {{url: "${{var:api}}/{name}"}}\n'
    jobs = {f"{name}.yaml": text.format(name=name) for name in ("job-a", "job-b", "job-c")}
    loaded = tree({"_environments/staging.yaml": "variables: {api: 127.0.0.1:8911/x}\n"} | jobs)
    [problem] = [one for one in loaded.problems if one.severity is Severity.ERROR]
    assert (problem.file, problem.jobs, problem.fix) == ("jobs/_environments/staging.yaml", 3, "")


def test_error_of_one_environment_stops_nothing_in_another() -> None:
    bad = {"_environments/staging.yaml": "timeout: never\n", "_environments/production.yaml": ""}
    texts = bad | {"one-job.yaml": JOB.format(name="one-job").replace("timeout: 1m\n", "")}
    assert "one-job" in tree(texts, "production").jobs
    assert "one-job" not in tree(texts, "staging").jobs
    assert "one-job" not in tree(texts).jobs
    [problem] = [one for one in tree(texts).problems if one.severity is Severity.ERROR]
    assert (problem.file, problem.environments) == ("jobs/_environments/staging.yaml", ("staging",))


def test_variables_take_their_value_from_the_environment() -> None:
    texts = {
        "_environments/staging.yaml": "variables: {api: https://staging.example.com}\n",
        "_environments/production.yaml": "variables: {apis: https://api.example.com}\n",
        "one-job.yaml": JOB.format(name="one-job").replace("https://api.example.com", "${var:api}"),
    }
    loaded = tree(texts, "staging")
    assert document(loaded, "one-job")["webhook"]["url"] == "https://staging.example.com/x"
    assert findings(loaded) == [
        'jobs/one-job.yaml:6:8: error[unknown-variable]: variable "api" has no value in production'
    ]
    assert "one-job" not in tree(texts, "production").jobs


RESERVED = "begins with an underscore, and such names are reserved"
CASES: dict[str, tuple[dict[str, str], list[str]]] = {
    "reserved names": (
        {"_old/one-job.yaml": JOB.format(name="one-job"), "_default.yaml": "timeout: 1m\n"},
        [
            f'jobs/_default.yaml:1:1: error[reserved-name]: "_default.yaml" {RESERVED}',
            f'jobs/_old/one-job.yaml:1:1: error[reserved-name]: "_old" {RESERVED}',
        ],
    ),
    "fields of one job": (
        {"_defaults.yaml": "name: x\nwebhook: {timeout: 1s}\n"},
        [
            "jobs/_defaults.yaml:1:1: error[not-inheritable]: name belongs to one job and cannot be set here (0 jobs)",
            "jobs/_defaults.yaml:2:11: error[not-inheritable]: webhook.timeout in a layer would win over a job's own "
            "timeout (0 jobs)",
        ],
    ),
    "fields of one job that jobs inherit": (
        {
            "_defaults.yaml": "description: x\nwebhook: {timeout: 1s}\n",
            "one-job.yaml": JOB.format(name="one-job"),
            "two-jobs.yaml": JOB.format(name="two-jobs") + "  timeout: 2s\ndescription: Own\n",
        },
        [
            "jobs/_defaults.yaml:1:1: error[not-inheritable]: description belongs to one job and cannot be set here",
            "jobs/_defaults.yaml:2:11: error[not-inheritable]: webhook.timeout in a layer would win over a job's own "
            "timeout",
        ],
    ),
    "undeclared environment": (
        dict(TWO) | {"one-job.yaml": JOB.format(name="one-job") + "environments: {stagign: {timeout: 1s}}\n"},
        ['jobs/one-job.yaml:7:16: error[unknown-environment]: no file declares the environment "stagign"'],
    ),
    "variables of variables and secrets": (
        {"one-job.yaml": JOB.format(name="one-job") + 'variables: {a: "${var:b}", c: "${secret:d}"}\n'},
        [
            'jobs/one-job.yaml:7:16: error[variable-value]: the value of "a" holds a variable',
            'jobs/one-job.yaml:7:31: error[secret-in-variable]: the value of "c" holds a reference to a secret',
        ],
    ),
    "a number as a variable": (
        {"one-job.yaml": JOB.format(name="one-job") + "variables: {a: 3}\n"},
        ["jobs/one-job.yaml:7:16: error[type]: variables.a must be text or a map, not a number"],
    ),
    "no type of auth": (
        {"_defaults.yaml": 'webhook: {auth: {type: hmac, secret: "${secret:s}"}}\n'}
        | {"one-job.yaml": JOB.format(name="one-job") + "  auth: {type: null}\n"},
        [
            "jobs/one-job.yaml:7:16: error[type]: webhook.auth.type has no value; it must be text",
        ],
    ),
    "a key with nothing after it": (
        {"_defaults.yaml": "timeout: 1m\n", "one-job.yaml": JOB.format(name="one-job") + "jitter:\n"},
        ["jobs/one-job.yaml:7:1: error[type]: jitter has no value; it must be text"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_errors(case: str) -> None:
    texts, expected = CASES[case]
    assert findings(tree(texts)) == expected


def test_broken_layer_stops_the_jobs_below_it_and_no_other() -> None:
    texts = {
        "a/_defaults.yaml": "timeout: [",
        "a/one-job.yaml": JOB.format(name="one-job"),
        "two-job.yaml": JOB.format(name="two-job"),
    }
    loaded = tree(texts)
    assert list(loaded.jobs) == ["two-job"]
    assert [line.partition(": ")[0] for line in findings(loaded)] == ["jobs/a/_defaults.yaml:1:10"]
    assert [file.path for file in loaded.files if file.job is None] == ["jobs/a/one-job.yaml"]
    linked = validate_tree(Texts({"a/one-job.yaml": JOB.format(name="one-job")}, links=["a/_defaults.yaml"]))
    assert linked.jobs == {}


def test_null_that_removes_nothing_is_a_note() -> None:
    own = JOB.format(name="one-job").replace("timeout: 1m\n", "timeout: null\n")
    assert "no-effect" in {problem.rule for problem in tree({"one-job.yaml": own}).problems}
    loaded = tree({"_defaults.yaml": "timeout: 30s\n", "one-job.yaml": own})
    assert "no-effect" not in {problem.rule for problem in loaded.problems}
    assert document(loaded, "one-job")["timeout"] == "5m"


def test_comment_in_a_layer_ignores_a_warning_for_all_jobs() -> None:
    job = JOB.format(name="{name}").replace("https://api.example.com/x", "${{var:api}}/x")
    jobs = {f"job-{n}.yaml": job.format(name=f"job-{n}") for n in range(3)}
    comment = " # chronos: ignore[private-host] the host has no public name"
    for end, expected in (("", 1), (comment, 0)):
        loaded = tree({"_defaults.yaml": f"variables:\n  api: http://10.0.0.7{end}\n"} | jobs)
        assert [problem.jobs for problem in loaded.problems if problem.rule == "private-host"] == [3] * expected
        assert "unused-suppression" not in {problem.rule for problem in loaded.problems}


def test_edit_of_a_layer_is_seen_through_the_cache_and_formatting_keeps_the_identity() -> None:
    cache = ValidationCache()
    texts = dict(TWO) | {"_defaults.yaml": "jitter: 1s\n", "one-job.yaml": JOB.format(name="one-job")}
    first = validate_tree(Texts(texts), cache, environment="staging")
    again = Texts(texts)
    assert validate_tree(again, cache, environment="staging").jobs["one-job"] is first.jobs["one-job"]
    commented = validate_tree(Texts(texts | {"_defaults.yaml": "# c\njitter: 1s\n"}), cache, environment="staging")
    assert commented.jobs["one-job"].identity == first.jobs["one-job"].identity
    edited = validate_tree(Texts(texts | {"_defaults.yaml": "jitter: 2s\n"}), cache, environment="staging")
    assert edited.jobs["one-job"].identity != first.jobs["one-job"].identity
    assert document(edited, "one-job")["jitter"] == "2s"


VALUES = st.sampled_from(("30s", "null", "soon", "3"))
LAYER = st.dictionaries(st.sampled_from(("timeout", "jitter", "concurrency")), VALUES, max_size=3).map(
    lambda fields: "".join(f"{key}: {value}\n" for key, value in fields.items())
)


@settings(deadline=None, max_examples=60)
@given(st.lists(LAYER, min_size=8, max_size=8))
def test_a_cache_and_several_processes_judge_as_one_look_does(layers: list[str]) -> None:
    """Edits one after the other, each with the results of the one before."""
    cache = ValidationCache()
    texts = dict(TWO) | {"a/one-job.yaml": JOB.format(name="one-job"), "two-job.yaml": BARE.format(name="two-job")}
    places = ("_defaults.yaml", "a/_defaults.yaml", "_environments/staging.yaml", "_defaults.yaml")
    for place, layer in zip(places * 2, layers, strict=True):
        texts[place] = layer
        known = validate_tree(Texts(texts), cache, environment="staging")
        anew = validate_tree(Texts(texts), environment="staging")
        assert (known.files, known.problems) == (anew.files, anew.problems)
        assert validate_in_parallel(Texts(texts)).problems == anew.problems


def test_finding_at_a_variable_names_a_job_that_uses_it() -> None:
    job = "name: {name}\nenabled: true\ntimeout: 1m\nschedule: '@daily'\nwebhook:\n  url: ${{var:api}}/x\n"
    texts = {f"a/{name}.yaml": job.format(name=name) for name in ("job-a", "job-b", "job-c")}
    loaded = tree(texts | {"_defaults.yaml": "variables: {api: ftp://api.example.com}\n"})
    (found,) = (problem for problem in loaded.problems if problem.severity is Severity.ERROR)
    assert (found.file, found.line, found.jobs) == ("jobs/_defaults.yaml", 1, 3)
    assert found.hint.endswith("used by jobs/a/job-a.yaml:6 and 2 more")


def test_nulls_and_layers_without_effect_are_noted() -> None:
    texts = {
        "_defaults.yaml": "timezone: null\njitter: 1s\n",
        "a/_defaults.yaml": "jitter: null\ntags: {team: null}\n",
        "b/_defaults.yaml": "jitter: 2s\n",
        "a/one-job.yaml": JOB.format(name="one-job"),
    }
    notes = [str(problem) for problem in tree(texts).problems if problem.rule == "no-effect"]
    nothing = "note[no-effect]: nothing is inherited here, so null removes nothing (0 jobs)"
    assert notes == [
        f"jobs/_defaults.yaml:1:11: {nothing}",
        f"jobs/a/_defaults.yaml:2:14: {nothing}",
        "jobs/b/_defaults.yaml:1:1: note[no-effect]: no job inherits from this file (0 jobs)",
    ]
