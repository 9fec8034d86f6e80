import pytest
from flask.testing import FlaskClient
from harness.api_fixtures import Checkout, finished

from chronos_gitops.server.api.openapi import responses
from chronos_gitops.service import Service

BASE = "/api/v1/jobs/daily-backup"


def test_the_seeds_version_calls_work_as_written(client: FlaskClient) -> None:
    assert client.get(f"{BASE}/versions").status_code == 200
    assert client.get(f"{BASE}/versions/2").status_code == 200


def test_versions_are_newest_first_and_one_is_current(client: FlaskClient, shared: Service) -> None:
    items = client.get(f"{BASE}/versions").get_json()["items"]
    assert [(item["version"], item["change"], item["current"]) for item in items] == [
        (3, "changed", True),
        (2, "changed", False),
        (1, "created", False),
    ]
    newest = items[0]
    assert newest["author"] == "Test Author"
    assert newest["message"] == "More jobs, one less\n\nWith a body."
    assert newest["commit"] == shared.jobs().revision
    assert [item["deployed_at"] for item in items[1:]] == [None, None]
    assert newest["deployed_at"] >= responses.instant(shared.started_at)


def test_a_version_has_the_job_as_it_was_and_its_text(client: FlaskClient) -> None:
    version = client.get(f"{BASE}/versions/1").get_json()
    assert version["job"]["webhook"]["url"].endswith("/v1")
    assert version["job"]["schedule"] == "0 2 * * *"
    assert '"name": "daily-backup"' in version["yaml"]
    assert version["current"] is False


def test_a_version_answers_to_its_commit(client: FlaskClient) -> None:
    commit = client.get(f"{BASE}/versions/2").get_json()["commit"]
    assert client.get(f"{BASE}/versions/{commit[:8]}").get_json()["version"] == 2
    assert client.get(f"{BASE}/versions/{commit}").get_json()["version"] == 2


@pytest.mark.parametrize("n", ["4", "0", "-1", "abcd1234", "x", "HEAD", "9" * 20, "..%2f", "%00", "--help"])
def test_a_version_nobody_made_is_404(client: FlaskClient, n: str) -> None:
    for path in (f"{BASE}/versions/{n}", f"{BASE}/versions/{n}/diff", f"{BASE}/versions/1/diff?against={n}"):
        response = client.get(path)
        assert response.status_code == 404
        assert response.mimetype == "application/problem+json"


def test_the_versions_of_a_deleted_job_stay(client: FlaskClient) -> None:
    items = client.get("/api/v1/jobs/retired/versions").get_json()["items"]
    assert [(item["version"], item["change"], item["current"]) for item in items] == [
        (2, "deleted", True),
        (1, "created", False),
    ]
    gone = client.get("/api/v1/jobs/retired/versions/2").get_json()
    assert (gone["job"], gone["yaml"]) == (None, None)


def test_a_diff_has_fields_text_and_next_runs(client: FlaskClient) -> None:
    diff = client.get(f"{BASE}/versions/3/diff?against=1").get_json()
    changed = {field["field"]: (field["before"], field["after"]) for field in diff["fields"]}
    assert changed["schedule"] == ("0 2 * * *", "30 3 * * *")
    assert changed["tags.environment"] == (None, "production")
    assert set(changed) == {"schedule", "tags.environment", "webhook.url"}
    assert '- "schedule": "0 2 * * *"' in diff["unified"]
    assert diff["unified"].startswith("--- jobs/daily-backup.yaml@1\n+++ jobs/daily-backup.yaml@3\n")
    assert all(run.endswith("T02:00:00Z") for run in diff["next_runs_before"])
    assert all(run.endswith("T03:30:00Z") for run in diff["next_runs_after"])
    assert len(diff["next_runs_after"]) == 5


def test_a_diff_is_against_the_version_before_unless_told(client: FlaskClient) -> None:
    assert client.get(f"{BASE}/versions/3/diff").get_json()["against"] == 2
    first = client.get(f"{BASE}/versions/1/diff").get_json()
    assert first["against"] is None
    assert first["unified"].startswith("--- /dev/null\n")
    assert first["next_runs_before"] == []


def test_a_deletion_is_a_diff_to_nothing(client: FlaskClient) -> None:
    diff = client.get("/api/v1/jobs/retired/versions/2/diff").get_json()
    assert "+++ /dev/null" in diff["unified"]
    assert diff["next_runs_after"] == []
    assert diff["fields"] == []


def test_each_version_has_the_outcomes_of_its_executions(own: FlaskClient, service: Service) -> None:
    for name in ("daily-backup", "failing"):
        finished(own, own.post(f"/api/v1/jobs/{name}/trigger").get_json()["id"])
    newest, older, _ = (one["executions"] for one in own.get(f"{BASE}/versions").get_json()["items"])
    assert older is None
    assert (newest["success"], newest["failed"], newest["first_failure"], newest["complete"]) == (1, 0, None, True)
    [failing] = own.get("/api/v1/jobs/failing/versions").get_json()["items"]
    assert (failing["executions"]["failed"], failing["executions"]["p95_ms"]) == (1, None)
    assert "1, 1 failed" in own.get("/jobs/failing").get_data(as_text=True)
    planned = own.post(f"{BASE}/rollback/2", json={"dry_run": True}).get_json()
    assert planned["executions"] is None
    assert own.post(f"{BASE}/rollback/2").status_code == 201
    planned = own.post(f"{BASE}/rollback/3", json={"dry_run": True}).get_json()
    assert (planned["executions"]["success"], planned["executions"]["failed"]) == (1, 0)


def test_a_version_is_shown_with_the_layers_of_its_time(own: FlaskClient, checkout: Checkout) -> None:
    base = "/api/v1/jobs/daily-backup/versions"
    for timeout in ("1s", "2s"):
        checkout.write("_defaults", f"timeout: {timeout}\n")
        checkout.commit(timeout)
    own.post("/api/v1/sync")
    newest, before = own.get(base).get_json()["items"][:2]
    then = own.get(f"{base}/{before['version']}").get_json()
    assert (then["job"]["timeout"], then["sources"]["timeout"]) == (
        "1s",
        {"file": "jobs/_defaults.yaml", "line": 1, "column": 10},
    )
    diff = own.get(f"{base}/{newest['version']}/diff").get_json()
    assert diff["fields"] == [{"field": "timeout", "before": "1s", "after": "2s"}]
    assert "-timeout: 1s\n+timeout: 2s" in diff["unified"]
    assert own.get(f"{base}/{newest['version']}?environment=staging").status_code == 404
