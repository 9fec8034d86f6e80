"""Requests are recorded with their callers before they are answered, and read back newest first."""

import json
import resource
import signal
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from harness.api_fixtures import Checkout, app_of, job_yaml, token_of

from chronos_gitops.app import build
from chronos_gitops.config.settings import Settings
from chronos_gitops.observability.audit_log import AuditLog
from chronos_gitops.service import Service

BASE = "/api/v1/jobs/daily-backup"


def entries(client: FlaskClient, query: str = "", **headers: str) -> list[dict[str, object]]:
    answer = client.get(f"/api/v1/audit{query}", headers=headers)
    assert answer.status_code == 200
    return list(answer.get_json()["items"])


def test_every_change_is_written_down_with_who_and_why(own: FlaskClient, checkout: Checkout) -> None:
    own.post(f"{BASE}/rollback/1", json={"reason": "it fails"}, headers={"X-Request-ID": "call-7"})
    own.post(f"{BASE}/rollback/1")
    own.post(f"{BASE}/pause", json={"reason": "moving house"})
    own.post(f"{BASE}/resume")
    own.post("/api/v1/jobs/failing/trigger")
    own.post("/api/v1/sync")
    own.post("/api/v1/executions/nothing/cancel")
    found = entries(own)
    told = [(entry["action"], entry["job"], entry["result"], entry["reason"]) for entry in reversed(found)]
    assert told == [
        ("rollback", "daily-backup", "done", "it fails"),
        ("rollback", "daily-backup", "unchanged", None),
        ("pause", "daily-backup", "done", "moving house"),
        ("resume", "daily-backup", "done", None),
        ("trigger", "failing", "done", None),
        ("sync", None, "done", None),
        ("cancel", None, "refused", None),
    ]
    first = found[-1]
    assert (first["id"], first["by"], first["target"], first["status"]) == (1, "anonymous", "1", 201)
    assert (first["commit"], first["request_id"]) == (checkout.git("rev-parse", "HEAD").strip(), "call-7")


def test_the_calls_about_one_job_are_found_page_by_page(own: FlaskClient) -> None:
    for _ in range(3):
        own.post(f"{BASE}/pause", json={"reason": "moving house"})
        own.post(f"{BASE}/resume")
        own.post("/api/v1/sync")
    assert {entry["job"] for entry in entries(own, "?job=daily-backup")} == {"daily-backup"}
    seen, query = [], "?job=daily-backup&limit=4"
    while query:
        answer = own.get(f"/api/v1/audit{query}").get_json()
        seen += [entry["action"] for entry in answer["items"]]
        query = answer["next"] and f"?{answer['next'].partition('?')[2]}"
    assert seen == ["resume", "pause"] * 3
    assert entries(own, "?job=nobody") == []


def test_what_was_refused_is_written_down_with_its_reason(service: Service) -> None:
    (ada, may), (eve, may_not) = token_of("ada", "read", "operate", "rollback"), token_of("eve", "read")
    client = app_of(service, may, may_not).test_client()
    allowed, denied = {"Authorization": f"Bearer {ada}"}, {"Authorization": f"Bearer {eve}"}
    client.post(f"{BASE}/rollback/99", headers=allowed)
    client.post(f"{BASE}/rollback/1", headers={**allowed, "If-Match": '"stale"'})
    client.post(f"{BASE}/rollback/1", json={"reason": "let me"}, headers=denied)
    client.post(f"{BASE}/pause", data="{", headers=allowed)
    client.post("/api/v1/sync/approve", json={"checksum": "sha256:0"}, headers=allowed)
    client.post(f"{BASE}/rollback/1", headers={"Authorization": "Bearer wrong"})
    found = entries(client, **denied)
    assert [(entry["by"], entry["action"], entry["status"]) for entry in reversed(found)] == [
        ("ada", "rollback", 404),
        ("ada", "rollback", 412),
        ("eve", "rollback", 403),
        ("ada", "pause", 400),
        ("ada", "approve", 409),
        ("anonymous", "refused", 401),
    ]
    assert {entry["result"] for entry in found} == {"refused"}
    assert all(entry["detail"] and entry["commit"] is None for entry in found)
    assert [entry["target"] for entry in found[:2]] == [f"POST {BASE}/rollback/1", "sha256:0"]


def test_questions_and_dry_runs_leave_no_trace(own: FlaskClient) -> None:
    own.post(f"{BASE}/rollback/1", json={"dry_run": True})
    own.post("/api/v1/schedules/validate", json={"schedule": "@daily"})
    own.get("/api/v1/sync")
    assert entries(own) == []


def test_a_secret_in_a_reason_is_not_kept(checkout: Checkout, tmp_path: Path) -> None:
    settings = Settings(repo=str(checkout.path), data=tmp_path / "data", secret_values={"backup-token": "canary-1234"})
    with build(settings) as service:
        client = app_of(service).test_client()
        client.post(f"{BASE}/pause", json={"reason": "canary-1234 and https://u:canary-5678@example.com/ leaked"})
        assert "${secret:backup-token}" in str(entries(client)[0]["reason"])
        assert b"canary" not in (tmp_path / "data" / "audit.jsonl").read_bytes()


def test_pages_go_back_to_the_first_entry(own: FlaskClient) -> None:
    for _ in range(7):
        own.post("/api/v1/sync")
    seen, url = [], "/api/v1/audit?limit=3"
    while url:
        page = own.get(url).get_json()
        seen += [entry["id"] for entry in page["items"]]
        url = page["next"]
    assert seen == [7, 6, 5, 4, 3, 2, 1]


def test_the_log_outlives_the_runner(checkout: Checkout, tmp_path: Path) -> None:
    settings = Settings(repo=str(checkout.path), data=tmp_path / "data")
    for reason in ("first", "second"):
        with build(settings) as service:
            app_of(service).test_client().post(f"{BASE}/pause", json={"reason": reason})
    with build(settings) as service:
        assert [entry["reason"] for entry in entries(app_of(service).test_client())] == ["second", "first"]


def test_what_was_done_is_answered_also_when_it_cannot_be_written_down(
    own: FlaskClient, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    (service.settings.data / "audit.jsonl").mkdir()
    assert own.post(f"{BASE}/resume").status_code == 200
    assert "audit_failed" in caplog.text


def test_a_line_cut_short_by_a_crash_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    AuditLog(path).append({"action": "one"})
    with path.open("ab") as file:
        file.write(b'{"action": "tw')
    log = AuditLog(path)
    log.append({"action": "three"})
    for reader in (log, AuditLog(path)):
        assert [(number, entry["action"]) for number, entry in reader.newest(10)] == [(3, "three"), (1, "one")]
    assert [json.loads(line)["action"] for line in path.read_bytes().splitlines()[::2]] == ["one", "three"]


def test_a_full_disk_leaves_no_half_line(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    log = AuditLog(path)
    log.append({"action": "one"})
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 10, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            log.append({"action": "x" * 100})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_bytes() == before
    log.append({"action": "two"})
    assert [entry["action"] for _, entry in log.newest(10)] == ["two", "one"]


def test_reading_it_needs_a_token_where_there_are_tokens(shared: Service) -> None:
    assert app_of(shared, token_of("ada", "read")[1]).test_client().get("/api/v1/audit").status_code == 401


def test_a_job_that_is_new_is_audited_by_its_id_too(own: FlaskClient, checkout: Checkout) -> None:
    checkout.write("fresh", job_yaml("fresh", "http://127.0.0.1:9/"))
    own.post("/api/v1/sync")
    number = own.get("/api/v1/jobs/fresh").get_json()["id"]
    own.post(f"/api/v1/jobs/{number}/resume")
    assert entries(own)[0]["job"] == "fresh"
