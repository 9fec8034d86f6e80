"""A browser's way in: a form, a cookie that only our own page can use, and the way out."""

import dataclasses
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from harness.api_fixtures import app_of, token_of
from werkzeug.test import TestResponse

from chronos_gitops.config.model import Token
from chronos_gitops.server.api.auth.session_cookie import COOKIE, SECURE_COOKIE
from chronos_gitops.server.api.params.form_origin import own_path
from chronos_gitops.service import Service

SECRET, READER = token_of("reader", "read", "operate")
HTML = {"Accept": "text/html"}
OWN = {"Origin": "http://localhost"}


@pytest.fixture
def app(shared: Service) -> Flask:
    return app_of(shared, READER)


@pytest.fixture
def browser(app: Flask) -> Iterator[FlaskClient]:
    with app.test_client() as client:
        yield client


def log_in(browser: FlaskClient, token: str = SECRET, **form: str) -> TestResponse:
    return browser.post("/login", data={"token": token} | form, headers=OWN)


def test_a_page_sends_a_stranger_to_the_form_and_back(browser: FlaskClient) -> None:
    sent = browser.get("/jobs/daily-backup", headers=HTML)
    assert (sent.status_code, sent.headers["Location"]) == (303, "/login?next=%2Fjobs%2Fdaily-backup")
    form = browser.get(sent.headers["Location"], headers=HTML).get_data(as_text=True)
    assert 'name="next" value="/jobs/daily-backup"' in form
    assert 'type="password"' in form
    back = log_in(browser, next="/jobs/daily-backup")
    assert (back.status_code, back.headers["Location"]) == (303, "/jobs/daily-backup")
    assert browser.get("/jobs/daily-backup", headers=HTML).status_code == 200


def test_a_session_that_was_logged_out_of_is_refused_also_after_a_restart(shared: Service) -> None:
    """A copy of the cookie, as a thief would have one, is worth nothing any more; other sessions go on."""
    app = app_of(shared, READER)
    leaving, thief, staying = app.test_client(), app.test_client(), app.test_client()
    log_in(leaving)
    log_in(staying)
    cookie = leaving.get_cookie(COOKIE)
    assert cookie is not None
    thief.set_cookie(COOKIE, cookie.value)
    assert thief.get("/", headers=HTML).status_code == 200
    leaving.post("/logout", headers=OWN)
    assert thief.get("/api/v1/jobs").status_code == 401
    assert staying.get("/api/v1/jobs").status_code == 200
    restarted = app_of(shared, READER).test_client()
    restarted.set_cookie(COOKIE, cookie.value)
    assert restarted.get("/api/v1/jobs").status_code == 401


def test_programs_are_not_sent_to_a_form(browser: FlaskClient) -> None:
    assert browser.get("/").status_code == 401
    assert browser.get("/api/v1/jobs", headers=HTML).status_code == 401


def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(browser: FlaskClient) -> None:
    cookie = log_in(browser).headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/" in cookie
    assert "Max-Age=43200" in cookie
    assert SECRET not in cookie
    assert "Secure" not in cookie
    by_https = browser.post(
        "/login",
        data={"token": SECRET},
        headers={"Origin": "https://10.2.3.4", "Host": "10.2.3.4"},
    )
    assert "Secure" in by_https.headers["Set-Cookie"]


def test_a_wrong_token_is_told_in_the_form(browser: FlaskClient) -> None:
    answer = log_in(browser, "wrong<script>", next="/jobs/x")
    text = answer.get_data(as_text=True)
    assert answer.status_code == 401
    assert "not one of this runner" in text
    assert "<script>" not in text
    assert 'value="/jobs/x"' in text
    assert "Set-Cookie" not in answer.headers
    answers = [log_in(browser, "wrong").status_code for _ in range(12)]
    assert answers[-1] == 429


def test_an_empty_form_is_no_try(browser: FlaskClient) -> None:
    answers = {log_in(browser, " ").status_code for _ in range(12)}
    assert answers == {400}
    assert log_in(browser).status_code == 303


def test_the_session_has_the_roles_of_its_token(browser: FlaskClient) -> None:
    log_in(browser)
    assert browser.get("/api/v1/jobs").status_code == 200
    assert browser.post("/api/v1/sync", headers=OWN).status_code == 202
    assert browser.post("/api/v1/jobs/daily-backup/rollback/1", headers=OWN).status_code == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),  # a program, or a browser that does not say where from
        ({"Origin": "http://localhost"}, 202),
        ({"Sec-Fetch-Site": "same-origin"}, 202),
        ({"Sec-Fetch-Site": "same-site"}, 401),
        ({"Sec-Fetch-Site": "cross-site"}, 401),
        ({"Origin": "http://evil.example"}, 401),
        ({"Origin": "null"}, 401),
        ({"Origin": "http://localhost:1"}, 401),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 401),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://evil.example"}, 401),
    ],
)
def test_a_session_writes_only_from_our_own_page(browser: FlaskClient, headers: dict[str, str], status: int) -> None:
    log_in(browser)
    assert browser.post("/api/v1/sync", headers=headers).status_code == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200),  # a link in a chat
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 401),
        ({"Sec-Fetch-Site": "same-site"}, 401),
    ],
)
def test_a_session_reads_by_links_but_not_for_other_sites(
    browser: FlaskClient, headers: dict[str, str], status: int
) -> None:
    log_in(browser)
    assert browser.get("/", headers=headers).status_code == status


def test_another_sites_page_cannot_log_its_reader_in_or_out(browser: FlaskClient) -> None:
    elsewhere = {"Origin": "http://evil.example"}
    assert browser.post("/login", data={"token": SECRET}, headers=elsewhere).status_code == 403
    log_in(browser)
    assert browser.post("/logout", headers=elsewhere).status_code == 403
    assert browser.get("/").status_code == 200


def test_logging_out_ends_it(browser: FlaskClient) -> None:
    log_in(browser)
    answer = browser.post("/logout", headers=OWN)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert browser.get("/").status_code == 401


def test_a_shown_token_wins_over_the_session(browser: FlaskClient) -> None:
    log_in(browser)
    assert browser.get("/", headers={"Authorization": "Bearer wrong"}).status_code == 401


def test_without_tokens_there_is_nothing_to_log_in_to(client: FlaskClient) -> None:
    assert client.get("/login").headers["Location"] == "/"
    assert client.get("/login?next=/jobs/x").headers["Location"] == "/jobs/x"
    assert client.post("/login", data={"token": "x"}).status_code == 303
    assert client.post("/logout").headers["Location"] == "/"


@pytest.mark.parametrize(
    "path",
    ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "", "/\t/evil", "/\r\nX: 1"],
)
def test_the_way_back_leads_nowhere_else(client: FlaskClient, path: str) -> None:
    with client.application.test_request_context("/login"):
        assert own_path(path) == "/"
    with client.application.test_request_context("/login", environ_overrides={"SCRIPT_NAME": "/chronos"}):
        assert own_path(path) == "/chronos/"
        assert own_path("/jobs") == own_path("/chronos/%2e%2e/x") == own_path("/chronosophy") == "/chronos/"
        for way in ("..", ".%2e", "%2E%2e"):  # what a browser makes of it lies outside (WHATWG URL, path state)
            for path in (f"{way}/x", f"{way}\\x", f"a\\{way}/..\\x", f"a/{way}#b", f"{way}?a", way):
                assert own_path(f"/chronos/{path}") == "/chronos/", path
        assert own_path("/chronos/jobs/a..b") == "/chronos/jobs/a..b"
        assert own_path("/chronos/jobs?q=..") == "/chronos/jobs?q=.."


@pytest.mark.parametrize("cookie", ["", "x", "a.b.c", "\xff", "W10.x", "." * 3000])
def test_a_made_up_cookie_is_none(browser: FlaskClient, cookie: str) -> None:
    browser.set_cookie(COOKIE, cookie)
    assert browser.get("/api/v1/jobs").status_code == 401


def test_a_session_ends_when_its_token_expires(shared: Service) -> None:
    expiring = dataclasses.replace(READER, expires=shared.now() + timedelta(hours=1))
    client = app_of(shared, expiring).test_client()
    assert 3590 <= int(log_in(client).headers["Set-Cookie"].partition("Max-Age=")[2].partition(";")[0]) <= 3600
    cookie = client.get_cookie(COOKIE)
    assert cookie is not None
    expired = app_of(shared, dataclasses.replace(READER, expires=shared.now() - timedelta(seconds=1))).test_client()
    expired.set_cookie(COOKIE, cookie.value)
    refused = expired.get("/api/v1/jobs")
    assert refused.status_code == 401
    assert "expired on" in refused.get_json()["detail"]


@pytest.mark.parametrize("other", [[], [dataclasses.replace(READER, sha256="0" * 64)]])
def test_a_session_ends_with_its_token(shared: Service, other: list[Token]) -> None:
    """Also where another token has its name by now."""
    client = app_of(shared, READER).test_client()
    log_in(client)
    cookie = client.get_cookie(COOKIE)
    assert cookie is not None
    changed = app_of(shared, token_of("another", "read")[1], *other).test_client()
    changed.set_cookie(COOKIE, cookie.value)
    assert changed.get("/api/v1/jobs").status_code == 401


@pytest.mark.parametrize(
    ("public_url", "name", "path", "is_secure"),
    [
        ("", "chronos_session", "/", False),
        ("http://ops.example.com", "chronos_session", "/", False),
        ("http://ops.example.com/chronos", "chronos_session", "/chronos", False),
        ("https://ops.example.com", "__Secure-chronos_session", "/", True),
        ("https://ops.example.com/chronos", "__Secure-chronos_session", "/chronos", True),
    ],
)
def test_the_cookie_is_bound_to_the_public_address(
    shared: Service, public_url: str, name: str, path: str, is_secure: bool
) -> None:
    settings = dataclasses.replace(shared.settings, public_url=public_url)
    browser = app_of(dataclasses.replace(shared, settings=settings), READER).test_client()
    for header in (log_in(browser).headers["Set-Cookie"], browser.post("/logout", headers=OWN).headers["Set-Cookie"]):
        given, *attributes = header.split("; ")
        assert given.partition("=")[0] == name
        assert f"Path={path}" in attributes
        assert {"HttpOnly", "SameSite=Lax"} <= set(attributes)
        assert ("Secure" in attributes) == is_secure


def test_a_cookie_without_the_prefix_does_not_count_where_the_runner_is_reached_by_https(shared: Service) -> None:
    """A page of a neighbouring domain may set the plain name, not the one that begins with __Secure-."""
    settings = dataclasses.replace(shared.settings, public_url="https://ops.example.com")
    browser = app_of(dataclasses.replace(shared, settings=settings), READER).test_client()
    value = log_in(browser).headers["Set-Cookie"].partition("=")[2].partition(";")[0]
    for name, status in ((COOKIE, 401), (SECURE_COOKIE, 200)):
        client = browser.application.test_client()
        client.set_cookie(name, value)
        assert client.get("/api/v1/jobs").status_code == status


def test_the_form_tells_how_long_a_session_lasts(shared: Service) -> None:
    settings = dataclasses.replace(shared.settings, session_lifetime=timedelta(hours=8))
    browser = app_of(dataclasses.replace(shared, settings=settings), READER).test_client()
    assert "The session lasts 8 h." in browser.get("/login", headers=HTML).get_data(as_text=True)
    assert "Max-Age=28800" in log_in(browser).headers["Set-Cookie"]
