"""Every form of the pages is answered: a notice on the next page, or a page that says why not."""

import re
from html import unescape

import pytest
from flask.testing import FlaskClient
from harness.api_fixtures import Checkout, finished
from werkzeug.test import TestResponse

from chronos_gitops.server.api.endpoint import DeclaredRule
from chronos_gitops.server.api.form_notice import FormNotice
from chronos_gitops.server.api.middleware import form_redirect

BROWSER = {"Accept": "text/html,application/xhtml+xml", "Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
PAUSE = {"select.jobs": "daily-backup,nightly", "reason": "the database moves", "expect_jobs": "2"}
ACTIONS = [
    ("/api/v1/jobs/daily-backup/trigger", {}, "Triggered daily-backup: execution ", "/executions/"),
    ("/api/v1/jobs/daily-backup/pause", {"reason": "x"}, "Paused daily-backup until it is resumed.", "/changes"),
    ("/api/v1/jobs/daily-backup/pause", {"reason": "x", "for": "2h"}, "Paused daily-backup until 20", "/changes"),
    ("/api/v1/jobs/daily-backup/resume", {}, "Resumed daily-backup. The next run is at ", "/changes"),
    ("/api/v1/jobs/off/resume", {}, "Resumed off. No run is due.", "/changes"),
    ("/api/v1/jobs/daily-backup/rollback/1", {}, "Rolled daily-backup back to version 1: commit ", "/jobs/"),
    ("/api/v1/jobs/daily-backup/rollback/3", {}, "No commit was created: ", ""),
    ("/api/v1/sync", {}, "Sync finished: synced, commit ", ""),
    ("/api/v1/bulk/pause", PAUSE, "2 jobs of 2 paused.", "/changes"),
    ("/api/v1/bulk/resume", PAUSE, "0 jobs of 2 resumed.", "/changes"),
    ("/api/v1/bulk/trigger", PAUSE, "2 jobs of 2 triggered.", "/changes"),
]  # fmt: skip


def send(client: FlaskClient, path: str, fields: dict[str, str], page: str = "/jobs/daily-backup") -> TestResponse:
    return client.post(path, data=fields | {"_next": page}, headers=BROWSER)


def notice(text: str) -> tuple[str, str]:
    """The sentence and the path of its link."""
    found = re.search(r'<p class="banner done" role="status">(.*?)(?: <a href="(.*?)">.*?</a>)?</p>', text)
    assert found is not None, text
    return unescape(found[1]), unescape(found[2] or "")


@pytest.mark.parametrize(("path", "fields", "sentence", "link"), ACTIONS, ids=[one[0] for one in ACTIONS])
def test_every_action_says_what_was_done_and_leads_there(
    own: FlaskClient, path: str, fields: dict[str, str], sentence: str, link: str
) -> None:
    sent = send(own, path, fields)
    assert (sent.status_code, sent.location) == (303, "/jobs/daily-backup")
    said, leads_to = notice(own.get(sent.location, headers=BROWSER).get_data(as_text=True))
    assert said.startswith(sentence)
    assert leads_to.startswith(link)
    if leads_to:
        assert own.get(leads_to, headers=BROWSER).status_code == 200
    assert "banner done" not in own.get(sent.location, headers=BROWSER).get_data(as_text=True), "it is said once"


def test_every_form_of_a_page_has_a_sentence_of_its_own(own: FlaskClient) -> None:
    """Forms as the pages have them; those that log in and out lead to a page that says it by itself."""
    finished(own, own.post("/api/v1/jobs/failing/trigger").get_json()["id"])
    pages = ("/", "/changes", "/jobs/daily-backup", "/jobs/daily-backup/rollback/1", "/jobs/failing")
    texts = [own.get(page, headers=BROWSER).get_data(as_text=True) for page in pages]
    actions = {action for text in texts for action in re.findall(r'method="post" action="([^"]+)"', text)}
    urls = own.application.url_map.bind("localhost")
    for action in actions:
        rule, _ = urls.match(action, "POST", return_rule=True)
        assert isinstance(rule, DeclaredRule)
        assert rule.declared.notice is not None, action
    assert len(actions) > 5


@pytest.mark.parametrize(
    ("path", "fields", "status", "words"),
    [
        ("/api/v1/jobs/daily-backup/pause", {"reason": " \n"}, 400, "&#34;reason&#34; is empty"),
        ("/api/v1/jobs/daily-backup/pause", {"reason": "x", "for": "soon"}, 400, "&#34;for&#34;"),
        ("/api/v1/jobs/no-such-job/trigger", {}, 404, "There is no job"),
        ("/api/v1/jobs/daily-backup/rollback/99", {}, 404, "has no version"),
        ("/api/v1/sync/approve", {"checksum": "sha256:old"}, 409, ""),
        ("/api/v1/bulk/trigger", PAUSE | {"expect_jobs": "3"}, 409, "The selection has 2 jobs, not 3"),
    ],
)
def test_a_form_that_fails_answers_a_page_with_the_way_back(
    client: FlaskClient, path: str, fields: dict[str, str], status: int, words: str
) -> None:
    answer = send(client, path, fields, "/?q=night&health=failing")
    text = answer.get_data(as_text=True)
    assert (answer.status_code, answer.mimetype) == (status, "text/html")
    assert words in text
    assert '<a href="/?q=night&amp;health=failing">' in text
    for page in ("/", "/upcoming", "/changes", "/status", "/api/docs"):
        assert f'<a href="{page}" data-go=' in text


def test_a_program_gets_a_problem_and_no_cookie(client: FlaskClient) -> None:
    for headers in ({}, {"Accept": "text/html"}):
        answer = client.post("/api/v1/jobs/daily-backup/pause", data='{"reason": " "}', headers=headers)
        assert answer.mimetype == "application/problem+json"
    assert "Set-Cookie" not in client.post("/api/v1/jobs/daily-backup/resume").headers


@pytest.mark.parametrize("value", ["", "x", "W10=", "WyJhIl0=", "WyIxIiwyLDNd", "%FC", "bnVsbA==", "WzEsWzJdXQ=="])
def test_a_cookie_of_another_program_breaks_nothing(client: FlaskClient, value: str) -> None:
    client.set_cookie(form_redirect.COOKIE, value)
    assert client.get("/status", headers=BROWSER).status_code == 200


def test_a_notice_is_text_and_leads_to_this_runner_only(client: FlaskClient) -> None:
    value = form_redirect.encoded(FormNotice("<script>x</script>", "//evil.example/", "<b>"))
    client.set_cookie(form_redirect.COOKIE, value)
    text = client.get("/status", headers=BROWSER).get_data(as_text=True)
    assert notice(text) == ("<script>x</script>", "/")
    assert text.count("<script") == 1


@pytest.mark.parametrize("asked", ["state=failing", "state=nonsense", "nonsense=1", "page=x"])
def test_an_error_page_has_the_navigation(client: FlaskClient, asked: str) -> None:
    answer = client.get(f"/?{asked}", headers=BROWSER)
    assert answer.status_code == 400
    assert '<nav aria-label="Pages">' in answer.get_data(as_text=True)


def test_a_word_of_another_parameter_is_named_with_it(client: FlaskClient) -> None:
    for path in ("/", "/api/v1/jobs"):
        assert "Did you mean health=failing?" in client.get(f"{path}?state=failing").get_json()["hint"]
    assert client.get("/?health=failing", headers=BROWSER).status_code == 200


def test_an_invalid_job_offers_the_way_back_to_the_version_that_runs(own: FlaskClient, checkout: Checkout) -> None:
    checkout.write("daily-backup", "name: daily-backup\nschedule: nonsense\nwebhook: {url: 'http://127.0.0.1/'}\n")
    checkout.write("stillborn", "name: stillborn\nschedule: nonsense\n")
    checkout.commit("Break the backup")
    own.post("/api/v1/sync")
    text = own.get("/jobs/daily-backup", headers=BROWSER).get_data(as_text=True)
    assert 'class="button" href="/jobs/daily-backup/rollback/3"' in text
    assert "/jobs/daily-backup/rollback/4" not in text
    preview = own.get("/jobs/daily-backup/rollback/3", headers=BROWSER).get_data(as_text=True)
    assert "Commit the rollback" in preview
    assert "Next runs, before and after" in preview
    assert "<li>none</li>" not in preview
    first = own.get("/?health=invalid", headers=BROWSER).get_data(as_text=True)
    assert re.search(r'<a class="tile invalid"[^>]*><b>2</b>', first), "the tile counts what the banner names"
    assert "2 jobs, invalid" in first
    assert "no version is valid yet" in first
    assert 'href="/jobs/stillborn"' not in first
    assert "2 jobs, invalid" not in own.get("/?health=invalid&tag.team=backend", headers=BROWSER).get_data(as_text=True)


def test_after_a_rollback_the_page_says_that_the_new_version_waits(own: FlaskClient, checkout: Checkout) -> None:
    finished(own, own.post("/api/v1/jobs/failing/trigger").get_json()["id"])
    checkout.write(
        "failing", '{"name": "failing", "schedule": "0 3 * * *", "webhook": {"url": "http://127.0.0.1:9/400"}}\n'
    )
    checkout.commit("Move the failing job")
    own.post("/api/v1/sync")
    text = own.get("/jobs/failing", headers=BROWSER).get_data(as_text=True)
    assert "Failing since" in text
    assert re.search(r"committed version <a [^>]*>2</a>.*It has not run yet", text)
