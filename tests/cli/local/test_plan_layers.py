"""A plan of an edited layer says the edit once, with every job that inherits it, in each environment."""

import html
import json
from pathlib import Path
from typing import Any

import pytest
from harness.repositories.repository import Repository

from chronos_gitops.cli.main import main

JOB = "name: {name}\nschedule: '0 2 * * *'\nwebhook:\n  url: https://hooks.example.com/{name}\n"
PAYMENT = """\
name: pay-{number:02}
schedule: "0 2 * * *"
webhook: {{url: "${{var:api}}/{number:02}"}}
"""
AT = ["--after", "2026-12-01T00:00:00Z"]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    found = Repository.init(tmp_path / "repo")
    for name in ("job-a", "job-b"):
        found.write(f"jobs/a/{name}.yaml", JOB.format(name=name))
    found.write("jobs/a/_defaults.yaml", "enabled: true\ntimezone: UTC\n")
    found.commit("Add jobs")
    monkeypatch.chdir(found.root)
    return found


def test_inherited_change_moves_runs_of_every_job(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    """LAYERS section 14, 8: the first runs are 02:00Z before and 01:00Z after."""
    repository.write("jobs/a/_defaults.yaml", "enabled: true\ntimezone: Europe/Paris\n")
    assert main(["plan", *AT, "--format", "json", "--exit-code"]) == 1
    changes = json.loads(capsys.readouterr().out)["changes"]
    assert [(one["job"], [field["field"] for field in one["fields"]]) for one in changes] == [
        ("job-a", ["timezone"]),
        ("job-b", ["timezone"]),
    ]
    assert main(["plan", *AT]) == 0
    assert "job-b  first run 2026-12-01T02:00:00Z -> 2026-12-01T01:00:00Z\n" in capsys.readouterr().out


def test_comment_in_a_layer_is_no_change(repository: Repository) -> None:
    repository.write("jobs/a/_defaults.yaml", "# A comment.\nenabled: true\ntimezone: UTC\n")
    assert main(["plan", *AT, "--exit-code"]) == 0


def test_environments_that_are_first_declared_are_compared_with_the_jobs_before(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.write("jobs/_environments/staging.yaml", "enabled: false\n")
    repository.write("jobs/_environments/production.yaml", "")
    assert main(["plan", *AT, "--exit-code"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "environment production is new: 2 jobs, 2 enabled, 2 runs a day" in lines
    assert "environment staging is new: 2 jobs, 0 enabled, 0 runs a day" in lines
    inherited = "2 jobs (staging 2); none runs at another time; 2 stop running"
    assert f"jobs/_environments/staging.yaml:1  enabled (none) -> false: {inherited}" in lines
    assert found(capsys, "--environment", "production")["changes"] == []
    assert {one["job"] for one in found(capsys, "--environment", "staging")["changes"]} == {"job-a", "job-b"}


def test_unknown_environment_is_refused(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    repository.write("jobs/_environments/staging.yaml", "")
    assert main(["plan", *AT, "--environment", "stagin"]) == 2
    assert "staging" in capsys.readouterr().err


@pytest.fixture
def company(repository: Repository) -> Repository:
    """Fourteen jobs below payments in two environments; two of them have their own timeout."""
    repository.write("jobs/_environments/staging.yaml", "variables: {api: https://staging.example.com}\n")
    repository.write("jobs/_environments/production.yaml", "variables: {api: https://api.example.com}\n")
    repository.write("jobs/payments/_defaults.yaml", "enabled: true\ntimeout: 30s\nwebhook: {headers: {X-Team: pay}}\n")
    for number in range(14):
        own = "timeout: 5s\n" if number < 2 else ""
        repository.write(f"jobs/payments/pay-{number:02}.yaml", PAYMENT.format(number=number) + own)
    repository.commit("Add payments")
    return repository


def found(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["plan", *AT, "--format", "json", *arguments]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def test_layer_edit_is_said_once_with_its_counts(company: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    company.write("jobs/payments/_defaults.yaml", "enabled: true\ntimeout: 10s\nwebhook: {headers: {X-Team: pay}}\n")
    assert main(["plan", *AT, "--exit-code"]) == 1
    text = capsys.readouterr().out
    counts = "12 jobs (production 12, staging 12); none runs at another time; 2 set it themselves"
    assert f"\njobs/payments/_defaults.yaml:2  timeout 30s -> 10s: {counts}\n" in text
    assert "pay-02, pay-03, pay-04, pay-05, pay-06, pay-07, pay-08, pay-09, pay-10, pay-11 and 2 more; --all" in text
    assert "pay-13" not in text
    assert "  ~ " not in text
    assert main(["plan", *AT, "--all"]) == 0
    assert "pay-12, pay-13\n" in capsys.readouterr().out


def test_layer_edit_in_json(company: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    layer = (
        "enabled: true\ntimeout: 30s\nwebhook: {headers: {X-Team: pay}}\nenvironments: {staging: {enabled: false}}\n"
    )
    company.write("jobs/payments/_defaults.yaml", layer)
    shown = found(capsys)
    (edited,) = shown["layers"]
    counts = {"changed": 14, "moved_runs": 0, "enabled": 0, "disabled": 14, "invalid": 0, "new_hosts": []}
    place = {"file": "jobs/payments/_defaults.yaml", "line": 4, "field": "environments.staging.enabled"}
    values = {"before": None, "after": False, "overridden": 0}
    assert edited == {**place, **values, **counts, "environments": {"staging": counts}}
    assert shown["summary"]["changed"] == 14
    assert (shown["runs_per_day"], shown["busiest_minute"]) == (None, None)
    loads = {name: one["runs_per_day"] for name, one in shown["by_environment"].items()}
    assert loads == {"production": {"before": 0, "after": 0}, "staging": {"before": 14, "after": 0}}
    change = shown["changes"][0]
    assert (change["job"], change["environments"], change["cause"]) == ("pay-00", ["staging"], "inherited")
    assert change["inherited_from"] == ["jobs/payments/_defaults.yaml"]
    assert shown["by_environment"]["staging"]["unsafe"]["checksum"]
    assert shown["by_environment"]["production"]["unsafe"] == {"jobs": [], "checksum": None}


def test_each_edited_value_counts_what_it_does_itself(company: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    """Two edits reach the same jobs: only the zone moves runs, and only the variable brings a host."""
    company.write("jobs/payments/_defaults.yaml", "enabled: true\ntimeout: 30s\ntimezone: Europe/Paris\n")
    company.write("jobs/_environments/production.yaml", "variables: {api: https://new.example.com}\n")
    counts = {
        one["field"]: (one["changed"], one["moved_runs"], one["new_hosts"], sorted(one["environments"]))
        for one in found(capsys)["layers"]
    }
    assert counts == {
        "variables.api": (14, 0, ["new.example.com"], ["production"]),
        "timezone": (14, 14, [], ["production", "staging"]),
        "webhook.headers.X-Team": (14, 0, [], ["production", "staging"]),
    }
    assert main(["plan", *AT]) == 0
    text = capsys.readouterr().out
    moved = "pay-00  first run 2026-12-01T02:00:00Z -> 2026-12-01T01:00:00Z"
    assert f"      {moved} (production)\n" in text
    assert "and 18 more run at other times; --all shows them" in text


def test_jobs_that_become_invalid_are_counted_where_the_value_stands(
    company: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    company.write("jobs/payments/_defaults.yaml", "enabled: true\ntimeout: soon\nwebhook: {headers: {X-Team: pay}}\n")
    (edited,) = found(capsys)["layers"]
    assert (edited["changed"], edited["invalid"], edited["overridden"]) == (0, 12, 2)
    assert main(["plan", *AT]) == 0
    assert "no job changes; 12 become invalid and keep the version that runs; 2 set it" in capsys.readouterr().out


@pytest.mark.parametrize("style", ["text", "markdown", "json"])
def test_jobs_that_a_layer_makes_invalid_are_a_change_in_every_format(
    company: Repository, capsys: pytest.CaptureFixture[str], style: str
) -> None:
    company.write("jobs/payments/_defaults.yaml", "enabled: true\ntimeout: soon\nwebhook: {headers: {X-Team: pay}}\n")
    assert main(["plan", *AT, "--exit-code", "--format", style]) == 1
    shown = capsys.readouterr().out
    if style == "json":
        assert [one["job"] for one in json.loads(shown)["invalid"]] == [f"pay-{number:02}" for number in range(2, 14)]
        return
    assert ": 12 become invalid\n" in shown
    assert "no changes" not in shown
    assert shown.count("pay-03") == 1
    assert main(["plan", *AT, "--all", "--format", style]) == 0
    assert "pay-12, pay-13" in capsys.readouterr().out


def test_jobs_become_invalid_by_a_calendar_that_is_gone(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither a layer nor a policy is edited: each job stands with its error."""
    repository.write("jobs/_calendars/quiet.yaml", "days: [2026-12-24]\n")
    repository.write("jobs/a/job-a.yaml", JOB.format(name="job-a") + "skip: [quiet]\n")
    repository.commit("Skip a day")
    repository.remove("jobs/_calendars/quiet.yaml")
    assert main(["plan", *AT, "--exit-code"]) == 1
    shown = capsys.readouterr().out
    assert shown.startswith("Plan HEAD..worktree: 1 becomes invalid\n")
    assert "1 job becomes invalid without an edit of its file\n      ! job-a: jobs/a/job-a.yaml:5:" in shown


@pytest.mark.parametrize(
    ("before", "after", "reached", "overridden"),
    [
        (
            "webhook: {auth: {type: hmac, secret: '${secret:a}'}}",
            "webhook: {auth: {type: hmac, secret: '${secret:b}'}}",
            13,
            1,
        ),
        ("webhook: {headers: {X-Own: a}}", "webhook: {headers: {X-Own: b}}", 13, 1),
        ("tags: {team: a}", "tags: {team: b}", 13, 1),
        ("tags: {team: a}", "tags: {}", 13, 1),
        ("description: A", "description: B", 0, 0),
    ],
)
def test_own_values_are_told_apart_by_the_rules_of_the_merge(
    company: Repository, capsys: pytest.CaptureFixture[str], before: str, after: str, reached: int, overridden: int
) -> None:
    own = "webhook: {auth: {type: bearer, token: '${secret:own}'}, headers: {x-own: own}}\ntags: {team: own}\n"
    url = "name: pay-00\nschedule: '0 2 * * *'\n" + own.replace("{auth", "{url: '${var:api}/00', auth")
    company.write("jobs/payments/pay-00.yaml", url)
    company.write("jobs/payments/_defaults.yaml", f"{before}\n")
    company.commit("Before")
    company.write("jobs/payments/_defaults.yaml", f"{after}\n")
    edited = found(capsys)["layers"]
    counts = [(one["changed"], one["overridden"]) for one in edited]
    assert counts == [(reached, overridden)]


def test_own_and_inherited_changes_stand_apart(company: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    company.write("jobs/payments/_defaults.yaml", "enabled: true\ntimeout: 10s\nwebhook: {headers: {X-Team: pay}}\n")
    company.write("jobs/payments/pay-05.yaml", PAYMENT.format(number=5).replace("0 2 *", "0 3 *"))
    changes = {one["job"]: one for one in found(capsys)["changes"]}
    assert (changes["pay-05"]["cause"], changes["pay-06"]["cause"]) == ("own", "inherited")
    assert changes["pay-05"]["inherited_from"] == ["jobs/payments/_defaults.yaml"]
    assert changes["pay-05"]["environments"] == ["production", "staging"]
    assert main(["plan", *AT, "--format", "markdown"]) == 0
    text = capsys.readouterr().out
    assert "_defaults.yaml:2  timeout 30s -&#62; 10s: 12 jobs" in html.unescape(text).replace(">", "&#62;")
    assert "| ~ changed | <code>pay-05</code>" in text
    assert "<code>pay-06</code>" not in text


def test_environments_come_and_go_beside_others(company: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    company.remove("jobs/_environments/staging.yaml")
    company.write("jobs/_environments/qa.yaml", "variables: {api: https://qa.example.com}\n")
    assert main(["plan", *AT, "--exit-code"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "environment qa is new: 16 jobs, 16 enabled, 16 runs a day" in lines
    assert "environment staging is gone: its runners stop following" in lines
    shown = found(capsys)
    assert shown["changes"] == []
    assert {name: one["status"] for name, one in shown["by_environment"].items()} == {
        "production": "stays",
        "qa": "new",
        "staging": "gone",
    }


def test_literal_credentials_of_layers_are_masked(company: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    literal = "hunter2hunter2"
    company.write(
        "jobs/payments/_defaults.yaml",
        f"webhook: {{auth: {{type: bearer, token: {literal}}}}}\nvariables: {{api-token: {literal}}}\n",
    )
    for style in ("text", "json", "markdown"):
        assert main(["plan", *AT, "--format", style]) == 0
        assert literal not in capsys.readouterr().out
