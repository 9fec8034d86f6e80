"""After an edit of a layer files are not read again, only rules that read a changed field are asked, and the results
are those of validating every file anew."""

from collections.abc import Iterator, Mapping, Set
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from harness.repositories.text_tree import Texts
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from chronos_gitops.jobs.problem import Problem
from chronos_gitops.jobs.schemas.schemas import load_schema
from chronos_gitops.jobs.validation import document
from chronos_gitops.jobs.validation.document import Document
from chronos_gitops.jobs.validation.file_result import FileResult
from chronos_gitops.jobs.validation.layers.kept_values import KeptValues
from chronos_gitops.jobs.validation.layers.layer_files import read_layers
from chronos_gitops.jobs.validation.rules import document_rules, file_name
from chronos_gitops.jobs.validation.rules.document_rules import RULES_BY_FIELDS, Rule
from chronos_gitops.jobs.validation.rules.texts import sent_texts
from chronos_gitops.jobs.validation.validate import ValidationCache, validate_tree

ROOT = Path(__file__).parents[4]
WHOLE = b"""
name: whole
schedule: ["H 2 * * *", "@every 30s"]
timezone: Europe/Paris
start: 2026-01-01T00:00:00
end: 2027-01-01T00:00:00
skip: [holidays]
on_skip: next-open
enabled: true
timeout: 45s
concurrency: allow
jitter: 5s
catchup_window: 10m
retry_policy: {max_attempts: 3, initial_interval: 10s, max_interval: 1s}
tags: {team: a}
expect: {start_within: 1m, max_duration: 20s, min_duration: 1s, success_every: 1d, finish_by: "06:00"}
requires: {job: whole, success_within: 1h, wait: 5m}
guard: {executions: 3}
webhook:
  url: https://user:{{.JobName}}@example.com/${secret:key}?token=abc
  method: GET
  body: "{{.JobName}}"
  completion: callback
  success_codes: [200, 200]
  success: {body: [{json: $.ok, equals: true}]}
  headers: {Authorization: "Bearer abcdefghijklmnopqrstuvwxyz0123456789", x-api-key: x}
  auth: {type: identity, audience: "{{.JobName}}"}
"""


class Recorded(dict[str, Any]):
    """Says which of its keys were looked at; who goes through all of them looks at all."""

    def __init__(self, value: Mapping[str, Any]) -> None:
        super().__init__(value)
        self.read: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.read.add(key)
        return super().get(key, default)

    def __getitem__(self, key: str) -> Any:
        self.read.add(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self.read.add(str(key))
        return super().__contains__(key)

    def __iter__(self) -> Iterator[str]:
        self.read |= self.keys()
        return super().__iter__()

    def items(self) -> Any:
        self.read |= self.keys()
        return super().items()


def documents() -> Iterator[bytes]:
    """The job with every field, also without each of them, and the examples."""
    yield WHOLE
    whole = document.read("whole.yaml", WHOLE)
    for field in load_schema()["properties"]:
        if field in whole.value:
            lines = WHOLE.decode().splitlines()
            begin = next(number for number, line in enumerate(lines) if line.startswith(f"{field}:"))
            end = next(
                (n for n, line in enumerate(lines[begin + 1 :], begin + 1) if not line.startswith(" ")), len(lines)
            )
            yield "\n".join(lines[:begin] + lines[end:]).encode()
    yield from (path.read_bytes() for path in sorted((ROOT / "jobs.example").rglob("[a-z]*.yaml")))


@pytest.mark.parametrize("rule", RULES_BY_FIELDS, ids=lambda rule: rule.__module__.rpartition(".")[2])
def test_rule_reads_no_other_field_than_it_says(rule: Rule) -> None:
    seen: set[str] = set()
    for content in documents():
        source = document.read("job.yaml", content)
        value, webhook = Recorded(source.value), Recorded(source.value.get("webhook", {}))
        if "webhook" in source.value:
            value["webhook"] = webhook
        list(rule(replace(source, value=value)))
        seen |= value.read - {"webhook"} | {f"webhook.{name}" for name in webhook.read}
    assert seen, "the rule looked at no field of the sample"
    assert seen <= RULES_BY_FIELDS[rule]


def test_every_rule_of_the_schema_is_asked_about_a_field_that_changed() -> None:
    fields = load_schema()["properties"]
    everything = fields.keys() - {"webhook"} | {f"webhook.{name}" for name in fields["webhook"]["properties"]}
    assert set().union(*RULES_BY_FIELDS.values()) <= everything
    source = document.read("job.yaml", WHOLE)
    assert document_rules.check(source, fields=everything) == document_rules.check(source)
    assert document_rules.check(source, fields=frozenset()) == ()


def test_style_of_names_is_what_the_rule_on_names_finds() -> None:
    found = file_name.check(document.read("other.yaml", b"name: one\n"))
    assert {problem.rule for problem in found} == file_name.STYLE


VALUES: Mapping[str, tuple[str, ...]] = {
    "timeout": ("30s", "5 minutes", "0s", "2h", "null"),
    "schedule": ('"0 2 * * *"', "never", '"@every 1s"', "null"),
    "timezone": ("UTC", "Europe/Paris", "Mars", "EST"),
    "enabled": ("true", "false", "maybe"),
    "concurrency": ("allow", "forbid", "sometimes"),
    "retry_policy": ("{max_attempts: 3}", "{max_attempts: 0}", "{initial_interval: 2h}", "[]"),
    "expect": ("{max_duration: 1s}", "{min_duration: 9h}", "null"),
    "webhook": (
        "{url: 'https://a.example/'}",
        "{url: 'ftp://a.example/'}",
        "{url: '${var:host}/'}",
        "{headers: {X-Key: a, x-key: b}}",
        "{auth: {type: hmac}}",
        "{body: x, method: GET}",
        "{completion: callback, timeout: 2s}",
        "{method: HEAD, success: {body: [{json: $.ok, equals: true}]}}",
        "{url: 'http://a.example/'}",
        "{headers: {Authorization: '${secret:a}'}}",
        "null",
    ),
    "variables": ("{host: 'https://b.example'}", "{host: b}", "{other: x}", "{host: {time: scheduled}}", "5"),
    "tags": ("{team: a}", "{team: b}"),
    "surprise": ("1",),
}
PARTS = st.dictionaries(st.sampled_from(sorted(VALUES)), st.integers(0, 10), max_size=5)


def text(part: Mapping[str, int]) -> str:
    return "".join(f"{field}: {VALUES[field][at % len(VALUES[field])]}\n" for field, at in part.items())


@settings(max_examples=60, deadline=None, phases=(Phase.explicit, Phase.generate))
@given(edits=st.lists(st.tuples(PARTS, PARTS), min_size=2, max_size=4), own=PARTS)
def test_edits_of_layers_are_judged_as_if_nothing_was_known(
    edits: list[tuple[dict[str, int], dict[str, int]]], own: dict[str, int]
) -> None:
    """Each edit with a cache that has seen the ones before, against one that has seen nothing."""
    cache = ValidationCache()
    for defaults, staging in edits:
        files = Texts(
            {
                "_defaults.yaml": text(defaults),
                "_environments/production.yaml": "",
                "_environments/staging.yaml": text(staging),
                "a/one.yaml": "name: one-job\n" + text(own),
                "a/two.yaml": "name: two-jobs\nschedule: '@daily'\nenabled: true\ntimeout: 1s\nwebhook: {url: 'https://c.example/'}\n",
            }
        )
        known = validate_tree(files, cache, environment="staging")
        anew = validate_tree(files, environment="staging")
        assert known.problems == anew.problems
        assert known.files == anew.files


LAYERS: Mapping[str, tuple[str, ...]] = {
    "_defaults.yaml": (
        "enabled: true\ntimeout: 30s\nvariables: {host: 'https://a.example'}\n",
        "enabled: true\ntimeout: 40s\nvariables: {host: 'https://a.example'}\n",
        "# A comment.\nenabled: true\ntimeout: 40s\nvariables: {host: 'https://a.example'}\n",
        "enabled: 1\ntimeout: 40s\nvariables: {host: 'https://a.example'}\n",
        "enabled: true\ntimeout: 40s\nvariables: {host: 'https://c.example', day: {time: scheduled}}\n",
        "enabled: true\ntimeout: 40s\nconcurrency: allow\nvariables: {host: nowhere}\n",
        "enabled: true\ntimeout: 40s\ntags: {a: b}\nvariables: {host: 'https://a.example'}\nskip: [holidays]\n",
        "enabled: true\ntimeout: 40s\nvariables: {host: 'https://a.example'}\nrequires: {job: two-jobs}\n",
        "enabled: true\ntimeout: [\n",
        "enabled: true\ntimeout: 40s\nname: no\nvariables: {host: 'https://a.example'}\n",
        "enabled: true\ntimeout: 40s\nvariables: {host: 'https://a.example', unused: text}\n",
        "enabled: true\ntimeout: 40s\nvariables: {host: 'https://a.example', Bad Name: text}\n",
        "enabled: true\ntimeout: 40s\nvariables: {host: 'https://${secret:a}.example', unused: '${var:host}'}\n",
        "enabled: true\ntimeout: 40s\nvariables: {host: https, unused: 5}\n",
    ),
    "a/_defaults.yaml": (
        "",
        "tags: {team: a}\n",
        "webhook: {headers: {X-Team: a}, auth: {type: hmac}}\n",
        "jitter: 5s\n",
        "environments: {staging: {jitter: null, timeout: null}}\n",
        "jitter: 5s\n# A comment.\nenvironments: {staging: {jitter: null, timeout: null}}\n",
    ),
    "_environments/staging.yaml": (
        "",
        "enabled: false\n",
        "variables: {host: 'https://s.example'}\n",
        "timeout: 9m\n",
        "tags: null\nwebhook: {headers: {x-team: null}}\n",
        "timeout: 9m\ntags: null\nwebhook: {headers: {x-team: null}}\n",
    ),
    "_policies/p.yaml": (
        "rules: [{id: pace, min_interval: 1m}]\n",
        "rules: [{id: team, tags: [team]}]\n",
        "rules: [{id: hosts, hosts: [a.example, b.example]}]\n",
        "select: {tags: {team: a}}\nrules: [{id: pace, min_interval: 2h, severity: warning}]\n",
    ),
    "a/one.yaml": (
        "name: one-job\nschedule: '@hourly'\nwebhook: {url: '${var:host}/one'}\n",
        "name: one-job\nschedule: '@hourly'\nwebhook: {url: '${var:host}/one', body: '${var:day}', method: POST}\n",
        "name: one-job\nschedule: '@hourly'\nwebhook: {url: 'https://b.example'}\n"
        "environments: {staging: {jitter: 1s}}\n",
        "name: one-job\nschedule: '@every 50s'\ntimeout: null\nwebhook: {url: 'https://b.example'}\n",
        "name: one-job\nschedule: '@daily'\nvariables: {path: p}\nwebhook: {url: '${var:host}/${var:path}$${var:x}'}\n",
        "name: one-job\nschedule: '@hourly'\nvariables: {path: one}\nwebhook: {url: '${var:host}/${var:pth}'}\n",
        "name: one-job\nschedule: '@hourly'\nvariables: {host: null}\nwebhook: {url: '${var:host}/${var:host'}\n",
        "name: one-job\nschedule: '@hourly'\nrequires: {job: two-jobs}\nwebhook: {url: 'https://b.example'}\n",
        "# chronos: ignore[enabled-absent] on purpose\nname: one-job\nschedule: '@hourly'\n"
        "webhook: {url: 'https://b.example'}\n",
    ),
}
CHOSEN = st.fixed_dictionaries({path: st.integers(0, len(texts) - 1) for path, texts in LAYERS.items()})
TWO = "name: two-jobs\nschedule: '@daily'\nwebhook: {url: 'https://b.example/'}\n"


def tree(chosen: Mapping[str, int]) -> Texts:
    texts = {path: LAYERS[path][at] for path, at in chosen.items()}
    return Texts(texts | {"_environments/production.yaml": "", "two.yaml": TWO})


@settings(max_examples=80, deadline=None, phases=(Phase.explicit, Phase.generate))
@given(edits=st.lists(CHOSEN, min_size=1, max_size=3), single=st.lists(st.sampled_from(sorted(LAYERS)), max_size=5))
def test_edits_of_layers_policies_and_jobs_give_the_results_of_a_first_validation(
    edits: list[dict[str, int]], single: list[str]
) -> None:
    """Whole trees that differ, then edits of one file each."""
    cache, last = ValidationCache(), dict(edits[-1])
    for path in single:
        last = last | {path: (last[path] + 1) % len(LAYERS[path])}
        edits.append(last)
    for chosen in edits:
        known = validate_tree(tree(chosen), cache, environment="staging")
        anew = validate_tree(tree(chosen), environment="staging")
        assert known.problems == anew.problems
        assert known.files == anew.files


@pytest.mark.parametrize("edited", [1, 2, 4], ids=["field", "comment", "variable"])
def test_second_edit_of_a_layer_reads_no_job_file(edited: int) -> None:
    cache, chosen = ValidationCache(), dict.fromkeys(LAYERS, 0)
    layers = len(LAYERS)  # one of these files is a job, and one layer is not among them
    for at, jobs_read in ((0, 2), (1, 2), (0, 0), (edited, 0)):
        files = tree(chosen | {"_defaults.yaml": at})
        assert validate_tree(files, cache, environment="staging").jobs
        assert files.reads - layers == jobs_read, at


@pytest.mark.parametrize("edit", ["webhook: {headers: {X-A: b}}\n", "variables: {host: 'https://b.example'}\n"])
@pytest.mark.parametrize("environment", ["production", "staging", "testing"])
def test_an_edit_of_what_is_sent_keeps_what_differs_between_environments(edit: str, environment: str) -> None:
    """Fields that no rule reads together with the edited one are in one environment other than in the next."""
    cache = ValidationCache()
    above = "enabled: true\ntimeout: 8s\nvariables: {host: 'https://a.example'}\n"
    for defaults in (above, above + "# A comment.\n", above.split("variables")[0] + edit):
        files = Texts(
            {
                "_defaults.yaml": defaults
                if "host" in defaults
                else defaults + "variables: {host: 'https://a.example'}\n",
                "_environments/production.yaml": "tags: {tier: high}\n",
                "_environments/staging.yaml": "missed_run_policy: ignore\n",
                "_environments/testing.yaml": "timeout: 9s\n",
                "one.yaml": "name: one-job\nschedule: '@daily'\nwebhook: {url: '${var:host}/'}\n",
            }
        )
        known = validate_tree(files, cache, environment=environment)
        assert known.files == validate_tree(files, environment=environment).files
        assert known.jobs, known.problems


@pytest.mark.parametrize(
    ("edit", "field"),
    [
        ("variables: {host: a}\nwebhook: {headers: {X-A: 'v3'}}\n", "headers"),
        ("variables: {host: b}\nwebhook: {headers: {X-A: 'v2'}}\n", "url"),
    ],
    ids=["header", "variable"],
)
def test_an_edit_looks_at_the_changed_texts_alone(edit: str, field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    job = "name: two-jobs\nschedule: '@daily'\nenabled: true\ntimeout: 1s\n"
    job += "webhook: {url: 'https://${var:host}.example/', method: POST, body: text, headers: {X-B: b}}\n"
    cache, seen = ValidationCache(), list[str]()
    for defaults in ("variables: {host: c}\n", "variables: {host: a}\nwebhook: {headers: {X-A: 'v2'}}\n", edit):
        monkeypatch.setattr(sent_texts, "_is_sound", lambda path, _: not seen.append(path[1]))
        seen.clear()
        files = Texts({"_defaults.yaml": defaults, "two-jobs.yaml": job})
        judged = validate_tree(files, cache)
        assert not judged.problems
    assert {*seen} == {field}


def test_a_header_with_credentials_over_http_is_found_by_the_edit_that_adds_it() -> None:
    job = "name: two-jobs\nschedule: '@daily'\nenabled: true\ntimeout: 1s\nwebhook: {url: 'http://a.example/'}\n"
    cache = ValidationCache()
    for header in ("X-A: a", "X-A: b", "Authorization: '${secret:a}'"):
        files = Texts({"_defaults.yaml": f"webhook: {{headers: {{{header}}}}}\n", "two-jobs.yaml": job})
        judged = validate_tree(files, cache)
        assert judged.problems == validate_tree(files).problems
    assert [problem.rule for problem in judged.problems] == ["plain-http"]


@pytest.mark.parametrize("after", ["timezone: UTC\n", "variables: {host: b.example}\n"], ids=["field", "variable"])
@pytest.mark.parametrize("job", ["jitter: null\n", "environments: {staging: {jitter: null}}\n"], ids=["base", "block"])
def test_null_that_comes_to_remove_nothing_is_told(job: str, after: str) -> None:
    text = "name: one-job\nschedule: '@daily'\nenabled: true\ntimeout: 8s\nwebhook: {url: 'https://a.example/'}\n"
    rest = {"_environments/staging.yaml": "", "_environments/production.yaml": "", "one-job.yaml": text + job}
    cache = ValidationCache()
    assert validate_tree(Texts(rest | {"_defaults.yaml": f"jitter: 5s\n{after}"}), cache).problems == ()
    (found,) = validate_tree(Texts(rest | {"_defaults.yaml": after}), cache).problems
    assert (found.rule, found.file) == ("no-effect", "jobs/one-job.yaml")


def test_null_of_an_environment_is_told_while_no_job_has_the_value() -> None:
    text = "name: one-job\nschedule: '@daily'\nenabled: true\ntimeout: 8s\nwebhook: {url: 'https://a.example/'}\n"
    rest = {"_environments/staging.yaml": "jitter: null\n", "_environments/production.yaml": "", "two.yaml": TWO}
    cache = ValidationCache()
    for job, defaults, told in (
        ("", "jitter: 5s\n", []),
        ("", "catchup_window: 2h\n", ["jobs/_environments/staging.yaml"]),
        ("", "# Moved.\ncatchup_window: 2h\n", ["jobs/_environments/staging.yaml"]),
        ("jitter: 1s\n", "catchup_window: 2h\n", []),
        ("jitter: 1s\n", "catchup_window: 3h\n", []),
        ("", "catchup_window: 3h\n", ["jobs/_environments/staging.yaml"]),
        ("schedule: [\n", "catchup_window: 3h\n", []),
    ):
        files = Texts(rest | {"one-job.yaml": text + job, "_defaults.yaml": defaults + "enabled: true\ntimeout: 9s\n"})
        for known in (cache, None):
            problems = validate_tree(files, known).problems
            assert [one.file for one in problems if one.rule == "no-effect"] == told, (job, defaults)


def test_first_layer_makes_other_definitions_even_if_it_says_nothing() -> None:
    """The identity of a job with layers has a digest of its content."""
    cache, layers = ValidationCache(), ("# Nothing yet.\n", None, "# Nothing yet.\n", "timeout: 3s\n")
    for defaults in layers:
        files = Texts({"two.yaml": TWO} | ({} if defaults is None else {"_defaults.yaml": defaults}))
        assert validate_tree(files, cache).files == validate_tree(files).files


@pytest.mark.parametrize(
    ("edited", "asked"),
    [
        ("timeout: 9s\nvariables: {host: a, other: b}\nwebhook: {headers: {X-A: a}}\n", [{"timeout"}]),
        ("timeout: 8s\nvariables: {host: a, other: c}\nwebhook: {headers: {X-A: a}}\n", []),
        ("timeout: 8s\nvariables: {host: b, other: b}\nwebhook: {headers: {X-A: a}}\n", [{"webhook.url"}]),
        ("timeout: 8s\nvariables: {host: a, other: b}\nwebhook: {headers: {X-A: b}}\n", [{"webhook.headers"}]),
    ],
    ids=["field", "unused variable", "variable", "header"],
)
def test_only_fields_that_differ_are_judged_once_for_equal_environments(edited: str, asked: list[set[str]]) -> None:
    """Staging overrides the field, and has the same request as production."""
    before = "timeout: 8s\nvariables: {host: a, other: b}\nwebhook: {headers: {X-A: a}}\n"
    rest = {
        "_environments/production.yaml": "variables: {day: x}\n",
        "_environments/staging.yaml": "timeout: 7s\nvariables: {day: x}\n",
        "two.yaml": "name: two-jobs\nschedule: '@daily'\nenabled: true\nwebhook: {url: 'https://${var:host}.example/'}\n",
    }
    cache, seen = KeptValues(), []
    known: dict[str, FileResult] = {}
    for defaults in (before, before + "# A comment.\n", edited):
        files = Texts(rest | {"_defaults.yaml": defaults})
        entries = [entry for entry in files.entries if "_" not in entry.path]
        cache.begin(read_layers(files))
        seen.clear()

        def check(source: Document, *, fields: Set[str]) -> tuple[Problem, ...]:
            seen.append(set(fields))
            return document_rules.check(source, fields=fields)

        decided = list(cache.decide_again(entries, files, known, check, "production", lambda: None))
        anew = validate_tree(files, environment="production").files
        assert decided == list(anew) if known else not decided
        known = {one.path: one for one in anew}
    assert seen == asked
