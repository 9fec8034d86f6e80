"""Every login and every refusal is in the audit log, and repeated ones as one entry."""

import dataclasses
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from harness.api_fixtures import Checkout, app_of, settings_of, token_of

from chronos_gitops.app import build
from chronos_gitops.server.api import budgets
from chronos_gitops.server.api.auth.session_cookie import COOKIE
from chronos_gitops.service import Service

ROLES = ("read", "operate", "rollback")
ADA, EVE = token_of("ada", *ROLES), token_of("eve", "read")
OWN, HTML = {"Origin": "http://localhost"}, {"Accept": "text/html"}
BASE = "/api/v1/jobs/daily-backup"


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


@pytest.fixture
def app(service: Service) -> Flask:
    return app_of(service, ADA[1], EVE[1])


@pytest.fixture
def browser(app: Flask) -> Iterator[FlaskClient]:
    with app.test_client() as client:
        yield client


def entries(app: Flask) -> list[dict[str, Any]]:
    """Oldest first."""
    answer = app.test_client().get("/api/v1/audit", headers=bearer(ADA[0]))
    return list(reversed(answer.get_json()["items"]))


def shown(entry: dict[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(entry[name] for name in names)


def test_an_entry_tells_who_from_where_by_what_and_about_which_file(app: Flask, service: Service) -> None:
    service.listener.bound("127.0.0.1", 8123)
    app.test_client().post(f"{BASE}/pause", json={"reason": "quiet"}, headers=bearer(ADA[0]))
    [entry] = entries(app)
    assert shown(entry, "action", "by", "via", "address") == ("pause", "ada", "token", "127.0.0.1")
    assert shown(entry, "path", "runner", "count") == ("jobs/daily-backup.yaml", f"{socket.gethostname()}:8123", 1)


def test_a_deleted_job_has_its_last_path(app: Flask, service: Service, checkout: Checkout) -> None:
    checkout.remove("daily-backup")
    checkout.commit("Remove it")
    service.follower.sync()
    app.test_client().post(f"{BASE}/rollback/1", headers=bearer(ADA[0]))
    assert shown(entries(app)[0], "job", "path") == ("daily-backup", "jobs/daily-backup.yaml")


def test_logging_in_and_out_and_what_is_done_in_between(app: Flask, browser: FlaskClient) -> None:
    browser.post("/login", data={"token": ADA[0]}, headers=OWN)
    browser.post(f"{BASE}/resume", headers=OWN)
    browser.post("/logout", headers=OWN)
    browser.post("/logout", headers=OWN)  # nothing ends any more
    login, resume, logout = entries(app)
    assert shown(login, "action", "by", "via", "result", "status") == ("login", "ada", "token", "done", 303)
    assert shown(resume, "action", "by", "via") == ("resume", "ada", "session")
    assert shown(logout, "action", "by", "via", "result") == ("logout", "ada", "session", "done")
    assert login["target"] == logout["target"]
    assert len(login["target"]) == 64


def test_no_token_and_no_cookie_is_written_down(app: Flask, browser: FlaskClient, service: Service) -> None:
    browser.post("/login", data={"token": ADA[0]}, headers=OWN)
    cookie = browser.get_cookie(COOKIE)
    assert cookie is not None
    browser.post("/login", data={"token": "wrong-canary"}, headers=OWN)
    browser.get("/api/v1/jobs", headers=bearer("wrong-canary"))
    written = (service.settings.data / "audit.jsonl").read_text()
    assert "wrong-canary" not in written
    assert ADA[0] not in written
    assert cookie.value not in written


def refusals(app: Flask) -> list[tuple[Any, ...]]:
    return [shown(one, "action", "by", "status", "target") for one in entries(app) if one["result"] == "refused"]


def test_a_wrong_token_leaves_a_trace_whatever_it_asks_for(app: Flask) -> None:
    client = app.test_client()
    client.get("/api/v1/jobs", headers=bearer("wrong"))
    assert refusals(app) == [("refused", "anonymous", 401, "GET /api/v1/jobs")]
    [entry] = entries(app)
    assert entry["detail"] == "The token is not one of this runner's."


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", "/metrics"), ("POST", "/api/v1/sync"), ("HEAD", "/api/v1/jobs"), ("POST", f"{BASE}/pause")],
)
def test_calls_of_unknown_callers_are_refusals(app: Flask, method: str, path: str) -> None:
    app.test_client().open(path, method=method, headers=bearer("wrong"))
    assert refusals(app) == [("refused", "anonymous", 401, f"{method} {path}")]


def test_a_wrong_token_in_the_form_is_a_login_that_was_refused(app: Flask, browser: FlaskClient) -> None:
    browser.post("/login", data={"token": "wrong"}, headers=OWN)
    [entry] = entries(app)
    assert shown(entry, "action", "result", "status", "by") == ("login", "refused", 401, "anonymous")
    assert entry["detail"] == "The token is not one of this runner's."


def test_a_cookie_whose_session_has_ended_leaves_a_trace_on_pages_too(app: Flask, browser: FlaskClient) -> None:
    """A browser is sent to the form, with 303; one that shows nothing just looks for the door."""
    browser.post("/login", data={"token": ADA[0]}, headers=OWN)
    cookie = browser.get_cookie(COOKIE)
    assert cookie is not None
    browser.post("/logout", headers=OWN)
    assert browser.get("/", headers=HTML).status_code == 303
    assert refusals(app) == []
    browser.set_cookie(COOKIE, cookie.value)
    assert browser.get("/", headers=HTML).status_code == 303
    assert refusals(app) == [("refused", "anonymous", 401, "GET /")]


def test_a_caller_without_the_role_is_named(app: Flask) -> None:
    client = app.test_client()
    client.post("/api/v1/sync", headers=bearer(EVE[0]))
    client.post("/api/v1/validate", headers={"X-Chronos-Execution-ID": "x"})
    assert refusals(app) == [("sync", "eve", 403, None), ("refused", "anonymous", 403, "POST /api/v1/validate")]


def test_calls_beyond_the_budget_are_one_entry(app: Flask) -> None:
    budgets.install(app, budgets.Limits(rate=0.001, burst=3))
    client = app.test_client()
    answers = [client.get("/api/v1/jobs", headers=bearer(EVE[0])).status_code for _ in range(8)]
    assert answers == [200] * 3 + [429] * 5
    [entry] = [one for one in entries(app) if one["status"] == 429]
    assert shown(entry, "action", "by", "count") == ("refused", "eve", 5)


def test_a_flood_is_one_entry_for_each_address_and_action(app: Flask) -> None:
    client = app.test_client()
    for number in range(60):
        address = {"REMOTE_ADDR": f"192.0.2.{number % 3}"}
        client.post(f"/api/v1/jobs/job-{number}/rollback/1", headers=bearer(EVE[0]), environ_base=address)
        client.get(f"/api/v1/jobs/job-{number}", headers=bearer("wrong"), environ_base=address)
    counts: dict[tuple[Any, ...], int] = {}
    for one in entries(app):
        counts[shown(one, "address", "by", "action", "status")] = one["count"]
    assert len(counts) == len(entries(app)) == 9
    assert sum(count for (*_, status), count in counts.items() if status == 403) == 60
    assert sum(count for (*_, status), count in counts.items() if status in (401, 429)) == 60


def test_what_a_refused_caller_sends_takes_little_room(app: Flask, service: Service) -> None:
    long = "x" * 1900
    app.test_client().post(f"/api/v1/jobs/{long}/rollback/{long}", json={"reason": long}, headers=bearer(EVE[0]))
    app.test_client().get(f"/api/v1/jobs/{long}", headers=bearer("wrong"))
    found = entries(app)
    assert max(len(entry["detail"]) for entry in found) <= 300
    assert (service.settings.data / "audit.jsonl").stat().st_size < 4000


def test_two_jobs_that_could_not_be_paused_are_two_entries(app: Flask) -> None:
    """Only what is refused for the caller's sake is one entry whatever it is about."""
    for job in ("daily-backup", "nightly", "daily-backup"):
        app.test_client().post(f"/api/v1/jobs/{job}/pause", json={}, headers=bearer(ADA[0]))
    assert [shown(one, "job", "count") for one in entries(app)] == [("daily-backup", 2), ("nightly", 1)]


def test_refusals_are_counted_by_status(app: Flask, service: Service) -> None:
    client = app.test_client()
    client.post("/api/v1/sync", headers=bearer(EVE[0]))
    for _ in range(12):
        client.get("/api/v1/jobs", headers=bearer("wrong"))
    name = "chronos_callers_refused_total"
    found = {
        sample.labels["status"]: sample.value
        for family in service.metrics.load().registry.collect()
        for sample in family.samples
        if sample.name == name
    }
    assert found == {"401": 10, "403": 1, "429": 2}


def test_sizes_of_the_settings_count(checkout: Checkout, tmp_path: Path) -> None:
    settings = dataclasses.replace(settings_of(checkout, tmp_path / "data"), audit_max_size=4096, audit_keep=2)
    with build(settings) as service:
        client = app_of(service).test_client()
        for _ in range(40):
            client.post("/api/v1/jobs/off/resume")
        files = list((tmp_path / "data").glob("audit*.jsonl"))
        assert len(files) == 2
        assert max(file.stat().st_size for file in files) <= 4096
        assert client.get("/api/v1/audit?limit=1").get_json()["items"][0]["id"] == 40
