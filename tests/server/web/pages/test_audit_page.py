"""The page of the audit log: each filter of its form, its pages, and links to what a line names."""

import dataclasses
import re

import pytest
from flask.testing import FlaskClient
from harness.api_fixtures import Checkout, app_of, token_of
from server.web.test_pages import page

from chronos_gitops.server.web.pages import audit
from chronos_gitops.service import Service

JOB = "/api/v1/jobs/daily-backup"


def rows(text: str) -> list[str]:
    return re.findall(r"<tr data-row>(.*?)</tr>", text, re.DOTALL)


def actions(text: str) -> list[str]:
    return re.findall(r'<td class="act">([^<]+)</td>', text)


@pytest.fixture
def busy(own: FlaskClient) -> FlaskClient:
    """After one call of each kind, of which the last two were refused."""
    own.post(f"{JOB}/pause", json={"reason": "moving house"})
    own.post(f"{JOB}/resume")
    own.post("/api/v1/jobs/failing/trigger")
    own.post("/api/v1/sync")
    own.post("/api/v1/executions/nothing/cancel")
    own.post(f"{JOB}/rollback/99")
    return own


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["rollback", "cancel", "sync", "trigger", "resume", "pause"]),
        ("?job=daily-backup", ["rollback", "resume", "pause"]),
        ("?action=pause", ["pause"]),
        ("?result=refused", ["rollback", "cancel"]),
        ("?result=refused&result=done&job=daily-backup&action=&by=&since=&until=", ["rollback", "resume", "pause"]),
        ("?by=anonymous&action=sync", ["sync"]),
        ("?by=ada", []),
        ("?within=1h&job=failing", ["trigger"]),
        ("?until=2026-01-01T00:00", []),
    ],
)
def test_the_rows_are_those_of_the_api(busy: FlaskClient, query: str, expected: list[str]) -> None:
    assert actions(page(busy, f"/audit{query}")) == expected
    if "within" not in query:
        plain = "&".join(part for part in query[1:].split("&") if not part.endswith("="))
        assert [one["action"] for one in busy.get(f"/api/v1/audit?{plain}").get_json()["items"]] == expected


def test_entries_since_and_until_an_instant(busy: FlaskClient) -> None:
    found = busy.get("/api/v1/audit").get_json()["items"]
    middle = found[2]["at"]
    later = [one["id"] for one in found if one["at"] >= middle]
    assert [one["id"] for one in busy.get(f"/api/v1/audit?since={middle}").get_json()["items"]] == later
    earlier = [one["id"] for one in found if one["at"] < middle]
    assert [one["id"] for one in busy.get(f"/api/v1/audit?until={middle}&limit=2").get_json()["items"]] == earlier[:2]


def test_each_line_leads_to_what_it_names(own: FlaskClient, checkout: Checkout) -> None:
    made = own.post(f"{JOB}/rollback/1", json={"reason": "it fails"}).get_json()["commit"]
    own.post("/api/v1/sync")
    execution = own.post("/api/v1/jobs/failing/trigger").get_json()["id"]
    own.post("/api/v1/rollback", json={"commit": made, "reason": "it was right"})
    own.post("/api/v1/sync")
    undone, triggered, restored = (row for row in rows(page(own, "/audit")) if ">sync<" not in row)
    assert f'href="/commits/{made}"' in undone
    assert f'href="/commits/{checkout.git("rev-parse", "HEAD").strip()}"' in undone
    assert f'<a href="/executions/{execution}">execution</a>' in triggered
    assert '<a href="/jobs/failing">failing</a>' in triggered
    assert '<a href="/jobs/daily-backup/versions/1">version 1</a>' in restored
    assert f'href="/commits/{made}"' in restored
    assert "it fails" in restored
    assert '<a href="/audit?by=anonymous">anonymous</a>' in restored


def test_a_line_says_the_end_of_a_pause_and_the_jobs_of_a_bulk_call(own: FlaskClient) -> None:
    own.post(f"{JOB}/pause", json={"reason": "moving house", "until": "2999-01-01T00:00:00Z"})
    own.post("/api/v1/bulk/resume", json={"select": {"tags": {"team": "backend"}}, "reason": "moved"})
    resumed, paused = rows(page(own, "/audit"))
    assert "<small>until 2999-01-01T00:00:00Z</small>" in paused
    assert re.search(r"<small>\d jobs? \(tag team=backend\)</small>", resumed)


def test_a_refused_line_says_why_and_leads_nowhere_else(busy: FlaskClient) -> None:
    rollback, cancel = rows(page(busy, "/audit"))[:2]
    assert '<span class="outcome refused">refused</span> 404' in rollback
    assert "/versions/99" not in rollback
    assert "<small>there is no execution &#34;nothing&#34;</small>" in cancel


def test_older_pages_follow_and_keep_the_filter(own: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "_SHOWN", 2)
    for _ in range(5):
        own.post(f"{JOB}/resume")
        own.post("/api/v1/sync")
    found, query = 0, "?action=resume"
    while query:
        text = page(own, f"/audit{query}")
        assert set(actions(text)) == {"resume"}
        found += len(actions(text))
        older = re.search(r'rel="next" href="/audit(\?[^"]+)"', text)
        query = older[1].replace("&amp;", "&") if older else ""
        assert ('rel="prev" href="/audit?action=resume"' in text) == (found > 2)
    assert found == 5


def test_a_caller_sees_the_calls_about_its_jobs_only(service: Service) -> None:
    (ada, all_jobs), (eve, no_jobs) = token_of("ada", "read", "operate"), token_of("eve", "read")
    elsewhere = dataclasses.replace(no_jobs, folders=("jobs/none",))
    client = app_of(service, all_jobs, elsewhere).test_client()
    client.post(f"{JOB}/resume", headers={"Authorization": f"Bearer {ada}"})
    for key, expected in ((ada, ["resume"]), (eve, [])):
        answer = client.get("/audit", headers={"Authorization": f"Bearer {key}", "Accept": "text/html"})
        assert actions(answer.get_data(as_text=True)) == expected
