from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from harness.api_fixtures import finished

from chronos_gitops.engine.model import Execution, ExecutionQuery, Status, Trigger
from chronos_gitops.server.api.params.query import InvalidParameter
from chronos_gitops.server.api.routes.executions import execution_order
from chronos_gitops.server.api.routes.executions.execution_order import ExecutionOrder, OrderPosition

NOW = datetime(2026, 11, 30, 2, tzinfo=UTC)


def test_a_trigger_is_accepted_and_its_execution_is_found(own: FlaskClient) -> None:
    response = own.post("/api/v1/jobs/daily-backup/trigger")
    assert response.status_code == 202
    execution = response.get_json()
    assert response.headers["Location"] == f"/api/v1/executions/{execution['id']}"
    assert (execution["job"], execution["trigger"]) == ("daily-backup", "manual")
    done = finished(own, execution["id"])
    assert (done["status"], done["status_code"], done["version"]) == ("success", 200, 3)
    assert [attempt["attempt"] for attempt in done["attempts"]] == [1]
    assert done["attempts"][0]["response"] == "<b>answered</b>"
    sent = done["request"]
    assert (sent["method"], sent["body"]) == ("GET", None)
    assert sent["headers"]["X-Chronos-Execution-ID"] == done["id"]
    assert done["curl"].startswith("curl --globoff --request GET ")
    assert done["curl"].endswith(f" {sent['url']}")
    phases = done["attempts"][0]["phases"]
    assert list(phases) == ["dns", "connect", "tls", "first_byte", "read"]
    assert phases["tls"] is None
    assert 0 < phases["first_byte"] < 10_000
    assert own.get("/api/v1/jobs/daily-backup").get_json()["last_execution"]["id"] == execution["id"]


def test_lists_count_attempts_and_filter_by_status(own: FlaskClient) -> None:
    bad = own.post("/api/v1/jobs/failing/trigger").get_json()
    good = own.post("/api/v1/jobs/daily-backup/trigger").get_json()
    for execution in (bad, good):
        finished(own, execution["id"])
    everything = own.get("/api/v1/executions").get_json()["items"]
    assert [item["id"] for item in everything] == [good["id"], bad["id"]]
    assert [item["attempts"] for item in everything] == [1, 1]
    assert _ids(own, "/api/v1/executions?status=failed") == [bad["id"]]
    assert _ids(own, "/api/v1/jobs/failing/executions") == [bad["id"]]
    assert _ids(own, "/api/v1/jobs/failing/executions?status=success") == []
    failed = own.get(f"/api/v1/executions/{bad['id']}").get_json()
    assert (failed["status"], failed["status_code"], failed["error_class"]) == ("failed", 400, "status")


def test_executions_are_paged_newest_first(own: FlaskClient) -> None:
    ids = [own.post("/api/v1/jobs/failing/trigger").get_json()["id"] for _ in range(5)]
    seen: list[str] = []
    url = "/api/v1/jobs/failing/executions?limit=2"
    while url:
        page = own.get(url).get_json()
        assert len(page["items"]) <= 2
        seen += [item["id"] for item in page["items"]]
        url = page["next"]
    assert seen == ids[::-1]


def test_executions_filter_by_job_statuses_tags_trigger_and_time(own: FlaskClient) -> None:
    started = [own.post(f"/api/v1/jobs/{name}/trigger").get_json() for name in ("failing", "daily-backup", "nightly")]
    bad, good, nightly = (finished(own, one["id"])["id"] for one in started)
    job_id = own.get("/api/v1/jobs/failing").get_json()["id"]
    at = quote(started[1]["scheduled_time"])
    everything = [nightly, good, bad]
    assert _ids(own, "/api/v1/executions") == everything
    for asked, expected in {
        "job=failing": [bad],
        f"job={job_id}": [bad],
        "status=failed,skipped": [bad],
        "status=success&status=failed": everything,
        "status=success,failed&limit=1": everything,
        "status=success&status=failed&limit=1": everything,
        "status=skipped&status=pending,running": [],
        "tag.team=backend": [good],
        "tag.team=backend&limit=1": [good],
        "tag.team=backend&tag.environment=nowhere": [],
        "trigger=manual": everything,
        "trigger=schedule": [],
        f"since={at}": [nightly, good],
        f"until={at}": [bad],
        f"since={at}&until={at}": [],
        f"job=failing&status=failed&trigger=manual&until={at}": [bad],
    }.items():
        assert _all_ids(own, f"/api/v1/executions?{asked}") == expected, asked
    assert _all_ids(own, f"/api/v1/jobs/failing/executions?status=failed,success&trigger=manual&until={at}") == [bad]


def test_a_job_filter_that_names_no_job_is_404_with_the_one_meant(client: FlaskClient) -> None:
    response = client.get("/api/v1/executions?job=daily-bakup")
    assert (response.status_code, "daily-backup" in response.get_json()["hint"]) == (404, True)


def test_one_that_runs_is_cancelled_and_one_that_ended_is_not(own: FlaskClient) -> None:
    held = own.post("/api/v1/jobs/failing/trigger").get_json()
    done = finished(own, held["id"])
    refused = own.post(f"/api/v1/executions/{done['id']}/cancel")
    assert (refused.status_code, refused.get_json()["detail"]) == (
        409,
        f"execution {done['id']} has ended already: failed",
    )
    assert own.post("/api/v1/executions/nobody/cancel").status_code == 404
    assert own.post(f"/api/v1/executions/{done['id']}/cancel", json={"reason": "x"}).status_code == 400


def test_executions_of_a_deleted_job_are_still_told(client: FlaskClient) -> None:
    assert client.get("/api/v1/jobs/retired/executions").get_json()["items"] == []


def test_unknown_ones_are_404(client: FlaskClient) -> None:
    for path in ("/api/v1/executions/nobody", "/api/v1/executions/%00", "/api/v1/jobs/nobody/executions"):
        assert client.get(path).status_code == 404


def _ids(client: FlaskClient, url: str) -> list[str]:
    return [item["id"] for item in client.get(url).get_json()["items"]]


def _all_ids(client: FlaskClient, url: str | None) -> list[str]:
    """Those of every page."""
    found = []
    while url:
        page = client.get(url).get_json()
        found += [item["id"] for item in page["items"]]
        url = page["next"]
    return found


def test_executions_have_an_order_by_each_key_and_page_through_it(own: FlaskClient) -> None:
    for name in ("failing", "daily-backup", "nightly", "failing"):
        finished(own, own.post(f"/api/v1/jobs/{name}/trigger").get_json()["id"])
    newest = own.get("/api/v1/executions").get_json()["items"]
    for key in ("scheduled_time", "started_at", "completed_at", "duration_ms", "attempts", "status", "job"):
        for sign in ("", "-"):
            expected = sorted(newest, key=lambda one: one[key], reverse=bool(sign))
            asked = f"/api/v1/executions?sort={sign}{key}"
            assert _ids(own, asked) == [one["id"] for one in expected], asked
            seen, url = [], f"{asked}&limit=1"
            while url:
                page = own.get(url).get_json()
                seen += [one["id"] for one in page["items"]]
                url = page["next"]
            assert seen == [one["id"] for one in expected], asked
    assert _ids(own, "/api/v1/jobs/failing/executions?sort=started_at") == [newest[3]["id"], newest[0]["id"]]
    refused = own.get("/api/v1/executions?sort=durations")
    assert refused.status_code == 400
    assert "duration_ms" in str(refused.get_json())


def test_those_without_a_value_come_last_and_a_page_goes_on_where_its_last_row_has_gone() -> None:
    rows = [
        Execution(f"e{number}", "j", NOW, NOW, Trigger.MANUAL, Status.SUCCESS, duration_ms=took)
        for number, took in enumerate((5, None, 3, 9))
    ]
    order = ExecutionOrder("duration_ms", is_descending=True)
    whole, after = execution_order.placed(lambda *_: (rows, None), ExecutionQuery(), order, 9, None)
    assert ([one.id for one in whole], after) == (["e3", "e0", "e2", "e1"], None)
    for gone in (OrderPosition(5, "e0"), OrderPosition(5, "gone"), OrderPosition(4, "e0")):
        left, _ = execution_order.placed(lambda *_: (rows, None), ExecutionQuery(), order, 9, gone)
        assert [one.id for one in left] == ["e2", "e1"], gone
    assert (
        execution_order.placed(lambda *_: (rows, None), ExecutionQuery(), order, 9, OrderPosition(None, "?"))[0] == []
    )


def test_too_many_are_refused_with_a_way_out() -> None:
    rows = [Execution("e", "j", NOW, NOW, Trigger.MANUAL, Status.SUCCESS)] * 1000
    with pytest.raises(InvalidParameter, match="More than 10,000 executions match") as refused:
        execution_order.placed(lambda *_: (rows, "more"), ExecutionQuery(), ExecutionOrder("job"), 9, None)
    assert "since" in refused.value.hint
