"""A version that the guard has stopped, in the API, on the page and in plans."""

from flask.testing import FlaskClient
from harness.api_fixtures import Checkout, Receiver, eventually, job_yaml

from chronos_gitops.service import Service


def test_a_stopped_version_is_a_pause_by_guard_that_another_content_ends(
    own: FlaskClient, checkout: Checkout, service: Service, receiver: Receiver
) -> None:
    def follow(status: int) -> None:
        fields = {"schedule": "@every 1s", "retry_policy": {"max_attempts": 1}, "guard": {"executions": 2}}
        checkout.write("guarded", job_yaml("guarded", f"{receiver.url}/{status}", **fields))
        checkout.commit(f"Answer {status}")
        service.follower.sync()

    follow(404)
    paused = eventually(lambda: own.get("/api/v1/jobs/guarded").get_json()["pause"])
    found = own.get("/api/v1/jobs/guarded").get_json()
    commit = found["commit"][:8]
    assert (found["state"], paused["by"], paused["version"], paused["until"]) == ("paused", "guard", 1, None)
    assert paused["reason"].startswith(f"version 1 ({commit}) failed its first 2 runs")
    page = own.get("/jobs/guarded").get_data(as_text=True)
    assert "version 1" in page
    assert "pauses the job if the first 2 executions of a new version fail" in page
    assert [one["name"] for one in own.get("/api/v1/jobs?state=paused").get_json()["items"]] == ["guarded"]
    follow(200)
    found = eventually(lambda: (job := own.get("/api/v1/jobs/guarded").get_json())["pause"] is None and job)
    assert (found["state"], found["version"]) == ("enabled", 2)


def test_the_page_shows_the_gate_and_the_limits_of_a_job(
    own: FlaskClient, checkout: Checkout, service: Service, receiver: Receiver
) -> None:
    gate = {"job": "daily-backup", "success_within": "24h"}
    gates = {"gated": {"wait": "45m"}, "eager": {"wait": "45m", "otherwise": "run"}, "strict": {}}
    for name, more in gates.items():
        fields = {"requires": gate | more, "expect": {"start_within": "1h", "finish_by": "06:00"}}
        checkout.write(name, job_yaml(name, receiver.url, **fields))
    checkout.commit("Add gates")
    service.follower.sync()
    words = {"gated": "otherwise waits up to 45m, then is skipped", "eager": "otherwise waits up to 45m, then runs"}
    for name, then in (words | {"strict": "otherwise it is skipped"}).items():
        page = own.get(f"/jobs/{name}").get_data(as_text=True)
        assert f">daily-backup</a> in the last 24h; {then}" in page
        assert "<code>start_within: 1h</code>, <code>finish_by: 06:00</code>" in page
