"""Events over HTTP: newest first as JSON, as they come as a stream that starves nobody."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from flask import Flask
from flask.testing import FlaskClient
from harness.api_fixtures import Checkout, app_of, eventually, finished, job_yaml

from chronos_gitops.server.api.routes import event_stream
from chronos_gitops.server.api.routes import events as api_events
from chronos_gitops.server.api.routes.event_stream import StreamSlots, StreamTiming
from chronos_gitops.server.wsgi import THREADS, Server
from chronos_gitops.service import Service

STREAM = {"Accept": "text/event-stream"}


def types(client: FlaskClient, query: str = "") -> list[tuple[str, str | None]]:
    return [(one["type"], one["job"]) for one in client.get(f"/api/v1/events{query}").get_json()["items"]]


def test_what_happens_to_a_job_is_told(own: FlaskClient, checkout: Checkout, service: Service) -> None:
    applied = eventually(lambda: own.get("/api/v1/events").get_json()["items"])
    assert applied[0]["added"] == ["daily-backup", "failing", "nightly", "off"]
    finished(own, own.post("/api/v1/jobs/failing/trigger").get_json()["id"])
    own.post("/api/v1/jobs/nightly/pause", json={"reason": "quiet, please"}, headers={"X-Request-ID": "r-1"})
    own.post("/api/v1/jobs/nightly/resume")
    own.post("/api/v1/jobs/daily-backup/rollback/1", json={"reason": "back"})
    own.post("/api/v1/jobs/daily-backup/rollback/99")
    expected = {
        ("job_failing", "failing"),
        ("job_triggered", "failing"),
        ("job_paused", "nightly"),
        ("job_resumed", "nightly"),
        ("job_rolled_back", "daily-backup"),
    }
    eventually(lambda: expected <= set(types(own)))
    (paused,) = own.get("/api/v1/events?type=job_paused").get_json()["items"]
    assert (paused["message"], paused["by"], paused["result"]) == ("quiet, please", "anonymous", "done")
    assert paused["request_id"] == "r-1"
    (done,) = own.get("/api/v1/events?type=job_rolled_back").get_json()["items"]
    assert done["result"] == "done"
    (failing,) = own.get("/api/v1/events?type=job_failing").get_json()["items"]
    assert own.get(f"/api/v1/executions/{failing['execution']}").get_json()["status"] == "failed"
    rolled = eventually(lambda: own.get("/api/v1/events?type=commit_applied&job=daily-backup").get_json()["items"][:-1])
    assert rolled[0]["commit"] == done["commit"]
    assert rolled[0]["changed"] == ["daily-backup"]


def test_the_event_of_a_trigger_and_of_a_cancellation_names_the_execution(
    own: FlaskClient, checkout: Checkout, receiver: Any
) -> None:
    checkout.write("slow", job_yaml("slow", f"{receiver.url}/hold"))
    own.post("/api/v1/sync")
    triggered = own.post("/api/v1/jobs/slow/trigger").get_json()["id"]
    own.post(f"/api/v1/executions/{triggered}/cancel")
    own.post("/api/v1/jobs/nightly/pause", json={"reason": "quiet, please"})
    own.post("/api/v1/jobs/no-such-job/trigger")
    told = {one["type"]: one["execution"] for one in own.get("/api/v1/events").get_json()["items"]}
    assert (told["job_triggered"], told["execution_cancelled"]) == (triggered, triggered)
    assert (told["job_paused"], told["call_refused"]) == (None, None)
    item = re.search(r'<li class="job_triggered">.*?</li>', own.get("/changes").get_data(as_text=True), re.DOTALL)
    assert item is not None
    assert f'href="/executions/{triggered}"' in item[0]


@pytest.mark.parametrize("action", ["trigger", "pause", "resume", "rollback/99", "rollback/1"])
def test_a_refused_call_is_no_event_of_what_it_asked_for(own: FlaskClient, action: str) -> None:
    """Else a pause that was refused reads as a pause, in the list, the stream and on the page."""
    job = "no-such-job" if action in ("resume", "trigger", "rollback/1") else "nightly"
    answer = own.post(f"/api/v1/jobs/{job}/{action}", json={})
    assert 400 <= answer.status_code < 500
    told = own.get("/api/v1/events?limit=1").get_json()["items"][0]
    assert (told["type"], told["result"], told["by"]) == ("call_refused", "refused", "anonymous")
    assert told["message"] == f"{action.partition('/')[0]}: {answer.get_json()['detail']}"
    assert "call refused" in own.get("/changes").get_data(as_text=True)


def test_equal_refusals_of_a_minute_are_one_event(own: FlaskClient) -> None:
    for _ in range(30):
        own.post("/api/v1/jobs/nightly/pause", json={})
    assert len(own.get("/api/v1/events?type=call_refused").get_json()["items"]) == 1


def test_a_broken_commit_is_told(own: FlaskClient, checkout: Checkout, service: Service) -> None:
    checkout.write("failing", "name: failing\nschedule: never\n")
    checkout.commit("Break it")
    service.follower.sync()
    eventually(lambda: ("job_quarantined", "failing") in types(own))
    checkout.write("failing", job_yaml("failing", "http://127.0.0.1:9/"))
    checkout.commit("Mend it")
    service.follower.sync()
    eventually(lambda: ("job_released", "failing") in types(own))


def test_pages_and_filters(own: FlaskClient) -> None:
    for _ in range(5):
        own.post("/api/v1/jobs/off/resume")
    found, url = [], "/api/v1/events?limit=2&type=job_resumed"
    while url:
        answer = own.get(url).get_json()
        found, url = found + answer["items"], answer["next"]
    assert [one["job"] for one in found] == ["off"] * 5
    numbers = [one["id"] for one in found]
    assert numbers == sorted(numbers, reverse=True)
    wrong = own.get("/api/v1/events?type=job_resume")
    assert wrong.status_code == 400
    assert wrong.get_json()["did_you_mean"] == "job_resumed"


def test_a_browser_and_anybody_without_a_wish_get_json(own: FlaskClient) -> None:
    for accept in ("*/*", "application/json", "text/html,*/*;q=0.8", "application/json, text/event-stream", ""):
        assert own.get("/api/v1/events", headers={"Accept": accept}).mimetype == "application/json", accept


@pytest.fixture
def app(service: Service) -> Flask:
    app = app_of(service)
    app.extensions[api_events.PACE] = StreamTiming(heartbeat=0.1, longest=30)
    return app


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    server = Server(app, host="127.0.0.1", port=0)
    port = server.start()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture
def http(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, trust_env=False, timeout=10) as client:
        yield client


def told(response: httpx.Response, count: int) -> list[dict[str, Any]]:
    """So many events out of a stream; the id of each is that of its data."""
    found: list[dict[str, Any]] = []
    number = ""
    for line in response.iter_lines():
        if line.startswith("id: "):
            number = line[4:]
        if line.startswith("data: "):
            found.append(json.loads(line[6:]))
            assert str(found[-1]["id"]) == number
            if len(found) == count:
                break
    return found


def test_a_stream_tells_what_comes(http: httpx.Client) -> None:
    with http.stream("GET", "/api/v1/events?job=off", headers=STREAM) as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        assert response.headers["X-Accel-Buffering"] == "no"
        assert response.headers["Cache-Control"] == "private, no-cache"
        http.post("/api/v1/jobs/nightly/resume")
        http.post("/api/v1/jobs/off/resume")
        (event,) = told(response, 1)
    assert (event["type"], event["job"]) == ("job_resumed", "off")


def test_a_stream_goes_on_after_the_last_one_that_was_seen(http: httpx.Client) -> None:
    for _ in range(3):
        http.post("/api/v1/jobs/off/resume")
    second = http.get("/api/v1/events?type=job_resumed").json()["items"][1]
    headers = STREAM | {"Last-Event-ID": str(second["id"] - 1)}
    with http.stream("GET", "/api/v1/events?type=job_resumed", headers=headers) as response:
        assert [event["id"] for event in told(response, 2)] == [second["id"], second["id"] + 1]


def test_a_stream_says_that_it_lives(http: httpx.Client) -> None:
    with http.stream("GET", "/api/v1/events", headers=STREAM) as response:
        assert next(line for line in response.iter_lines() if line.startswith(":")) == ": still here"


@pytest.mark.parametrize("number", ["-1", "x", "1" * 20, "", "1.5", "²"])
def test_a_made_up_last_event_is_refused(own: FlaskClient, number: str) -> None:
    answer = own.get("/api/v1/events", headers=STREAM | {"Last-Event-ID": number})
    assert answer.status_code == 400
    assert answer.get_json()["type"] == "/problems/bad-request"


def test_pages_do_not_go_with_a_stream(own: FlaskClient) -> None:
    assert own.get("/api/v1/events?limit=5", headers=STREAM).status_code == 400


def test_streams_are_few_and_starve_nobody(http: httpx.Client, app: Flask) -> None:
    """All places taken, by readers that do not read: everybody else is answered, one reader more is told to wait."""
    assert event_stream.MOST <= THREADS // 3
    places: StreamSlots = app.extensions[api_events.PLACES]
    with ExitStack() as stack:
        for _ in range(event_stream.MOST):
            stack.enter_context(http.stream("GET", "/api/v1/events", headers=STREAM))
        assert places.taken == event_stream.MOST
        refused = http.get("/api/v1/events", headers=STREAM)
        assert refused.status_code == 503
        assert refused.json()["type"] == "/problems/too-many-streams"
        assert int(refused.headers["Retry-After"]) > 0
        answers: list[int] = []
        asking = [threading.Thread(target=lambda: answers.append(ask(http))) for _ in range(24)]
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join(10)
        assert answers == [200] * 24
    eventually(lambda: places.taken == 0)
    with http.stream("GET", "/api/v1/events", headers=STREAM) as response:
        assert response.status_code == 200


def ask(http: httpx.Client) -> int:
    return httpx.get(f"{http.base_url}/api/v1/jobs", trust_env=False, timeout=10).status_code


def test_a_head_takes_no_place(http: httpx.Client, app: Flask) -> None:
    for _ in range(event_stream.MOST * 2):
        assert http.head("/api/v1/events", headers=STREAM).status_code == 200
    eventually(lambda: app.extensions[api_events.PLACES].taken == 0)


def test_a_stream_ends_by_itself_and_when_the_runner_drains(app: Flask, http: httpx.Client, service: Service) -> None:
    app.extensions[api_events.PACE] = StreamTiming(heartbeat=0.05, longest=0.2)
    with http.stream("GET", "/api/v1/events", headers=STREAM) as response:
        assert b"retry: 5000" in response.read()
    app.extensions[api_events.PACE] = StreamTiming()
    with http.stream("GET", "/api/v1/events", headers=STREAM) as response:
        service._draining = True
        assert b"retry: 5000" in response.read()
