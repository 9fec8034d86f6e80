"""Budgets of callers, and heavy questions that can take neither all threads nor anybody's time (TEAMS section 10)."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import httpx
import pytest
from flask import Flask
from harness.api_fixtures import app_of

from chronos_gitops.server.api import budgets
from chronos_gitops.server.api.budgets import HeavyWork, Limits, Rate, TooManyRequests, TooSlow
from chronos_gitops.server.api.routes.event_stream import (
    LIMITED,
    MOST,
    PER_CALLER,
    StreamSlots,
    StreamSubscriber,
    TooManyStreams,
)
from chronos_gitops.server.wsgi import THREADS, Server
from chronos_gitops.service import Service

PATIENCE = 20.0
LARGE = ("name: a\nschedule: '@daily'\nwebhook:\n  url: https://a.example.com/\n" + "# token:${ x\n" * 20_000)[:250_000]


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(32) as threads:
        yield threads


def test_a_burst_is_let_through_and_then_so_many_a_second() -> None:
    rate = Rate(20, 100)
    assert [rate.take("a", 0.0) for _ in range(100)] == [0] * 100
    assert rate.take("a", 0.0) == 1
    assert rate.take("b", 0.0) == 0
    assert [rate.take("a", 0.5) for _ in range(10)] == [0] * 10
    assert rate.take("a", 0.5) == 1


def test_the_callers_that_are_remembered_are_bounded() -> None:
    rate = Rate(20, 100)
    for number in range(10_000):
        rate.take(str(number), 0.0)
    assert len(rate._levels) <= 4096


def test_heavy_work_has_few_places_and_gives_them_back_when_it_ends(pool: ThreadPoolExecutor) -> None:
    heavy = HeavyWork(Limits(patience=0.05, longest=0.05))
    may_end = threading.Event()
    stuck = [pool.submit(heavy.run, name, 1, lambda: may_end.wait(PATIENCE)) for name in ("a", "b")]
    for one in stuck:
        assert isinstance(one.exception(PATIENCE), TooSlow)
    with pytest.raises(TooManyRequests):
        heavy.run("c", 1, lambda: None)
    may_end.set()
    patient = HeavyWork(Limits())
    assert patient.run("c", 1, lambda: "answer") == "answer"
    _eventually(lambda: not heavy._running)
    assert heavy.run("c", 1, lambda: "answer") == "answer"


def test_one_caller_has_one_place_and_waits_in_line(pool: ThreadPoolExecutor) -> None:
    heavy = HeavyWork(Limits(patience=PATIENCE))
    may_end, begun = threading.Event(), threading.Event()

    def held() -> str:
        begun.set()
        may_end.wait(PATIENCE)
        return "first"

    first = pool.submit(heavy.run, "a", 1, held)
    assert begun.wait(PATIENCE)
    second: Future[str] = pool.submit(heavy.run, "a", 1, lambda: "second")
    assert heavy.run("b", 1, lambda: "other") == "other"
    assert not second.done()
    may_end.set()
    assert (first.result(PATIENCE), second.result(PATIENCE)) == ("first", "second")


def test_an_error_of_heavy_work_is_that_of_its_caller() -> None:
    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        HeavyWork(Limits()).run("a", 1, fail)


def _eventually(is_so: Callable[[], bool]) -> None:
    waiting = threading.Event()
    for _ in range(2000):
        if is_so():
            return
        waiting.wait(0.01)
    raise AssertionError


@pytest.fixture
def app(shared: Service) -> Flask:
    return app_of(shared)


@pytest.fixture
def http(app: Flask) -> Iterator[httpx.Client]:
    server = Server(app, host="127.0.0.1", port=0)
    port = server.start()
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as client:
        yield client
    server.stop()


def test_the_threads_are_more_than_streams_and_heavy_questions_can_take() -> None:
    limits = Limits()
    assert MOST + limits.heavy + limits.line + 8 <= THREADS


def test_many_heavy_questions_leave_the_probes_alone(app: Flask, http: httpx.Client, pool: ThreadPoolExecutor) -> None:
    app.extensions["chronos_gitops.budgets"] = budgets.Budgets(Limits(patience=0.2, longest=0.02))
    asked = [pool.submit(httpx.post, f"{http.base_url}/api/v1/validate", content=LARGE, timeout=60) for _ in range(32)]
    probes = [http.get("/livez").elapsed.total_seconds() for _ in range(10)]
    answers = [one.result(60) for one in asked]
    assert {answer.status_code for answer in answers} <= {200, 429, 503}
    assert {answer.json()["type"] for answer in answers if answer.status_code != 200} <= {
        "/problems/too-many-requests",
        "/problems/too-slow",
    }
    assert any(answer.status_code == 429 and int(answer.headers["Retry-After"]) > 0 for answer in answers)
    assert sorted(probes)[len(probes) // 2] < 1  # the median: a busy machine may hold up a single one
    assert http.get("/api/v1/jobs").status_code == 200


def test_streams_of_one_caller_and_of_limited_ones_leave_places_to_others() -> None:
    places = StreamSlots()
    greedy = StreamSubscriber("greedy", is_limited=True)
    for _ in range(PER_CALLER):
        places.take(greedy)
    with pytest.raises(TooManyStreams):
        places.take(greedy)
    for number in range(LIMITED - PER_CALLER):
        places.take(StreamSubscriber(f"other-{number}", is_limited=True))
    with pytest.raises(TooManyStreams):
        places.take(StreamSubscriber("late", is_limited=True))
    places.take(StreamSubscriber("administrator"))
    assert places.taken == LIMITED + 1
