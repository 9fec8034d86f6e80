from pathlib import Path

from flask.testing import FlaskClient
from harness.api_fixtures import Checkout, app_of, job_yaml, token_of

from chronos_gitops.app import build
from chronos_gitops.config.settings import Settings
from chronos_gitops.service import Service

BASE = "/api/v1/jobs/daily-backup"


def test_the_seeds_rollback_makes_a_commit_that_runs_at_once(own: FlaskClient, checkout: Checkout) -> None:
    before = checkout.git("rev-parse", "HEAD").strip()
    response = own.post(f"{BASE}/rollback/1")
    assert response.status_code == 201
    result = response.get_json()
    assert result == {
        "job": "daily-backup",
        "version": 4,
        "restored_version": 1,
        "commit": checkout.git("rev-parse", "HEAD").strip(),
        "changed": True,
        "written_out": [],
        "rewritten": [],
        "warnings": [],
    }
    assert response.headers["Location"] == f"{BASE}/versions/4"
    assert checkout.git("rev-parse", "HEAD^").strip() == before
    job = own.get(BASE).get_json()
    assert (job["version"], job["schedule"], job["draft"]) == (4, "0 2 * * *", False)
    assert own.get(f"{BASE}/versions/4").get_json()["message"].startswith("Roll back daily-backup to version 1")


def test_the_commit_says_who_asked_and_why(service: Service, checkout: Checkout) -> None:
    secret, token = token_of("ada", "rollback")
    client = app_of(service, token).test_client()
    response = client.post(
        f"{BASE}/rollback/2",
        json={"reason": "The new address is wrong"},
        headers={"Authorization": f"Bearer {secret}", "Idempotency-Key": '"key-1"'},
    )
    assert response.status_code == 201
    message = checkout.git("log", "-1", "--format=%an%n%B")
    assert message.startswith("ada\n")
    assert "Chronos-Requested-By: ada" in message
    assert "Chronos-Reason: The new address is wrong" in message
    assert "Chronos-Request-Id: key-1" in message


def test_a_rollback_that_changes_nothing_says_so(own: FlaskClient, checkout: Checkout) -> None:
    before = checkout.git("rev-parse", "HEAD")
    response = own.post(f"{BASE}/rollback/3")
    assert response.status_code == 200
    assert response.get_json()["changed"] is False
    assert checkout.git("rev-parse", "HEAD") == before


def test_a_dry_run_shows_the_change_and_writes_nothing(own: FlaskClient, checkout: Checkout) -> None:
    before = checkout.git("rev-parse", "HEAD")
    response = own.post(f"{BASE}/rollback/1", json={"dry_run": True, "reason": "just looking"})
    assert response.status_code == 200
    plan = response.get_json()
    assert plan["dry_run"] is True
    assert plan["restored_version"] == 1
    assert plan["message"].startswith("Roll back daily-backup to version 1")
    assert '+ "schedule": "0 2 * * *"' in plan["unified"]
    assert all(run.endswith("T02:00:00Z") for run in plan["next_runs_after"])
    assert checkout.git("rev-parse", "HEAD") == before


def test_a_deleted_job_comes_back(own: FlaskClient) -> None:
    assert own.get("/api/v1/jobs/retired").status_code == 404
    assert own.post("/api/v1/jobs/retired/rollback/1").status_code == 201
    assert own.get("/api/v1/jobs/retired").get_json()["version"] == 3


def test_if_match_guards_against_a_change_in_between(own: FlaskClient) -> None:
    tag = own.get(BASE).headers["ETag"]
    assert own.post(f"{BASE}/rollback/2", headers={"If-Match": tag}).status_code == 201
    stale = own.post(f"{BASE}/rollback/1", headers={"If-Match": tag})
    assert stale.status_code == 412
    assert stale.get_json()["type"] == "/problems/stale-version"
    fresh = own.get(BASE).headers["ETag"]
    assert own.post(f"{BASE}/rollback/1", headers={"If-Match": f'"other", {fresh}'}).status_code == 201
    assert own.post(f"{BASE}/rollback/2", headers={"If-Match": "*"}).status_code == 201


def test_if_match_survives_a_run_of_the_job(own: FlaskClient) -> None:
    tag = own.get(BASE).headers["ETag"]
    own.post(f"{BASE}/trigger")
    assert own.get(BASE).headers["ETag"] != tag
    assert own.post(f"{BASE}/rollback/1", headers={"If-Match": tag}).status_code == 201


def test_a_repeated_key_makes_one_commit(own: FlaskClient, checkout: Checkout) -> None:
    first = own.post(f"{BASE}/rollback/1", headers={"Idempotency-Key": "k"})
    again = own.post(f"{BASE}/rollback/1", headers={"Idempotency-Key": "k"})
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.get_json() == first.get_json()
    assert checkout.git("rev-list", "--count", "HEAD").strip() == "4"


def test_a_key_of_another_rollback_is_refused(own: FlaskClient, checkout: Checkout) -> None:
    own.post(f"{BASE}/rollback/1", headers={"Idempotency-Key": "k"})
    response = own.post(f"{BASE}/rollback/2", headers={"Idempotency-Key": "k"})
    assert response.status_code == 422
    assert response.get_json()["type"] == "/problems/idempotency-key-reused"
    assert own.post("/api/v1/jobs/retired/rollback/1", headers={"Idempotency-Key": "k"}).status_code == 422
    assert checkout.git("rev-list", "--count", "HEAD").strip() == "4"


def test_a_request_id_may_be_sent_with_every_call(own: FlaskClient, checkout: Checkout) -> None:
    for version in (1, 2, 1):
        assert own.post(f"{BASE}/rollback/{version}", headers={"X-Request-ID": "same"}).get_json()["changed"] is True
    assert checkout.git("rev-list", "--count", "HEAD").strip() == "6"
    assert "Chronos-Request-Id: same." in checkout.git("log", "-1", "--format=%B")


def test_a_dirty_file_is_a_conflict(own: FlaskClient, checkout: Checkout) -> None:
    checkout.write("daily-backup", job_yaml("daily-backup", "http://127.0.0.1:9/mine"))
    response = own.post(f"{BASE}/rollback/1")
    assert response.status_code == 409
    assert response.get_json()["hint"]


def test_a_version_that_is_invalid_today_is_refused(own: FlaskClient, checkout: Checkout) -> None:
    checkout.write("daily-backup", job_yaml("daily-backup", "http://127.0.0.1:9/", schedule="0 0 30 2 *"))
    checkout.commit("Never fires")
    checkout.write("daily-backup", job_yaml("daily-backup", "http://127.0.0.1:9/"))
    checkout.commit("Fires again")
    own.post("/api/v1/sync")
    response = own.post(f"{BASE}/rollback/4")
    assert response.status_code == 422
    assert response.get_json()["problems"][0]["severity"] == "error"


def test_an_unknown_target_is_404(own: FlaskClient) -> None:
    assert own.post(f"{BASE}/rollback/9").status_code == 404
    assert own.post("/api/v1/jobs/nobody/rollback/1").status_code == 404


def test_rollbacks_are_counted(own: FlaskClient) -> None:
    own.post(f"{BASE}/rollback/1")
    own.post(f"{BASE}/rollback/9")
    text = own.get("/metrics").get_data(as_text=True)
    assert 'chronos_rollbacks_total{result="committed"} 1.0' in text
    assert 'chronos_rollbacks_total{result="refused"} 1.0' in text


def test_a_protected_branch_gets_a_proposal(checkout: Checkout, tmp_path: Path) -> None:
    remote = tmp_path / "remote.git"
    checkout.git("clone", "-q", "--bare", ".", str(remote))
    hook = remote / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text('#!/bin/sh\nwhile read old new ref; do [ "$ref" != refs/heads/main ] || exit 1; done\n')
    hook.chmod(0o755)
    with build(Settings(repo=str(remote), data=tmp_path / "data")) as service:
        client = app_of(service).test_client()
        assert client.get("/api/v1/sync").get_json()["mode"] == "branch"
        response = client.post(f"{BASE}/rollback/1")
        assert response.status_code == 202
        result = response.get_json()
        assert (result["version"], result["changed"]) == (None, True)
        assert result["branch"].startswith("chronos/rollback/")
        (entry,) = client.get("/api/v1/audit").get_json()["items"]
        assert (entry["result"], entry["commit"], entry["review"]) == ("proposed", result["commit"], result["branch"])
        assert "Location" not in response.headers
        assert client.get(BASE).get_json()["version"] == 3
        assert 'chronos_rollbacks_total{result="proposed"} 1.0' in client.get("/metrics").get_data(as_text=True)


def test_a_commit_is_undone_over_all_its_jobs(own: FlaskClient, checkout: Checkout) -> None:
    head = checkout.git("rev-parse", "HEAD").strip()
    plan = own.post("/api/v1/rollback", json={"commit": head, "dry_run": True}).get_json()
    assert (plan["dry_run"], plan["commit"], plan["changed"]) == (True, None, True)
    assert "/dev/null" in plan["unified"]
    response = own.post("/api/v1/rollback", json={"commit": head[:10], "reason": "all of it"})
    assert response.status_code == 201
    told = {one["job"]: (one["change"], one["restored_version"]) for one in response.get_json()["jobs"]}
    assert told == {
        "daily-backup": ("changed", 2),
        "failing": ("created", None),
        "nightly": ("created", None),
        "off": ("created", None),
        "retired": ("deleted", 1),
    }
    assert checkout.git("diff", "--stat", "HEAD~2", "HEAD") == ""
    jobs = own.get("/api/v1/jobs").get_json()["items"]
    assert [job["name"] for job in jobs] == ["daily-backup", "retired"]
    assert own.post("/api/v1/rollback", json={"commit": head}).status_code == 200
    found = own.get("/api/v1/audit").get_json()["items"]
    assert [(entry["action"], entry["result"], entry["reason"]) for entry in found] == [
        ("undo", "unchanged", None),
        ("undo", "done", "all of it"),
    ]


def test_an_undo_names_the_job_in_its_way(own: FlaskClient, checkout: Checkout) -> None:
    commit = checkout.git("rev-parse", "HEAD~1").strip()
    response = own.post("/api/v1/rollback", json={"commit": commit})
    assert response.status_code == 409
    assert "daily-backup" in response.get_json()["detail"]
    assert own.post("/api/v1/rollback", json={"commit": "0000"}).status_code == 404
    assert own.post("/api/v1/rollback").status_code == 400


def test_values_of_layers_are_written_out_unless_the_job_changed_since(own: FlaskClient, checkout: Checkout) -> None:
    checkout.write("_defaults", "timeout: 1s\n")
    checkout.commit("One second")
    own.post("/api/v1/sync")
    seen = own.get(BASE)
    checkout.write("_defaults", "timeout: 2s\n")
    checkout.commit("Two seconds")
    own.post("/api/v1/sync")
    versions = own.get(f"{BASE}/versions").get_json()["items"]
    assert [(one["change"], one["effective"], one["files"]) for one in versions[:2]] == [
        ("inherited", True, ["jobs/_defaults.yaml"])
    ] * 2
    assert versions[0]["current"]
    number = versions[1]["version"]
    stale = own.post(f"{BASE}/rollback/{number}", headers={"If-Match": seen.headers["ETag"]})
    assert stale.status_code == 412
    plan = own.post(f"{BASE}/rollback/{number}", json={"dry_run": True}).get_json()
    assert plan["written_out"] == [{"field": "timeout", "environment": None, "value": "1s"}]
    assert [(one["field"], one["after"]) for one in plan["fields"]] == [("timeout", "1s")]
    assert "+timeout: 1s" in plan["unified"]
    done = own.post(f"{BASE}/rollback/{number}", headers={"If-Match": own.get(BASE).headers["ETag"]}).get_json()
    assert (done["version"], done["written_out"]) == (number + 2, plan["written_out"])
    assert done["rewritten"] == plan["rewritten"] == ["enabled", "name", "schedule", "tags", "timeout", "webhook"]
    assert own.get(BASE).get_json()["timeout"] == "1s"
