"""Reads take turns; writes, probes and whoever waits long enough do not."""

import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from harness.machine.cpu_load import busy
from werkzeug.test import Client

from chronos_gitops.server import read_limiter
from chronos_gitops.server.read_limiter import ReadLimiter

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PATIENCE = 20.0
PROBES = ("/livez", "/readyz", "/health")


class Desk:
    """Answers "/held" when it is let, and the rest at once."""

    def __init__(self) -> None:
        self.came = threading.Semaphore(0)
        self.may_go = threading.Event()
        self.busy = self.most = 0
        self._counting = threading.Lock()

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        with self._counting:
            self.busy += 1
            self.most = max(self.most, self.busy)
        self.came.release()
        if environ["PATH_INFO"] == "/held":
            assert self.may_go.wait(PATIENCE)
        with self._counting:
            self.busy -= 1
        start_response("200 OK", [])
        return [b"here"]


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def client(desk: Desk) -> Client:
    return Client(ReadLimiter(desk, lambda: PROBES))


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for a turn waits until it comes."""
    monkeypatch.setattr(read_limiter, "_LONGEST", PATIENCE)


@pytest.mark.usefixtures("endless")
def test_reads_are_answered_one_at_a_time(desk: Desk, client: Client) -> None:
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(client.get, "/held")
        assert desk.came.acquire(timeout=PATIENCE)
        others: list[Future[object]] = [pool.submit(client.get, f"/{number}") for number in range(7)]
        desk.may_go.set()
        assert [one.result(PATIENCE) is not None for one in (first, *others)] == [True] * 8
    assert desk.most == 1


@pytest.mark.usefixtures("endless")
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/api/v1/sync"), ("GET", "/livez"), ("GET", "/readyz"), ("HEAD", "/health")]
)
def test_writes_and_probes_wait_for_no_read(desk: Desk, client: Client, method: str, path: str) -> None:
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(client.get, "/held")
        assert desk.came.acquire(timeout=PATIENCE)
        assert client.open(path, method=method).status_code == 200
        assert not held.done()
        desk.may_go.set()


def test_a_read_that_takes_long_keeps_others_a_moment_only(desk: Desk, client: Client) -> None:
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(client.get, "/held")
        assert desk.came.acquire(timeout=PATIENCE)
        assert client.get("/other").status_code == 200
        assert not held.done()
        desk.may_go.set()


def test_a_read_that_fails_gives_its_turn_back() -> None:
    def broken(_: "WSGIEnvironment", __: "StartResponse") -> Iterable[bytes]:
        raise ZeroDivisionError

    client = Client(ReadLimiter(broken, lambda: PROBES))
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            client.get("/")


@pytest.mark.parametrize(("method", "gives_way"), [("GET", True), ("HEAD", True), ("POST", False)])
def test_reads_give_way_to_an_engine_at_work_and_writes_do_not(client: Client, method: str, gives_way: bool) -> None:
    with busy():
        began = time.monotonic()
        assert client.open("/", method=method).status_code == 200
        assert (time.monotonic() - began >= read_limiter._LONGEST) is gives_way
