"""Six schemas of one source: each kind of file is valid by its own, and none is stale."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from chronos_gitops.cli.main import main
from chronos_gitops.jobs.layers.parts import OWN_FIELDS
from chronos_gitops.jobs.schemas import schemas
from chronos_gitops.jobs.validation.document import read

ROOT = Path(__file__).parents[3]
CASES = Path(__file__).parents[1] / "validation/cases/ok"
INHERITABLE = [key for key in schemas.load_schema()["properties"] if key not in OWN_FIELDS and key != "environments"]
POLICY = """
select: {folder: jobs/payments, tags: {tier: gold}, environments: [production]}
rules:
  - {id: owner, tags: [owner, runbook], message: payments jobs name an owner and a runbook}
  - {id: pace, min_interval: 5m, except: [ping-bank]}
  - {id: hosts, hosts: ["*.pay.example.com"]}
  - {id: https, severity: warning, match: {webhook.url: "https://*"}}
  - {id: retries, schema: {properties: {retry_policy: {properties: {max_attempts: {maximum: 5}}}}}}
"""
CALENDAR = """
description: French public holidays and weekends
timezone: Europe/Paris
covers_until: "2027-12-31"
closed: [SAT, {date: "12-25", reason: Christmas}, "2027-03-29", {from: "2027-05-06", to: "2027-05-07"}]
open: ["2026-10-10"]
applies_to: {folder: jobs/payments, tags: {tier: payments}, environments: [production]}
except: {jobs: [heartbeat]}
"""
DEFAULTS = """
timezone: null
retry_policy: {max_attempts: null}
webhook: {headers: {X-Team: null}, auth: {token: "${secret:t}"}, method: null}
environments: {staging: {timeout: 10s, webhook: {auth: null}}}
"""
VALID = [
    ("job", "name: only-name"),
    ("job", "{name: a, webhook: {timeout: 1s}, environments: {staging: {schedule: null, webhook: {timeout: 1s}}}}"),
    ("defaults", DEFAULTS),
    ("defaults", ""),
    ("environment", "variables: {api: https://x.example.com, old: null}\nenabled: false"),
    ("policy", POLICY),
    ("calendar", CALENDAR),
    ("calendar", "closed: [{from: '2026-12-24T18:00', to: '2027-01-04T06:00'}]\napplies_to: all"),
]
INVALID = [
    ("job", "schedule: '@daily'"),
    ("job", "{name: a, environments: {staging: {name: b}}}"),
    ("job", "{name: a, environments: {staging: {environments: {}}}}"),
    ("job", "{name: null}"),
    ("job", "{name: a, webhook: {auth: {type: null}}}"),
    ("job", "{name: a, timeuot: 1s}"),
    ("defaults", "name: a"),
    ("defaults", "description: a"),
    ("defaults", "webhook: {timeout: 1s}"),
    ("defaults", "timeout: 5 minutes"),
    ("environment", "environments: {}"),
    ("policy", "rules: [{id: a, tags: [b], hosts: [c]}]"),
    ("policy", "rules: [{id: a}]"),
    ("calendar", "closed: [{dat: '12-25'}]"),
    ("effective", "name: only-name"),
    ("effective", "{name: a, schedule: '@daily', webhook: {url: 'https://x.example.com'}, timeout: null}"),
]


def errors(kind: str, text: str) -> list[str]:
    validator = jsonschema.Draft7Validator(schemas.schema(kind))
    return [error.message for error in validator.iter_errors(yaml.safe_load(text))]


@pytest.mark.parametrize("kind", schemas.KINDS)
def test_each_schema_is_printed_as_it_stands_in_the_folder(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A stale one is made anew by ``make docs``."""
    jsonschema.Draft7Validator.check_schema(schemas.schema(kind))
    assert main(["schema", kind]) == 0
    assert capsys.readouterr().out == (ROOT / f"schemas/{kind}.schema.json").read_text("utf-8")
    refs = set(re.findall(r'"#/definitions/(\w+)"', schemas.text(kind)))
    assert refs <= schemas.schema(kind).get("definitions", {}).keys()


def test_the_folder_holds_nothing_else() -> None:
    names = {path.name for path in (ROOT / "schemas").iterdir()}
    assert names == {"source.json", "schemastore.json", *(f"{kind}.schema.json" for kind in schemas.KINDS)}


@pytest.mark.parametrize(("kind", "text"), VALID)
def test_valid_files(kind: str, text: str) -> None:
    assert errors(kind, text) == []


@pytest.mark.parametrize(("kind", "text"), INVALID)
def test_invalid_files(kind: str, text: str) -> None:
    assert errors(kind, text)


@pytest.mark.parametrize("field", INHERITABLE)
def test_each_inheritable_field_takes_null_but_not_in_an_effective_job(field: str) -> None:
    """A field that is new in the source gets here by itself."""
    assert errors("job", f"{{name: a, {field}: null}}") == []
    for kind in ("defaults", "environment"):
        assert errors(kind, f"{field}: null") == []
    whole = {"name": "a", "schedule": "@daily", "webhook": {"url": "https://x.example.com"}, field: None}
    assert errors("effective", json.dumps(whole))


@pytest.mark.parametrize("path", sorted(CASES.glob("*.yaml")), ids=lambda path: path.stem)
def test_valid_jobs_are_valid_by_the_schema_of_job_files(path: Path) -> None:
    value = read(path.name, path.read_bytes()).value
    found = list(jsonschema.Draft7Validator(schemas.schema("effective")).iter_errors(value))
    if not found:
        assert errors("job", json.dumps(value)) == []
