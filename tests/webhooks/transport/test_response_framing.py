"""A complete head with a final status decides (CONTRACT 5), however its body is framed; two parsers as oracles."""

import http.client
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import h11
import pytest
from harness.servers import Connection, Hostile, Talk

from chronos_gitops.jobs.model import Job
from chronos_gitops.webhooks.outcome import Outcome, OutcomeKind


@dataclass(frozen=True)
class Case:
    """``status`` None: not HTTP/1.1; ``body`` None: nobody can tell; ``closes``: the server closes after it."""

    name: str
    content: bytes
    status: int | None
    body: str | None = ""
    method: str = "POST"
    reused: bool = False
    closes: bool = False

    def __str__(self) -> str:
        return self.name


def _head(status: str, *fields: str) -> bytes:
    return "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", *fields)).encode() + b"\r\n"


CHUNKED = "Transfer-Encoding: chunked"
OK_CHUNKS = b"2\r\nok\r\n0\r\n\r\n"
CASES = [
    Case("length", _head("200 OK", "Content-Length: 2") + b"ok", 200, "ok", reused=True),
    Case("length 0", _head("200 OK", "Content-Length: 0"), 200, reused=True),
    Case("length with leading zeros", _head("200 OK", "Content-Length: 0002") + b"ok", 200, "ok", reused=True),
    Case("chunked", _head("200 OK", CHUNKED) + OK_CHUNKS, 200, "ok", reused=True),
    Case("chunked with capitals", _head("200 OK", "transfer-encoding: ChunKed") + OK_CHUNKS, 200, "ok", reused=True),
    Case(
        "chunked with trailers", _head("200 OK", CHUNKED) + b"2;a=b\r\nok\r\n0\r\nX: y\r\n\r\n", 200, "ok", reused=True
    ),
    Case("until close", _head("200 OK") + b"ok", 200, "ok", closes=True),
    Case("until close, empty", _head("200 OK"), 200, closes=True),
    Case("HTTP/1.0 until close", b"HTTP/1.0 200 OK\r\n\r\nok", 200, "ok", closes=True),
    Case("HTTP/1.0 with length", b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok"),
    Case(
        "HTTP/1.0 kept alive",
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
        200,
        "ok",
        reused=True,
    ),
    Case("connection: close", _head("200 OK", "Connection: close", "Content-Length: 2") + b"ok", 200, "ok"),
    Case("connection: a list", _head("200 OK", "Connection: x, Close", "Content-Length: 2") + b"ok", 200, "ok"),
    Case("204", _head("204 No Content"), 204, reused=True),
    Case("204 chunked, no body", _head("204 No Content", CHUNKED), 204),
    Case("204 chunked, last chunk", _head("204 No Content", CHUNKED) + b"0\r\n\r\n", 204),
    Case("204 chunked, body", _head("204 No Content", CHUNKED) + OK_CHUNKS, 204),
    Case("204 length 0", _head("204 No Content", "Content-Length: 0"), 204, reused=True),
    Case("204 length 2, no body", _head("204 No Content", "Content-Length: 2"), 204),
    Case("204 length 2, body", _head("204 No Content", "Content-Length: 2") + b"ok", 204),
    Case("204 body unannounced", _head("204 No Content") + b"ok", 204),
    Case("204 two lengths", _head("204 No Content", "Content-Length: 2", "Content-Length: 3") + b"ok", 204),
    Case("204 wrong length", _head("204 No Content", "Content-Length: x"), 204),
    Case("304 length, no body", _head("304 Not Modified", "Content-Length: 2"), 304, reused=True),
    Case("304 length, body", _head("304 Not Modified", "Content-Length: 2") + b"ok", 304),
    Case("304 chunked, body", _head("304 Not Modified", CHUNKED) + OK_CHUNKS, 304),
    Case("HEAD length, no body", _head("200 OK", "Content-Length: 2"), 200, method="HEAD", reused=True),
    Case("HEAD length, body", _head("200 OK", "Content-Length: 2") + b"ok", 200, method="HEAD"),
    Case("HEAD chunked, no body", _head("200 OK", CHUNKED), 200, method="HEAD", reused=True),
    Case("HEAD chunked, body", _head("200 OK", CHUNKED) + OK_CHUNKS, 200, method="HEAD"),
    Case("HEAD no framing", _head("200 OK"), 200, method="HEAD", reused=True),
    Case("HEAD two lengths", _head("200 OK", "Content-Length: 2", "Content-Length: 9"), 200, None, method="HEAD"),
    Case(
        "two equal lengths", _head("200 OK", "Content-Length: 2", "Content-Length: 2") + b"ok", 200, "ok", reused=True
    ),
    Case("equal lengths in one field", _head("200 OK", "Content-Length: 2, 2") + b"ok", 200, "ok", reused=True),
    Case("two different lengths", _head("200 OK", "Content-Length: 2", "Content-Length: 9") + b"ok", 200, None),
    Case("negative length", _head("200 OK", "Content-Length: -2") + b"ok", 200, None),
    Case("signed length", _head("200 OK", "Content-Length: +2") + b"ok", 200, None),
    Case("length of letters", _head("200 OK", "Content-Length: two") + b"ok", 200, None),
    Case("empty length", _head("200 OK", "Content-Length:") + b"ok", 200, None),
    Case("length of 5,000 digits", _head("200 OK", "Content-Length: " + "9" * 5000) + b"ok", 200, None, closes=True),
    Case("chunked beside a length", _head("200 OK", "Content-Length: 5", CHUNKED) + OK_CHUNKS, 200, "ok"),
    Case("length beside chunked", _head("200 OK", CHUNKED, "Content-Length: 5") + OK_CHUNKS, 200, "ok"),
    Case("identity and length", _head("200 OK", "Transfer-Encoding: identity", "Content-Length: 2") + b"ok", 200, "ok"),
    Case("identity until close", _head("200 OK", "Transfer-Encoding: identity") + b"ok", 200, "ok", closes=True),
    Case("gzip until close", _head("200 OK", "Transfer-Encoding: gzip") + b"ok", 200, "ok", closes=True),
    Case("gzip, chunked", _head("200 OK", "Transfer-Encoding: gzip, chunked") + OK_CHUNKS, 200, "ok"),
    Case("chunked twice", _head("200 OK", CHUNKED, CHUNKED) + OK_CHUNKS, 200, "ok"),
    Case("HTTP/1.0 chunked", b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + OK_CHUNKS, 200, "ok"),
    Case(
        "100, then final", _head("100 Continue") + _head("200 OK", "Content-Length: 2") + b"ok", 200, "ok", reused=True
    ),
    Case("103 with length", _head("103 Early Hints", "Content-Length: 9") + _head("204 No Content"), 204, reused=True),
    Case("102 chunked", _head("102 Processing", CHUNKED) + _head("204 No Content"), 204, reused=True),
    Case("101 not asked for", _head("101 Switching Protocols", "Upgrade: x", "Connection: upgrade") + b"abc", 101),
    Case("body too short", _head("200 OK", "Content-Length: 9") + b"ok", 200, "ok", closes=True),
    Case("body too long", _head("200 OK", "Content-Length: 2") + b"okmore", 200, "ok"),
    Case("second answer", (_head("200 OK", "Content-Length: 2") + b"ok") * 2, 200, "ok"),
    Case("chunk without end", _head("200 OK", CHUNKED) + b"2\r\nok\r\n", 200, "ok", closes=True),
    Case("chunk size not hexadecimal", _head("200 OK", CHUNKED) + b"ZZ\r\nok\r\n", 200),
    Case("chunk longer than its size", _head("200 OK", CHUNKED) + b"2\r\nokay\r\n0\r\n\r\n", 200, None),
    Case("chunks, then something else", _head("200 OK", CHUNKED) + OK_CHUNKS + b"else", 200, "ok"),
    Case("failure with a broken body", _head("500 Broken", CHUNKED) + b"ZZ\r\n", 500),
    Case("refusal with a short body", _head("404 Missing", "Content-Length: 9") + b"no", 404, "no", closes=True),
    Case("line feeds only", b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", 200, "ok", reused=True),
    Case("no reason phrase", b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", 200, "ok", reused=True),
    Case("space before the colon", _head("200 OK", "Content-Length : 2") + b"ok", 200, "ok"),
    Case("folded field", _head("200 OK", "X: a", "  b", "Content-Length: 2") + b"ok", 200, "ok", reused=True),
    Case("field with bytes", _head("200 OK", "Content-Length: 2", "X: \xe9\x01") + b"ok", 200, "ok", reused=True),
    Case("line that is no field", _head("200 OK", "Content-Length: 2", "what is this") + b"ok", 200, "ok"),
    Case("not HTTP", b"SSH-2.0-OpenSSH_9.7\r\n\r\n", None),
    Case("HTTP/2 by name", b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok"),
    Case("no status", b"HTTP/1.1 OK\r\nContent-Length: 2\r\n\r\nok", None),
    Case("status of two digits", b"HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nok", None),
    Case("head without end", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", None, closes=True),
]
HTTP_CLIENT_READS_OTHERWISE = ("204 chunked, body", "304 chunked, body", "gzip, chunked", "chunked twice")
"""It knows one coding, and takes chunks after a head that has no body (RFC 9112, section 6.3, rule 1 is against it)."""


@pytest.mark.parametrize("case", CASES, ids=str)
def test_head_decides(case: Case, job_to: Callable[..., Job], deliver: Callable[..., Outcome]) -> None:
    """Twice over one Delivery: a connection is used again only where nothing was odd."""
    with Hostile(_talk(case, [case.content])) as server:
        job = job_to(server.url(), method=case.method)
        _check(case, deliver(job, job))
        assert len(server.heads) == 2
        assert server.opened == (1 if case.reused else 2)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_head_decides_however_it_is_cut(
    case: Case, job_to: Callable[..., Job], deliver: Callable[..., Outcome]
) -> None:
    pieces = [case.content[index : index + 1] for index in range(min(len(case.content), 400))]
    with Hostile(_talk(case, [*pieces, case.content[400:]])) as server:
        _check(case, deliver(job_to(server.url(), method=case.method)))
        assert len(server.heads) == 1


@pytest.mark.parametrize("case", CASES, ids=str)
def test_oracles_agree(case: Case) -> None:
    """http.client reads what servers in the field say; h11 is strict, so where it takes all, it rules."""
    by_client, by_h11 = _http_client(case), _h11(case)
    if case.status is None:
        assert by_client is None or case.closes  # http.client takes the end of the connection for a blank line
        assert by_h11 is None
        return
    if by_client is not None:
        assert by_client[0] == case.status
        is_read = by_client[1] is not None and case.name not in HTTP_CLIENT_READS_OTHERWISE
        if case.body is not None and is_read:
            assert by_client[1] == case.body.encode()
    if by_h11 is not None:
        assert by_h11[0] == case.status
        assert by_h11[1] in (None, (case.body or "").encode())
    is_lenient = case.name in ("space before the colon", "line that is no field", "field with bytes", "HTTP/2 by name")
    assert by_client is not None or by_h11 is not None or is_lenient


def _check(case: Case, outcome: Outcome) -> None:
    assert outcome.status_code == case.status, outcome.error
    if case.status is None:
        assert (outcome.kind, outcome.error_class) == (OutcomeKind.RETRY, "connect" if case.closes else "protocol")
        return
    kinds = {1: OutcomeKind.FAILED, 2: OutcomeKind.SUCCESS, 5: OutcomeKind.RETRY}
    assert outcome.kind is kinds.get(case.status // 100, OutcomeKind.FAILED)
    assert case.body is None or outcome.response == case.body


def _talk(case: Case, pieces: list[bytes]) -> Talk:
    async def talk(connection: Connection) -> None:
        while True:
            await connection.request()
            for piece in pieces:
                await connection.send(piece)
            if case.closes:
                return

    return talk


class _Bytes:
    def __init__(self, content: bytes) -> None:
        self._file = io.BytesIO(content)

    def makefile(self, _mode: str) -> io.BytesIO:
        return self._file


def _http_client(case: Case) -> tuple[int, bytes | None] | None:
    """Its status and body; None when it refuses the head, and a body of None when it refuses the body only."""
    sock = cast("http.client.socket.socket", _Bytes(case.content))  # type: ignore[name-defined]  # it reads a file
    while True:
        response = http.client.HTTPResponse(sock, method=case.method)
        try:
            response.begin()
        except (http.client.HTTPException, ValueError):
            return None
        if response.status < 200 and response.status != 101:
            continue
        try:
            return response.status, response.read()
        except (http.client.HTTPException, ValueError):
            return response.status, None


def _h11(case: Case) -> tuple[int, bytes | None] | None:
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method=case.method, target="/", headers=[("Host", "x"), ("Content-Length", "0")]))
    client.send(h11.EndOfMessage())
    client.receive_data(case.content)
    status, body = None, b""
    try:
        while True:
            match client.next_event():
                case h11.Response(status_code=status):
                    pass
                case h11.Data(data=data):
                    body += bytes(data)
                case h11.EndOfMessage():
                    return (status, body) if status is not None else None
                case h11.NEED_DATA:
                    client.receive_data(b"")
                case h11.PAUSED | h11.ConnectionClosed():
                    return None if status is None else (status, None)
    except h11.RemoteProtocolError:
        return None if status is None else (status, None)
