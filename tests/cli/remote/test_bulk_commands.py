"""``pause``, ``resume`` and ``trigger`` for many jobs, against a real runner."""

import json
from typing import Any

import pytest

from chronos_gitops.cli.client.api_client import RunnerClient
from chronos_gitops.cli.main import main

GROWTH = ("--tag", "team=growth")
WHY = ("--reason", "the database moves")


@pytest.fixture(autouse=True)
def _asks_the_server(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHRONOS_SERVER", server)


def asked(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    assert main([*arguments, "--format", "json"]) == code
    return json.loads(capsys.readouterr().out)


def paused(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [job["name"] for job in asked(capsys, "jobs", "--state", "paused")["items"]]


def test_pauses_by_tag_and_resumes_the_call(capsys: pytest.CaptureFixture[str]) -> None:
    answer = asked(capsys, "pause", *GROWTH, *WHY, "--for", "2h", "--yes")
    assert [(item["job"], item["outcome"]) for item in answer["items"]] == [
        ("weekly-report", "paused"),
        ("yearly-review", "paused"),
    ]
    assert all(item["until"] for item in answer["items"])
    assert paused(capsys) == ["weekly-report", "yearly-review"]
    assert main(["resume", "--bulk", answer["id"], "--yes"]) == 0
    assert "2 of 2 jobs changed" in capsys.readouterr().out
    assert paused(capsys) == []
    assert asked(capsys, "resume", "--bulk", answer["id"], "--yes", code=3)["items"] == []


def test_a_dry_run_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    for command in (("pause", "--all"), ("resume", "--folder", "jobs"), ("trigger", "daily-backup", "weekly-report")):
        assert main([*command, *WHY, "--dry-run"]) == 0
        assert "nothing was done" in capsys.readouterr().out
    assert paused(capsys) == []


def test_a_call_in_closed_time_says_so(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Once for jobs that the same calendar closes."""
    closed = "closed by year-end until 2027-01-04T05:00:00Z"
    item = {"outcome": "triggered", "until": None, "execution": None, "error": None, "closed": closed}
    answer = {"id": "1", "changed": 2, "items": [item | {"job": "one"}, item | {"job": "two"}]}
    monkeypatch.setattr(RunnerClient, "post", lambda *_arguments, **_options: answer)
    assert main(["trigger", "--all", *WHY, "--expect-jobs", "2", "--yes"]) == 0
    assert f"note: 2 jobs are {closed}; a trigger is not held" in capsys.readouterr().out


def test_nobody_is_asked_where_nobody_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pause", "--all", *WHY]) == 2
    assert "--yes" in capsys.readouterr().err
    assert paused(capsys) == []


def test_the_question(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for answer, code, expected in (("n\n", 130, []), ("y\n", 0, ["weekly-report", "yearly-review"])):
        monkeypatch.setattr("sys.stdin", Terminal(answer))
        assert main(["pause", *GROWTH, *WHY]) == code
        assert "Pause 2 jobs?" in capsys.readouterr().err
        assert paused(capsys) == expected
    asked(capsys, "resume", *GROWTH, *WHY, "--yes")


@pytest.mark.parametrize(
    "command",
    [
        ("pause", *WHY),
        ("pause", "--all", "--folder", "jobs", *WHY),
        ("pause", "daily-backup", "--for", "1h", "--until", "2999-01-01", *WHY),
        ("pause", "--tag", "team", *WHY),
        ("resume", *GROWTH, "--yes"),
        ("trigger", *GROWTH, "--yes"),
        ("trigger", *GROWTH, *WHY, "--yes"),
    ],
)
def test_usage_errors(capsys: pytest.CaptureFixture[str], command: tuple[str, ...]) -> None:
    assert main(list(command)) == 2
    assert "hint:" in capsys.readouterr().err or "--tag" in command


def test_triggers_exactly_as_many_as_expected(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trigger", *GROWTH, *WHY, "--yes", "--expect-jobs", "3"]) == 1
    assert "2 jobs, not 3" in capsys.readouterr().err
    answer = asked(capsys, "trigger", *GROWTH, *WHY, "--yes", "--expect-jobs", "2")
    assert [item["outcome"] for item in answer["items"]] == ["triggered", "triggered"]
    assert all(item["execution"] for item in answer["items"])


def test_one_job_is_paused_for_a_while(capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(capsys, "pause", "daily-backup", "--for", "2h", *WHY)["pause"]["until"]
    assert main(["resume", "daily-backup"]) == 0


class Terminal:
    """A standard input with a person at it, who types one line."""

    def __init__(self, line: str) -> None:
        self._line = line

    def isatty(self) -> bool:
        return True

    def readline(self) -> str:
        return self._line
