"""``sort`` of the list of jobs: every key in both directions, over pages, and what is refused."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from harness.api_fixtures import Checkout, Receiver, app_of, eventually, finished, job_yaml

from chronos_gitops.server.api.routes.jobs import job_order
from chronos_gitops.server.api.routes.jobs.job_order import KEYS
from chronos_gitops.service import Service


def listed(client: FlaskClient, query: str) -> list[dict[str, Any]]:
    """All pages of a list, two jobs on each."""
    found, url = list[dict[str, Any]](), f"/api/v1/jobs?limit=2&{query}"
    while url:
        page = client.get(url).get_json()
        found += page["items"]
        url = page["next"]
    return found


def names(client: FlaskClient, query: str) -> list[str]:
    return [job["name"] for job in listed(client, query)]


@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize("key", KEYS)
def test_each_key_orders_every_job_once_over_pages(own: FlaskClient, key: str, sign: str) -> None:
    for name in ("failing", "daily-backup"):
        finished(own, own.post(f"/api/v1/jobs/{name}/trigger").get_json()["id"])
    whole = own.get(f"/api/v1/jobs?limit=1000&sort={sign}{key}").get_json()["items"]
    assert names(own, f"sort={sign}{key}") == [job["name"] for job in whole]
    assert sorted(job["name"] for job in whole) == ["daily-backup", "failing", "nightly", "off"]
    values = [value(job, key) for job in whole]
    present = [one for one in values if one is not None]
    assert values == [*sorted(present, reverse=sign == "-"), *[None] * (len(values) - len(present))]


def value(job: dict[str, Any], key: str) -> Any:
    """The sort key as the answer shows it; health is no field of it."""
    last = job["last_execution"] or {}
    if key == "schedule":
        return None if job["name"] == "off" else 86_400
    if key == "failures":
        return {"daily-backup": 0, "failing": 1}.get(job["name"])
    if key == "health":
        return {"failing": 0, "daily-backup": 5, "nightly": 5, "off": 6}[job["name"]]
    return {"last_run": last.get("scheduled_time"), "duration_ms": last.get("duration_ms")}.get(key, job.get(key))


def test_the_most_frequent_job_and_the_most_failures_come_first(
    checkout: Checkout, service: Service, receiver: Receiver
) -> None:
    client = app_of(service).test_client()
    checkout.write("hourly", job_yaml("hourly", f"{receiver.url}/400", schedule="0 * * * *"))
    checkout.write("weekly", job_yaml("weekly", f"{receiver.url}/400", schedule="0 1 * * MON"))
    client.post("/api/v1/sync")
    eventually(lambda: client.get("/api/v1/jobs/weekly").status_code == 200)
    for name in ("weekly", "weekly", "failing", "nightly"):
        finished(client, client.post(f"/api/v1/jobs/{name}/trigger").get_json()["id"])
    assert names(client, "sort=schedule") == ["hourly", "daily-backup", "failing", "nightly", "weekly", "off"]
    assert names(client, "sort=-failures") == ["weekly", "failing", "nightly", "daily-backup", "hourly", "off"]


def test_failures_are_counted_for_a_bounded_number_of_jobs(own: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_order, "MOST_BY_FAILURES", 3)
    problem = own.get("/api/v1/jobs?sort=failures").get_json()
    assert (problem["status"], problem["type"]) == (400, "/problems/invalid-parameter")
    assert problem["detail"] == "4 jobs match, which is too many for `sort=failures`."
    assert names(own, "sort=failures&state=enabled") == ["daily-backup", "failing", "nightly"]


def test_equal_ones_are_by_name_in_both_directions(client: FlaskClient) -> None:
    for sort in ("last_run", "-last_run"):
        assert names(client, f"sort={sort}&tag.team=backend") == ["daily-backup", "off"]


def test_filters_and_order_go_together(own: FlaskClient) -> None:
    finished(own, own.post("/api/v1/jobs/failing/trigger").get_json()["id"])
    assert names(own, "sort=-name&health=healthy") == ["nightly", "daily-backup"]
    assert names(own, "sort=health&state=enabled") == ["failing", "daily-backup", "nightly"]


def test_a_job_that_changes_its_place_hides_no_other_one(own: FlaskClient) -> None:
    first = own.get("/api/v1/jobs?limit=2&sort=health").get_json()
    assert [job["name"] for job in first["items"]] == ["daily-backup", "failing"]
    finished(own, own.post("/api/v1/jobs/daily-backup/trigger").get_json()["id"])
    own.post("/api/v1/jobs/failing/pause", json={"reason": "it moves behind the cursor's place"})
    rest = own.get(first["next"]).get_json()
    assert [job["name"] for job in rest["items"]] == ["nightly", "off"]


def test_a_cursor_belongs_to_its_order(client: FlaskClient) -> None:
    following = client.get("/api/v1/jobs?limit=1&sort=-name").get_json()["next"]
    refused = client.get(following.replace("sort=-name", "sort=name"))
    assert (refused.status_code, refused.get_json()["type"]) == (400, "/problems/cursor-mismatch")


def test_a_key_that_is_none_is_refused_with_the_ones_there_are(client: FlaskClient) -> None:
    problem = client.get("/api/v1/jobs?sort=nxt_run").get_json()
    assert problem["status"] == 400
    assert "sort is one of name, -name, health" in problem["detail"]
    assert 'Did you mean "next_run"?' in problem["detail"]
    assert client.get("/api/v1/jobs?sort=name,health").status_code == 400
    assert client.get("/api/v1/audit?sort=name").get_json()["type"] == "/problems/unknown-parameter"
