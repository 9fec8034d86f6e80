import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from harness.api_fixtures import app_of

from chronos_gitops.server.wsgi import AddressInUse, Server
from chronos_gitops.service import Service


@pytest.fixture
def address(shared: Service) -> Iterator[str]:
    server = Server(app_of(shared), host="127.0.0.1", port=0)
    port = server.start()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture
def http(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, trust_env=False, timeout=10) as client:
        yield client


def test_it_serves_the_api_without_saying_with_what(http: httpx.Client) -> None:
    response = http.get("/api/v1/jobs")
    assert response.status_code == 200
    assert "Server" not in response.headers
    assert response.json()["items"]


def test_the_seeds_tag_queries(http: httpx.Client) -> None:
    one = http.get("/api/v1/jobs?tag.team=backend").json()["items"]
    both = http.get("/api/v1/jobs?tag.team=backend&tag.environment=production").json()["items"]
    assert (len(one), len(both)) == (2, 1)


def test_next_can_be_followed_as_it_is(http: httpx.Client) -> None:
    following = http.get("/api/v1/jobs?limit=1").json()["next"]
    with httpx.Client(trust_env=False) as stranger:
        assert stranger.get(following).json()["items"][0]["name"] == "failing"


def test_requests_no_handler_ever_sees_are_problems_too(address: str) -> None:
    host, _, port = address.removeprefix("http://").partition(":")
    for request, status in (
        (b"GET / HTTP/1.1\r\nbroken header\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", b"501"),
        (b"POST /api/v1/validate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n", b"413"),
    ):
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(request)
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        assert answer.split()[1] == status
        assert b"application/problem+json" in answer
        assert b'"type": "/problems/' in answer
        assert b'"request_id": ' in answer
        assert b"x-request-id: " in answer.lower()


def test_a_request_that_never_becomes_whole_is_dismissed(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slow headers and slow bodies; a connection that rests between two requests is another matter."""
    monkeypatch.setattr("chronos_gitops.server.wsgi.SLOWEST", 0.2)
    host, _, port = address.removeprefix("http://").partition(":")
    slow = (
        b"GET /livez HTTP/1.1\r\nHost: loc",
        b"POST /api/v1/validate HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nna",
    )
    with ExitStack() as stack:
        connections = [
            stack.enter_context(socket.create_connection((host, int(port)), timeout=10)) for _ in (*slow, b"resting")
        ]
        for connection, start in zip(connections, slow, strict=False):
            connection.sendall(start)
        for connection in connections[:2]:
            assert connection.recv(100) == b""
        resting = connections[-1]
        resting.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert resting.recv(100).startswith(b"HTTP/1.1 200")


def test_many_idle_connections_keep_nobody_out(http: httpx.Client, address: str) -> None:
    host, _, port = address.removeprefix("http://").partition(":")
    with ExitStack() as stack:
        for _ in range(400):
            stack.enter_context(socket.create_connection((host, int(port)), timeout=10))
        assert http.get("/api/v1/jobs").status_code == 200


def test_a_chunked_body_over_the_limit_is_a_problem(http: httpx.Client) -> None:
    response = http.post("/api/v1/validate", content=iter([b"x" * 65536] * 20))
    assert response.status_code == 413
    assert response.headers["Content-Type"] == "application/problem+json"


def test_an_address_that_is_taken_is_told(address: str) -> None:
    port = int(address.rpartition(":")[2])
    with pytest.raises(AddressInUse, match="cannot listen on 127"):
        Server(lambda *_: [], host="127.0.0.1", port=port).start()


def test_it_listens_on_ipv6_too(shared: Service) -> None:
    server = Server(app_of(shared), host="::1", port=0)
    port = server.start()
    try:
        assert httpx.get(f"http://[::1]:{port}/livez", trust_env=False).status_code == 200
    finally:
        server.stop()


def test_stop_lets_an_answer_in_the_making_end() -> None:
    asked, go = threading.Event(), threading.Event()

    def app(environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
        asked.set()
        go.wait(10)
        start("200 OK", [("Content-Length", "100000")])
        return [b"x" * 100_000]

    server = Server(app, host="127.0.0.1", port=0)
    port = server.start()
    answers: list[httpx.Response] = []
    ask = threading.Thread(target=lambda: answers.append(httpx.get(f"http://127.0.0.1:{port}/", trust_env=False)))
    ask.start()
    assert asked.wait(10)
    stopping = threading.Thread(target=server.stop)
    stopping.start()
    go.set()
    ask.join(10)
    stopping.join(10)
    assert [len(answer.content) for answer in answers] == [100_000]
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/", trust_env=False)


def test_stop_is_harmless_twice_and_before_start(shared: Service) -> None:
    server = Server(app_of(shared), host="127.0.0.1", port=0)
    server.stop()
    server.start()
    server.stop()
    server.stop()
