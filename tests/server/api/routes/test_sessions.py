"""Logins over HTTP: seen and ended by their owner and by operators, on every replica, streams included."""

import dataclasses
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest
from flask import Flask
from flask.testing import FlaskClient
from harness.api_fixtures import app_of, token_of

from chronos_gitops.config.model import Token
from chronos_gitops.server.api.auth.session_cookie import COOKIE
from chronos_gitops.server.wsgi import Server
from chronos_gitops.service import Service

ADA, EVE, OPS = token_of("ada", "read"), token_of("eve", "read"), token_of("ops", "read", "operate")
LIMITED = "limited", dataclasses.replace(token_of("limited", "read", "operate")[1], tags=(("team", "backend"),))
OWN = {"Origin": "http://localhost"}
STREAM = {"Accept": "text/event-stream"}


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def runner(service: Service, *tokens: Token) -> Flask:
    return app_of(service, ADA[1], EVE[1], OPS[1], LIMITED[1], *tokens)


@pytest.fixture
def app(service: Service) -> Flask:
    return runner(service)


def browser_of(app: Flask, secret: str) -> FlaskClient:
    client = app.test_client()
    assert client.post("/login", data={"token": secret}, headers=OWN).status_code == 303
    return client


def listed(client: FlaskClient, query: str = "", **headers: str) -> list[dict[str, Any]]:
    return list(client.get(f"/api/v1/sessions{query}", headers=headers).get_json()["items"])


def names(client: FlaskClient, secret: str) -> list[str]:
    return [one["name"] for one in listed(client, **bearer(secret))]


def test_a_caller_sees_its_own_sessions_and_an_operator_all(app: Flask) -> None:
    for secret in (ADA[0], EVE[0], ADA[0], "secret-of-limited"):
        browser_of(app, secret)
    client = app.test_client()
    assert names(client, ADA[0]) == ["ada", "ada"]
    assert names(client, EVE[0]) == ["eve"]
    assert names(client, OPS[0]) == ["limited", "ada", "eve", "ada"]
    assert names(client, "secret-of-limited") == ["limited"], "an operator of some jobs is none of callers"
    assert [one["name"] for one in listed(client, "?name=eve", **bearer(OPS[0]))] == ["eve"]


def test_a_session_tells_which_one_it_is(app: Flask) -> None:
    browser_of(app, ADA[0])
    browser = browser_of(app, ADA[0])
    first, second = listed(browser)
    assert (first["current"], second["current"]) == (True, False)
    assert (first["via"], first["address"]) == ("token", "127.0.0.1")
    assert browser.get(f"/api/v1/sessions/{first['id']}").get_json() == first


def test_lists_come_in_pages(app: Flask) -> None:
    for _ in range(5):
        browser_of(app, ADA[0])
    client, found, url = app.test_client(), [], "/api/v1/sessions?limit=2"
    while url:
        page = client.get(url, headers=bearer(ADA[0])).get_json()
        found += [one["id"] for one in page["items"]]
        url = page["next"]
    assert found == [one["id"] for one in listed(client, **bearer(ADA[0]))]
    assert len(set(found)) == 5


def test_a_session_that_was_ended_is_refused(app: Flask) -> None:
    browser, other = browser_of(app, ADA[0]), browser_of(app, ADA[0])
    mine = listed(browser)[-1]["id"]
    assert other.delete(f"/api/v1/sessions/{mine}", headers=OWN).get_json() == {"ended": 1}
    assert browser.get("/api/v1/jobs").status_code == 401
    assert other.get("/api/v1/jobs").status_code == 200
    assert other.get(f"/api/v1/sessions/{mine}").status_code == 404
    assert other.delete(f"/api/v1/sessions/{mine}", headers=OWN).status_code == 404
    [entry] = app.test_client().get("/api/v1/audit?limit=1", headers=bearer(OPS[0])).get_json()["items"]
    assert (entry["action"], entry["by"], entry["target"]) == ("session_ended", "ada", mine)


@pytest.mark.parametrize(
    ("secret", "status"), [(EVE[0], 404), ("secret-of-limited", 404), (OPS[0], 200), (ADA[0], 200)]
)
def test_sessions_of_others_need_an_operator(app: Flask, secret: str, status: int) -> None:
    """A session that the caller may not see is answered like one that never existed."""
    browser = browser_of(app, ADA[0])
    session = listed(browser)[0]["id"]
    client = app.test_client()
    assert client.get(f"/api/v1/sessions/{session}", headers=bearer(secret)).status_code == status
    refused = client.delete(f"/api/v1/sessions/{session}", headers=bearer(secret))
    assert refused.status_code == status
    unknown = client.delete("/api/v1/sessions/" + "0" * 64, headers=bearer(secret)).get_json()
    assert status == 200 or refused.get_json()["detail"].replace(session, "0" * 64) == unknown["detail"]
    assert browser.get("/api/v1/jobs").status_code == (401 if status == 200 else 200)


def test_all_of_ones_own_end_together_and_by_an_operator_those_of_a_name(app: Flask) -> None:
    ada, again, eve = browser_of(app, ADA[0]), browser_of(app, ADA[0]), browser_of(app, EVE[0])
    client = app.test_client()
    assert client.delete("/api/v1/sessions?name=ada", headers=bearer(EVE[0])).get_json() == {"ended": 0}
    assert client.delete("/api/v1/sessions", headers=bearer(OPS[0])).get_json() == {"ended": 0}
    assert client.delete("/api/v1/sessions?name=ada", headers=bearer(OPS[0])).get_json() == {"ended": 2}
    assert [one.get("/api/v1/jobs").status_code for one in (ada, again, eve)] == [401, 401, 200]
    assert client.delete("/api/v1/sessions", headers=bearer(EVE[0])).get_json() == {"ended": 1}
    assert eve.get("/api/v1/jobs").status_code == 401


def test_a_foreign_page_ends_no_session(app: Flask) -> None:
    browser = browser_of(app, ADA[0])
    assert browser.delete("/api/v1/sessions", headers={"Origin": "http://evil.example"}).status_code == 401
    assert browser.delete("/api/v1/sessions").status_code == 401
    assert len(listed(browser)) == 1


def test_who_am_i(app: Flask, service: Service, own: FlaskClient) -> None:
    client = app.test_client()
    by_token = client.get("/api/v1/whoami", headers=bearer(OPS[0])).get_json()
    grants = [{"roles": ["read", "operate"], "folders": None, "tags": {}}]
    assert by_token == {"name": "ops", "via": "token", "grants": grants, "session": None, "until": None}
    limited = client.get("/api/v1/whoami", headers=bearer("secret-of-limited")).get_json()
    assert limited["grants"] == [{"roles": ["read", "operate"], "tags": {"team": "backend"}, "folders": None}]
    browser = browser_of(app, ADA[0])
    session = listed(browser)[0]
    by_session = browser.get("/api/v1/whoami").get_json()
    assert (by_session["via"], by_session["session"]) == ("session", session["id"])
    assert by_session["until"] == session["until"]
    anonymous = own.get("/api/v1/whoami").get_json()
    assert (anonymous["name"], anonymous["via"]) == ("anonymous", "none")
    assert client.get("/api/v1/whoami").status_code == 401


def test_the_head_of_a_page_tells_who_by_what_and_until_when(app: Flask) -> None:
    browser = browser_of(app, ADA[0])
    page = browser.get("/", headers={"Accept": "text/html"}).get_data(as_text=True)
    until = listed(browser)[0]["until"]
    assert "ada · session ends <time" in page
    assert f'<time datetime="{until}"' in page


def test_without_callers_there_are_no_sessions(own: FlaskClient) -> None:
    assert listed(own) == []
    assert own.delete("/api/v1/sessions").get_json() == {"ended": 0}


@pytest.fixture
def address(service: Service) -> Iterator[str]:
    expiring = dataclasses.replace(token_of("short", "read")[1], expires=service.now() + timedelta(seconds=2))
    server = Server(runner(service, expiring), host="127.0.0.1", port=0)
    yield f"http://127.0.0.1:{server.start()}"
    server.stop()


@contextmanager
def logged_in(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, trust_env=False, timeout=20, headers={"Origin": address}) as client:
        assert client.post("/login", data={"token": ADA[0]}).status_code == 303
        yield client


def test_the_streams_of_a_session_that_was_ended_are_closed(address: str) -> None:
    """By the server: reading to the end of one that goes on would time out."""
    with logged_in(address) as client, logged_in(address) as other, ExitStack() as streams:
        mine = streams.enter_context(client.stream("GET", "/api/v1/events", headers=STREAM, timeout=6))
        theirs = streams.enter_context(other.stream("GET", "/api/v1/events?type=job_resumed", headers=STREAM))
        assert client.post("/logout").status_code == 303
        assert b"retry:" in mine.read()
        httpx.post(f"{address}/api/v1/jobs/off/resume", headers=bearer(OPS[0]), trust_env=False)
        assert next(line for line in theirs.iter_lines() if line.startswith("event: ")) == "event: job_resumed"


def test_a_stream_ends_with_its_token(address: str) -> None:
    with httpx.Client(base_url=address, trust_env=False, timeout=6, headers=bearer("secret-of-short")) as client:
        with client.stream("GET", "/api/v1/events", headers=STREAM) as response:
            assert response.status_code == 200
            assert b"retry:" in response.read()
        assert client.get("/api/v1/jobs").status_code == 401


def test_the_cookie_of_a_thief_is_worth_nothing_after_the_end(app: Flask) -> None:
    browser, thief = browser_of(app, ADA[0]), app.test_client()
    thief.set_cookie(COOKIE, browser.get_cookie(COOKIE).value)  # type: ignore[union-attr]  # it is there
    assert thief.get("/api/v1/jobs").status_code == 200
    browser.post("/logout", headers=OWN)
    assert [thief.get("/api/v1/jobs").status_code for _ in range(20)] == [401] * 20
