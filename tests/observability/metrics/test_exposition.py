import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from harness.api_fixtures import Checkout, Receiver, eventually, finished, job_yaml, settings_of
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse

from chronos_gitops.app import build
from chronos_gitops.config.groups import Series
from chronos_gitops.engine.model import Execution, Status, Trigger
from chronos_gitops.observability.metrics.exposition import Metrics
from chronos_gitops.server.web.app import create_app
from chronos_gitops.service import Service

SEED_NAMES = (
    "jobs_total",
    "jobs_enabled",
    "executions_total",
    "execution_duration_seconds_count",
    "execution_attempts_count",
    "schedule_lag_seconds_count",
)


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
    assert found["chronos_job_next_run_timestamp_seconds[('job_name', 'daily-backup')]"] > 1.7e9
    own.post("/api/v1/jobs/daily-backup/pause", json={"reason": "x"})
    assert samples(own)["chronos_jobs[('state', 'paused')]"] == 1


def test_what_the_engine_did_is_counted(own: FlaskClient, receiver: Receiver) -> None:
    for job in ("failing", "failing", "daily-backup"):
        finished(own, own.post(f"/api/v1/jobs/{job}/trigger").get_json()["id"])
    last = "chronos_execution_duration_seconds_count[('job_name', 'daily-backup')]"
    eventually(lambda: last in samples(own))  # the row is on disk before the observer hears of it
    found = samples(own)
    failed = "[('job_name', 'failing'), ('status', 'failed'), ('trigger', 'manual')]"
    assert found[f"chronos_executions_total{failed}"] == 2
    assert found["chronos_job_consecutive_failures[('job_name', 'failing')]"] == 2
    assert found[last] == 1
    assert found["chronos_job_last_success_timestamp_seconds[('job_name', 'daily-backup')]"] > 1.7e9
    host = receiver.url.removeprefix("http://")
    assert found[f"chronos_webhook_responses_total[('code_class', '4xx'), ('host', '{host}')]"] == 2
    assert found["chronos_webhook_phase_seconds_count[('phase', 'first_byte')]"] == 3
    assert found["chronos_webhook_wait_seconds_count[]"] == 3
    assert found["chronos_execution_attempts_bucket[('le', '1.0')]"] == 3


@pytest.mark.parametrize(("trigger", "counted"), [("schedule", 1), ("catchup", 1), ("manual", 0), ("replay", 0)])
def test_the_lag_of_scheduled_times_counts_also_where_they_are_caught_up(trigger: str, counted: int) -> None:
    """A scheduled time that is claimed more than a minute late is caught up: it is the one to tell of."""
    metrics = Metrics(Series(per_job=20))
    at = datetime(2026, 1, 1, tzinfo=UTC)
    late = {"started_at": at + timedelta(minutes=3)}
    metrics.execution_finished(Execution("1", "a-job", at, Trigger(trigger), Status.SUCCESS, **late))
    content, _ = metrics.exposition()
    assert f"chronos_schedule_lag_seconds_count {counted}.0\n".encode() in content
    assert b'chronos_schedule_lag_seconds_bucket{le="60.0"} 0.0\n' in content


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
    for family in shared.metrics.load().registry.collect():
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
    metrics = Metrics(Series(per_job=20))
    for number in range(30):
        metrics.execution_finished(
            Execution(str(number), f"job-{number}", shared.now(), Trigger.MANUAL, Status.SUCCESS, duration_ms=1)
        )
    content, _ = metrics.exposition()
    assert content.count(b"\nchronos_executions_total{") == 20 + 1
    assert b'chronos_executions_total{job_name="other",status="success",trigger="manual"} 10.0' in content


def test_skipped_ticks_are_counted_one_by_one(shared: Service) -> None:
    metrics = Metrics()
    for reason, count in (("missed", 7), ("calendar", 1440)):
        row = Execution("1", "a", shared.now(), Trigger.CATCHUP, Status.SKIPPED, reason=reason, count=count)
        metrics.execution_finished(row)
    content, _ = metrics.exposition()
    assert b'chronos_missed_runs_total{job_name="a"} 7.0' in content
    assert b'chronos_skipped_runs_total{job_name="a",reason="missed"} 7.0' in content
    assert b'chronos_skipped_runs_total{job_name="a",reason="calendar"} 1440.0' in content


def text_of(service: Service) -> dict[str, float]:
    content, _ = service.metrics.exposition()
    return {
        f"{sample.name}{sorted(sample.labels.items())}": sample.value
        for family in parse(content.decode())
        for sample in family.samples
    }


def value_of(service: Service, name: str) -> float:
    (found,) = [value for key, value in text_of(service).items() if key.startswith(f"{name}[")]
    return found


def test_the_ledger_is_asked_so_that_a_restart_changes_no_gauge(checkout: Checkout, tmp_path: Path) -> None:
    job = "[('job_name', 'failing')]"
    gauges = (f"chronos_job_consecutive_failures{job}", f"chronos_job_last_run_timestamp_seconds{job}")
    with build(settings_of(checkout, tmp_path / "data")) as service:
        for _ in range(3):
            made = service.engine.trigger("failing")
            eventually(lambda made=made: service.engine.execution(made.id).execution.status is Status.FAILED)
        made = service.engine.trigger("nightly")
        eventually(lambda: service.engine.execution(made.id).execution.status is Status.SUCCESS)
        before = text_of(service)
    assert before[gauges[0]] == 3
    with build(settings_of(checkout, tmp_path / "data")) as service:
        after = text_of(service)
    success = "chronos_job_last_success_timestamp_seconds[('job_name', 'nightly')]"
    assert [after[name] for name in (*gauges, success)] == [before[name] for name in (*gauges, success)]


def test_a_success_ends_a_streak_and_a_skipped_tick_does_not(checkout: Checkout, service: Service) -> None:
    streak = "chronos_job_consecutive_failures[('job_name', 'failing')]"

    def run(status: Status) -> None:
        made = service.engine.trigger("failing")
        eventually(lambda: service.engine.execution(made.id).execution.status is status)

    run(Status.FAILED)
    assert text_of(service)[streak] == 1
    run(Status.FAILED)
    assert text_of(service)[streak] == 2
    checkout.write("failing", job_yaml("failing", "http://127.0.0.1:1/200", webhook={"url": checkout_url(service)}))
    checkout.commit("Mend it")
    service.follower.sync()
    run(Status.SUCCESS)
    assert text_of(service)[streak] == 0


def checkout_url(service: Service) -> str:
    """Where a job that succeeds goes to."""
    definition = service.jobs().get("nightly")
    assert definition is not None
    return definition.job.webhook.url


def test_a_job_is_told_with_the_tags_that_the_operator_chose(checkout: Checkout, tmp_path: Path) -> None:
    settings = replace(
        settings_of(checkout, tmp_path / "data"), metrics=Series(per_job=2, tags=("team", "cost-centre"))
    )
    with build(settings) as service:
        found = text_of(service)
        commit = service.jobs().definitions["daily-backup"].commit
    shown = sorted(name for name in found if name.startswith("chronos_job_info"))
    assert len(shown) == 2
    assert f"('commit', '{commit}'), ('job_name', 'daily-backup'), ('schedule', '30 3 * * *')" in shown[0]
    assert "('tag_cost_centre', ''), ('tag_team', 'backend'), ('timezone', 'UTC')" in shown[0]
    assert "chronos_job_next_run_timestamp_seconds[('job_name', 'nightly')]" not in found


def test_the_longest_wait_of_a_job_has_its_weekend_in_it(checkout: Checkout, tmp_path: Path) -> None:
    checkout.write("weekdays", job_yaml("weekdays", "http://127.0.0.1:1/", schedule="0 9 * * 1-5"))
    checkout.commit("On weekdays")
    with build(settings_of(checkout, tmp_path / "data")) as service:
        assert text_of(service)["chronos_job_period_seconds[('job_name', 'weekdays')]"] == 3 * 86400


def test_fetches_are_counted_and_the_commit_that_runs_is_told(checkout: Checkout, tmp_path: Path) -> None:
    settings = replace(settings_of(checkout, tmp_path / "data"), follow="branch")
    with build(settings) as service:
        fetched = "chronos_git_fetch_total[('result', '{}')]"
        eventually(lambda: text_of(service).get(fetched.format("updated"), 0) == 1)
        commit = checkout.git("rev-parse", "HEAD").strip()
        (info,) = [name for name in text_of(service) if name.startswith("chronos_git_info")]
        assert f"('commit', '{commit}'), ('mode', 'branch'), ('repo', '{checkout.path}')" in info
        made = int(checkout.git("log", "-1", "--format=%ct"))
        assert value_of(service, "chronos_git_commit_timestamp_seconds") == made
        assert value_of(service, "chronos_git_commits_behind") == 0
        applied = value_of(service, "chronos_config_last_reload_success_timestamp_seconds")
        service.follower.sync()
        assert text_of(service)[fetched.format("unchanged")] >= 1
        assert value_of(service, "chronos_config_last_reload_success_timestamp_seconds") == applied
        checkout.git("branch", "-m", "main", "elsewhere")
        service.follower.sync()
        assert text_of(service)[fetched.format("failed")] >= 1
        assert value_of(service, "chronos_git_last_fetch_success_timestamp_seconds") > 1.7e9
        assert value_of(service, "chronos_config_last_reload_successful") == 0


def test_what_is_refused_is_counted_as_commits_behind(checkout: Checkout, tmp_path: Path) -> None:
    settings = replace(settings_of(checkout, tmp_path / "data"), follow="branch", on_invalid="reject")
    with build(settings) as service:
        for number in range(2):
            checkout.write("daily-backup", f"name: daily-backup\nbroken: {number}\n")
            checkout.commit("Break it")
        service.follower.sync()
        assert value_of(service, "chronos_git_commits_behind") == 2


def test_a_job_that_is_gone_makes_room_for_another(service: Service) -> None:
    metrics = Metrics(Series(per_job=2))
    metrics.watch(service)
    for name in ("gone", "nightly", "daily-backup", "failing"):
        metrics.execution_finished(Execution(name, name, service.now(), Trigger.MANUAL, Status.SUCCESS, duration_ms=1))
    content, _ = metrics.exposition()
    counted = {
        line.partition(b",")[0] for line in content.splitlines() if line.startswith(b"chronos_executions_total{")
    }
    jobs = {line.partition(b'job_name="')[2].rstrip(b'"') for line in counted}
    assert jobs == {b"nightly", b"daily-backup", b"other"}


def test_environment_and_findings_of_policies(checkout: Checkout, data_folder: Path) -> None:
    files = {
        "_environments/staging": "",
        "_policies/pay": "rules:\n  - {id: owner, severity: note, tags: [owner]}\n",
    }
    for name, text in files.items():
        checkout.write(name, text)
    checkout.commit("Ask for owners")
    with build(replace(settings_of(checkout, data_folder), environment="staging")) as service:
        found = samples(create_app(service).test_client())
        jobs = len(service.jobs())
    assert found["chronos_environment_info[('environment', 'staging')]"] == 1
    assert found["chronos_policy_findings[('policy', 'pay/owner'), ('severity', 'note')]"] == jobs > 0


def test_no_series_has_a_label_that_a_scrape_overwrites(client: FlaskClient) -> None:
    """Prometheus sets ``job`` and ``instance`` itself and would rename ours to ``exported_job``."""
    text = client.get("/metrics").get_data(as_text=True)
    assert "job_name=" in text
    assert re.findall(r'[{,](job|instance)="', text) == []
