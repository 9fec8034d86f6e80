import pytest
from api_world import eventually, finished
from flask.testing import FlaskClient
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse

from chronos_gitops.engine.model import Execution, Status, Trigger
from chronos_gitops.metrics import PER_JOB, Metrics
from chronos_gitops.service import Service

SEED_NAMES = ("executions_total", "execution_duration_seconds_count", "schedule_lag_seconds_count")


def samples(client: FlaskClient) -> dict[str, float]:
    text = client.get("/metrics").get_data(as_text=True)
    return {
        f"{sample.name}{sorted(sample.labels.items())}": sample.value
        for family in parse(text)
        for sample in family.samples
    }


def test_states_and_sync_are_read_when_asked(own: FlaskClient) -> None:
    found = samples(own)
    assert found["chronos_jobs[('state', 'enabled')]"] == 3
    assert found["chronos_jobs[('state', 'disabled')]"] == 1
    assert found["chronos_sync_state[('state', 'synced')]"] == 1
    assert found["chronos_engine_up[]"] == 1
    assert found["chronos_job_next_run_timestamp_seconds[('job', 'daily-backup')]"] > 1.7e9
    own.post("/api/v1/jobs/daily-backup/pause", json={"reason": "x"})
    assert samples(own)["chronos_jobs[('state', 'paused')]"] == 1


def test_what_the_engine_did_is_counted(own: FlaskClient) -> None:
    for job in ("failing", "failing", "daily-backup"):
        finished(own, own.post(f"/api/v1/jobs/{job}/trigger").get_json()["id"])
    last = "chronos_execution_duration_seconds_count[('job', 'daily-backup')]"
    eventually(lambda: last in samples(own))  # the row is on disk before the observer hears of it
    found = samples(own)
    failed = "[('job', 'failing'), ('status', 'failed'), ('trigger', 'manual')]"
    assert found[f"chronos_executions_total{failed}"] == 2
    assert found["chronos_job_consecutive_failures[('job', 'failing')]"] == 2
    assert found[last] == 1
    assert found["chronos_job_last_success_timestamp_seconds[('job', 'daily-backup')]"] > 1.7e9
    assert found["chronos_webhook_responses_total[('code_class', '4xx')]"] == 2


def test_requests_are_counted_by_route_not_by_path(own: FlaskClient) -> None:
    for path in ("/api/v1/jobs/a", "/api/v1/jobs/b", "/x", "/y"):
        own.get(path)
    own.open("/x", method="INVENTED")
    found = samples(own)
    route = "[('method', 'GET'), ('route', '/api/v1/jobs/<name>'), ('status', '404')]"
    assert found[f"chronos_http_requests_total{route}"] == 2
    assert found["chronos_http_requests_total[('method', 'GET'), ('route', 'none'), ('status', '404')]"] == 2
    assert not [name for name in found if "INVENTED" in name]


@pytest.mark.parametrize("version", ["", "; version=1.0.0", "; version=1e9", "; version=x"])
def test_scrapers_that_ask_get_openmetrics(client: FlaskClient, version: str) -> None:
    response = client.get("/metrics", headers={"Accept": f"application/openmetrics-text{version}, text/plain;q=0.5"})
    assert response.mimetype == "application/openmetrics-text"
    assert [family.name for family in parse_openmetrics(response.get_data(as_text=True))]


def test_names_follow_the_conventions(shared: Service) -> None:
    for family in shared.metrics.registry.collect():
        assert family.documentation
        assert family.type != "counter" or not family.name.endswith("_total")
        assert family.name.startswith(("chronos_", "process_", "python_"))


def test_the_seeds_names_are_there(own: FlaskClient) -> None:
    finished(own, own.post("/api/v1/jobs/daily-backup/trigger").get_json()["id"])

    def counted() -> str:
        text = own.get("/metrics").get_data(as_text=True)
        return text if "\nchronos_executions_total{" in text else ""

    text = eventually(counted)  # the row is on disk before the observer hears of it
    for name in SEED_NAMES:
        assert f"\nchronos_{name}" in text


def test_the_series_stay_countable_with_any_number_of_jobs(shared: Service) -> None:
    metrics = Metrics()
    for number in range(PER_JOB + 10):
        metrics.execution_finished(
            Execution(str(number), f"job-{number}", shared.now(), Trigger.MANUAL, Status.SUCCESS, duration_ms=1)
        )
    content, _ = metrics.exposition()
    assert content.count(b"\nchronos_executions_total{") == PER_JOB + 1
    assert b'chronos_executions_total{job="other",status="success",trigger="manual"} 10.0' in content


def test_skipped_ticks_are_counted_one_by_one(shared: Service) -> None:
    metrics = Metrics()
    row = Execution("1", "a", shared.now(), Trigger.CATCHUP, Status.SKIPPED, reason="missed", count=7)
    metrics.execution_finished(row)
    content, _ = metrics.exposition()
    assert b'chronos_missed_runs_total{job="a"} 7.0' in content
    assert b'chronos_skipped_runs_total{job="a",reason="missed"} 7.0' in content
