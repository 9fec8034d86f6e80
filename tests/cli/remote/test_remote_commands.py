"""The commands that ask a runner, against a real one."""

import json
from typing import Any

import pytest

from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.cli.main import main


@pytest.fixture(autouse=True)
def _asks_the_server(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHRONOS_SERVER", server)


def asked(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert main([*arguments, "--format", "json"]) == 0
    return json.loads(capsys.readouterr().out)


def names(answer: dict[str, Any]) -> list[str]:
    return [item["name"] for item in answer["items"]]


def test_jobs_lists_them_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert names(asked(capsys, "jobs")) == ["daily-backup", "weekly-report", "yearly-review"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (("--tag", "team=growth"), ["weekly-report", "yearly-review"]),
        (("--tag", "team=growth", "--state", "enabled"), ["weekly-report"]),
        (("-q", "back"), ["daily-backup"]),
        (("--tag", "team=nobody"), []),
    ],
)
def test_jobs_by_tag_state_and_text(
    filters: tuple[str, ...], expected: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert names(asked(capsys, "jobs", *filters)) == expected


def test_jobs_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["jobs"]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split() == ["NAME", "STATE", "HEALTH", "SCHEDULE", "TIMEZONE", "NEXT", "RUN", "VERSION", "LAST"]
    assert [row.split()[:2] for row in rows] == [
        ["daily-backup", "enabled"],
        ["weekly-report", "enabled"],
        ["yearly-review", "disabled"],
    ]


def test_a_tag_that_is_no_pair_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["jobs", "--tag", "team"]) == 2
    assert '"team" is not KEY=VALUE' in capsys.readouterr().err


def test_trigger_runs_a_job_now_and_executions_tells(capsys: pytest.CaptureFixture[str], receiver: Receiver) -> None:
    triggered = asked(capsys, "trigger", "weekly-report")
    assert (triggered["job"], triggered["trigger"]) == ("weekly-report", "manual")
    assert receiver.wait_for(lambda seen: any(one.execution_id == triggered["id"] for one in seen.requests), 10)
    listed = asked(capsys, "executions", "weekly-report")
    assert triggered["id"] in [item["id"] for item in listed["items"]]
    assert asked(capsys, "executions", "daily-backup")["items"] == []
    assert main(["executions", "--limit", "1"]) == 0
    assert triggered["id"] in capsys.readouterr().out
    assert main(["executions", "--id", triggered["id"]]) == 0
    shown = capsys.readouterr().out
    assert triggered["id"] in shown
    assert "manual" in shown


def test_cancel_of_an_unknown_execution_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cancel", "nobody"]) == 1
    assert 'there is no execution "nobody"' in capsys.readouterr().err


def test_pause_and_resume(capsys: pytest.CaptureFixture[str]) -> None:
    paused = asked(capsys, "pause", "daily-backup", "--reason", "maintenance", "--until", "2999-01-01")
    assert (paused["state"], paused["pause"]["reason"]) == ("paused", "maintenance")
    assert names(asked(capsys, "jobs", "--state", "paused")) == ["daily-backup"]
    assert main(["resume", "daily-backup"]) == 0
    assert capsys.readouterr().out.startswith("daily-backup is enabled, next run 2")


def test_pause_needs_a_reason(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pause", "daily-backup"]) == 2
    assert "--reason" in capsys.readouterr().err


def test_status_for_programs_and_people(capsys: pytest.CaptureFixture[str], server: str) -> None:
    answer = asked(capsys, "status")
    assert (answer["server"], answer["sync"]["state"], answer["sync"]["jobs"]) == (server, "synced", 3)
    assert main(["status"]) == 0
    facts = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert (facts["runner"], facts["state"], facts["jobs"]) == (server, "synced", "3")


def test_an_unknown_job_is_the_runners_own_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trigger", "daily-backu"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert "daily-backu" in error
    assert "Traceback" not in error


def test_more_executions_than_a_page_holds(capsys: pytest.CaptureFixture[str], server: str) -> None:
    from chronos_gitops.cli.client.api_client import RunnerClient

    runner = RunnerClient(server, None)
    wanted = {runner.post("/api/v1/jobs/daily-backup/trigger")["id"] for _ in range(5)}
    paged = list(runner.items("/api/v1/jobs/daily-backup/executions", {"limit": "2"}))
    assert {one["id"] for one in paged} == wanted
    assert len(list(runner.items("/api/v1/jobs/daily-backup/executions", {"limit": "2"}, 3))) == 3


def test_executions_by_status_time_and_tag(capsys: pytest.CaptureFixture[str]) -> None:
    execution = asked(capsys, "trigger", "weekly-report", "--wait")

    def ids(*options: str) -> list[str]:
        return [item["id"] for item in asked(capsys, "executions", *options)["items"]]

    assert execution["id"] in ids("--status", "failed", "--status", "success", "--since", "1h", "--tag", "team=growth")
    assert execution["id"] in ids("weekly-report", "--since", execution["scheduled_time"], "--until", "2100-01-01")
    assert execution["id"] not in ids("--status", "failed")
    assert execution["id"] not in ids("--until", "1h")
    assert execution["id"] not in ids("--tag", "team=platform")
    for wrong in (("--since", "1 hour"), ("--since", "1x"), ("--tag", "team")):
        assert main(["executions", *wrong]) == 2


def test_executions_at_tells_why(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["executions", "daily-backup", "--at", "2001-01-01 02:00"]) == 0
    assert "The job did not exist yet: version 1" in capsys.readouterr().out
    assert asked(capsys, "executions", "daily-backup", "--at", "2001-01-01 02:00")["outcome"] == "absent"
    assert main(["executions", "--at", "2001-01-01 02:00"]) == 2


def test_trigger_dry_run_shows_the_request(capsys: pytest.CaptureFixture[str]) -> None:
    before = asked(capsys, "executions", "daily-backup")
    assert main(["trigger", "daily-backup", "--dry-run"]) == 0
    assert capsys.readouterr().out.startswith("curl --globoff --request ")
    assert asked(capsys, "trigger", "daily-backup", "--dry-run")["dry_run"] is True
    assert asked(capsys, "executions", "daily-backup") == before
