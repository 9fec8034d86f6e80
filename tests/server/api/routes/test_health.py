import dataclasses
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from harness.api_fixtures import Checkout, app_of, job_yaml, settings_of

import chronos_gitops
from chronos_gitops.app import build
from chronos_gitops.service import Service


def test_a_running_runner_is_live_and_ready(client: FlaskClient) -> None:
    assert client.get("/livez").get_data(as_text=True) == "ok\n"
    assert client.get("/readyz").get_data(as_text=True) == "ok\n"
    lines = client.get("/readyz?verbose").get_data(as_text=True).splitlines()
    assert lines[-1] == "readyz check passed"
    assert client.get("/livez?verbose").get_data(as_text=True) == "[+]scheduler ok\nlivez check passed\n"
    assert {line.split()[0] for line in lines[:-1]} == {
        "[+]scheduler",
        "[+]engine",
        "[+]targets",
        "[+]git",
        "[+]draining",
    }
    health = client.get("/health").get_json()
    assert (health["status"], health["checks"]["git"]["status"]) == ("pass", "pass")


def test_a_failed_sync_warns_and_stays_ready(own: FlaskClient, checkout: Checkout) -> None:
    checkout.write("daily-backup", "name: daily-backup\n")
    own.post("/api/v1/sync")
    assert own.get("/readyz").status_code == 200
    assert "[!]git warn" in own.get("/readyz?verbose").get_data(as_text=True)
    assert own.get("/health").get_json()["status"] == "warn"


def test_a_draining_runner_is_live_but_not_ready(shared: Service) -> None:
    app = app_of(dataclasses.replace(shared))
    app.extensions["chronos_gitops"]._draining = True
    client = app.test_client()
    assert client.get("/livez").status_code == 200
    ready = client.get("/readyz")
    assert (ready.status_code, ready.get_data(as_text=True)) == (503, "readyz check failed\n")
    verbose = client.get("/readyz?verbose").get_data(as_text=True).splitlines()
    assert verbose[-2:] == ["[-]draining failed: the runner is shutting down", "readyz check failed"]
    assert client.get("/health").status_code == 503


def test_nothing_is_answered_before_jobs_are_loaded_and_nothing_written_after(
    checkout: Checkout, tmp_path: Path
) -> None:
    service = build(settings_of(checkout, tmp_path / "data"))
    client = app_of(service).test_client()
    head = checkout.git("rev-parse", "HEAD")
    for path in ("/api/v1/jobs", "/api/v1/executions", "/metrics", "/"):
        early = client.get(path)
        assert (early.status_code, early.headers["Retry-After"]) == (503, "5")
    assert client.post("/api/v1/jobs/daily-backup/rollback/1").status_code == 503
    assert (client.get("/livez").status_code, client.get("/readyz").status_code) == (200, 503)
    assert client.get("/api/v1/sync").get_json()["state"] == "starting"
    with service:
        assert client.get("/api/v1/jobs").status_code == 200
    for path in ("/api/v1/sync", "/api/v1/jobs/off/trigger", "/api/v1/jobs/daily-backup/rollback/1"):
        assert client.post(path).get_json()["type"] == "/problems/unavailable"
    assert checkout.git("rev-parse", "HEAD") == head


def test_the_version(client: FlaskClient, shared: Service) -> None:
    build = client.get("/version").get_json()
    assert build["version"] == chronos_gitops.__version__
    assert build["commit"] == shared.jobs().revision


@pytest.mark.parametrize("trouble", ["unknown branch", "unreachable remote", "missing folder"])
def test_a_runner_is_ready_with_a_job_set_only(checkout: Checkout, tmp_path: Path, trouble: str) -> None:
    checkout.git("clone", "-q", "--bare", ".", str(tmp_path / "remote.git"))
    good = dataclasses.replace(settings_of(checkout, tmp_path / "data"), repo=str(tmp_path / "remote.git"))
    bad = {
        "unknown branch": dataclasses.replace(good, branch="nowhere"),
        "unreachable remote": dataclasses.replace(good, repo="http://127.0.0.1:1/jobs.git"),
        "missing folder": dataclasses.replace(good, jobs_folder="nowhere"),
    }[trouble]
    with build(bad) as service:
        client = app_of(service).test_client()
        reason = service.follower.status().reason
        assert reason is not None
        assert client.get("/readyz").status_code == 503
        verbose = client.get("/readyz?verbose").get_data(as_text=True)
        assert f"[-]git failed: no jobs are loaded: {reason}" in verbose
        assert client.get("/livez").status_code == 200
        assert client.get("/health").status_code == 503


def test_the_last_good_jobs_make_a_restarted_runner_ready(checkout: Checkout, tmp_path: Path) -> None:
    checkout.git("clone", "-q", "--bare", ".", str(tmp_path / "remote.git"))
    settings = dataclasses.replace(settings_of(checkout, tmp_path / "data"), repo=str(tmp_path / "remote.git"))
    with build(settings) as service:
        assert app_of(service).test_client().get("/readyz").status_code == 200
    (tmp_path / "remote.git").rename(tmp_path / "away.git")
    with build(settings) as service:
        assert service.follower.status().state == "failed"
        assert app_of(service).test_client().get("/readyz").status_code == 200


def test_a_secret_without_a_value_warns_and_the_runner_stays_ready(checkout: Checkout, tmp_path: Path) -> None:
    headers = {"X-Key": "${secret:pay-key}"}
    for name in ("charge", "refund"):
        checkout.write(
            name, job_yaml(name, "http://127.0.0.1:1/x", webhook={"url": "http://127.0.0.1:1/x"} | {"headers": headers})
        )
    checkout.commit("Use a secret")
    folder = tmp_path / "secrets"
    folder.mkdir()
    settings = dataclasses.replace(settings_of(checkout, tmp_path / "data"), secrets_folder=folder)
    with build(settings) as service:
        client = app_of(service).test_client()
        ready = client.get("/readyz?verbose")
        assert (ready.status_code, client.get("/readyz").get_data(as_text=True)) == (200, "ok\n")
        assert "[!]secrets warn: 1 missing, 2 jobs" in ready.get_data(as_text=True).splitlines()
        assert client.get("/health").get_json()["checks"]["secrets"]["status"] == "warn"
        samples = client.get("/metrics").get_data(as_text=True).splitlines()
        assert 'chronos_secrets{state="missing"} 1.0' in samples
        assert 'chronos_secrets{state="ok"} 0.0' in samples
        (folder / "pay-key").write_text("value")
        service.secrets.look()
        assert "[+]secrets ok" in client.get("/readyz?verbose").get_data(as_text=True).splitlines()
        assert 'chronos_secrets{state="ok"} 1.0' in client.get("/metrics").get_data(as_text=True).splitlines()
