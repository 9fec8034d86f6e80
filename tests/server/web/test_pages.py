import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from harness.api_fixtures import XSS, Checkout, app_of, finished, job_yaml, settings_of, token_of

from chronos_gitops.app import build
from chronos_gitops.server.web import formatting
from chronos_gitops.server.web.pages import jobs
from chronos_gitops.service import Service


class Strict(HTMLParser):
    """Collects what a strict Content-Security-Policy would block."""

    def __init__(self) -> None:
        super().__init__()
        self.blocked: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        is_inline = tag == "script" and not (dict(attrs).get("src") or "").startswith("/static/")
        self.blocked += [tag] if is_inline or tag in ("style", "iframe", "object") else []
        self.blocked += [name for name, _ in attrs if name.startswith("on") or name == "style"]
        self.links += [value or "" for name, value in attrs if name == "href"]


def page(client: FlaskClient, path: str) -> str:
    response = client.get(path, headers={"Accept": "text/html"})
    assert response.status_code == 200
    assert response.mimetype == "text/html"
    text = response.get_data(as_text=True)
    parser = Strict()
    parser.feed(text)
    assert parser.blocked == []
    for link in parser.links:
        if link.startswith("/"):
            assert client.get(link).status_code == 200, link
    return text


def test_the_first_page_tells_every_job(client: FlaskClient) -> None:
    text = page(client, "/")
    for word in ("daily-backup", "failing", "nightly", "off", "healthy", "At 03:30", "team=backend"):
        assert word in text
    assert "Synced" in text
    assert "4 jobs" in text
    assert text.count("<tr data-row>") == 4


def test_the_first_page_filters_as_the_api_does(client: FlaskClient) -> None:
    text = page(client, "/?q=night&state=enabled")
    assert "nightly" in text
    assert "daily-backup" not in text
    assert client.get("/?stat=enabled", headers={"Accept": "text/html"}).status_code == 400


def test_columns_order_the_list_and_a_second_click_turns_it(client: FlaskClient) -> None:
    assert 'aria-sort="ascending"><a href="/?sort=-health">State' in page(client, "/")
    text = page(client, "/?q=a&sort=name")
    assert 'aria-sort="ascending"><a href="/?q=a&amp;sort=-name">Job' in text
    assert re.findall(r'<a href="/jobs/([a-z-]+)">', text) == ["daily-backup", "failing"]
    turned = page(client, "/?q=a&sort=-name")
    assert re.findall(r'<a href="/jobs/([a-z-]+)">', turned) == ["failing", "daily-backup"]
    assert '<input type="hidden" name="sort" value="-name">' in turned
    for column, order in (("Schedule", "schedule"), ("Last 20 executions", "-failures"), ("Version", "-updated_at")):
        assert f'<a href="/?sort={order}">{column}</a>' in page(client, "/")
    assert client.get("/?sort=colour", headers={"Accept": "text/html"}).status_code == 400


def test_a_long_list_has_pages_that_keep_the_order(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "SHOWN", 3)
    text = page(client, "/?sort=name")
    assert re.findall(r'<a href="/jobs/([a-z-]+)">', text) == ["daily-backup", "failing", "nightly"]
    following = re.search(r'rel="next" href="([^"]+)"', text)
    assert following
    rest = page(client, following[1].replace("&amp;", "&"))
    assert re.findall(r'<a href="/jobs/([a-z-]+)">', rest) == ["off"]
    assert "page 2 of 2" in rest


def test_a_failing_job_names_the_commit_that_it_fails_since(own: FlaskClient) -> None:
    finished(own, own.post("/api/v1/jobs/failing/trigger").get_json()["id"])
    commit = own.get("/api/v1/jobs/failing").get_json()["commit"]
    assert f'since <a href="/commits/{commit}" title="version 1 by' in page(own, "/")


def test_an_execution_shows_the_headers_of_its_response(own: FlaskClient) -> None:
    found = finished(own, own.post("/api/v1/jobs/failing/trigger").get_json()["id"])
    server = found["attempts"][0]["response_headers"]["Server"]
    assert server.startswith("BaseHTTP")
    assert f"<dt><code>Server</code></dt><dd><code>{server}</code></dd>" in page(own, f"/executions/{found['id']}")


def test_a_job_page_has_its_versions_and_what_comes_next(client: FlaskClient) -> None:
    text = page(client, "/jobs/daily-backup")
    assert "More jobs, one less" in text
    assert text.count("<time") >= 8
    assert "<b>current</b>" in text


def test_a_deleted_job_keeps_its_page(client: FlaskClient) -> None:
    assert "This job was deleted" in page(client, "/jobs/retired")


def test_an_execution_page_shows_its_attempts(own: FlaskClient) -> None:
    done = finished(own, own.post("/api/v1/jobs/daily-backup/trigger").get_json()["id"])
    text = page(own, f"/executions/{done['id']}")
    assert "success" in text
    assert "&lt;b&gt;answered&lt;/b&gt;" in text


def test_the_red_ones_come_first(own: FlaskClient) -> None:
    finished(own, own.post("/api/v1/jobs/failing/trigger").get_json()["id"])
    text = page(own, "/")
    assert text.index("/jobs/failing") < text.index("/jobs/daily-backup")


def test_nothing_that_people_wrote_is_run(own: FlaskClient, checkout: Checkout) -> None:
    """Descriptions, commit messages, authors, tags, file names, pause reasons and queries are text."""
    checkout.write(
        f"x{XSS.replace('/', '')}", f"name: evil\nschedule: '{XSS}'\nwebhook: {{url: 'http://127.0.0.1/'}}\n"
    )
    tags = f'{{team: "{XSS}"}}'.replace('("x")', "(1)")
    file = f"name: tagged\nschedule: 0 1 * * *\nenabled: true\ndescription: '{XSS}'\nwebhook: {{url: 'http://127.0.0.1/'}}\n"
    checkout.write("tagged", f"{file}tags: {tags}\n")
    checkout.git("config", "user.name", XSS)
    checkout.git("add", "-A")
    checkout.git("-c", f"user.name={XSS}", "commit", "-q", "-m", f"Evil {XSS}")
    own.post("/api/v1/sync")
    own.post("/api/v1/jobs/tagged/pause", json={"reason": XSS})
    for path in ("/", "/jobs/tagged", "/jobs/failing", "/jobs/daily-backup", f"/?q={XSS}"):
        assert page(own, path).count("<script") == 1  # our own, in the head
    assert "&lt;script&gt;" in page(own, "/jobs/tagged")
    assert own.get(f"/executions/{XSS}", headers={"Accept": "text/html"}).get_data(as_text=True).count("<script") == 0


def test_a_broken_file_shows_in_a_banner(own: FlaskClient, checkout: Checkout) -> None:
    checkout.write("daily-backup", "name: daily-backup\nschedule: nonsense\nwebhook: {url: 'http://127.0.0.1/'}\n")
    own.post("/api/v1/sync")
    text = page(own, "/")
    assert "Synced with problems" in text
    assert "jobs/daily-backup.yaml:2:" in text
    assert "The file is invalid; version 3 keeps running." in page(own, "/jobs/daily-backup")


def test_the_style_has_both_colour_schemes(client: FlaskClient) -> None:
    css = client.get("/static/chronos.css")
    assert css.mimetype == "text/css"
    assert css.headers["ETag"]
    assert re.search(r"light-dark\(", css.get_data(as_text=True))


@pytest.mark.parametrize("name", ["chronos.css", "chronos.js"])
def test_a_browser_asks_once_for_a_static_file(client: FlaskClient, name: str) -> None:
    """A page used to ask again for its style and its script before it was painted."""
    address = re.search(rf'"(/static/{re.escape(name)}[^"]*)"', page(client, "/"))
    assert address is not None
    assert "immutable" in client.get(address[1]).headers["Cache-Control"]
    for other in (f"/static/{name}", f"/static/{name}?v=0123456789abcdef"):
        assert client.get(other).headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.4, "0.4 s"),
        (2, "2 s"),
        (59.6, "1 min"),
        (90, "1 min 30 s"),
        (3600, "1 h"),
        (90061, "1 d 1 h"),
        (86405, "1 d"),
    ],
)
def test_lengths_in_words(seconds: float, expected: str) -> None:
    assert formatting.length(timedelta(seconds=seconds)) == expected


def test_times_in_words() -> None:
    now = datetime(2026, 3, 8, 7, tzinfo=UTC)
    assert formatting.relative(now + timedelta(minutes=5), now) == "in 5 min"
    assert formatting.relative(now - timedelta(hours=3), now) == "3 h ago"
    assert formatting.relative(now, now) == "now"
    assert formatting.relative(now + timedelta(minutes=9, seconds=59), now) == "in 9 min 59 s"
    assert formatting.relative(now - timedelta(minutes=12, seconds=40), now) == "12 min ago"


def test_a_version_page_tells_what_it_changed(client: FlaskClient) -> None:
    text = page(client, "/jobs/daily-backup/versions/2")
    assert "<h2>Changes</h2>" in text
    assert "Next runs, before and after" in text
    assert "Next runs before" in page(client, "/jobs/daily-backup/versions/3")
    assert 'rel="prev"' in text
    assert 'rel="next"' in text


def test_the_file_names_the_version_that_wrote_each_line(client: FlaskClient) -> None:
    text = page(client, "/jobs/daily-backup")
    blamed = re.findall(r'<tr><td><a href="/jobs/daily-backup/versions/(\d)"', text)
    assert len(set(blamed)) >= 2


def test_the_other_pages_answer(own: FlaskClient) -> None:
    assert "Hours with the fewest runs" in page(own, "/upcoming")
    own.post("/api/v1/sync")
    assert "sync requested" in page(own, "/changes")
    assert "last heartbeat" in page(own, "/status")


def test_a_rollback_is_one_form_away_and_comes_back_to_the_job(own: FlaskClient, service: Service) -> None:
    text = page(own, "/jobs/daily-backup/rollback/1")
    assert "Commit the rollback" in text
    match = re.findall(r'name="_match" value="([0-9a-f]+)"', text)[0]
    form = {"reason": "too late\r\nat night", "_next": "/jobs/daily-backup", "_match": match}
    answer = own.post("/api/v1/jobs/daily-backup/rollback/1", data=form)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/jobs/daily-backup")
    newest = service.follower.index().versions("daily-backup")[-1]
    assert (newest.number, newest.subject) == (4, "Roll back daily-backup to version 1")
    entry = own.get("/api/v1/audit").get_json()["items"][0]
    assert (entry["action"], entry["result"], entry["reason"]) == ("rollback", "done", "too late\nat night")


def test_a_form_that_was_filled_in_on_another_version_is_refused(own: FlaskClient) -> None:
    form = {"reason": "late", "_next": "/", "_match": "0123456789abcdef"}
    assert own.post("/api/v1/jobs/daily-backup/rollback/1", data=form).status_code == 412


def test_a_rollback_that_cannot_be_is_told_before_it_is_asked_for(own: FlaskClient, checkout: Checkout) -> None:
    checkout.write("daily-backup", "name: daily-backup\nschedule: nonsense\nwebhook: {url: 'http://127.0.0.1/'}\n")
    checkout.commit("Break it")
    checkout.write("daily-backup", job_yaml("daily-backup", "http://127.0.0.1:9/"))
    checkout.commit("Mend it")
    own.post("/api/v1/sync")
    text = page(own, "/jobs/daily-backup/rollback/4")
    assert "Not possible" in text
    assert "Commit the rollback" not in text


def test_pausing_and_resuming_by_form(own: FlaskClient) -> None:
    sent = own.post("/api/v1/jobs/nightly/pause", data={"reason": "the move", "until": "", "_next": "/jobs/nightly"})
    assert (sent.status_code, sent.headers["Location"]) == (303, "/jobs/nightly")
    assert "the move" in page(own, "/jobs/nightly")
    assert own.post("/api/v1/jobs/nightly/pause", data={"_next": "/"}).status_code == 400
    own.post("/api/v1/jobs/nightly/resume", data={"_next": "//evil.example"})
    assert "the move" not in page(own, "/jobs/nightly")


@pytest.mark.parametrize("path", ["//evil.example", "https://evil.example", "/\\evil.example", "/\tx"])
def test_a_form_leads_to_a_page_of_ours_only(own: FlaskClient, path: str) -> None:
    assert own.post("/api/v1/sync", data={"_next": path}).headers["Location"] == "/"


def test_a_form_of_another_site_does_nothing(own: FlaskClient) -> None:
    headers = {"Origin": "https://evil.example"}
    sent = own.post("/api/v1/jobs/nightly/pause", data={"reason": "x", "_next": "/"}, headers=headers)
    assert sent.status_code == 403


def test_who_may_only_read_is_offered_nothing_to_press(service: Service) -> None:
    secret, token = token_of("reader", "read")
    reader = app_of(service, token).test_client()
    text = reader.get("/jobs/daily-backup", headers={"Authorization": f"Bearer {secret}", "Accept": "text/html"})
    assert "Run now" not in text.get_data(as_text=True)
    assert "roll back…" not in text.get_data(as_text=True)


def test_a_tile_filters_and_a_page_of_jobs_has_two_hundred(client: FlaskClient) -> None:
    text = page(client, "/?standing=off")
    assert text.count("<tr data-row>") == 1
    assert "1 job, off" in text
    assert client.get("/?standing=red", headers={"Accept": "text/html"}).status_code == 400
    assert "No jobs match" in page(client, "/?page=2")


def test_a_row_has_the_news_of_its_job_at_once(own: FlaskClient) -> None:
    for number in (1, 2, 3):
        finished(own, own.post("/api/v1/jobs/failing/trigger").get_json()["id"])
        text = page(own, "/")
        assert f"{number} failed" in text
        assert (f"{number} failures in a row" in text) is (number > 1)
    finished(own, own.post("/api/v1/jobs/daily-backup/trigger").get_json()["id"])
    assert "Last executions: 1 success" in page(own, "/")


def test_what_is_due_minds_a_pause_at_once(own: FlaskClient) -> None:
    assert "3 runs, peak" in page(own, "/")
    own.post("/api/v1/jobs/daily-backup/pause", json={"reason": "x"})
    assert "2 runs, peak" in page(own, "/")
    assert "1 run, peak" in page(own, "/?tag.team=frontend")
    own.post("/api/v1/jobs/daily-backup/resume")
    assert "3 runs, peak" in page(own, "/")


@pytest.fixture
def layered(tmp_path: Path) -> Iterator[FlaskClient]:
    """One job of staging, with a zone and a secret from layers."""
    checkout = Checkout(tmp_path / "repo")
    checkout.write("_defaults", "timezone: Europe/Paris\nwebhook: {auth: {type: bearer, token: '${secret:t}'}}\n")
    checkout.write("_environments/staging", "# Staging.\nvariables: {api: https://staging.example.com}\n")
    checkout.write("_environments/production", "variables: {api: https://api.example.com}\n")
    checkout.write("a/one-job", "name: one-job\nschedule: '@daily'\nwebhook: {url: '${var:api}/x'}\n")
    checkout.commit("Add a job")
    settings = replace(settings_of(checkout, tmp_path / "data"), environment="staging")
    with build(settings) as service:
        yield app_of(service).test_client()


def test_environment_stands_in_the_header_and_in_the_title(layered: FlaskClient, client: FlaskClient) -> None:
    for path in ("/", "/jobs/one-job", "/changes"):
        text = page(layered, path)
        assert re.search(r'<b class="environment"[^>]*>.*staging</b>', text)
        assert "<title>staging · " in text
    assert "environment" not in page(client, "/").partition("</header>")[0]


def test_a_job_page_has_the_file_and_line_of_each_field(layered: FlaskClient) -> None:
    text = page(layered, "/jobs/one-job")
    table = text.partition('<table class="fields places">')[2].partition("</table>")[0]
    rows = [re.findall(r"<code>(.*?)</code>", row) for row in table.split("<tr>")[2:]]
    found = {row[0]: row[1:] for row in rows}
    assert found["timezone"] == ["Europe/Paris", "jobs/_defaults.yaml:1"]
    assert found["webhook.url"] == ["https://staging.example.com/x", "jobs/a/one-job.yaml:3"]
    assert found["webhook.auth"][1] == "jobs/_defaults.yaml:2"
    assert found["jitter"] == ["0s"]
    assert '<details id="fields" open>' in text


def test_fields_of_a_plain_job_are_folded(client: FlaskClient) -> None:
    assert '<details id="fields">' in page(client, "/jobs/daily-backup")


def test_a_job_without_a_valid_version_is_not_said_to_be_deleted(own: FlaskClient, checkout: Checkout) -> None:
    checkout.write("stillborn", "name: stillborn\nschedule: nonsense\n")
    checkout.commit("Add a file that is invalid")
    own.post("/api/v1/sync")
    text = page(own, "/jobs/stillborn")
    assert "was deleted" not in text
    assert '<span class="standing invalid">invalid</span>' in text
    assert "<code>jobs/stillborn.yaml:2:11</code>" in text
    assert "was deleted" in page(own, "/jobs/retired")


def test_a_long_schedule_is_shown_as_it_is_written(own: FlaskClient, checkout: Checkout) -> None:
    checkout.write(
        "long", job_yaml("long", "http://127.0.0.1:9/", schedule="20 */3 * * MON-FRI", timezone="Asia/Tokyo")
    )
    checkout.write(
        "several", job_yaml("several", "http://127.0.0.1:9/", schedule=["0 1 * * MON-FRI", "30 13 1,15 * *"])
    )
    checkout.commit("Add schedules that no column holds in words")
    own.post("/api/v1/sync")
    text = page(own, "/")
    assert ">20 */3 * * MON-FRI <small>Asia/Tokyo</small>" in text
    assert ">0 1 * * MON-FRI +1</div>" in text
    assert 'title="At 20 minutes past the hour, every 3 hours, Monday through Friday · 20 */3' in text
    assert "<small>UTC</small>" not in text
