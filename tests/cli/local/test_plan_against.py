"""``plan --against``: what a real runner's past says about a change."""

import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chronos_gitops.cli.checkout import runner_answers
from chronos_gitops.cli.checkout.runner_answers import RunnerAnswers
from chronos_gitops.cli.main import main

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def copy(jobs_repository: Path, tmp_path: Path) -> Path:
    subprocess.run(["git", "clone", "--quiet", str(jobs_repository), str(tmp_path / "copy")], check=True)
    return tmp_path / "copy"


@pytest.fixture
def edited(copy: Path) -> Path:
    edit(copy, "@weekly", "*/5 * * * *")
    return copy


@pytest.fixture
def executions(server: str, capsys: Capture) -> None:
    for _ in range(3):
        assert main(["trigger", "weekly-report", "--server", server, "--wait"]) == 0
    capsys.readouterr()


def edit(copy: Path, old: str, new: str) -> None:
    file = copy / "jobs/weekly-report.yaml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


def plan(copy: Path, *arguments: str) -> int:
    return main(["plan", "--repo", str(copy), *arguments])


def backtest_of(copy: Path, server: str, capsys: Capture) -> dict[str, Any]:
    assert plan(copy, "--against", server, "--backtest", "2d", "--format", "json") == 0
    [change] = json.loads(capsys.readouterr().out)["changes"]
    found: dict[str, Any] = change["backtest"]
    return found


@pytest.mark.usefixtures("executions")
def test_a_changed_job_is_put_through_the_executions_of_the_runner(edited: Path, server: str, capsys: Capture) -> None:
    edit(edited, "timeout: 5m", "timeout: 1ms\nexpect:\n  min_duration: 10s")
    found = backtest_of(edited, server, capsys)
    count = found["rows"]
    assert count >= 3
    assert found["complete"] is True
    assert found["after"]["ticks"] == 576
    # a request to loopback may take no longer than 1 ms
    assert main(["executions", "weekly-report", "--server", server, "--format", "json"]) == 0
    cut = sum(row["duration_ms"] > 1 for row in json.loads(capsys.readouterr().out)["items"])
    assert found["after"]["cut"] == cut
    assert found["after"]["broken"] == {"min_duration": 1}
    assert found["before"]["ticks"] <= 1
    assert found["actual"]["success"] == count
    assert plan(edited, "--against", server, "--backtest", "2d") == 0
    text = capsys.readouterr().out
    assert "      backtest of 2 days: 0 scheduled runs on record" in text
    assert "        after:  576 scheduled times, 0 would be skipped for overlap (p95 " in text
    assert f"        timeout 1ms would have cut {cut} of {count} successes\n" in text
    assert "        min_duration 10s would have been broken 1 time\n" in text
    assert "\nBacktests do not simulate load, response bodies, requires and past pauses.\n" in text
    assert plan(edited, "--against", server, "--backtest", "2d", "--format", "markdown") == 0
    assert f"- timeout 1ms would have cut {cut} of {count} successes" in capsys.readouterr().out


@pytest.mark.usefixtures("executions")
def test_the_same_executions_give_the_same_bytes(edited: Path, server: str, capsys: Capture) -> None:
    arguments = ("--against", server, "--backtest", "90d", "--after", "2999-01-01", "--format", "json")
    assert plan(edited, *arguments) == 0
    first = capsys.readouterr().out
    assert plan(edited, *arguments) == 0
    assert capsys.readouterr().out == first


@pytest.mark.usefixtures("executions")
def test_a_job_that_inherits_a_change_has_its_backtest_with_the_layer(copy: Path, server: str, capsys: Capture) -> None:
    edit(copy, "timeout: 5m\n", "")
    subprocess.run(["git", "-C", str(copy), "commit", "--quiet", "-am", "Inherit the timeout"], check=True)
    (copy / "jobs/_defaults.yaml").write_text("timeout: 1ms\n")
    assert plan(copy, "--against", server, "--backtest", "2d") == 0
    text = capsys.readouterr().out
    assert "      weekly-report  backtest of 2 days: 0 scheduled runs on record" in text
    assert "          timeout 1ms would have cut " in text


@pytest.mark.usefixtures("executions")
def test_a_backtest_follows_the_calendars_of_the_checkout(edited: Path, server: str, capsys: Capture) -> None:
    today = datetime.now(UTC).date()
    days = [str(today - timedelta(days=back)) for back in (-1, 0, 1, 2, 3)]
    (edited / "jobs/_calendars").mkdir()
    (edited / "jobs/_calendars/closed.yaml").write_text(json.dumps({"closed": days, "timezone": "UTC"}))
    assert backtest_of(edited, server, capsys)["after"]["ticks"] == 576
    edit(edited, "timeout: 5m", "timeout: 5m\nskip: [closed]")
    assert backtest_of(edited, server, capsys)["after"]["ticks"] == 0


def test_without_executions_there_is_nothing_to_learn_from(copy: Path, server: str, capsys: Capture) -> None:
    file = copy / "jobs/yearly-review.yaml"
    file.write_text(file.read_text().replace("@yearly", "@daily"))
    found = backtest_of(copy, server, capsys)
    assert (found["rows"], found["before"], found["after"], found["actual"]) == (0, None, None, None)
    assert plan(copy, "--against", server, "--backtest", "2d") == 0
    assert (
        "      backtest of 2 days: nothing to learn from; the runner has no execution of it in these days\n"
        in capsys.readouterr().out
    )


def test_of_a_job_that_the_runner_does_not_know_there_is_nothing(edited: Path, server: str, capsys: Capture) -> None:
    edit(edited, "name: weekly-report", "name: other-report")
    subprocess.run(["git", "-C", str(edited), "commit", "--quiet", "-am", "Rename it"], check=True)
    edit(edited, "*/5 * * * *", "@daily")
    assert backtest_of(edited, server, capsys)["rows"] == 0


def test_no_backtest_is_null(edited: Path, server: str, capsys: Capture) -> None:
    assert plan(edited, "--against", server, "--format", "json") == 0
    assert [change["backtest"] for change in json.loads(capsys.readouterr().out)["changes"]] == [None]


def test_more_jobs_than_it_takes_are_counted(
    edited: Path, server: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_answers, "_MOST_BACKTESTS", 0)
    assert plan(edited, "--against", server, "--backtest", "2d") == 0
    captured = capsys.readouterr()
    assert captured.err == "note: 1 changed job without a backtest; it takes 0 jobs\n"
    assert "backtest" not in captured.out.lower()


@pytest.mark.usefixtures("executions")
def test_history_says_how_the_executions_of_each_version_ended(copy: Path, server: str, capsys: Capture) -> None:
    history = ("history", "weekly-report", "--repo", str(copy), "--against", server)
    assert main([*history, "--format", "json"]) == 0
    [version] = json.loads(capsys.readouterr().out)["items"]
    outcomes = version["executions"]
    assert outcomes["success"] >= 3
    assert (outcomes["failed"], outcomes["first_failure"], outcomes["complete"]) == (0, None, True)
    assert main(history) == 0
    header, row = capsys.readouterr().out.splitlines()
    assert "RUNS" in header.split()
    assert f" {outcomes['success']} " in row


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--backtest", "30d"), "error: --backtest needs --against"),
        (("--backtest", "0d", "--against", "http://127.0.0.1:9"), '"0d" is not a number of days from 1d to 90d'),
        (("--backtest", "91d", "--against", "http://127.0.0.1:9"), '"91d" is not a number of days from 1d to 90d'),
        (("--backtest", "720h", "--against", "http://127.0.0.1:9"), '"720h" is not a number of days'),
        (("--backtest", "٣d", "--against", "http://127.0.0.1:9"), "is not a number of days"),
    ],
)
def test_a_backtest_asked_for_wrongly_is_a_usage_error(
    copy: Path, capsys: Capture, arguments: tuple[str, ...], message: str
) -> None:
    assert plan(copy, *arguments) == 2
    assert message in capsys.readouterr().err


@pytest.mark.usefixtures("executions")
def test_content_that_comes_back_says_how_its_runs_ended(
    server: str, jobs_repository: Path, copy: Path, capsys: Capture
) -> None:
    flags = lambda: [  # noqa: E731
        flag["message"]
        for change in json.loads(capsys.readouterr().out)["changes"]
        for flag in change["flags"]
        if flag["kind"] == "earlier-version"
    ]
    edit(copy, "@weekly", "@daily")
    subprocess.run(["git", "-C", str(copy), "commit", "--quiet", "-am", "Run daily"], check=True)
    edit(copy, "@daily", "@monthly")
    assert plan(copy, "--against", server, "--format", "json") == 0
    assert flags() == []
    edit(copy, "@monthly", "@weekly")
    assert plan(copy, "--against", server, "--format", "json") == 0
    [message] = flags()
    assert message.startswith("it is version 1 again: ")
    assert message.endswith(" runs, none failed")
    (copy / "jobs/weekly-report.yaml").unlink()
    subprocess.run(["git", "-C", str(copy), "commit", "--quiet", "-am", "Remove it"], check=True)
    subprocess.run(["git", "-C", str(copy), "checkout", "--quiet", "HEAD~2", "--", "jobs"], check=True)
    assert plan(copy, "--against", server, "--format", "json") == 0
    assert flags() == [message]


@pytest.mark.parametrize(
    ("outcomes", "words"),
    [
        (None, "it is version 4 again; the runner keeps no run of it"),
        ((8, 4, True), "it is version 4 again: 12 runs, 4 failed, the first 2026-03-02T02:00:00Z"),
        ((1, 0, True), "it is version 4 again: 1 run, none failed"),
        ((999, 1, False), "it is version 4 again: at least 1,000 runs, 1 failed, the first 2026-03-02T02:00:00Z"),
    ],
)
def test_the_fate_of_a_version_is_one_sentence(outcomes: tuple[int, int, bool] | None, words: str) -> None:
    from chronos_gitops.cli.checkout.job_past import fate

    found = None
    if outcomes is not None:
        success, failed, complete = outcomes
        first = "2026-03-02T02:00:00Z" if failed else None
        found = {"success": success, "failed": failed, "first_failure": first, "complete": complete}
    assert fate("version 4", found) == words


@pytest.mark.parametrize(
    "answer", [b"[]", b"7", b"{}", b'{"items": 1}', b'{"items": [1]}', b'{"items": [{"name": 1}]}', b'{"items": null}']
)
def test_an_answer_of_another_program_is_an_error(
    answer: bytes, edited: Path, capsys: Capture, answering: Callable[[bytes], str]
) -> None:
    assert plan(edited, "--against", answering(answer), "--backtest", "2d") == 2
    assert "does not answer like a chronos-gitops runner of this release" in capsys.readouterr().err


@pytest.fixture
def answering() -> Any:
    """A server that gives every request the same answer."""
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from threading import Thread

    servers: list[HTTPServer] = []

    def start(answer: bytes) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None: ...

        server = HTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_count_of_another_shape_is_an_error(answering: Callable[[bytes], str]) -> None:
    from chronos_gitops.cli.client.api_client import RunnerAway

    server = answering(b'{"items": [{"commit": "a", "executions": {"success": 1}}]}')
    with pytest.raises(RunnerAway):
        RunnerAnswers(server, None).outcomes("a")
