"""The schema: draft-07, described, closed everywhere, and with safe patterns."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from chronos_gitops.jobs.model import Concurrency, MissedRunPolicy
from chronos_gitops.jobs.schemas.resources import shipped
from chronos_gitops.jobs.validation import document
from chronos_gitops.jobs.validation.schema import json_schema
from chronos_gitops.schedule import durations as schedule_durations

ROOT = Path(__file__).parents[4]
SCHEMA: dict[str, Any] = json.loads((ROOT / "schemas" / "source.json").read_text("utf-8"))


def parts(part: Any, path: str = "#") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every subschema with its place; ``if``, ``then`` and examples are not fields."""
    if isinstance(part, dict):
        yield path, part
        for keyword in ("properties", "definitions"):
            for name, inner in part.get(keyword, {}).items():
                yield from parts(inner, f"{path}/{keyword}/{name}")
        for keyword in ("items", "additionalProperties"):
            yield from parts(part.get(keyword), f"{path}/{keyword}")


PARTS = dict(parts(SCHEMA))
PATTERNS = {path: part["pattern"] for path, part in PARTS.items() if "pattern" in part}


def test_it_is_a_sound_draft_7_schema() -> None:
    assert SCHEMA["$schema"] == "http://json-schema.org/draft-07/schema#"
    jsonschema.Draft7Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", [path for path in PARTS if "$ref" not in PARTS[path]])
def test_every_field_is_described(path: str) -> None:
    assert PARTS[path].get("description", "").endswith("."), path


@pytest.mark.parametrize("path", [path for path, part in PARTS.items() if part.get("type") == "object"])
def test_every_map_is_closed_or_says_what_its_values_are(path: str) -> None:
    if path.startswith("#/properties/environments"):
        return  # a block holds fields of the job, which are judged as those of the effective job
    if path.startswith("#/definitions/policy/properties/rules/items/properties/"):
        return  # a glob or a list of them for any field, and a schema
    closed = PARTS[path].get("additionalProperties")
    assert closed is False or closed["type"] == "string" or closed["additionalProperties"] is False


def test_the_fields_are_those_of_the_contract() -> None:
    fields = set(SCHEMA["properties"]) - {"id", "created_at", "updated_at", "next_run"}
    assert fields == {
        *("name", "description", "schedule", "timezone", "enabled", "webhook", "timeout", "retry_policy"),
        *("concurrency", "missed_run_policy", "catchup_window", "jitter", "tags", "variables", "environments"),
        *("start", "end", "skip", "on_skip", "expect", "guard", "requires"),
    }
    webhook = SCHEMA["properties"]["webhook"]["properties"]
    assert set(webhook) == {
        *("url", "method", "headers", "body", "auth", "success_codes", "success", "completion", "timeout"),
    }
    assert SCHEMA["properties"]["concurrency"]["enum"] == list(Concurrency)
    assert set(SCHEMA["properties"]["missed_run_policy"]["enum"]) == set(MissedRunPolicy)


def test_durations_are_those_of_the_program() -> None:
    durations = {part["pattern"] for part in PARTS.values() if part.get("title") == "duration"}
    assert durations == {schedule_durations.PATTERN}


@pytest.mark.parametrize("path", PATTERNS)
def test_patterns_are_anchored_and_quick(path: str) -> None:
    """``$`` of Python's re also matches before a last line break; both validators must refuse that."""
    pattern = PATTERNS[path]
    assert pattern.startswith("^")
    assert pattern.endswith("$")
    assert "$" not in pattern[:-1]
    for hostile in ("a-" * 32_000, "1s" * 32_000 + "!", "1" * 64_000, "0-" * 32_000, "a" * 64_000 + "\n"):
        before = time.process_time()
        re.search(pattern, hostile)
        assert time.process_time() - before < 0.1


@pytest.mark.parametrize("path", [path for path, part in PARTS.items() if "examples" in part])
def test_examples_and_defaults_satisfy_their_own_part(path: str) -> None:
    part = PARTS[path] | {"definitions": SCHEMA["definitions"]}
    for example in [*part["examples"], *([part["default"]] if "default" in part else [])]:
        jsonschema.validate(example, part, jsonschema.Draft7Validator)


def test_each_kind_of_auth_has_a_branch_of_its_own() -> None:
    auth = SCHEMA["definitions"]["auth"]
    branches = {branch["if"]["properties"]["type"]["const"]: branch["then"] for branch in auth["allOf"]}
    assert list(branches) == auth["properties"]["type"]["enum"]
    for then in branches.values():
        assert then["additionalProperties"] is False
        assert {"type", *then.get("required", ())} <= set(then["properties"]) <= set(auth["properties"])


def test_the_schema_is_found_in_a_checkout() -> None:
    assert json.loads(shipped("schemas.json").read_text("utf-8")) == SCHEMA


def test_no_message_holds_a_long_value() -> None:
    read = document.read(
        "a.yaml", b"name: " + b"A" * 200_000 + b"\nschedule: [x]\nconcurrency: " + b"f" * 50_000 + b"\n"
    )
    for problem in json_schema.check(read):
        assert len(problem.message) < 200
        assert len(problem.excerpt) < 2_000


def test_no_message_holds_a_credential() -> None:
    auth = "auth: {type: bearer, token: {hunter22: hunter22}}"
    yaml = f"name: a-b\nschedule: '@daily'\nwebhook:\n  url: https://a.example.com/\n  {auth}\n"
    problems = json_schema.check(document.read("a.yaml", yaml.encode()))
    assert [problem.rule for problem in problems] == ["type"]
    assert not any("hunter22" in problem.message for problem in problems)
