import pytest
from flask.testing import FlaskClient
from harness.api_fixtures import Checkout, finished

from chronos_gitops.jobs.job_ids import job_id
from chronos_gitops.server.api.job_health import JobHealth
from chronos_gitops.service import Service

SEED_FIELDS = {"id", "name", "description", "schedule", "timezone", "webhook", "retry_policy", "timeout", "concurrency"}
SEED_FIELDS |= {"tags", "enabled", "created_at", "updated_at", "next_run"}
CONTRACT_FIELDS = {"state", "version", "commit", "path", "draft", "last_execution", "sync"}


def names(client: FlaskClient, query: str = "") -> list[str]:
    return [job["name"] for job in client.get(f"/api/v1/jobs{query}").get_json()["items"]]


def test_the_list_has_every_running_job_by_name(client: FlaskClient) -> None:
    assert names(client) == ["daily-backup", "failing", "nightly", "off"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?tag.team=backend", ["daily-backup", "off"]),
        ("?tag.team=backend&tag.environment=production", ["daily-backup"]),
        ("?tag.team=nobody", []),
        ("?tag.no-such-key=x", []),
        ("?state=disabled", ["off"]),
        ("?state=enabled&tag.team=backend", ["daily-backup"]),
        ("?state=paused", []),
        ("?q=NIGHT", ["nightly"]),
        ("?q=fails", ["failing"]),
        ("?q=", ["daily-backup", "failing", "nightly", "off"]),
    ],
)
def test_filters_of_the_list(client: FlaskClient, query: str, expected: list[str]) -> None:
    assert names(client, query) == expected


def test_the_health_filter_agrees_with_the_page(own: FlaskClient) -> None:
    for name in ("failing", "daily-backup"):
        finished(own, own.post(f"/api/v1/jobs/{name}/trigger").get_json()["id"])
    own.post("/api/v1/jobs/nightly/pause", json={"reason": "test"})
    found = {health.value: names(own, f"?health={health}") for health in JobHealth}
    assert found == {
        "failing": ["failing"],
        "healthy": ["daily-backup"],
        "paused": ["nightly"],
        "off": ["off"],
        "invalid": [],
        "late": [],
        "broken": [],
        "skipped": [],
        "running": [],
    }
    for health, expected in found.items():
        page = own.get(f"/?standing={health}", headers={"Accept": "text/html"}).get_data(as_text=True)
        assert {name for name in names(own) if f'href="/jobs/{name}"' in page} == set(expected), health
    assert names(own, "?health=healthy&tag.team=frontend") == []
    assert names(own, "?health=failing&limit=1") == ["failing"]


def test_a_job_has_the_fields_of_the_seed_and_of_the_contract(client: FlaskClient) -> None:
    job = client.get("/api/v1/jobs/daily-backup").get_json()
    assert set(job) >= SEED_FIELDS | CONTRACT_FIELDS
    assert job["id"] == job_id("daily-backup")
    assert job["state"] == "enabled"
    assert job["version"] == 3
    assert job["path"] == "jobs/daily-backup.yaml"
    assert job["draft"] is False
    assert job["sync"] == {"state": "synced", "problems": []}
    assert job["next_run"].endswith(":30:00Z")
    assert job["retry_policy"]["max_attempts"] == 3
    assert job["webhook"]["method"] == "GET"


def test_a_job_answers_to_its_id(client: FlaskClient) -> None:
    by_id = client.get(f"/api/v1/jobs/{job_id('daily-backup')}")
    assert by_id.get_json()["name"] == "daily-backup"
    assert client.get(f"/api/v1/jobs/{job_id('retired')}/versions").status_code == 200


def test_an_unknown_job_names_a_near_one(client: FlaskClient) -> None:
    response = client.get("/api/v1/jobs/daily-bakup")
    assert response.status_code == 404
    assert response.get_json()["hint"] == 'Did you mean "daily-backup"?'


def test_a_deleted_job_tells_how_to_restore_it(client: FlaskClient) -> None:
    response = client.get("/api/v1/jobs/retired")
    assert response.status_code == 404
    problem = response.get_json()
    assert "deleted in version 2" in problem["detail"]
    assert "/api/v1/jobs/retired/rollback/1" in problem["hint"]


def test_the_next_ticks(client: FlaskClient) -> None:
    items = client.get("/api/v1/jobs/daily-backup/next?count=3").get_json()["items"]
    assert len(items) == 3
    assert all(item.endswith("T03:30:00Z") for item in items)
    assert len(client.get("/api/v1/jobs/daily-backup/next").get_json()["items"]) == 5
    assert client.get("/api/v1/jobs/off/next").get_json()["items"] == []


@pytest.mark.parametrize("count", ["0", "-1", "x", "1001", "1e3", "٣"])
def test_a_count_that_is_none_is_refused(client: FlaskClient, count: str) -> None:
    response = client.get(f"/api/v1/jobs/daily-backup/next?count={count}")
    assert response.status_code == 400
    assert response.get_json()["type"] == "/problems/invalid-parameter"


def test_the_list_has_the_same_shape_as_the_job_but_for_what_is_asked_of_one_alone(client: FlaskClient) -> None:
    listed = client.get("/api/v1/jobs?q=daily-backup").get_json()["items"][0]
    one = client.get("/api/v1/jobs/daily-backup").get_json()
    assert one.pop("sources")
    assert (one.pop("expectations"), one.pop("preflight")) == ([], None)
    assert listed == one


def test_one_job_says_where_its_values_are_written(own: FlaskClient, checkout: Checkout, service: Service) -> None:
    checkout.write("web/_defaults", "jitter: 2s\nwebhook:\n  auth:\n    type: hmac\n    secret: ${secret:web}\n")
    checkout.commit("Sign the requests of the web jobs")
    service.follower.sync()
    sources = own.get("/api/v1/jobs/nightly").get_json()["sources"]
    assert sources["jitter"] == {"file": "jobs/web/_defaults.yaml", "line": 1, "column": 9}
    assert sources["webhook.auth"]["file"] == "jobs/web/_defaults.yaml"
    assert sources["webhook.auth.secret"] == {"file": "jobs/web/_defaults.yaml", "line": 5, "column": 13}
    assert sources["webhook.url"]["file"] == "jobs/web/nightly.yaml"
    assert "catchup_window" not in sources
    assert all("sources" not in job for job in own.get("/api/v1/jobs").get_json()["items"])
    assert own.get("/api/v1/jobs/daily-backup").get_json()["sources"]["tags.team"]["file"] == ("jobs/daily-backup.yaml")
