"""``GET /jobs/{name}/executions?at=``: the ledger and git together, over HTTP."""

import html
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from harness.api_fixtures import Checkout, job_yaml

from chronos_gitops.service import Service

BASE = "/api/v1/jobs/daily-backup/executions"


def test_an_instant_before_the_first_commit_had_no_such_job(client: FlaskClient) -> None:
    found = client.get(f"{BASE}?at=2001-01-01T02:00:00Z").get_json()
    assert (found["outcome"], found["due"], found["version"]) == ("absent", False, 1)
    first = client.get("/api/v1/jobs/daily-backup/versions/1").get_json()
    assert found["message"] == (
        f"The job did not exist yet: version 1 (commit {first['commit'][:8]}) created it at {first['committed_at']}."
    )


def test_an_instant_that_is_no_tick_was_not_due(client: FlaskClient, shared: Service) -> None:
    found = client.get(f"{BASE}?at=2100-01-01T02:00:00Z").get_json()
    assert (found["outcome"], found["tick"], found["version"]) == ("not-due", None, 3)
    assert '"30 3 * * *"' in found["message"]
    coming = client.get(f"{BASE}?at=2100-01-01T03:30%2B00:00").get_json()
    assert (coming["outcome"], coming["tick"]) == ("upcoming", "2100-01-01T03:30:00Z")


def test_a_disabled_job_names_the_version_that_disabled_it(client: FlaskClient) -> None:
    found = client.get("/api/v1/jobs/off/executions?at=2100-01-01T02:00:00Z").get_json()
    assert (found["outcome"], found["version"]) == ("disabled", 1)


def test_a_deleted_job_is_absent_by_its_last_version(client: FlaskClient) -> None:
    found = client.get("/api/v1/jobs/retired/executions?at=2100-01-01").get_json()
    assert (found["outcome"], found["version"]) == ("absent", 2)
    last = client.get("/api/v1/jobs/retired/versions/2").get_json()
    source = f"version 2 (commit {last['commit'][:8]})"
    assert found["message"] == f"The job did not exist any more: {source} had removed it."


@pytest.mark.parametrize("job", ["daily-backup", "off", "retired"])
@pytest.mark.parametrize("at", ["2001-01-01T02:00:00Z", "2100-01-01T02:00:00Z", "2100-01-01T03:30:00Z"])
def test_the_page_says_the_same_sentence(client: FlaskClient, job: str, at: str) -> None:
    said = client.get(f"/api/v1/jobs/{job}/executions?at={at}").get_json()["message"]
    assert said in html.unescape(client.get(f"/jobs/{job}?at={at}").text)


def test_an_invalid_version_is_passed_over_for_the_last_valid_one(
    checkout: Checkout, own: FlaskClient, service: Service
) -> None:
    checkout.write("daily-backup", job_yaml("daily-backup", "nowhere"))
    checkout.commit("Break it")
    service.follower.sync()
    found = own.get(f"{BASE}?at=2100-01-01T02:00:00Z").get_json()
    assert (found["outcome"], found["version"]) == ("not-due", 3)
    assert "the last valid one" in found["message"]


def test_a_version_counts_from_when_it_was_deployed_whatever_date_its_commit_has(
    checkout: Checkout, own: FlaskClient, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2020-01-01T00:00:00Z")
    checkout.write("daily-backup", job_yaml("daily-backup", "http://127.0.0.1:9/later"))
    commit = checkout.commit("Rebased long after it was written")
    service.follower.sync()
    deployments = service.follower.deployments
    deployed = deployments.at("daily-backup", commit)
    assert deployed is not None
    assert deployments.since is not None
    before = deployments.since + (deployed - deployments.since) / 2
    asked = [own.get(BASE, query_string={"at": at.isoformat()}).get_json()["version"] for at in (before, deployed)]
    assert asked == [3, 4]


def test_a_pause_is_told(own: FlaskClient, service: Service) -> None:
    own.post("/api/v1/jobs/daily-backup/pause", json={"reason": "moving house"})
    tick = service.jobs().definitions["daily-backup"].job.timing.next_after(service.now() + timedelta(days=1))
    assert tick is not None
    found = own.get(BASE, query_string={"at": tick.isoformat()}).get_json()
    assert (found["outcome"], found["reason"]) == ("paused", "paused")


@pytest.mark.parametrize("query", ["at=yesterday", "at=", "at=2026-01-01&limit=3", "at=9999-12-31T23:59:59-10:00"])
def test_what_is_no_instant_is_refused(client: FlaskClient, query: str) -> None:
    assert client.get(f"{BASE}?{query}").status_code == 400


def test_only_a_job_is_asked(client: FlaskClient) -> None:
    assert client.get("/api/v1/executions?at=2026-01-01").status_code == 400
