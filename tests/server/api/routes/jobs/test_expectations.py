"""Expectations in the API and on the page."""

from flask.testing import FlaskClient
from harness.api_fixtures import Checkout, eventually, finished, job_yaml

from chronos_gitops.service import Service


def test_broken_expectation_is_shown_and_filtered(own: FlaskClient, checkout: Checkout, service: Service) -> None:
    url = service.jobs().definitions["off"].job.webhook.url
    expect = {"min_duration": "1h", "success_every": "26h"}
    checkout.write("strict", job_yaml("strict", url, expect=expect, timeout="2h"))
    checkout.commit("Expect much")
    service.follower.sync()
    service.expectations.round()
    found = own.get("/api/v1/jobs/strict").get_json()
    assert [(one["kind"], one["state"]) for one in found["expectations"]] == [
        ("min_duration", "pending"),
        ("success_every", "pending"),
    ]
    assert found["expect"] == expect
    assert own.get("/api/v1/jobs?expectation=broken").get_json()["items"] == []
    execution = finished(own, own.post("/api/v1/jobs/strict/trigger").get_json()["id"])

    def broken() -> list[str]:
        service.expectations.round()
        return [job["name"] for job in own.get("/api/v1/jobs?expectation=broken").get_json()["items"]]

    assert eventually(broken) == ["strict"], "an execution has its end in the ledger before observers hear of it"
    found = own.get("/api/v1/jobs/strict").get_json()["expectations"]
    assert [(one["state"], one["execution"]) for one in found] == [
        ("broken", execution["id"]),
        ("met", execution["id"]),
    ]
    page = own.get("/jobs/strict", headers={"Accept": "text/html"}).get_data(as_text=True)
    assert "Expectation broken:" in page
    assert ", less than 1h" in page
    metrics = own.get("/metrics").get_data(as_text=True)
    assert 'chronos_job_expectation_broken{job_name="strict",kind="min_duration"} 1.0' in metrics
    assert 'chronos_job_expectation_broken{job_name="strict",kind="success_every"} 0.0' in metrics
    assert [event["type"] for event in own.get("/api/v1/events?type=expectation_broken").get_json()["items"]] == [
        "expectation_broken"
    ]


def test_job_without_expectations_has_none(client: FlaskClient) -> None:
    assert client.get("/api/v1/jobs/daily-backup").get_json()["expectations"] == []
