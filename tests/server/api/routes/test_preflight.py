"""``POST /api/v1/preflight``: the coming executions of the caller's jobs, on a real runner."""

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from harness.api_fixtures import Checkout, app_of, eventually, job_yaml, settings_of, token_of
from harness.servers import Hostile, silent

from chronos_gitops.app import build
from chronos_gitops.expectations.preflight.records import PreflightFailure
from chronos_gitops.service import Service
from chronos_gitops.webhooks.preflight.checks import PreflightCheck

EVERY_MINUTE = "* * * * *"


@pytest.fixture
def target() -> Iterator[Hostile]:
    with Hostile(silent) as server:
        yield server


@pytest.fixture
def service(checkout: Checkout, tmp_path: Path, target: Hostile) -> Iterator[Service]:
    keyed = {"webhook": {"url": target.url(), "headers": {"X-Key": "${secret:key}"}}}
    checkout.write("billing/charge", job_yaml("charge", target.url(), schedule="0 2 * * *"))
    checkout.write("ops/report", job_yaml("report", target.url(), schedule="0 3 * * *", **keyed))
    checkout.write("ops/yearly", job_yaml("yearly", target.url(), schedule="0 0 29 2 *"))
    checkout.commit("Add jobs")
    with build(settings_of(checkout, tmp_path / "data")) as found:
        yield found


@pytest.fixture
def client(service: Service) -> FlaskClient:
    return app_of(service).test_client()


def test_every_check_of_every_job_that_is_due(client: FlaskClient, target: Hostile) -> None:
    answer = client.post("/api/v1/preflight", json={})
    assert answer.status_code == 200
    items = [item for item in answer.json["items"] if item["job"] in ("charge", "report", "yearly")]
    found = [(item["job"], item["check"], item["result"]) for item in items]
    assert found == [
        *(("charge", check, "pass") for check in ("secret", "request", "address", "connect")),
        ("report", "secret", "fail"),
        *(("report", check, "not_run") for check in ("request", "address", "connect")),
    ]
    assert items[0]["scheduled_time"].endswith("T02:00:00Z")
    assert (target.opened, target.heads) == (1, [])


def test_jobs_and_window_can_be_named(client: FlaskClient) -> None:
    one = client.post("/api/v1/preflight", json={"jobs": ["charge", "charge"], "within": "168h"})
    assert {item["job"] for item in one.json["items"]} == {"charge"}
    assert client.post("/api/v1/preflight", json={"jobs": ["yearly"]}).json["items"] == []
    assert client.post("/api/v1/preflight", json={"jobs": ["nothing"]}).status_code == 404


@pytest.mark.parametrize("within", ["30s", "169h", "1d", "", "soon"])
def test_other_windows_are_refused(client: FlaskClient, within: str) -> None:
    answer = client.post("/api/v1/preflight", json={"within": within})
    assert (answer.status_code, answer.json["type"]) == (400, "/problems/invalid-body")


def test_a_second_one_at_the_same_time_is_refused(client: FlaskClient, service: Service) -> None:
    with service.preflights._alone():
        answer = client.post("/api/v1/preflight", json={})
    assert (answer.status_code, answer.json["type"]) == (409, "/problems/preflight-under-way")


def test_callers_see_the_jobs_that_they_may_operate(service: Service) -> None:
    _, reader = token_of("reader", "read")
    _, operator = token_of("operator", "read", "operate")
    client = app_of(service, reader, dataclasses.replace(operator, folders=("jobs/billing",))).test_client()

    def ask(name: str, **body: object) -> tuple[int, set[str]]:
        headers = {"Authorization": f"Bearer secret-of-{name}"}
        answer = client.post("/api/v1/preflight", json=body, headers=headers)
        return answer.status_code, {item["job"] for item in answer.json.get("items", ())}

    assert ask("reader") == (403, set())
    assert ask("operator") == (200, {"charge"})
    assert ask("operator", jobs=["report"]) == (404, set())


def test_the_job_and_its_page_show_what_failed(client: FlaskClient, service: Service) -> None:
    assert client.get("/api/v1/jobs/charge").json["preflight"] is None
    tonight, now = datetime(2030, 1, 1, 2, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)
    failure = PreflightFailure(PreflightCheck.CONNECT, "no connection to 127.0.0.1:9", "127.0.0.1", tonight, now, now)
    service.preflights._store.write({"charge": failure})
    service.preflights.round()
    assert client.get("/api/v1/jobs/charge").json["preflight"] == {
        "check": "connect",
        "scheduled_time": "2030-01-01T02:00:00Z",
        "host": "127.0.0.1",
        "message": "no connection to 127.0.0.1:9",
        "since": "2030-01-01T00:00:00Z",
    }
    page = client.get("/jobs/charge").text
    assert "preflight failed" in page
    assert "no connection to 127.0.0.1:9" in page
    assert "chronos-gitops preflight charge" in page
    assert 'chronos_preflight_failed{job_name="charge"} 1.0' in client.get("/metrics").text
    events = [event["type"] for event in client.get("/api/v1/events?type=preflight_failed").json["items"]]
    assert events == ["preflight_failed"]


def test_the_daily_one_is_made_by_a_runner(checkout: Checkout, tmp_path: Path, target: Hostile) -> None:
    """Its thread makes it: it is due now, whatever the time."""
    checkout.write("ops/closed", job_yaml("closed", "http://127.0.0.1:9/", schedule=EVERY_MINUTE))
    checkout.commit("Add a job")
    settings = settings_of(checkout, tmp_path / "data")
    daily = dataclasses.replace(settings.preflight, at=f"{datetime.now(UTC):%H:%M}")
    with build(dataclasses.replace(settings, preflight=daily)) as service:
        found = eventually(lambda: service.preflights.failures().get("closed"), seconds=30)
    assert found.check == "connect"
