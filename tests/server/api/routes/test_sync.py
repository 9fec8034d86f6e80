from flask.testing import FlaskClient
from harness.api_fixtures import Checkout, job_yaml


def test_the_status_tells_what_is_applied(own: FlaskClient, checkout: Checkout) -> None:
    status = own.get("/api/v1/sync").get_json()
    assert (status["state"], status["mode"], status["jobs"]) == ("synced", "worktree", 4)
    assert status["revision"]["applied"] == checkout.git("rev-parse", "HEAD").strip()
    assert status["held"] is None


def test_pauses_stand_beside_what_git_says_also_of_jobs_that_are_gone(own: FlaskClient, checkout: Checkout) -> None:
    own.post("/api/v1/jobs/off/pause", json={"reason": "the move"})
    checkout.remove("off")
    [pause] = own.post("/api/v1/sync").get_json()["pauses"]
    assert (pause["job"], pause["reason"], pause["until"]) == ("off", "the move", None)


def test_a_pass_now_applies_what_was_saved(own: FlaskClient, checkout: Checkout) -> None:
    checkout.write("fresh", job_yaml("fresh", "http://127.0.0.1:9/"))
    response = own.post("/api/v1/sync")
    assert response.status_code == 202
    assert response.get_json()["jobs"] == 5
    fresh = own.get("/api/v1/jobs/fresh").get_json()
    assert (fresh["draft"], fresh["version"], fresh["sync"]["state"]) == (True, None, "draft")


def test_a_broken_file_is_told_and_its_job_keeps_its_last_good_version(own: FlaskClient, checkout: Checkout) -> None:
    checkout.write("daily-backup", "name: daily-backup\nschedule: nonsense\n")
    status = own.post("/api/v1/sync").get_json()
    assert status["state"] == "degraded"
    assert status["quarantined"] == ["daily-backup"]
    assert {problem["file"] for problem in status["problems"]} >= {"jobs/daily-backup.yaml"}
    job = own.get("/api/v1/jobs/daily-backup").get_json()
    assert job["sync"]["state"] == "quarantined"
    assert job["sync"]["problems"][0]["line"]
    assert job["schedule"] == "30 3 * * *"


def test_held_deletions_are_approved_by_their_checksum(own: FlaskClient, checkout: Checkout) -> None:
    for name in ("daily-backup", "failing", "off", "web/nightly"):
        checkout.remove(name)
    checkout.write("last", job_yaml("last", "http://127.0.0.1:9/"))
    held = own.post("/api/v1/sync").get_json()["held"]
    assert held["names"] == ["daily-backup", "failing", "nightly", "off"]
    wrong = own.post("/api/v1/sync/approve", json={"checksum": "sha256:0"})
    assert wrong.status_code == 409
    assert own.get("/api/v1/sync").get_json()["held"] == held
    approved = own.post("/api/v1/sync/approve", json={"checksum": held["checksum"]})
    assert approved.status_code == 200
    assert approved.get_json()["jobs"] == 1


def test_approving_names_what(client: FlaskClient) -> None:
    assert client.post("/api/v1/sync/approve").status_code == 400
