"""Policies over a tree: what they find in jobs and where, and what is wrong with a policy itself."""

from collections.abc import Callable
from datetime import date

import jsonschema
import pytest
from harness.machine.growth import assert_linear
from jobs.validation.layers.test_layers import Texts

from chronos_gitops.jobs.problem import Problem, Severity
from chronos_gitops.jobs.validation.layers.layer_files import read_layers
from chronos_gitops.jobs.validation.layers.policy_files import with_last_readable
from chronos_gitops.jobs.validation.validate import TreeResult, ValidationCache, validate_tree

JOB = """\
name: pay-nightly
enabled: true
schedule: "0 2 * * *"
timeout: 1m
webhook:
  url: https://eu.pay.example.com/x
"""
DAY = date(2026, 3, 1)


def tree(
    texts: dict[str, str], environment: str | None = None, cache: ValidationCache | None = None, day: date = DAY
) -> TreeResult:
    files = Texts(texts)
    layers = read_layers(files)
    layers = layers.with_policies(layers.policies.on(day))
    return validate_tree(files, cache, environment=environment, layers=layers)


def policy(*rules: str, select: str = "") -> str:
    return (f"select: {select}\n" if select else "") + "rules:\n" + "".join(f"  - {rule}\n" for rule in rules)


def found(loaded: TreeResult) -> list[str]:
    return [f"{one.line}:{one.column} {one.severity} {one.policy}: {one.message}" for one in loaded.problems]


CASES: dict[str, tuple[str, str, list[str]]] = {
    "tags that are there": ("{id: a, tags: [owner]}", "tags: {owner: x}\n", []),
    "a tag that is missing": ("{id: a, tags: [owner]}", "", ["1:7 error pay/a: tags.owner is missing"]),
    "a tag that is empty": (
        "{id: a, tags: [owner, b]}",
        "tags: {owner: ' ', b: x}\n",
        ["7:15 error pay/a: tags.owner is missing"],
    ),
    "a message of the policy": (
        "{id: a, tags: [owner], message: name an owner}",
        "",
        ["1:7 error pay/a: name an owner"],
    ),
    "a severity": ("{id: a, severity: note, tags: [owner]}", "", ["1:7 note pay/a: tags.owner is missing"]),
    "runs far enough apart": ("{id: a, min_interval: 24h}", "", []),
    "runs too near": (
        "{id: a, min_interval: 24h}",
        "timezone: Europe/Paris\n",
        [
            "3:11 error pay/a: 23h between the runs at 2026-03-29T01:00:00Z and 2026-03-30T00:00:00Z, and 24h is the "
            "least"
        ],
    ),
    "a host": ('{id: a, hosts: ["*.pay.example.com:443"]}', "", []),
    "another host": (
        "{id: a, hosts: [api.example.com]}",
        "",
        ["6:8 error pay/a: eu.pay.example.com is not among the hosts"],
    ),
    "the host of a token": (
        '{id: a, hosts: ["*.pay.example.com"]}',
        "  auth: {type: oauth2, token_url: 'https://login.example.com/', client_id: a, client_secret: '${secret:s}'}\n",
        ["7:35 error pay/a: login.example.com is not among the hosts"],
    ),
    "a glob": ('{id: a, match: {webhook.url: ["http://*", "https://*"], webhook.method: G?T}}', "", []),
    "a glob that does not match": (
        '{id: a, match: {webhook.url: "http://*"}}',
        "",
        ["6:8 error pay/a: webhook.url does not match http://*"],
    ),
    "an absent field": ('{id: a, match: {webhook.body: "*"}}', "", ["1:7 error pay/a: webhook.body is absent"]),
    "a text that is too long to match": (
        '{id: a, match: {webhook.body: "a*"}}',
        f"  method: POST\n  body: {'a' * 16_385}\n",
        ["8:9 error pay/a: webhook.body has more than 16,384 characters to match"],
    ),
    "a header in any case": ('{id: a, match: {webhook.headers.x-team: "a*"}}', "  headers: {X-Team: ab}\n", []),
    "a boolean and a tag with dots": ('{id: a, match: {enabled: "true", tags.a.b: x}}', "tags: {a.b: x}\n", []),
    "a built-in default": (
        "{id: a, schema: {properties: {retry_policy: {properties: {max_attempts: {maximum: 2}}}}}}",
        "",
        ["1:7 error pay/a: retry_policy.max_attempts does not satisfy maximum 2"],
    ),
    "a schema that is false": ("{id: a, schema: false}", "", ["1:7 error pay/a: the file does not satisfy false"]),
    "a field whose schema is false": (
        "{id: a, schema: {properties: {timeout: false, tags: {additionalProperties: {allOf: [false]}}}}}",
        "tags: {owner: x}\n",
        [
            "4:10 error pay/a: timeout does not satisfy false",
            "7:15 error pay/a: tags.owner does not satisfy false",
        ],
    ),
    "a value by schema": (
        "{id: a, schema: {properties: {jitter: {const: 1m}}}}",
        "jitter: 2m\n",
        ['7:9 error pay/a: jitter does not satisfy const "1m"'],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_rule_finds(case: str) -> None:
    rule, more, expected = CASES[case]
    assert found(tree({"_policies/pay.yaml": policy(rule), "pay-nightly.yaml": JOB + more})) == expected


def test_host_that_is_a_secret_is_none_of_the_hosts() -> None:
    job = JOB.replace("https://eu.pay.example.com/x", "${secret:address}")
    loaded = tree({"_policies/pay.yaml": policy('{id: a, hosts: ["*"]}'), "pay-nightly.yaml": job})
    assert found(loaded) == ["6:8 error pay/a: the host of webhook.url cannot be told from the file"]


def test_literal_credential_is_in_no_finding() -> None:
    job = JOB + "  headers: {Authorization: Bearer abcdefghijklmnop}\n"
    rules = ['{id: a, match: {webhook.headers.authorization: "x"}}', "{id: b, schema: {properties: {webhook: false}}}"]
    loaded = tree({"_policies/pay.yaml": policy(*rules), "pay-nightly.yaml": job})
    assert len([one for one in loaded.problems if one.policy]) == 2
    assert not any("abcdefghijklmnop" in f"{one.message}{one.hint}{one.excerpt}" for one in loaded.problems)


@pytest.mark.parametrize(
    ("select", "is_chosen"),
    [
        ("", True),
        ("{folder: jobs/pay}", True),
        ("{folder: jobs/pay/}", True),
        ("{folder: jobs/pa}", False),
        ("{folder: jobs, tags: {tier: gold}}", True),
        ('{tags: {tier: "*"}}', True),
        ("{tags: {tier: silver}}", False),
        ("{tags: {tier: gold, owner: '*'}}", False),
    ],
)
def test_all_of_a_selection_must_hold(select: str, is_chosen: bool) -> None:
    texts = {"_policies/a.yaml": policy("{id: a, tags: [owner]}", select=select)}
    loaded = tree(texts | {"pay/pay-nightly.yaml": JOB + "tags: {tier: gold}\n"})
    expected = "tags.owner is missing" if is_chosen else "the policy a selects no job"
    assert [one.message for one in loaded.problems] == [expected]
    assert ("pay-nightly" in loaded.jobs) is not is_chosen


def test_policy_of_one_environment_stops_nothing_in_another() -> None:
    texts = {
        "_environments/production.yaml": "",
        "_environments/staging.yaml": "",
        "_policies/a.yaml": policy("{id: a, tags: [owner]}", select="{environments: [production]}"),
        "pay-nightly.yaml": JOB,
    }
    assert "pay-nightly" in tree(texts, "staging").jobs
    assert "pay-nightly" not in tree(texts, "production").jobs
    [problem] = tree(texts, "staging").problems
    assert (problem.policy, problem.environments) == ("a/a", ("production",))


def test_value_in_a_layer_is_one_finding_where_it_is_written() -> None:
    layers = {
        "_defaults.yaml": "timeout: 10m\n",
        "_policies/a.yaml": policy("{id: quick, schema: {properties: {timeout: {const: 5m}}}}"),
    }
    jobs = {
        f"{name}.yaml": JOB.replace("pay-nightly", name).replace("timeout: 1m\n", "")
        for name in ("job-a", "job-b", "job-c")
    }
    [problem] = tree(layers | jobs).problems
    assert str(problem) == 'jobs/_defaults.yaml:1:10: error[policy]: timeout does not satisfy const "5m" (3 jobs)'
    assert (problem.jobs, problem.policy) == (3, "a/quick")


def test_invalid_job_is_judged_by_no_policy() -> None:
    texts = {"_policies/a.yaml": policy("{id: a, tags: [owner]}"), "pay-nightly.yaml": JOB + "jitter: soon\n"}
    assert [one.rule for one in tree(texts).problems] == ["duration"]


def test_comment_in_the_job_ignores_no_policy() -> None:
    rule = "{id: a, severity: warning, tags: [owner]}"
    job = JOB.replace("name: pay-nightly", "name: pay-nightly # chronos: ignore[policy] we know")
    loaded = tree({"_policies/a.yaml": policy(rule), "pay-nightly.yaml": job})
    assert [one.rule for one in loaded.problems] == ["policy", "suppression"]


def test_exceptions_are_names_of_jobs() -> None:
    rule = "{id: a, tags: [owner], except: [pay-nightly, pay-nightlly]}"
    loaded = tree({"_policies/a.yaml": policy(rule), "pay-nightly.yaml": JOB})
    [note] = loaded.problems
    assert (note.rule, note.message, note.hint) == (
        "no-effect",
        'there is no job "pay-nightlly"',
        'did you mean "pay-nightly"?',
    )


@pytest.mark.parametrize("field", ["except", "environments"])
def test_few_of_many_unknown_names_are_compared_with_the_known_ones(field: str) -> None:
    names = f"[{', '.join(f'pay-nightly-{number}' for number in range(120))}]"
    exceptions, select = (names, "") if field == "except" else ("[]", f"{{environments: {names}}}")
    texts = {
        "_environments/pay-nightly.yaml": "",
        "_policies/a.yaml": policy(f'{{id: a, match: {{name: "*"}}, except: {exceptions}}}', select=select),
        "pay-nightly.yaml": JOB,
    }
    unknown = [one for one in tree(texts, "pay-nightly").problems if "pay-nightly-" in one.message]
    assert len(unknown) == 100
    assert sum(one.hint == 'did you mean "pay-nightly"?' for one in unknown) == 20


FORMS: dict[str, tuple[str, list[str]]] = {
    "no rules": ("select: {folder: jobs}\n", ["type: rules is no list of rules"]),
    "empty": ("", ["empty-file: the file is empty"]),
    "no yaml": ("rules: [", ["syntax"]),
    "an unknown field": ("rule: x\n" + policy("{id: a, tags: [b]}"), ['unknown-field: unknown field "rule"']),
    "no kind": (policy("{id: a}"), ["policy: a rule has exactly one kind, and this one has 0"]),
    "two kinds": (
        policy("{id: a, tags: [b], min_interval: 5m}"),
        ["policy: a rule has exactly one kind, and this one has 2"],
    ),
    "no id": (policy("{tags: [b]}"), ["policy: a rule has an id"]),
    "an id in capitals": (policy("{id: A, tags: [b]}"), ["policy: an id is letters, digits and hyphens"]),
    "an id twice": (
        policy("{id: a, tags: [b]}", "{id: a, tags: [c]}"),
        ['policy: another rule of this file has the id "a"'],
    ),
    "a severity": (policy("{id: a, severity: fatal, tags: [b]}"), ['enum: severity cannot be "fatal"']),
    "a duration": (
        policy("{id: a, min_interval: 5 minutes}", "{id: b, min_interval: 0s}"),
        [
            'duration: min_interval "5 minutes" is not a duration above zero',
            'duration: min_interval "0s" is not a duration above zero',
        ],
    ),
    "a host": (policy("{id: a, hosts: ['https://x']}"), ['policy: "https://x" is no host']),
    "a glob that is a number": (
        policy("{id: a, match: {timeout: 5}}"),
        ["type: timeout takes a glob or a list of globs"],
    ),
    "a selection": ("select: {folders: x}\nrules: [{id: a, tags: [b]}]\n", ['unknown-field: unknown field "folders"']),
    "a refused keyword": (
        policy("{id: a, schema: {properties: {name: {pattern: 'x'}}}}"),
        ["policy: pattern cannot stand in a policy"],
    ),
    "a field of that name": (policy("{id: a, schema: {properties: {pattern: {const: {pattern: x}}}}}"), []),
    "a misspelt keyword": (
        policy("{id: a, schema: {maximun: 5}}"),
        ['policy: there is no keyword "maximun"'],
    ),
    "a wrong value": (
        policy("{id: a, schema: {maximum: '5', multipleOf: 0, type: text}}"),
        [
            "policy: maximum must be a number",
            "policy: multipleOf must be a number above 0",
            "policy: type must be one of string, number, integer, boolean, object, array, null, or a list of them",
        ],
    ),
}


@pytest.mark.parametrize("case", FORMS)
def test_form_of_a_policy(case: str) -> None:
    text, expected = FORMS[case]
    loaded = tree({"_policies/a.yaml": text, "pay-nightly.yaml": JOB})
    about = [one for one in loaded.problems if one.file == "jobs/_policies/a.yaml"]
    assert all(one.severity is Severity.ERROR for one in about)
    assert all(f"{one.rule}: {one.message}".startswith(want) for one, want in zip(about, expected, strict=True)), about
    assert "pay-nightly" in loaded.jobs


@pytest.mark.parametrize("keyword", ["$ref", "format", "patternProperties", "dependencies", "pattern"])
def test_refused_keywords_are_refused_at_any_depth(keyword: str) -> None:
    for schema in ("{K: x}", "{not: {K: x}}", "{items: [{allOf: [{K: x}]}]}", "{additionalProperties: {K: {}}}"):
        rule = f"{{id: a, schema: {schema}}}".replace("K", f"'{keyword}'")
        messages = [one.message for one in tree({"_policies/a.yaml": policy(rule)}).problems]
        assert messages == [f"{keyword} cannot stand in a policy"], schema


def test_environment_that_no_file_declares() -> None:
    text = policy("{id: a, tags: [owner]}", select="{environments: [prodution]}")
    loaded = tree(
        {"_environments/production.yaml": "", "_policies/a.yaml": text, "pay-nightly.yaml": JOB}, "production"
    )
    assert [(one.rule, one.hint) for one in loaded.problems] == [
        ("unknown-environment", 'did you mean "production"?'),
        ("no-effect", "see its select"),
    ]


def test_at_most_a_hundred_policies() -> None:
    text = policy("{id: a, tags: [owner]}")
    texts = {f"_policies/p{number:03}.yaml": text for number in range(102)}
    loaded = tree(texts | {"pay-nightly.yaml": JOB + "tags: {owner: x}\n"})
    assert [(one.file, one.rule) for one in loaded.problems] == [
        ("jobs/_policies/p100.yaml", "range"),
        ("jobs/_policies/p101.yaml", "range"),
    ]


def test_schema_has_a_limit() -> None:
    for size, expected in ((2_000, []), (2_001, ["range"])):
        text = policy("{id: a, schema: {properties: {name: {enum: [pay-nightly, " + listed("N", size - 5) + "]}}}}")
        loaded = tree({"_policies/a.yaml": text, "pay-nightly.yaml": JOB})
        assert [one.rule for one in loaded.problems] == expected


@pytest.mark.parametrize(
    ("rule", "size", "what"),
    [
        ("{id: rN, tags: [owner]}", 500, "2,000 rules"),
        ("{id: rN, schema: {enum: [[a, b, c, d, e, f, g, h]]}}", 200, "10,000 values"),
    ],
)
def test_policies_of_a_tree_have_a_limit_together(rule: str, size: int, what: str) -> None:
    text = policy(*(rule.replace("N", str(number)) for number in range(size)), select="{folder: jobs/none}")
    layers = read_layers(Texts({f"_policies/p{number}.yaml": text for number in range(5)}))
    [refused] = layers.policies.unreadable
    assert [(one.rule, one.file) for one in refused.errors] == [("range", "jobs/_policies/p4.yaml")]
    assert what in refused.errors[0].message
    last = layers.policies.files[0].policy
    assert last is not None
    again = with_last_readable(layers.policies, {refused.path: (last, "")})
    assert [one.path for one in again.files if one.policy is None] == [refused.path]


def test_validator_of_a_schema_is_made_once_for_all_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    original = jsonschema.Draft7Validator

    def counted(schema: object) -> object:
        made.append(schema)
        return original(schema)

    jobs = {f"job-{number}.yaml": JOB.replace("pay-nightly", f"job-{number}") for number in range(5)}
    policies = {"_policies/a.yaml": policy("{id: a, schema: {required: [name]}}")}
    monkeypatch.setattr(jsonschema, "Draft7Validator", counted)
    assert not tree(policies | jobs).problems
    assert len(made) == 1


def test_result_is_used_again_until_a_policy_over_the_job_changes() -> None:
    texts = {
        "_policies/pay.yaml": policy("{id: a, min_interval: 1h}", select="{folder: jobs/pay}"),
        "pay/pay-nightly.yaml": JOB,
        "web/web-nightly.yaml": JOB.replace("pay-nightly", "web-nightly"),
    }
    cache = ValidationCache()
    first = tree(texts, cache=cache).jobs
    assert all(tree(texts, cache=cache).jobs[name] is first[name] for name in first)
    later = tree(texts, cache=cache, day=date(2026, 3, 2)).jobs
    assert [name for name in first if later[name] is not first[name]] == ["pay-nightly"]


def listed(form: str, size: int) -> str:
    return ", ".join(form.replace("N", str(number)) for number in range(size))


def of_schemas(schema: str, form: str, size: int) -> str:
    """As many rules as keep each schema within its limit."""
    written = schema.replace("E", listed(form, 100))
    return policy(*(f"{{id: r{number}, schema: {{{written}}}}}" for number in range(-(-size // 100))))


HOSTILE: dict[str, Callable[[int], str]] = {
    "rules": lambda size: policy(*(f"{{id: r{n}, tags: [t{n}]}}" for n in range(size))),
    "a schema": lambda size: of_schemas("allOf: [E]", "{not: {required: [zz]}}", size),
    "an enum": lambda size: of_schemas("properties: {webhook: {enum: [E]}}", "{a: N}", size),
    "required names": lambda size: of_schemas("required: [E]", "xN", size),
    "globs": lambda size: policy("{id: a, match: {webhook.url: [" + listed("'*?a*?b*'", size) + "]}}"),
    "a dotted field": lambda size: policy("{id: a, match: {" + "a." * size + "b: x}}"),
    "exceptions": lambda size: policy("{id: a, tags: [b], except: [" + listed("x", size) + "]}"),
    "hosts": lambda size: policy("{id: a, hosts: [" + listed("'*.x.test'", size) + "]}"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_policy_costs_time_as_it_is_long(kind: str) -> None:
    def judge(text: str) -> list[Problem]:
        return list(tree({"_policies/a.yaml": text, "pay-nightly.yaml": JOB}).problems)

    assert len(judge(HOSTILE[kind](3))) < 20
    assert_linear(judge, HOSTILE[kind], 450)
