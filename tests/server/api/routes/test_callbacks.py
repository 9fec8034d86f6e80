"""Callbacks over the API: one URL for one execution, without a token, and nothing for who only guesses."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from harness.api_fixtures import Checkout, app_of, eventually, job_yaml, settings_of, token_of
from werkzeug.test import TestResponse

from chronos_gitops.app import build
from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.config.settings import Settings
from chronos_gitops.engine.callbacks import sign
from chronos_gitops.server.api.auth.rate_limit import FAILURES
from chronos_gitops.service import Service

OPERATOR, TOKEN = token_of("operator", "read", "operate")
HEADERS = {"Authorization": f"Bearer {OPERATOR}"}


@pytest.fixture
def target() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def runner(tmp_path: Path, target: Receiver) -> Iterator[Service]:
    checkout = Checkout(tmp_path / "repo")
    webhook = {"url": target.url("/status/202"), "completion": "callback", "headers": {"X-Key": "${secret:api-key}"}}
    checkout.write("report", job_yaml("report", "", webhook=webhook, timeout="2m", concurrency="allow"))
    checkout.write("plain", job_yaml("plain", target.url("/ok")))
    checkout.commit("Add jobs")
    settings = settings_of(checkout, tmp_path / "data")
    with build(
        _with(settings, public_url="https://chronos.example/base", secret_values={"api-key": "hunter2!"})
    ) as one:
        yield one


def _with(settings: Settings, **changes: Any) -> Settings:
    return dataclasses.replace(settings, **changes)


@pytest.fixture
def app(runner: Service) -> Flask:
    return app_of(runner, TOKEN)


class Accepted:
    """One execution whose target has accepted it, and the URL that the target was given."""

    def __init__(self, client: FlaskClient, target: Receiver) -> None:
        self.client = client
        self.id = client.post("/api/v1/jobs/report/trigger", headers=HEADERS).get_json()["id"]
        eventually(lambda: self.get()["waiting_for"])
        request = next(request for request in target.requests if request.execution_id == self.id)
        self.url = request.header("X-Chronos-Callback-URL") or ""
        parts = urlsplit(self.url)
        self.path = f"{parts.path.removeprefix('/base')}?{parts.query}"
        self.signature = parts.query.removeprefix("signature=")

    def get(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.client.get(f"/api/v1/executions/{self.id}", headers=HEADERS).get_json()
        return answer

    def post(self, content: Any, **more: Any) -> TestResponse:
        data = content if isinstance(content, bytes) else json.dumps(content)
        return self.client.post(self.path, data=data, **more)


@pytest.fixture
def accepted(app: Flask, target: Receiver) -> Accepted:
    return Accepted(app.test_client(), target)


def test_the_url_is_the_public_one_and_needs_no_token(accepted: Accepted) -> None:
    assert accepted.url.startswith(f"https://chronos.example/base/api/v1/executions/{accepted.id}/callback?signature=")
    seen = accepted.get()
    assert (seen["status"], seen["waiting_for"], seen["status_code"]) == ("running", "callback", 202)
    answer = accepted.post({"status": "success", "message": "7 tables"})
    assert (answer.status_code, answer.get_json()["status"]) == (200, "success")
    ended = accepted.get()
    assert (ended["status"], ended["waiting_for"], ended["message"]) == ("success", None, "7 tables")


def test_curl_dash_d_and_forms_are_read_as_everywhere(app: Flask, target: Receiver) -> None:
    client = app.test_client()
    form = "application/x-www-form-urlencoded"
    one = Accepted(client, target)
    assert one.post(b'{"status": "running", "message": "half"}', content_type=form).status_code == 200
    assert one.get()["last_heartbeat_at"] is not None
    assert one.post(b"status=failed&message=no+disk", content_type=form).get_json()["status"] == "failed"
    assert (one.get()["error_class"], one.get()["message"]) == ("callback", "no disk")


def test_a_foreign_host_and_origin_are_no_hindrance(runner: Service, target: Receiver) -> None:
    """Targets name the runner as their own network does, with tokens and without."""
    client = app_of(runner).test_client()
    accepted = Accepted(client, target)
    answer = accepted.post({"status": "success"}, headers={"Host": "chronos.internal:9000"})
    assert answer.status_code == 200


def test_repeats_are_harmless_and_others_come_too_late(accepted: Accepted) -> None:
    assert accepted.post({"status": "failed"}).status_code == 200
    assert accepted.post({"status": "failed"}).status_code == 200
    late = accepted.post({"status": "success"})
    assert (late.status_code, late.get_json()["type"]) == (409, "/problems/callback-late")
    assert accepted.client.get("/problems/callback-late").status_code == 200


def test_a_wrong_signature_tells_nothing(app: Flask, accepted: Accepted, target: Receiver) -> None:
    other = Accepted(app.test_client(), target)
    base = f"/api/v1/executions/{accepted.id}/callback"
    nobody = "/api/v1/executions/00000000-0000-0000-0000-000000000000/callback"
    signature = accepted.signature
    tries = [
        base,
        f"{base}?signature=",
        f"{base}?signature={signature[:-1]}",
        f"{base}?signature={signature}A",
        f"{base}?signature={signature[::-1]}",
        f"{base}?signature={other.signature}",
        f"{nobody}?signature={signature}",
        f"{nobody}?signature=wrong",
    ]
    answers = []
    for number, path in enumerate(tries):
        stranger = {"REMOTE_ADDR": f"198.51.100.{number}"}
        answer = accepted.client.post(path, data='{"status": "success"}', environ_base=stranger)
        problem = answer.get_json()
        del problem["request_id"]
        answers.append((answer.status_code, problem))
    assert {status for status, _ in answers} == {404}
    assert all(problem == answers[0][1] for _, problem in answers)
    assert answers[0][1]["type"] == "/problems/callback-unknown"
    assert accepted.get()["status"] == "running"


def test_who_guesses_is_held_up_and_who_knows_is_not(accepted: Accepted) -> None:
    stranger = {"REMOTE_ADDR": "192.0.2.77"}
    wrong = f"/api/v1/executions/{accepted.id}/callback?signature=guess"
    statuses = [
        accepted.client.post(wrong, data='{"status": "success"}', environ_base=stranger).status_code
        for _ in range(FAILURES + 2)
    ]
    assert (statuses[0], statuses[-1]) == (404, 429)
    assert accepted.post({"status": "success"}, environ_base=stranger).status_code == 200


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b"null", 400),
        (b'{"status": "done"}', 400),
        (b'{"status": 1}', 400),
        (b'{"status": null}', 400),
        (b'{"message": "no status"}', 400),
        (b'{"status": "success", "stauts": "success"}', 400),
        (b'{"status": "success", "status": "failed"}', 400),
        (b'{"status": "success", "message": 7}', 400),
        (b"\xff\xfe", 400),
        (b'{"status": "success", "message": "' + b"x" * 1024 * 1024 + b'"}', 413),
    ],
)
def test_what_is_no_callback_is_refused_and_changes_nothing(accepted: Accepted, content: bytes, status: int) -> None:
    answer = accepted.post(content)
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert accepted.get()["status"] == "running"


def test_a_message_is_cut_escaped_and_scrubbed(accepted: Accepted) -> None:
    message = f"key hunter2! and {accepted.url} \x00\x1b[31m \ud800 " + "é" * 500_000
    answer = accepted.client.post(accepted.path, data=json.dumps({"status": "failed", "message": message[:100_000]}))
    assert answer.status_code == 200
    seen = accepted.get()
    assert seen["message"].startswith("key ${secret:api-key} and ")
    assert len(seen["message"].encode()) <= 4096
    shown = json.dumps(seen)
    assert "hunter2!" not in shown
    assert accepted.signature not in shown
    assert "\\u001b" not in shown


def test_the_url_is_shown_nowhere(accepted: Accepted, runner: Service) -> None:
    """Not in the request as it is shown, not in its curl line, not in a dry run, not on the page."""
    seen = accepted.get()
    assert seen["request"]["headers"]["X-Chronos-Callback-URL"] == "***"
    assert "X-Chronos-Callback-URL: ***" in seen["curl"]
    plan = accepted.client.post("/api/v1/jobs/report/trigger", json={"dry_run": True}, headers=HEADERS).get_json()
    assert plan["headers"]["X-Chronos-Callback-URL"] == "***"
    page = app_of(runner).test_client().get(f"/executions/{accepted.id}").get_data(as_text=True)
    assert "waiting for callback" in page
    for text in (json.dumps(seen), page, json.dumps(plan)):
        assert accepted.signature not in text
    ledger = b"".join(file.read_bytes() for file in runner.settings.data.glob("ledger.db*"))
    assert accepted.signature.encode() not in ledger


def test_an_execution_that_awaits_none_says_so(app: Flask, runner: Service) -> None:
    """Its job has no such URL, so the proof is made here, with the runner's own key."""
    client = app.test_client()
    execution = client.post("/api/v1/jobs/plain/trigger", headers=HEADERS).get_json()["id"]
    signature = sign(runner.engine._key, execution)  # type: ignore[attr-defined]
    answer = client.post(f"/api/v1/executions/{execution}/callback?signature={signature}", data='{"status": "success"}')
    assert (answer.status_code, answer.get_json()["type"]) == (409, "/problems/callback-unexpected")


def test_a_runner_that_is_not_there_yet_asks_to_come_again(tmp_path: Path, target: Receiver) -> None:
    checkout = Checkout(tmp_path / "repo")
    checkout.write("plain", job_yaml("plain", target.url("/ok")))
    checkout.commit("Add a job")
    service = build(settings_of(checkout, tmp_path / "data"))
    try:
        answer = (
            app_of(service)
            .test_client()
            .post("/api/v1/executions/x/callback?signature=y", data='{"status": "success"}')
        )
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    finally:
        service.lock.release()


def test_without_a_public_url_it_is_where_the_runner_listens(tmp_path: Path) -> None:
    here = Settings(repo="", data=tmp_path)
    assert here.callback_url(8123) == "http://127.0.0.1:8123"
    assert _with(here, host="::1").callback_url(8123) == "http://[::1]:8123"
    assert _with(here, host="0.0.0.0", tokens=(TOKEN,)).callback_url(8123) == ""
    assert _with(here, host="::", public_url="https://c.example").callback_url(8123) == "https://c.example"
