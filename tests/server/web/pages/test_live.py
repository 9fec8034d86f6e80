"""The stream of the pages: it tells that something changed, says that it lives, is bounded, and ends."""

from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
from flask import Flask
from harness.api_fixtures import app_of, eventually, token_of

from chronos_gitops.server.api.routes import events
from chronos_gitops.server.api.routes.event_stream import MOST, StreamSlots, StreamTiming
from chronos_gitops.server.web.pages import live
from chronos_gitops.server.wsgi import THREADS, Server
from chronos_gitops.service import Service


@pytest.fixture
def app(service: Service) -> Flask:
    app = app_of(service)
    app.extensions[events.PACE] = StreamTiming(heartbeat=0.1, longest=30)
    return app


@pytest.fixture
def http(app: Flask) -> Iterator[httpx.Client]:
    server = Server(app, host="127.0.0.1", port=0)
    port = server.start()
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=20) as client:
        yield client
    server.stop()


@pytest.mark.parametrize("path", ["/api/v1/jobs/off/resume", "/api/v1/jobs/daily-backup/trigger"])
def test_a_call_and_an_end_of_an_execution_are_told(http: httpx.Client, path: str) -> None:
    with http.stream("GET", "/live") as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        lines = response.iter_lines()
        assert next(line for line in lines if line.startswith(":")) == ": still here"
        http.post(path)
        assert next(line for line in lines if line.startswith("event:")) == "event: changed"


def test_a_scheduled_execution_is_told_although_it_is_no_event(http: httpx.Client, service: Service) -> None:
    before = service.feed.executions_finished
    http.post("/api/v1/jobs/daily-backup/trigger")
    eventually(lambda: service.feed.executions_finished > before)


def test_nothing_is_told_while_nothing_happens(http: httpx.Client) -> None:
    with http.stream("GET", "/live") as response:
        lines = (line for line in response.iter_lines() if line)
        assert [next(lines) for _ in range(4)] == ["retry: 5000", *[": still here"] * 3]


def test_pages_leave_streams_and_threads_to_others(http: httpx.Client, app: Flask) -> None:
    assert MOST + live.MOST <= THREADS * 2 // 3
    slots: StreamSlots = app.extensions[live.STREAMS]
    with ExitStack() as stack:
        oldest, *_ = [stack.enter_context(http.stream("GET", "/live")) for _ in range(live.MOST)]
        newest = stack.enter_context(http.stream("GET", "/live"))
        assert (newest.status_code, slots.taken) == (200, live.MOST)
        assert oldest.read().startswith(b"retry: 5000")  # it ended: closed tabs are the oldest, and show only so
        with http.stream("GET", "/api/v1/events", headers={"Accept": "text/event-stream"}) as response:
            assert response.status_code == 200
        assert http.get("/", headers={"Accept": "text/html"}).status_code == 200
    eventually(lambda: slots.taken == 0)


def test_a_tab_that_goes_on_to_other_pages_has_one_stream(http: httpx.Client, app: Flask) -> None:
    """A browser closes the old one, which nothing tells a server that sends nothing."""
    slots: StreamSlots = app.extensions[live.STREAMS]
    with ExitStack() as stack:
        streams = [stack.enter_context(http.stream("GET", "/live?tab=one")) for _ in range(live.MOST * 2)]
        assert [stream.status_code for stream in streams] == [200] * live.MOST * 2
        assert slots.taken == 1
        for old in streams[:-1]:
            assert old.read().startswith(b"retry: 5000")  # it ended
        assert slots.taken == 1
        stack.enter_context(http.stream("GET", "/live?tab=two"))
        assert slots.taken == 2
    eventually(lambda: slots.taken == 0)


def test_it_needs_the_role_read_and_ends_when_the_runner_drains(service: Service, http: httpx.Client) -> None:
    assert app_of(service, token_of("reader", "read")[1]).test_client().get("/live").status_code == 401
    with http.stream("GET", "/live") as response:
        service._draining = True
        assert response.read().startswith(b"retry: 5000")
