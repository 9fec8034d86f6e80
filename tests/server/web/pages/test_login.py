"""A browser's way in: a form, a cookie that only our own page can use, and the way out."""

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from harness.api_fixtures import app_of, token_of
from werkzeug.test import TestResponse

from chronos_gitops.app import Service
from chronos_gitops.server.api.auth import sessions as auth_sessions
from chronos_gitops.server.api.auth.sessions import COOKIE, Sessions
from chronos_gitops.server.api.middleware.form_redirect import own_path
from chronos_gitops.state.data_lock import DataFolderUnusable

SECRET, READER = token_of("reader", "read", "operate")
HTML = {"Accept": "text/html"}
OWN = {"Origin": "http://localhost"}
NOW = datetime(2026, 3, 1, tzinfo=UTC)


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


def test_ended_sessions_are_forgotten_when_their_time_is_over(tmp_path: Path) -> None:
    sessions = Sessions(bytes(32), tmp_path / "ended.jsonl")
    cookie = sessions.issue(READER, NOW)
    sessions.end(cookie, NOW)
    sessions.end("not one of ours", NOW)
    assert sessions.token(cookie, [READER], NOW) is None
    assert Sessions(bytes(32), tmp_path / "ended.jsonl").token(cookie, [READER], NOW) is None
    later = NOW + timedelta(hours=13)
    sessions.end(sessions.issue(READER, later), later)
    assert (tmp_path / "ended.jsonl").read_text().count("\n") == 1
    assert cookie not in (tmp_path / "ended.jsonl").read_text()


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
        headers={"Origin": "https://chronos.example.com", "Host": "chronos.example.com"},
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
def test_the_way_back_leads_nowhere_else(path: str) -> None:
    assert own_path(path) == "/"


def test_a_session_ends_after_half_a_day_and_with_its_token() -> None:
    sessions = Sessions(b"k" * 32)
    cookie = sessions.issue(READER, NOW)
    assert sessions.token(cookie, [READER], NOW + timedelta(hours=11, minutes=59)) == READER
    assert sessions.token(cookie, [READER], NOW + timedelta(hours=12)) is None
    assert sessions.token(cookie, [], NOW) is None
    assert sessions.token(cookie, [dataclasses.replace(READER, sha256="0" * 64)], NOW) is None, (
        "another token, same name"
    )
    assert Sessions(b"x" * 32).token(cookie, [READER], NOW) is None


@pytest.mark.parametrize("cookie", ["", "x", "a.b.c", "\xff", "W10.x", "." * 3000])
def test_a_made_up_cookie_is_none(browser: FlaskClient, cookie: str) -> None:
    assert Sessions(b"k" * 32).token(cookie, [READER], NOW) is None
    browser.set_cookie(COOKIE, cookie)
    assert browser.get("/api/v1/jobs").status_code == 401


def test_a_signed_cookie_of_another_shape_is_none() -> None:
    sessions = Sessions(b"k" * 32)
    for content in (None, 1, [], ["reader"], ["reader", "x", "y"], {"a": 1}, ["reader", READER.sha256[:16], 1e300]):
        assert sessions.token(str(sessions._serializer.dumps(content)), [READER], NOW) is None


def test_a_session_ends_when_its_token_expires(shared: Service) -> None:
    short = dataclasses.replace(READER, expires=shared.now() - timedelta(seconds=1))
    cookie = app_of(shared, READER).extensions["chronos_gitops.callers"].sessions.issue(READER, shared.now())
    client = app_of(shared, short).test_client()
    client.set_cookie(COOKIE, cookie)
    refused = client.get("/api/v1/jobs")
    assert refused.status_code == 401
    assert "expired on" in refused.get_json()["detail"]


def test_the_key_is_kept_and_nobody_else_reads_it(tmp_path: Path) -> None:
    cookie = auth_sessions.load(tmp_path).issue(READER, NOW)
    assert auth_sessions.load(tmp_path).token(cookie, [READER], NOW) == READER
    assert (tmp_path / "session.key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["session.key"]


def test_a_key_that_was_cut_short_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "session.key").write_bytes(b"short")
    auth_sessions.load(tmp_path)
    assert len((tmp_path / "session.key").read_bytes()) == 32


def test_a_data_folder_that_cannot_keep_the_key_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataFolderUnusable, match="cannot be kept"):
        auth_sessions.load(tmp_path / "file")
