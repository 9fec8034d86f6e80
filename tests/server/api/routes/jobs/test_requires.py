"""The gate in answers and on the page, and what callers with folders see of a job in another folder."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from harness.api_fixtures import Checkout, Receiver, app_of, eventually, finished, job_yaml, settings_of, token_of

from chronos_gitops.app import build
from chronos_gitops.service import Service

EVERYTHING = token_of("all", "read", "operate")[1]
TEAM = dataclasses.replace(token_of("team", "read")[1], folders=("jobs/a",))
GATE = {"job": "ship-order", "success_within": "1h", "wait": "30m"}


@pytest.fixture
def service(tmp_path: Any, receiver: Receiver) -> Iterator[tuple[Service, Checkout]]:
    checkout = Checkout(tmp_path / "repo")
    checkout.write("ship-order", job_yaml("ship-order", receiver.url, schedule="@yearly"), folder="jobs/b")
    report = job_yaml("daily-report", receiver.url, schedule="@every 1s", requires=GATE, enabled=True)
    checkout.write("daily-report", report, folder="jobs/a")
    checkout.commit("Add jobs")
    with build(settings_of(checkout, tmp_path / "data")) as built:
        yield built, checkout


def client_of(service: Service, name: str) -> FlaskClient:
    client = app_of(service, EVERYTHING, TEAM).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token_of(name)[0]}"
    return client


def waiting(client: FlaskClient) -> Any:
    rows = client.get("/api/v1/executions?job=daily-report&status=pending").get_json()["items"]
    return next((row for row in rows if row["waiting_for"] == "requires"), None)


def test_a_row_tells_its_gate_and_the_success_only_to_callers_who_see_it(service: tuple[Service, Checkout]) -> None:
    built, _ = service
    everything, team = client_of(built, "all"), client_of(built, "team")
    row = eventually(lambda: waiting(everything))
    assert row["requires"] == {"job": "ship-order", "met": False, "execution": None}
    why = everything.get(f"/api/v1/jobs/daily-report/executions?at={row['scheduled_time']}").get_json()
    assert why["message"].startswith(f"The execution of {row['scheduled_time']} waits for a success of ship-order from")
    page = everything.get(f"/executions/{row['id']}").get_data(as_text=True)
    assert ": waiting</dd>" in page
    opened_by = everything.post("/api/v1/jobs/ship-order/trigger").get_json()["id"]
    finished(everything, row["id"])
    seen = everything.get(f"/api/v1/executions/{row['id']}").get_json()
    assert (seen["status"], seen["requires"]) == (
        "success",
        {"job": "ship-order", "met": True, "execution": opened_by},
    )
    seen = team.get(f"/api/v1/executions/{row['id']}").get_json()
    assert seen["requires"] == {"job": "ship-order", "met": True, "execution": None}


def test_removing_a_required_job_quarantines_the_one_that_names_it(service: tuple[Service, Checkout]) -> None:
    built, checkout = service
    everything = client_of(built, "all")
    eventually(lambda: waiting(everything))
    checkout.git("rm", "-q", "jobs/b/ship-order.yaml")
    checkout.write("ship-orders", job_yaml("ship-orders", "http://127.0.0.1:9/", schedule="@yearly"), folder="jobs/b")
    checkout.commit("Rename ship-order")

    def quarantined(name: str) -> Any:
        built.follower.sync()
        sync = client_of(built, name).get("/api/v1/jobs/daily-report").get_json()["sync"]
        return sync["problems"] if sync["state"] == "quarantined" else None

    [problem] = eventually(lambda: quarantined("all"))
    assert (problem["rule"], problem["hint"]) == ("requires-unknown", 'did you mean "ship-orders"?')
    [problem] = quarantined("team")
    assert (problem["rule"], "ship-orders" in problem["hint"]) == ("requires-unknown", False)
    assert everything.get("/api/v1/jobs/daily-report").get_json()["requires"]["job"] == "ship-order"
