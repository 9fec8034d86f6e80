"""Each value of another form says what to write, and ``--fix`` writes it."""

import pytest

from chronos_gitops.jobs.problem import Problem
from chronos_gitops.jobs.validation.autofix import autofix
from chronos_gitops.jobs.validation.schema import field_synonyms
from chronos_gitops.jobs.validation.suggestions import only_one
from chronos_gitops.jobs.validation.validate import validate_file

FILE = """\
name: nightly-report
schedule: "0 2 * * *"
enabled: true
timeout: 5m
webhook:
  url: https://api.example.com/x
"""
OF_WEBHOOK = ("method", "body", "headers", "success_codes")


def with_line(line: str) -> bytes:
    name = line.partition(":")[0]
    kept = [one for one in FILE.splitlines(keepends=True) if one.partition(":")[0].strip() != name]
    is_inside = name in OF_WEBHOOK or name in ("uri", "verb", "http-method")
    return ("".join(kept) + ("  " if is_inside else "") + line.replace("\n", "\n  ") + "\n").encode()


def found(content: bytes) -> list[Problem]:
    return [one for one in validate_file("jobs/nightly-report.yaml", content).problems if one.severity == "error"]


@pytest.mark.parametrize(
    ("line", "hint", "fixed"),
    [
        ("enabled: yes", "write true", "enabled: true"),
        ("enabled: Off", "write false", "enabled: false"),
        ('enabled: "true"', "write true, without quotes", "enabled: true"),
        ("enabled: perhaps", "write true or false", None),
        ("success_codes: 2xx", 'write a list: ["200-299"]', 'success_codes: ["200-299"]'),
        ("success_codes: 200", "write a list: [200]", "success_codes: [200]"),
        ('success_codes: "200-204"', 'write a list: ["200-204"]', 'success_codes: ["200-204"]'),
        ("success_codes: fine", 'write a list: ["200-299"]', None),
        ("success_codes: [2XX]", 'write it like "200-299"', 'success_codes: ["200-299"]'),
        ("success_codes: [200..204]", 'write it like "200-204"', 'success_codes: ["200-204"]'),
        ("body: {a: 1}", "the body is text; write JSON in quotes: '{\"a\": 1}'", None),
        ("body: [1, 2]", "the body is text; write JSON in quotes: '[1, 2]'", None),
        ("headers: [a, b]", "write one `name: value` on each line", None),
        ("tags: backend", "write one `name: value` on each line", None),
        ("method: post", 'did you mean "POST"?', "method: POST"),
        ("concurrency: Forbid", 'did you mean "forbid"?', "concurrency: forbid"),
        ("timezone: europe/berlin", "did you mean Europe/Berlin?", "timezone: Europe/Berlin"),
        ("timezone: America/New_Yrok", "did you mean America/New_York?", "timezone: America/New_York"),
        ("descriptoin: x", 'did you mean "description"?', "description: x"),
        ("labels: {a: b}", 'did you mean "tags"?', "tags: {a: b}"),
        ("tz: UTC", 'did you mean "timezone"?', "timezone: UTC"),
        ("retries: 3", 'did you mean "retry_policy"?', None),
        ("verb: POST", 'did you mean "method"?', "method: POST"),
        ('retry_policy: {max_attempts: "4"}', "write the number without quotes", "retry_policy: {max_attempts: 4}"),
        ('retry_policy: {multiplier: "1.5"}', "write the number without quotes", "retry_policy: {multiplier: 1.5}"),
        ("retry_policy: {max_attempts: four}", "write a number", None),
    ],
)
def test_a_value_of_another_form_says_what_to_write(line: str, hint: str, fixed: str | None) -> None:
    content = with_line(line)
    (problem,) = found(content)
    assert problem.hint == hint
    mended = autofix("jobs/nightly-report.yaml", content)
    if fixed is None:
        assert mended.content == content
    else:
        assert fixed in mended.content.decode()
        assert found(mended.content) == []


def test_cron_is_a_schedule_and_is_not_missing_beside_it() -> None:
    content = FILE.replace("schedule:", "cron:").encode()
    (problem,) = found(content)
    assert (problem.message, problem.hint) == ('unknown field "cron"', 'did you mean "schedule"?')
    assert autofix("jobs/nightly-report.yaml", content).content.decode() == FILE


def test_synonyms_are_fields_of_their_place() -> None:
    assert field_synonyms.field_of("CRON", ["schedule"]) == "schedule"
    assert field_synonyms.field_of("cron-expression", ["schedule"]) == "schedule"
    assert field_synonyms.field_of("cron", ["url", "method"]) is None
    assert field_synonyms.field_of("schedule", ["schedule"]) is None


def test_the_only_near_candidate_is_the_one_that_is_meant() -> None:
    assert only_one("timout", ["timeout", "tags"]) == "timeout"
    assert only_one("catchup", ["catchup_window", "missed_run_policy"]) == "catchup_window"
    assert only_one("ti", ["timeout", "timezone"]) is None


@pytest.mark.parametrize("zone", ["EST", "MST", "HST", "EST5EDT", "PST8PDT", "CET", "WET"])
def test_an_abbreviation_of_a_zone_is_a_warning(zone: str) -> None:
    problems = validate_file("jobs/nightly-report.yaml", with_line(f"timezone: {zone}")).problems
    (warning,) = [one for one in problems if one.rule == "timezone-abbreviation"]
    assert warning.severity == "warning"
    assert "name the region, such as " in warning.hint
    assert ("never follow daylight saving" in warning.message) == (zone in ("EST", "MST", "HST"))


@pytest.mark.parametrize("zone", ["UTC", "GMT", "Etc/UTC", "Europe/Paris", "Japan"])
def test_a_region_is_none(zone: str) -> None:
    problems = validate_file("jobs/nightly-report.yaml", with_line(f"timezone: {zone}")).problems
    assert "timezone-abbreviation" not in [one.rule for one in problems]
