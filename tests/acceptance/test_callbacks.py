"""Work that a target has accepted, end to end: a real runner, real HTTP, kills, and a second runner.

By the clock on the wall, so each test takes some seconds.
"""

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from harness.processes.subprocess_runner import Runner, run
from harness.programs.temporal import TemporalServer
from harness.serving import serving

JOB = "/jobs/nightly-report"


class Target(ThreadingHTTPServer):
    """Answers 202; with ``answers`` it posts that outcome to its callback URL before it does."""

    daemon_threads = True

    def __init__(self, answers: str | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = answers
        self.seen: list[dict[str, str]] = []
        self.posted: list[int] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/work"


class _Handler(BaseHTTPRequestHandler):
    server: Target

    def do_GET(self) -> None:
        headers = dict(self.headers.items())
        self.server.seen.append(headers)
        if self.server.answers is not None:
            self.server.posted.append(post(headers, self.server.answers).status_code)
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *words: object) -> None:
        pass


def post(headers: dict[str, str], status: str, *, at: str | None = None) -> httpx.Response:
    """To the URL that a request named; ``at`` another address of a runner, as a load balancer would choose."""
    url = urlsplit(headers["X-Chronos-Callback-URL"])
    if at is not None:
        url = url._replace(netloc=urlsplit(at).netloc)
    with httpx.Client(trust_env=False, timeout=20) as client:
        return client.post(url.geturl(), content=json.dumps({"status": status}))


@contextmanager
def target(answers: str | None = None) -> Iterator[Target]:
    with serving(Target(answers)) as server:
        yield server


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    (folder / "jobs").mkdir(parents=True)
    subprocess.run(["git", "init", "-q", "-b", "main", str(folder)], check=True)
    return folder


def write(repo: Path, url: str, **fields: Any) -> None:
    document = {"name": "nightly-report", "schedule": "@yearly", "enabled": True, "timeout": "2m", **fields}
    document["webhook"] = {"url": url, "completion": "callback"}
    (repo / "jobs" / "nightly-report.yaml").write_text(json.dumps(document, indent=1))
    subprocess.run(["git", "-C", str(repo), "add", "-A"], check=True)
    subprocess.run(["git", "-C", str(repo), "commit", "-q", "-m", "Change the report"], check=True)


def accepted(runner: Runner) -> str:
    """The id of a triggered execution that its target has accepted."""
    execution: str = runner.client.post(f"{JOB}/trigger").json()["id"]
    runner.until(f"/executions/{execution}", lambda row: row["waiting_for"] == "callback")
    return execution


def ended(runner: Runner, execution: str, timeout: float = 20.0) -> dict[str, Any]:
    final = ("success", "failed", "cancelled")
    found: dict[str, Any] = runner.until(f"/executions/{execution}", lambda row: row["status"] in final, timeout)
    return found


@pytest.mark.timeout(90)
def test_kill_9_while_it_waits_sends_nothing_again_and_the_callback_ends_it(repo: Path, data_folder: Path) -> None:
    with target() as server:
        write(repo, server.url)
        with Runner(str(repo), data=data_folder) as runner:
            execution = accepted(runner)
            before = runner.get(f"/executions/{execution}")
            runner.kill()
        with Runner(str(repo), data=data_folder) as runner:
            after = runner.get(f"/executions/{execution}")
            assert (after["status"], after["waiting_for"]) == ("running", "callback")
            assert after["callback_deadline"] == before["callback_deadline"]
            skipped = runner.client.post(f"{JOB}/trigger").json()
            assert (skipped["status"], skipped["reason"]) == ("skipped", "overlap")
            shown = run("executions", "--id", execution, "--server", runner.address, cwd=repo).stdout
            assert "waiting_for" in shown
            assert "waiting for callback" in run("executions", "--server", runner.address, cwd=repo).stdout
            answer = post(server.seen[0], "success", at=runner.address)
            assert (answer.status_code, answer.json()["status"]) == (200, "success")
            assert ended(runner, execution)["attempts"][0]["status_code"] == 202
            assert len(server.seen) == 1
            assert runner.stop() == 0
            assert parse_qs(urlsplit(server.seen[0]["X-Chronos-Callback-URL"]).query)["signature"][0] not in "".join(
                runner.lines
            )


@pytest.mark.timeout(90)
def test_a_deadline_that_passes_while_nothing_runs_is_a_timeout_after_the_restart(
    repo: Path, data_folder: Path
) -> None:
    with target() as server:
        write(repo, server.url, timeout="6s", retry_policy={"initial_interval": "10ms"})
        with Runner(str(repo), data=data_folder) as runner:
            execution = accepted(runner)
            runner.kill()
        threading.Event().wait(6.0)
        with Runner(str(repo), data=data_folder) as runner:
            row = runner.until(f"/executions/{execution}", lambda row: len(row["attempts"]) == 2)
            assert [one["error_class"] for one in row["attempts"]] == ["timeout", None]
            keys = {seen["Idempotency-Key"] for seen in server.seen}
            assert (keys, len(server.seen)) == ({execution}, 2)
            assert post(server.seen[1], "failed").status_code == 200
            assert ended(runner, execution)["error_class"] == "callback"


@pytest.mark.timeout(90)
def test_sigterm_does_not_wait_for_a_callback(repo: Path, data_folder: Path) -> None:
    with target() as server:
        write(repo, server.url)
        with Runner(str(repo), data=data_folder) as runner:
            execution = accepted(runner)
            began = time.monotonic()
            assert runner.stop() == 0
            assert time.monotonic() - began < 12, "the drain waited"
        with Runner(str(repo), data=data_folder) as runner:
            assert runner.get(f"/executions/{execution}")["waiting_for"] == "callback"
            assert len(server.seen) == 1


@pytest.mark.timeout(90)
def test_ticks_that_fall_into_the_wait_are_skipped_and_the_next_one_runs(repo: Path, data_folder: Path) -> None:
    with target() as server:
        write(repo, server.url, schedule="@every 1s")
        with Runner(str(repo), data=data_folder) as runner:
            rows = runner.until(
                f"{JOB}/executions", lambda page: sum(one["reason"] == "overlap" for one in page["items"]) >= 2
            )["items"]
            assert [one["waiting_for"] for one in rows if one["status"] == "running"] == ["callback"]
            assert len(server.seen) == 1
            assert post(server.seen[0], "success").status_code == 200
            runner.until(f"{JOB}/executions", lambda _: len(server.seen) == 2)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("end", ["kill", "stop"])
def test_no_callback_that_was_answered_200_is_lost_when_the_runner_ends(
    repo: Path, data_folder: Path, end: str
) -> None:
    """Forty come while it is killed, or drains: each was heard, or can come again."""
    with target() as server:
        write(repo, server.url, concurrency="allow")
        with Runner(str(repo), data=data_folder) as runner:
            ids = [runner.client.post(f"{JOB}/trigger").json()["id"] for _ in range(40)]
            runner.until(
                "/executions?limit=100", lambda page: sum(bool(one["waiting_for"]) for one in page["items"]) == 40
            )
            sent = {headers["X-Chronos-Execution-ID"]: headers for headers in server.seen}

            def call(execution: str) -> int | None:
                try:
                    return post(sent[execution], "success").status_code
                except httpx.HTTPError:
                    return None  # nobody is there any more

            with ThreadPoolExecutor(4) as pool:
                answers = pool.map(call, ids)
                first = next(answers)
                getattr(runner, end)()
                answered = [first, *answers]
        assert set(answered) <= {200, 503, None}, answered
        assert 200 in answered
        with Runner(str(repo), data=data_folder) as runner:
            for execution, answer in zip(ids, answered, strict=True):
                row = runner.get(f"/executions/{execution}")
                assert row["status"] == "success" or (answer != 200 and row["waiting_for"] == "callback"), (answer, row)
                assert post(sent[execution], "success", at=runner.address).status_code == 200
            assert len(server.seen) == 40


@pytest.mark.timeout(90)
@pytest.mark.parametrize("outcome", ["success", "failed"])
def test_a_target_that_calls_back_before_it_answers_is_heard(repo: Path, data_folder: Path, outcome: str) -> None:
    with target(outcome) as server:
        write(repo, server.url)
        with Runner(str(repo), data=data_folder) as runner:
            execution = runner.client.post(f"{JOB}/trigger").json()["id"]
            row = runner.until(
                f"/executions/{execution}", lambda row: row["status"] == outcome and len(row["attempts"]) == 1
            )
            assert (row["status_code"], row["attempts"][0]["status_code"]) == (202, 202)
            assert (len(server.seen), server.posted) == (1, [200])


@pytest.fixture(params=["postgresql", "temporal"])
def shared_engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The folder that several runners share."""
    if request.param == "postgresql":
        yield request.getfixturevalue("postgres_url")
        return
    with TemporalServer(tmp_path) as server:
        yield server.url(server.namespace())


@pytest.mark.timeout(180)
def test_a_callback_may_reach_another_runner_and_outlive_the_one_that_sent(
    repo: Path, tmp_path: Path, shared_engine: str
) -> None:
    """Two runners on one engine: one of them sends and is killed, the other one waits on and is called."""
    with target() as server:
        write(repo, server.url, concurrency="allow")
        words = (str(repo), "--engine", shared_engine)
        with Runner(*words, data=tmp_path / "a") as first, Runner(*words, data=tmp_path / "b") as second:
            one, other = accepted(first), accepted(first)
            sent = {headers["X-Chronos-Execution-ID"]: headers for headers in server.seen}
            assert post(sent[one], "success", at=second.address).json()["status"] == "success"
            assert ended(first, one)["status"] == "success"
            first.kill()
            assert post(sent[other], "running", at=second.address).json()["status"] == "running"
            assert post(sent[other], "failed", at=second.address).json()["status"] == "failed"
            assert ended(second, other)["error_class"] == "callback"
            assert len(server.seen) == 2


@pytest.mark.full
@pytest.mark.timeout(180)
def test_the_other_runner_keeps_the_deadline_of_one_that_was_killed(
    repo: Path, tmp_path: Path, postgres_url: str
) -> None:
    """Takes a lease of six seconds and the deadline behind it."""
    with target() as server:
        write(repo, server.url, timeout="15s", retry_policy={"max_attempts": 1})
        words = (str(repo), "--engine", postgres_url)
        with Runner(*words, data=tmp_path / "a") as first, Runner(*words, data=tmp_path / "b") as second:
            execution = accepted(first)
            first.kill()
            row = ended(second, execution, 60)
            assert (row["status"], row["error_class"], len(row["attempts"])) == ("failed", "timeout", 1)
            assert len(server.seen) == 1
            late = post(server.seen[0], "success", at=second.address)
            assert (late.status_code, late.json()["type"]) == (409, "/problems/callback-late")
