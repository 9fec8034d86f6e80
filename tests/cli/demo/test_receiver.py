import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from chronos_gitops.cli.demo.receiver import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def ask(
    receiver: Receiver, path: str, *, method: str = "GET", body: bytes | None = None, execution: str = "e1"
) -> tuple[int, bytes, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", receiver.port, timeout=5)
    try:
        connection.request(method, path, body=body, headers={"X-Chronos-Execution-ID": execution})
        response = connection.getresponse()
        return response.status, response.read(), dict(response.getheaders())
    finally:
        connection.close()


def test_request_is_recorded_whole(receiver: Receiver) -> None:
    before = time.monotonic()
    status, body, _ = ask(receiver, "/ok?a=1", method="POST", body=b'{"x": 1}')
    assert (status, json.loads(body)) == (200, {"ok": True})
    (request,) = receiver.requests
    assert (request.method, request.path, request.body) == ("POST", "/ok?a=1", b'{"x": 1}')
    assert request.execution_id == "e1"
    assert request.header("x-chronos-execution-id") == "e1"
    assert before <= request.monotonic <= time.monotonic()
    assert request.arrived_at.tzinfo is UTC
    assert abs((datetime.now(UTC) - request.arrived_at).total_seconds()) < 5


@pytest.mark.parametrize("code", [200, 204, 301, 400, 404, 429, 500, 503])
def test_status_is_the_one_asked_for(receiver: Receiver, code: int) -> None:
    assert ask(receiver, f"/status/{code}")[0] == code


def test_flaky_fails_per_execution(receiver: Receiver) -> None:
    assert [ask(receiver, "/flaky/2", execution="a")[0] for _ in range(3)] == [503, 503, 200]
    assert ask(receiver, "/flaky/2", execution="b")[0] == 503


def test_retry_after_is_sent_once_per_execution(receiver: Receiver) -> None:
    status, _, headers = ask(receiver, "/retry-after/7")
    assert (status, headers["Retry-After"]) == (503, "7")
    assert ask(receiver, "/retry-after/7")[0] == 200


def test_head_has_no_body(receiver: Receiver) -> None:
    assert ask(receiver, "/ok", method="HEAD")[:2] == (200, b"")


def test_slow_takes_its_time(receiver: Receiver) -> None:
    started = time.monotonic()
    assert ask(receiver, "/slow/0.2")[0] == 200
    assert time.monotonic() - started >= 0.2


def test_hold_waits_for_release(receiver: Receiver) -> None:
    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(ask, receiver, "/hold/gate") for _ in range(2)]
        assert receiver.wait_for(2, timeout=5)
        assert not any(answer.done() for answer in answers)
        receiver.release("gate")
        assert [answer.result(5)[0] for answer in answers] == [200, 200]
    assert ask(receiver, "/hold/gate")[0] == 200


def test_client_that_goes_away_is_noticed(receiver: Receiver) -> None:
    client = socket.create_connection(("127.0.0.1", receiver.port))
    client.sendall(b"GET /hold/for-ever HTTP/1.1\r\nHost: x\r\n\r\n")
    assert receiver.wait_for(1, timeout=5)
    assert receiver.abandoned == ()
    client.close()
    assert receiver.wait_for(lambda r: len(r.abandoned) == 1, timeout=5)


def test_pipelined_request_is_not_lost(receiver: Receiver) -> None:
    with socket.create_connection(("127.0.0.1", receiver.port)) as client:
        client.sendall(b"GET /slow/0.1 HTTP/1.1\r\n\r\nGET /ok HTTP/1.1\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(4096), b""))
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert [request.path for request in receiver.requests] == ["/slow/0.1", "/ok"]


def test_connection_is_kept_alive(receiver: Receiver) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", receiver.port, timeout=5)
    for _ in range(3):
        connection.request("GET", "/ok")
        connection.getresponse().read()
        assert connection.sock is not None
    connection.close()
    assert len(receiver.requests) == 3


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 413),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", 431),
    ],
)
def test_unreadable_request_is_refused_and_not_recorded(receiver: Receiver, sent: bytes, status: int) -> None:
    with socket.create_connection(("127.0.0.1", receiver.port)) as client:
        client.sendall(sent)
        assert client.recv(4096).startswith(f"HTTP/1.1 {status} ".encode())
    assert receiver.requests == ()


def test_burst_of_connections_loses_nothing(receiver: Receiver) -> None:
    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(lambda n: ask(receiver, f"/ok?{n}")[0], range(400)))
    assert answers == [200] * 400
    assert {request.path for request in receiver.requests} == {f"/ok?{n}" for n in range(400)}


def test_wait_gives_up_at_its_timeout(receiver: Receiver) -> None:
    assert not receiver.wait_for(1, timeout=0.05)


def test_stop_ends_held_requests_and_the_thread() -> None:
    receiver = Receiver()
    receiver.start()
    client = socket.create_connection(("127.0.0.1", receiver.port))
    client.sendall(b"GET /hold/x HTTP/1.1\r\n\r\n")
    assert receiver.wait_for(1, timeout=5)
    receiver.stop()
    receiver.stop()
    assert client.recv(10) == b""
    client.close()
    assert not any(thread.name == "receiver" for thread in threading.enumerate())


def test_taken_port_is_an_error(receiver: Receiver) -> None:
    with pytest.raises(OSError, match="in use"):
        Receiver(port=receiver.port).start()


def test_clear_forgets(receiver: Receiver) -> None:
    ask(receiver, "/flaky/1")
    receiver.clear()
    assert receiver.requests == ()
    assert ask(receiver, "/flaky/1")[0] == 503
