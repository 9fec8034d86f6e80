"""After an edit of a layer alone everything is the new job's: API, ETag, next run, page, and the state after a restart.

LAYERS section 14, 6 and 8, on SQLite.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from harness.api_fixtures import Checkout, app_of, eventually, settings_of
from harness.clock import HandClock

from chronos_gitops.app import build
from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.service import Service

_JOB = "name: one-job\nschedule: '0 2 * * *'\nenabled: true\nwebhook: {url: 'http://127.0.0.1:9/'}\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    found = Checkout(tmp_path / "repo")
    found.write("one-job", _JOB)
    found.write("_defaults", "timezone: UTC\n")
    found.commit("Add a job")
    return found


@pytest.fixture
def clock() -> HandClock:
    return HandClock(datetime(2026, 12, 1, 1, 30, tzinfo=UTC))


@pytest.fixture
def service(checkout: Checkout, tmp_path: Path, clock: HandClock) -> Iterator[Service]:
    with build(settings_of(checkout, tmp_path / "data"), clock=clock) as found:
        yield found


def test_edit_of_a_layer_alone_reaches_everything(
    service: Service, checkout: Checkout, tmp_path: Path, clock: HandClock
) -> None:
    client = app_of(service).test_client()
    before = client.get("/api/v1/jobs/one-job")
    assert before.get_json()["next_run"] == "2026-12-01T02:00:00Z"
    assert "Europe/Paris" not in client.get("/jobs/one-job").get_data(as_text=True)

    checkout.write("_defaults", "timezone: Europe/Paris\n")
    checkout.commit("Move to Paris")
    service.follower.sync()

    def moved() -> bool:
        return bool(client.get("/api/v1/jobs/one-job").get_json()["next_run"] == "2026-12-02T01:00:00Z")

    eventually(moved)
    after = client.get("/api/v1/jobs/one-job")
    assert after.headers["ETag"] != before.headers["ETag"]
    assert after.get_json()["timezone"] == "Europe/Paris"
    assert client.get("/api/v1/jobs/one-job", headers={"If-None-Match": before.headers["ETag"]}).status_code == 200
    assert "Europe/Paris" in client.get("/jobs/one-job").get_data(as_text=True)
    about = {"headers": {"If-Match": before.headers["ETag"]}, "json": {"dry_run": True}}
    assert client.post("/api/v1/jobs/one-job/rollback/1", **about).status_code == 412, "its file is as it was"
    about["headers"] = {"If-Match": after.headers["ETag"]}
    assert client.post("/api/v1/jobs/one-job/rollback/1", **about).get_json()["changed"]
    clock.turn(timedelta(minutes=31))
    clock.turn(timedelta(hours=23))
    items = eventually(lambda: client.get("/api/v1/executions").get_json()["items"])
    assert [item["scheduled_time"] for item in items] == ["2026-12-02T01:00:00Z"]


def test_state_read_after_a_restart_is_the_new_jobs(checkout: Checkout, tmp_path: Path) -> None:
    now = datetime(2026, 12, 1, 1, 30, tzinfo=UTC)
    with build(settings_of(checkout, tmp_path / "data"), clock=HandClock(now)) as first:
        checkout.write("_defaults", "timezone: Europe/Paris\n")
        checkout.commit("Move to Paris")
        first.follower.sync()
    checkout.write("_defaults", "timezone: [\n")
    checkout.commit("Break the layer")
    with build(settings_of(checkout, tmp_path / "data"), clock=HandClock(now)) as second:
        running = second.jobs().definitions["one-job"]
        assert (running.job.timezone, bool(running.quarantined)) == ("Europe/Paris", True)


def test_changes_name_the_layer_once_and_count_its_jobs(service: Service, checkout: Checkout) -> None:
    """An edit, an error and its repair: an event for the layer each, in the API and on the page."""
    client = app_of(service).test_client()

    def told(kind: str) -> list[dict[str, Any]]:
        return list(client.get(f"/api/v1/events?type={kind}").get_json()["items"])

    checkout.write("two", _JOB.replace("one-job", "two-job"))
    checkout.commit("Add a second job")
    service.follower.sync()
    checkout.write("_defaults", "timezone: Europe/Paris\n")
    checkout.commit("Move to Paris")
    service.follower.sync()
    reach = {"file": "jobs/_defaults.yaml", "jobs": 2, "job_names": ["one-job", "two-job"]}
    eventually(lambda: next(one["layers"] for one in told("commit_applied")) == [reach])
    assert told("commit_applied")[0]["message"].endswith("; jobs/_defaults.yaml changed 2 jobs")

    checkout.write("_defaults", "timezone: Mars/Olympus\n")
    checkout.commit("Move to Mars")
    service.follower.sync()
    assert client.get("/api/v1/sync").get_json()["broken_layers"] == [reach]
    (event,) = eventually(lambda: told("layer_quarantined"))
    assert event["layers"] == [reach]
    assert told("job_quarantined") == []
    assert [one["type"] for one in client.get("/api/v1/events?job=two-job&limit=1").get_json()["items"]] == [
        "layer_quarantined"
    ]
    page = client.get("/changes").get_data(as_text=True)
    assert "jobs/_defaults.yaml is invalid; 2 jobs keep running the last good version" in page
    assert "<code>jobs/_defaults.yaml</code> is invalid. 2 jobs on the last good version:" in page

    checkout.write("_defaults", "timezone: UTC\n")
    checkout.commit("Move back")
    service.follower.sync()
    eventually(lambda: [one["layers"] for one in told("layer_released")] == [[reach]])


def test_filters_and_versions_go_by_effective_fields(checkout: Checkout, tmp_path: Path) -> None:
    """A tag of the environment finds the job, and a version is shown in each environment that is declared."""
    for name, zone in (("staging", "Asia/Tokyo"), ("production", "Europe/Oslo")):
        checkout.write(f"_environments/{name}", f"timezone: {zone}\ntags: {{where: {name}}}\n")
    checkout.commit("Declare environments")
    with build(replace(settings_of(checkout, tmp_path / "data"), environment="staging")) as service:
        client = app_of(service).test_client()
        found = {where: client.get(f"/api/v1/jobs?tag.where={where}").get_json() for where in ("staging", "production")}
        assert [[job["name"] for job in one["items"]] for one in found.values()] == [["one-job"], []]
        (filtered,) = client.get("/api/v1/jobs?tag.where=staging").get_json()["items"]
        assert (filtered["timezone"], filtered["environment"]) == ("Asia/Tokyo", "staging")
        zones = {}
        for query in ("", "?environment=production", "?environment=prod"):
            answer = client.get(f"/api/v1/jobs/one-job/versions/2{query}")
            zones[query] = answer.get_json()["job"]["timezone"] if answer.status_code == 200 else answer.status_code
        assert zones == {"": "Asia/Tokyo", "?environment=production": "Europe/Oslo", "?environment=prod": 404}


def test_one_kind_of_auth_and_one_spelling_of_a_header_are_sent(
    checkout: Checkout, tmp_path: Path, receiver: Receiver
) -> None:
    """LAYERS section 14, 7: with the layer's auth alone the request is signed, with the job's own it is not."""
    settings = replace(settings_of(checkout, tmp_path / "data"), secret_values={"pay": "whsec_" + "a2V5" * 8})
    checkout.write("_defaults", "webhook: {auth: {type: hmac, secret: '${secret:pay}'}, headers: {X-Team: above}}\n")
    inherits = _JOB.replace("http://127.0.0.1:9/", receiver.url("/ok/inherits")).replace("one-job", "two-job")
    own = "headers: {x-team: own}, auth: {type: bearer, token: '${secret:pay}'}"
    checkout.write("two-job", inherits)
    checkout.write("one-job", _JOB.replace("'http://127.0.0.1:9/'", f"'{receiver.url('/ok/own')}', {own}"))
    checkout.commit("Sign requests")
    with build(settings) as service:
        client = app_of(service).test_client()
        for name in ("one-job", "two-job"):
            assert client.post(f"/api/v1/jobs/{name}/trigger").status_code == 202
        assert receiver.wait_for(2, 30)
    sent = {one.path: [(name.lower(), value) for name, value in one.headers] for one in receiver.requests}
    kinds = ("webhook-signature", "authorization", "x-team")
    found = {path: sorted(name for name, _ in headers if name in kinds) for path, headers in sent.items()}
    assert found == {"/ok/own": ["authorization", "x-team"], "/ok/inherits": ["webhook-signature", "x-team"]}
    assert ("x-team", "own") in sent["/ok/own"]
