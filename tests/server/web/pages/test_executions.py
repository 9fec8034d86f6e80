"""The page of executions: each filter of its form, its pages, and links with the filter set."""

import re
from datetime import timedelta
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from harness.api_fixtures import finished

from chronos_gitops.schedule.timestamps import rfc3339
from chronos_gitops.service import Service


@pytest.fixture(autouse=True)
def _executions(client: FlaskClient) -> None:
    """At least three of ``failing`` and one of ``daily-backup``, all ended."""
    for name, least in (("failing", 3), ("daily-backup", 1)):
        for _ in range(least - len(listed(client, f"?job={name}"))):
            finished(client, client.post(f"/api/v1/jobs/{name}/trigger").get_json()["id"])


def page(client: FlaskClient, query: str = "", status: int = 200) -> str:
    answer = client.get(f"/executions{query}", headers={"Accept": "text/html"})
    assert answer.status_code == status
    return answer.get_data(as_text=True)


def ids(text: str) -> list[str]:
    return re.findall(r'class="when"><a href="/executions/([^"]+)"', text)


def listed(client: FlaskClient, query: str) -> list[str]:
    return [one["id"] for one in client.get(f"/api/v1/executions{query}").get_json()["items"]]


@pytest.mark.parametrize(
    "query",
    [
        "?status=failed",
        "?status=failed&status=skipped",
        "?job=failing",
        "?trigger=manual",
        "?job=failing&status=success&trigger=&since=&until=",
        "?tag.team=backend",
        "?until=2026-01-01T00:00",
    ],
)
def test_the_rows_are_those_of_the_api(client: FlaskClient, query: str) -> None:
    plain = "&".join(part for part in query[1:].split("&") if not part.endswith("="))
    rows = ids(page(client, query))
    assert rows == listed(client, f"?{plain}")[:50]
    assert bool(rows) != (query in ("?until=2026-01-01T00:00", "?job=failing&status=success&trigger=&since=&until="))


def test_a_length_of_time_counts_from_now(client: FlaskClient, service: Service) -> None:
    since = quote(rfc3339(service.now() - timedelta(hours=1)))
    assert ids(page(client, "?within=1h")) == listed(client, f"?since={since}")[:50] != []
    assert ids(page(client, "?within=1h&until=2020-01-01")) == []


def test_what_was_asked_stands_in_the_form(client: FlaskClient) -> None:
    text = page(client, "?status=failed&trigger=manual&within=8h&since=2026-02-03T04:05&job=failing&tag.team=backend")
    assert 'value="failed" checked' in text
    assert "<option selected>manual</option>" in text
    assert '<option value="8h" selected>' in text
    assert 'name="since" value="2026-02-03T04:05"' in text
    assert 'name="tag.team" value="backend"' in text


def test_a_job_that_is_not_there_is_said_with_a_way_on(client: FlaskClient) -> None:
    text = page(client, "?job=nobody")
    assert "/?q=nobody" in text
    assert ids(text) == []
    assert "No executions match." in text


@pytest.mark.parametrize("query", ["?status=faild", "?within=2h", "?sinc=2026-01-01", "?cursor=x"])
def test_what_means_nothing_is_refused_with_a_page(client: FlaskClient, query: str) -> None:
    assert "<nav" in page(client, query, 400)


def test_links_lead_here_with_the_filter_set(client: FlaskClient) -> None:
    job = client.get("/jobs/failing", headers={"Accept": "text/html"}).get_data(as_text=True)
    assert 'href="/executions?job=failing"' in job
    assert 'href="/executions?job=failing&amp;status=failed"' in job
    assert 'href="/executions?status=failed&amp;within=1h"' in page(client)


def test_older_pages_follow_and_the_newest_one_is_one_link_away(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chronos_gitops.server.web.pages import executions

    monkeypatch.setattr(executions, "_SHOWN", 2)
    everything, found, query = listed(client, "?job=failing"), list[str](), "?job=failing"
    while query:
        text = page(client, query)
        found += ids(text)
        older = re.search(r'rel="next" href="/executions(\?[^"]+)"', text)
        query = older[1].replace("&amp;", "&") if older else ""
        assert ('rel="prev" href="/executions?job=failing"' in text) == (len(found) > 2)
    assert found == everything
    assert len(found) >= 3


def test_a_column_orders_the_list_and_turns_it_round(client: FlaskClient) -> None:
    text = page(client, "?job=failing")
    assert 'aria-sort="descending"><a href="/executions?job=failing&amp;sort=scheduled_time">Scheduled' in text
    assert 'href="/executions?job=failing&amp;sort=-duration_ms">Duration' in text
    slow = page(client, "?job=failing&sort=-duration_ms")
    assert ids(slow) == listed(client, "?job=failing&sort=-duration_ms")[:50]
    assert 'aria-sort="descending"><a href="/executions?job=failing&amp;sort=duration_ms">Duration' in slow
    assert '<input type="hidden" name="sort" value="-duration_ms">' in slow
