"""Budgets of callers over HTTP (TEAMS section 10): calls and writes by a hand-turned clock, streams by real ones."""

import dataclasses
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
from harness.api_fixtures import app_of, token_of

from chronos_gitops.server.api import budgets
from chronos_gitops.server.api.budgets import Budgets, Limits
from chronos_gitops.server.api.routes.event_stream import LIMITED, PER_CALLER
from chronos_gitops.server.wsgi import Server
from chronos_gitops.service import Service

ADA, OPS = token_of("ada", "read", "operate"), token_of("ops", "read", "operate")
SCOPED = [dataclasses.replace(token_of(f"scoped-{n}", "read")[1], tags=(("team", "backend"),)) for n in range(3)]
STREAM = {"Accept": "text/event-stream"}


class Seconds:
    """Elapsed time that a test turns."""

    def __init__(self) -> None:
        self.passed = 1000.0

    def __call__(self) -> float:
        return self.passed


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def http(shared: Service, seconds: Seconds) -> Iterator[httpx.Client]:
    app = app_of(shared, ADA[1], OPS[1], *SCOPED)
    app.extensions[budgets._EXTENSION] = Budgets(Limits(), seconds)
    server = Server(app, host="127.0.0.1", port=0)
    port = server.start()
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=20) as client:
        yield client
    server.stop()


def statuses(http: httpx.Client, count: int, method: str = "GET", **headers: str) -> list[int]:
    path = "/api/v1/executions/nothing/cancel" if method == "POST" else "/version"
    return [http.request(method, path, headers=headers).status_code for _ in range(count)]


def test_a_hundred_calls_in_a_burst_and_then_twenty_a_second(http: httpx.Client, seconds: Seconds) -> None:
    mine = bearer(ADA[0])
    assert statuses(http, 103, **mine) == [200] * 100 + [429] * 3
    refused = http.get("/version", headers=mine)
    assert refused.json()["type"] == "/problems/too-many-requests"
    assert refused.headers["Retry-After"] == "1"
    assert statuses(http, 1, **bearer(OPS[0])) == [200], "another caller behind the same address has calls of its own"
    seconds.passed += 1
    assert statuses(http, 22, **mine) == [200] * 20 + [429] * 2
    seconds.passed += 3600
    assert statuses(http, 101, **mine) == [200] * 100 + [429]


def test_sixty_writes_a_minute(http: httpx.Client, seconds: Seconds) -> None:
    mine = bearer(ADA[0])
    assert statuses(http, 61, "POST", **mine) == [404] * 60 + [429]
    assert http.post("/api/v1/executions/nothing/cancel", headers=mine).headers["Retry-After"] == "1"
    seconds.passed += 5
    assert statuses(http, 6, "POST", **mine) == [404] * 5 + [429]
    assert statuses(http, 1, **mine) == [200], "reading goes on"


def test_unknown_callers_of_one_address_share_its_calls(http: httpx.Client, seconds: Seconds) -> None:
    assert statuses(http, 102) == [401] * 100 + [429] * 2
    seconds.passed += 1
    assert statuses(http, 21) == [401] * 20 + [429]


def test_probes_have_no_budget(http: httpx.Client) -> None:
    assert {http.get(path).status_code for path in ("/livez", "/readyz", "/health") for _ in range(50)} == {200}


def test_streams_of_scoped_readers_leave_places_to_the_administrator(http: httpx.Client) -> None:
    with ExitStack() as streams:

        def stream(secret: str) -> int:
            headers = bearer(secret) | STREAM
            return streams.enter_context(http.stream("GET", "/api/v1/events", headers=headers)).status_code

        first = [stream("secret-of-scoped-0") for _ in range(PER_CALLER + 2)]
        assert first == [200] * PER_CALLER + [503, 503]
        others = [stream(f"secret-of-scoped-{n}") for n in (1, 1, 2, 2)]
        assert others.count(200) == LIMITED - PER_CALLER
        assert [stream(OPS[0]), stream(OPS[0]), stream(ADA[0])] == [200, 200, 200]
        refused = http.get("/api/v1/events", headers=bearer("secret-of-scoped-0") | STREAM)
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
        as_json = http.get("/api/v1/events", headers=bearer("secret-of-scoped-0"))
        assert as_json.status_code == 200, "what a stream has, a poll has"
