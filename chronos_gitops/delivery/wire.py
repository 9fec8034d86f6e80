"""One HTTP exchange over aiohttp; the only module that knows it.

aiohttp's conveniences are off (redirects, cookies, proxies of the environment, decompression, repeated sending), its
limits are ours: the address is judged right before each connect, and what a server may make us read is counted.
"""

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import yarl
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from chronos_gitops import failpoints
from chronos_gitops.delivery.egress import EgressPolicy
from chronos_gitops.delivery.names import Resolve
from chronos_gitops.delivery.outcome import ErrorClass, ExchangeError, Withheld
from chronos_gitops.delivery.progress import Phase, Progress, current
from chronos_gitops.delivery.request import Rendered
from chronos_gitops.delivery.tls import Trust

MAX_HEAD = 64 * 1024
"""Bytes of status lines and header fields read of one answer, interim (1xx) answers included."""
MAX_BODY = 1024 * 1024
"""Bytes of body read; then the connection is closed, and the answer counts."""
_MAX_FRAMED = 8 * MAX_BODY
"""Bytes on the wire for that body: in chunks of one byte each, six bytes carry one."""
_READ_AT_ONCE = 16 * 1024
"""Bytes of the socket's buffer, of which Linux makes twice as many: what is read before others have their turn. With
the 256 KiB that asyncio reads by itself, a flood of interim answers held every other webhook up for 11 ms at a time."""
KEPT = 64 * 1024
"""Bytes of body handed on."""
_IDLE = 1.5
"""Seconds that an idle connection is kept: a burst shares connections, and no request races the end of a server's
own keep-alive time (2 s at gunicorn, 5 s at Node and uvicorn, 75 s at nginx)."""
_UNLIMITED = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None)


@dataclass(slots=True)
class _Exchange:
    """What aiohttp's hooks, which are told an address and nothing else, need to know of the exchange they work for."""

    progress: Progress
    host: str
    place: str
    may_send: Callable[[], bool]
    meter: "_Meter | None" = None

    def cut(self) -> None:
        """Closes the connection at once, with whatever was still to be written."""
        if self.meter is not None:
            self.meter.transport.abort()


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer; ``body`` holds its first 64 KiB."""

    status: int
    retry_after: str | None
    body: bytes = field(repr=False)


class Wire:
    """The connection pool; opened and closed in the event loop that uses it."""

    def __init__(self, *, egress: EgressPolicy, trust: Trust, resolve: Resolve) -> None:
        self._trust = trust
        connector = _Connector(egress, resolve)
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            timeout=_UNLIMITED,
            middlewares=(_send_once,),
            max_line_size=MAX_HEAD,
            max_field_size=MAX_HEAD,
            max_headers=1024,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )

    async def close(self) -> None:
        await self._session.close()

    async def exchange(
        self, request: Rendered, progress: Progress, may_send: Callable[[], bool] = lambda: True
    ) -> Answer:
        """Sends the request exactly once and reads the answer. Raises ExchangeError and RefusedAddress; whenever no
        complete answer was read, cancellation included, the connection is closed. ``may_send`` is asked when it is
        open and nothing was written yet; when it says no, Withheld is raised."""
        progress.enter(Phase.RESOLVING)
        host, port = request.target.host, request.target.port
        exchange = _Exchange(progress, host, f"{host}:{port}", may_send)
        current.set(progress)
        previous = _exchange.set(exchange)
        try:
            return await self._exchanged(request, exchange)
        except (aiohttp.ClientError, OSError) as error:
            exchange.cut()
            raise _failure(error, exchange) from error
        except BaseException:
            exchange.cut()
            raise
        finally:
            _exchange.reset(previous)

    async def _exchanged(self, request: Rendered, exchange: _Exchange) -> Answer:
        response = await self._session.request(
            request.method,
            yarl.URL(request.target.url, encoded=True),
            headers=request.headers,
            data=request.body,
            allow_redirects=False,
            ssl=self._trust.of(exchange.host),
        )
        try:
            _refuse_large_head(response)
            body, is_whole = await _read(response.content)
        except BaseException:
            response.close()
            raise
        if is_whole:
            response.release()
        else:
            response.close()
            exchange.cut()
        return Answer(response.status, response.headers.get("Retry-After"), body)


_exchange: ContextVar[_Exchange] = ContextVar("exchange")
"""The exchange that a connection is made for."""


class _Connector(aiohttp.TCPConnector):
    """Connects to allowed addresses only, and counts what comes back."""

    def __init__(self, egress: EgressPolicy, resolve: Resolve) -> None:
        super().__init__(
            resolver=_Resolver(egress, resolve),
            socket_factory=self._socket,
            limit=0,  # Slots does it, outside the deadline
            keepalive_timeout=_IDLE,
            ttl_dns_cache=10,
        )
        self._egress = egress

    def _socket(self, info: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, place = info
        exchange = _exchange.get()
        self._egress.check(place[0], place[1], host=exchange.host)
        exchange.progress.enter(Phase.CONNECTING)
        found = socket.socket(family, kind, protocol)
        with contextlib.suppress(OSError):
            found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _READ_AT_ONCE)
        return found

    async def connect(self, req: ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout) -> Connection:
        connection = await super().connect(req, traces, timeout)
        exchange = _exchange.get()
        exchange.progress.connected()
        if connection.transport is not None and connection.protocol is not None:
            exchange.meter = _Meter(connection.protocol, connection.transport, exchange.progress)
            connection.transport.set_protocol(exchange.meter)
        failpoints.reach("before-send")
        if not exchange.may_send():
            connection.close()
            raise Withheld
        return connection


class _Resolver(AbstractResolver):
    """Every address of a name must be allowed: which one is tried first is the name server's choice."""

    def __init__(self, egress: EgressPolicy, resolve: Resolve) -> None:
        self._egress = egress
        self._resolve = resolve

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 - both families, as the connector asks
    ) -> list[ResolveResult]:
        found = await self._resolve(host)
        for _, address in found:
            self._egress.check(address, port, host=host)
        return [
            ResolveResult(
                hostname=host, host=address, port=port, family=family, proto=socket.IPPROTO_TCP, flags=_NUMERIC
            )
            for family, address in found
        ]

    async def close(self) -> None:
        """Threads that still look a name up end by themselves."""


_NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


class _Meter(asyncio.Protocol):
    """Stands between a connection and aiohttp, and ends the connection when one answer grows too large.

    aiohttp bounds one field of the head and their number, not their sum; it bounds neither the number of interim (1xx)
    answers nor the framing of a chunked body.
    """

    def __init__(self, inner: asyncio.Protocol, transport: asyncio.Transport, progress: Progress) -> None:
        self.transport = transport
        self._inner = inner
        self._progress = progress
        self._received = 0
        self._limit = MAX_HEAD
        self._too_much = "header"
        self.error: ExchangeError | None = None

    def expect_body(self) -> None:
        self._received, self._limit, self._too_much = 0, _MAX_FRAMED, "framing"

    def data_received(self, data: bytes) -> None:
        failpoints.reach("after-send")
        if self._progress.phase is Phase.WAITING:
            self._progress.enter(Phase.READING)
        # Judged before it is added: one chunk may hold the whole head and much of the body.
        if self._received > self._limit:
            self.error = _too_large(self._too_much, self._limit)
            self.transport.abort()
            return
        self._received += len(data)
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._inner.connection_lost(self.error or exc)

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()


async def _send_once(request: ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """aiohttp sends an idempotent request again when the connection is lost; an attempt is one request."""
    exchange = _exchange.get()
    try:
        response = await handler(request)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _failure(error, exchange) from error
    if exchange.meter is not None:
        exchange.meter.expect_body()
    return response


async def _read(content: aiohttp.StreamReader) -> tuple[bytes, bool]:
    """The first KEPT bytes, and whether the body ended within MAX_BODY."""
    kept = bytearray()
    total = 0
    async for chunk in content.iter_any():
        total += len(chunk)
        kept += chunk[: KEPT - len(kept)]
        if total > MAX_BODY:
            return bytes(kept), False
    return bytes(kept), True


def _refuse_large_head(response: aiohttp.ClientResponse) -> None:
    if sum(len(name) + len(value) + len(b": \r\n") for name, value in response.raw_headers) > MAX_HEAD:
        raise _too_large("header", MAX_HEAD)


def _too_large(part: str, limit: int) -> ExchangeError:
    return ExchangeError(ErrorClass.PROTOCOL, f"the {part} of the answer is larger than {limit // 1024} KiB")


def _failure(error: aiohttp.ClientError | OSError, exchange: _Exchange) -> ExchangeError:
    place = exchange.place
    if exchange.meter is not None and exchange.meter.error is not None:
        return exchange.meter.error
    match error:
        case aiohttp.ClientConnectorDNSError():
            return ExchangeError(ErrorClass.DNS, f"{place} could not be resolved ({_reason(error.os_error)})")
        case aiohttp.ClientConnectorCertificateError():
            reason = getattr(error.certificate_error, "verify_message", "") or "it is not valid"
            return ExchangeError(
                ErrorClass.TLS, f"the certificate of {place} was not accepted: {reason}", may_retry=False
            )
        case aiohttp.ClientSSLError():
            return ExchangeError(ErrorClass.TLS, f"no secure connection to {place} ({_reason(error.os_error)})")
        case aiohttp.ClientConnectorError():
            return ExchangeError(ErrorClass.CONNECT, f"no connection to {place} ({_reason(error.os_error)})")
        case aiohttp.ServerDisconnectedError():
            return ExchangeError(ErrorClass.CONNECT, f"{place} closed the connection without an answer")
        case aiohttp.ClientPayloadError():
            return ExchangeError(ErrorClass.CONNECT, f"{place} closed the connection in the middle of its answer")
        case aiohttp.InvalidURL():
            return ExchangeError(ErrorClass.REQUEST, "the url cannot be sent", may_retry=False)
        case OSError():
            return ExchangeError(ErrorClass.CONNECT, f"the connection to {place} was lost ({_reason(error)})")
        case _:
            return ExchangeError(ErrorClass.PROTOCOL, f"the answer of {place} is not HTTP/1.1")


def _reason(error: OSError) -> str:
    """``Connection refused``; for TLS the name of the alert, which is not free text of the other side."""
    if isinstance(error, ssl.SSLError):
        return (error.reason or "TLS failed").replace("_", " ").lower()
    if error.errno is None or isinstance(error, socket.gaierror):
        return error.strerror or "no reason given"
    return os.strerror(error.errno)  # asyncio's own text repeats the address
