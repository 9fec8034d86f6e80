"""Calls about many jobs: selectors, numbers, keys, scopes, the audit log, and the forms of the page."""

import dataclasses
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from harness.api_fixtures import Checkout, app_of, job_yaml, token_of
from werkzeug.test import TestResponse

from chronos_gitops.service import Service

EVERY = {"all": True}
OWN = {"tags": {"team": "backend"}}


def ask(client: FlaskClient, action: str, select: Any, **fields: Any) -> TestResponse:
    headers = {"Idempotency-Key": fields.pop("key")} if "key" in fields else {}
    body = {"select": select, "reason": "the database moves", **fields}
    return client.post(f"/api/v1/bulk/{action}", json=body, headers=headers)


def jobs(response: TestResponse) -> list[str]:
    assert response.status_code == 200, response.get_json()
    return [item["job"] for item in response.get_json()["items"]]


def every_name(client: FlaskClient) -> list[str]:
    return [job["name"] for job in client.get("/api/v1/jobs").get_json()["items"]]


def test_a_bulk_pause_is_ended_by_its_id(own: FlaskClient) -> None:
    names = every_name(own)
    paused = ask(own, "pause", EVERY, **{"for": "2h"})
    answer = paused.get_json()
    assert jobs(paused) == names
    assert answer["changed"] == len(names)
    assert {item["outcome"] for item in answer["items"]} == {"paused"}
    assert own.get("/api/v1/jobs/daily-backup").get_json()["pause"]["bulk"] == answer["id"]
    own.post("/api/v1/jobs/off/resume")
    resumed = ask(own, "resume", {"bulk": answer["id"]})
    assert jobs(resumed) == [name for name in names if name != "off"]
    assert own.get("/api/v1/sync").get_json()["pauses"] == []


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        ({"jobs": ["failing", "daily-backup"]}, {"failing", "daily-backup"}),
        ({"jobs": ["failing", "daily-backup"], **OWN}, {"daily-backup"}),
        ({"folder": "jobs"}, None),
        ({"folder": "jobs/sub"}, {"below"}),
        ({"folder": "job"}, set()),
        ({"folder": "jobs/sub", "tags": {"team": "nobody"}}, set()),
        ({"all": True}, None),
    ],
)
def test_selectors_combine_by_and(
    own: FlaskClient, checkout: Checkout, receiver: Any, select: Any, expected: set[str] | None
) -> None:
    checkout.write("below", job_yaml("below", receiver.url), folder="jobs/sub")
    own.post("/api/v1/sync")
    found = ask(own, "pause", select, dry_run=True)
    assert set(jobs(found)) == (set(every_name(own)) if expected is None else expected)
    assert found.get_json()["id"] is None
    assert own.get("/api/v1/sync").get_json()["pauses"] == []


@pytest.mark.parametrize(
    "body",
    [
        {"select": {}, "reason": "x"},
        {"select": {"all": False}, "reason": "x"},
        {"select": {"all": True, "folder": "jobs"}, "reason": "x"},
        {"select": {"jobs": []}, "reason": "x"},
        {"select": {"jobs": "a"}, "reason": "x"},
        {"select": {"jobs": [1]}, "reason": "x"},
        {"select": {"tags": {"team": 1}}, "reason": "x"},
        {"select": {"tag": {"team": "a"}}, "reason": "x"},
        {"select": {"bulk": "a"}, "reason": "x"},
        {"select": [], "reason": "x"},
        {"select": EVERY},
        {"select": EVERY, "reason": " "},
        {"select": EVERY, "reason": "x", "expect_jobs": True},
        {"select": EVERY, "reason": "x", "expect_jobs": -1},
        {"select": EVERY, "reason": "x", "for": "2d"},
        {"select": EVERY, "reason": "x", "for": "0s"},
        {"select": EVERY, "reason": "x", "for": "1h", "until": "2999-01-01T00:00:00Z"},
        {"select": EVERY, "reason": "x", "until": "2001-01-01T00:00:00Z"},
    ],
)
def test_a_call_that_means_nothing_is_refused(own: FlaskClient, body: Any) -> None:
    answer = own.post("/api/v1/bulk/pause", json=body)
    assert (answer.status_code, answer.get_json()["type"]) == (400, "/problems/invalid-body")
    assert own.get("/api/v1/sync").get_json()["pauses"] == []


def test_a_job_that_is_none_is_named(own: FlaskClient) -> None:
    answer = ask(own, "pause", {"jobs": ["daily-backup", "daily-bakup"]})
    assert (answer.status_code, answer.get_json()["hint"]) == (404, 'Did you mean "daily-backup"?')


def test_a_single_pause_takes_a_length(own: FlaskClient) -> None:
    paused = own.post("/api/v1/jobs/daily-backup/pause", json={"reason": "x", "for": "2h"}).get_json()["pause"]
    length = datetime.fromisoformat(paused["until"]) - datetime.fromisoformat(paused["at"])
    assert abs(length - timedelta(hours=2)) < timedelta(seconds=30)


def test_another_number_of_jobs_is_a_conflict(own: FlaskClient) -> None:
    answer = ask(own, "pause", EVERY, expect_jobs=1)
    assert answer.status_code == 409
    assert own.get("/api/v1/sync").get_json()["pauses"] == []
    assert ask(own, "pause", OWN, expect_jobs=len(jobs(ask(own, "pause", OWN, dry_run=True)))).status_code == 200


def test_triggers_need_the_number(own: FlaskClient) -> None:
    assert ask(own, "trigger", {"jobs": ["off"]}).status_code == 400
    triggered = ask(own, "trigger", {"jobs": ["off"]}, expect_jobs=1)
    [item] = triggered.get_json()["items"]
    assert item["outcome"] == "triggered"
    assert own.get(f"/api/v1/executions/{item['execution']}").get_json()["trigger"] == "manual"


def test_more_than_a_thousand_triggers_are_refused(own: FlaskClient, checkout: Checkout, receiver: Any) -> None:
    for number in range(1001):
        checkout.write(f"many-{number}", job_yaml(f"many-{number}", receiver.url, enabled=False), folder="jobs/many")
    own.post("/api/v1/sync")
    answer = ask(own, "trigger", {"folder": "jobs/many"}, dry_run=True)
    assert (answer.status_code, answer.get_json()["type"]) == (422, "/problems/too-many-items")
    paused = ask(own, "pause", {"folder": "jobs/many"}, **{"for": "1h"})
    assert paused.get_json()["changed"] == 1001


def test_a_repeated_key_answers_the_first_call(own: FlaskClient, checkout: Checkout, receiver: Any) -> None:
    first = ask(own, "pause", EVERY, key="one", expect_jobs=len(every_name(own)))
    own.post("/api/v1/jobs/off/resume")
    checkout.write("later", job_yaml("later", receiver.url))
    own.post("/api/v1/sync")
    again = ask(own, "pause", EVERY, key="one", expect_jobs=len(every_name(own)) - 1)
    assert again.get_json() == first.get_json()
    assert own.get("/api/v1/jobs/off").get_json()["pause"] is None
    assert own.get("/api/v1/jobs/later").get_json()["pause"] is None
    other = ask(own, "pause", OWN, key="one")
    assert (other.status_code, other.get_json()["type"]) == (422, "/problems/idempotency-key-reused")


def test_a_caller_with_tags_reaches_its_own_jobs_only(service: Service) -> None:
    secret, token = token_of("ada", "operate", "read")
    limited = app_of(service, replace_tags(token, team="backend")).test_client()
    headers = {"Authorization": f"Bearer {secret}"}
    names = {job["name"] for job in limited.get("/api/v1/jobs", headers=headers).get_json()["items"]}
    assert names
    assert names < set(service.jobs().definitions)
    body = {"select": EVERY, "reason": "x", "expect_jobs": len(names)}
    answer = limited.post("/api/v1/bulk/pause", json=body, headers=headers)
    assert set(jobs(answer)) == names
    assert set(service.engine.pauses()) == names
    hidden = next(iter(set(service.jobs().definitions) - names))
    body = {"select": {"jobs": [hidden]}, "reason": "x"}
    assert limited.post("/api/v1/bulk/pause", json=body, headers=headers).status_code == 404


def replace_tags(token: Any, **tags: str) -> Any:
    return dataclasses.replace(token, tags=tuple(tags.items()))


def test_one_row_in_the_audit_log(own: FlaskClient) -> None:
    answer = ask(own, "pause", OWN).get_json()
    ask(own, "pause", OWN, dry_run=True)
    ask(own, "pause", OWN)
    rows = own.get("/api/v1/audit").get_json()["items"]
    assert [(row["action"], row["result"], row["reason"]) for row in rows] == [
        ("bulk_pause", "unchanged", "the database moves"),
        ("bulk_pause", "done", "the database moves"),
    ]
    assert rows[1]["target"].startswith(f"{answer['id']}: {len(answer['items'])} job")
    assert "(tag team=backend)" in rows[1]["target"]
    events = own.get("/api/v1/events").get_json()["items"]
    assert [event["type"] for event in events if event["type"].startswith("jobs_")] == ["jobs_paused"] * 2


@pytest.mark.parametrize("query", ["", "?tag.team=backend", "?q=daily", "?state=enabled&tag.team=backend"])
def test_the_page_acts_on_the_jobs_of_its_list(own: FlaskClient, query: str) -> None:
    """Without scripts: the fields are those that a browser sends."""
    shown = {job["name"] for job in own.get(f"/api/v1/jobs{query}").get_json()["items"]}
    filled_in = fields(own, f"/{query}", "pause") | {"reason": "moving", "for": "2h"}
    done = own.post("/api/v1/bulk/pause", data=filled_in)
    assert (done.status_code, done.headers["Location"]) == (303, f"/{query}")
    paused = own.get("/api/v1/sync").get_json()["pauses"]
    assert {pause["job"] for pause in paused} == shown
    assert all(pause["until"] and pause["reason"] == "moving" for pause in paused)
    own.post("/api/v1/bulk/resume", data=fields(own, "/?state=paused", "resume") | {"reason": "moved"})
    assert own.get("/api/v1/sync").get_json()["pauses"] == []
    run = fields(own, "/?tag.team=backend", "trigger") | {"reason": "moved"}
    assert own.post("/api/v1/bulk/trigger", data=run).status_code == 400
    assert own.post("/api/v1/bulk/trigger", data=run | {"expect_jobs": "77"}).status_code == 409
    count = len(own.get("/api/v1/jobs?tag.team=backend").get_json()["items"])
    assert own.post("/api/v1/bulk/trigger", data=run | {"expect_jobs": str(count)}).status_code == 303


def fields(client: FlaskClient, path: str, action: str) -> dict[str, str]:
    """The hidden fields of one form of the page."""
    text = client.get(path, headers={"Accept": "text/html"}).get_data(as_text=True)
    [form] = re.findall(rf'<form method="post" action="/api/v1/bulk/{action}">(.*?)</form>', text, re.DOTALL)
    found = re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', form)
    return {name: value.replace("&amp;", "&") for name, value in found}
