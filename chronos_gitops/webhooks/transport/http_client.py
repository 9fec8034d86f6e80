"""One HTTP exchange over aiohttp; the only module that knows it.

aiohttp's conveniences are off (redirects, cookies, proxies of the environment, decompression, repeated sending), its
limits are ours: the address is judged right before each connect, and what a server may make us read is counted.
"""

import asyncio
import contextlib
import os
import select
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextvars import ContextVar
from dataclasses import field
from typing import Any

import aiohttp
import yarl
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from multidict import CIMultiDict

from chronos_gitops.process import failpoints
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.webhooks.outcome import ErrorClass, ExchangeError, RequestNotSent
from chronos_gitops.webhooks.request import PreparedRequest
from chronos_gitops.webhooks.transport.dns import Resolve
from chronos_gitops.webhooks.transport.egress.egress import EgressPolicy, RefusedAddress
from chronos_gitops.webhooks.transport.egress.own_listener import Listener
from chronos_gitops.webhooks.transport.http_response import KEPT, HttpResponse
from chronos_gitops.webhooks.transport.peer import PeerReader
from chronos_gitops.webhooks.transport.response_guard import IDLE_SECONDS, MAX_BODY, CountedSocket, ResponseGuard
from chronos_gitops.webhooks.transport.timings import Phase, PhaseTimer, current
from chronos_gitops.webhooks.transport.tls import TlsContexts

_READ_AT_ONCE = 16 * 1024
"""Bytes of the socket's buffer, of which Linux makes twice as many: what is read before others have their turn. With
the 256 KiB that asyncio reads by itself, a flood of interim answers held every other webhook up for 11 ms at a time."""
_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
_UNLIMITED = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None)


@dataclass(slots=True)
class _Exchange:
    """State of an exchange for aiohttp's hooks, which receive only an address."""

    progress: PhaseTimer
    host: str
    place: str
    """As it may be shown: the host and port, or the reference to the secret that they come from."""
    may_send: Callable[[], bool]
    confirm: Callable[[], Awaitable[bool]] | None
    egress: EgressPolicy
    is_secret: bool = False
    guard: ResponseGuard | None = None
    must_be_new: bool = False
    sockets: list[CountedSocket] = field(default_factory=list)

    def cut(self) -> None:
        """Closes the connection at once, with whatever was still to be written."""
        if self.guard is not None:
            self.guard.transport.abort()


class HttpTransport:
    """The connection pool; opened and closed in the event loop that uses it. ``egress`` judges exchanges that bring no
    policy of their own; ``read_peers`` notes the other end of each connection."""

    def __init__(
        self,
        *,
        egress: EgressPolicy,
        trust: TlsContexts,
        resolve: Resolve,
        listener: Listener | None = None,
        read_peers: PeerReader | None = None,
    ) -> None:
        self._trust = trust
        self._egress = egress
        connector = _Connector(resolve, listener, read_peers or PeerReader())
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            timeout=_UNLIMITED,
            middlewares=(_send_once,),
            request_class=_Request,
        )

    async def close(self) -> None:
        await self._session.close()

    async def exchange(
        self,
        request: PreparedRequest,
        progress: PhaseTimer,
        may_send: Callable[[], bool] = lambda: True,
        confirm: Callable[[], Awaitable[bool]] | None = None,
        *,
        egress: EgressPolicy | None = None,
    ) -> HttpResponse:
        """Sends the request once and reads the answer; a second time, on a new connection, when a kept one turns out to
        be closed and RFC 9110 allows it. Raises ExchangeError and RefusedAddress; whenever the answer was not read
        whole, cancellation included, the connection is closed. ``confirm`` and ``may_send`` are asked when it is
        open and nothing was written yet; when one says no, RequestNotSent is raised."""
        progress.enter(Phase.RESOLVING)
        host, port = request.target.host, request.target.port
        place = request.place or f"{host}:{port}"
        exchange = _Exchange(
            progress, host, place, may_send, confirm, egress or self._egress, is_secret=bool(request.place)
        )
        current.set(progress)
        previous = _exchange.set(exchange)
        try:
            try:
                return await self._exchanged(request, exchange)
            except _StaleConnection:
                exchange.guard, exchange.must_be_new = None, True
                progress.enter(Phase.RESOLVING)
                return await self._exchanged(request, exchange)
        except (aiohttp.ClientError, OSError) as error:
            exchange.cut()
            raise _failure(error, exchange) from error
        except RefusedAddress as error:
            exchange.cut()
            raise (error.of(request.place) if request.place else error) from None
        except BaseException:
            exchange.cut()
            raise
        finally:
            _exchange.reset(previous)

    async def _exchanged(self, request: PreparedRequest, exchange: _Exchange) -> HttpResponse:
        response = await self._session.request(
            request.method,
            yarl.URL(request.target.url, encoded=True),
            headers=request.headers,
            data=request.body,
            allow_redirects=False,
            ssl=self._trust.of(exchange.host) if request.target.origin.scheme == "https" else True,
        )
        guard = exchange.guard
        assert guard is not None
        assert guard.head is not None
        guard.watch(response.content)
        body, total, fault = bytearray(), None, None
        try:
            total = await _read(response.content, body)
        except (aiohttp.ClientError, OSError) as error:
            fault = _failure(error, exchange)
        except ExchangeError as error:
            fault = error
        except BaseException:
            response.close()
            raise
        if total is not None and total <= MAX_BODY:
            response.release()
        else:
            response.close()
            exchange.cut()
        head, is_longer = guard.head, total is not None and total > KEPT
        return HttpResponse(head.status, head.retry_after, bytes(body), fault, is_longer, head.encoding, head.noted)


_exchange: ContextVar[_Exchange] = ContextVar("exchange")
"""The exchange that a connection is made for."""


class _Connector(aiohttp.TCPConnector):
    """Connects to allowed addresses only, never to the runner's own ``listener``, and counts what comes back."""

    def __init__(self, resolve: Resolve, listener: Listener | None, peers: PeerReader) -> None:
        super().__init__(
            resolver=_EgressResolver(resolve),
            socket_factory=self._socket,
            limit=0,  # ConcurrencyLimiter does it, outside the deadline
            keepalive_timeout=IDLE_SECONDS,
            ttl_dns_cache=10,
        )
        self._listener = listener
        self._peers = peers

    async def _resolve_host(self, host: str, port: int, traces: Sequence[Trace] | None = None) -> list[ResolveResult]:
        """Every address of a name must be allowed: which one is tried first is the name server's choice. Judged here,
        because the resolver's answer is shared with exchanges that go by other policies."""
        found = await super()._resolve_host(host, port, traces)
        exchange = _exchange.get()
        for one in found:
            exchange.egress.check(one["host"], port, host=exchange.host)
        return found

    def _socket(self, info: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, place = info
        exchange = _exchange.get()
        exchange.egress.check(place[0], place[1], host=exchange.host)
        self._refuse_listener(place)  # here, too: TLS would send its first bytes before the connection is handed over
        exchange.progress.enter(Phase.CONNECTING)
        found = CountedSocket(family, kind, protocol)
        exchange.sockets.append(found)
        with contextlib.suppress(OSError):
            found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _READ_AT_ONCE)
        return found

    async def connect(self, req: ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout) -> Connection:
        exchange = _exchange.get()
        connection, earlier = await self._open(req, traces, timeout, must_be_new=exchange.must_be_new)
        exchange.progress.connected()
        transport, inner = connection.transport, connection.protocol
        assert transport is not None
        assert inner is not None
        number = transport.get_extra_info("socket").fileno()
        sock = earlier.sock if earlier else next(one for one in exchange.sockets if one.fileno() == number)
        guard = ResponseGuard(
            inner, transport, exchange.progress, method=req.method, sock=sock, is_reused=earlier is not None
        )
        exchange.guard = guard
        transport.set_protocol(guard)
        connection.add_callback(guard.begin_idle)
        try:
            if exchange.confirm is not None and not await exchange.confirm():
                raise RequestNotSent
            self._admit(connection, exchange, sock)
        except BaseException:
            transport.abort()  # not even the alert that closes TLS is sent
            connection.close()
            raise
        return connection

    def _admit(self, connection: Connection, exchange: _Exchange, sock: CountedSocket) -> None:
        """The last look before the first byte of the request."""
        if connection.transport is not None:
            policy = (exchange.egress, exchange.host)
            if sock.admitted_by != policy:  # a kept connection may have been opened under another one
                peer = connection.transport.get_extra_info("peername")
                if peer:
                    exchange.egress.check(str(peer[0]), int(peer[1]), host=exchange.host)
                self._refuse_listener(peer)
                sock.admitted_by = policy
            exchange.progress.peer = self._peers.read(connection.transport)
        failpoints.reach("before-send")
        if not exchange.may_send():
            raise RequestNotSent

    def _refuse_listener(self, peer: tuple[Any, ...] | None) -> None:
        """At every egress level: the listener trusts its machine, the author of a job may be untrusted."""
        if self._listener is not None and peer and self._listener.is_reached(str(peer[0]), int(peer[1])):
            raise RefusedAddress("this is the runner itself", hint="a job cannot call the API of its own runner")

    async def _open(
        self, req: ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout, *, must_be_new: bool
    ) -> tuple[Connection, ResponseGuard | None]:
        """A connection, with the guard of its last exchange when it was kept. One that was kept and is closed by now,
        or may not be used, is left."""
        while True:
            connection = await super().connect(req, traces, timeout)
            transport = connection.transport
            assert transport is not None
            earlier = transport.get_protocol()
            if not isinstance(earlier, ResponseGuard):
                return connection, None
            earlier.end_idle()
            if not must_be_new and not _has_input(transport):
                return connection, earlier
            connection.close()


class _Request(ClientRequest):
    """Sends the headers that it is given, and the framing. aiohttp's ``skip_auto_headers`` says the same, and costs two
    copies of the headers of each request."""

    _NONE = CIMultiDict[None]((name, None) for name in ("User-Agent", "Accept", "Accept-Encoding", "Content-Type"))

    def update_auto_headers(self, skip_auto_headers: Iterable[str] | None) -> None:  # noqa: ARG002 - all are left out
        self._skip_auto_headers = self._NONE


class _EgressResolver(AbstractResolver):
    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 - both families, as the connector asks
    ) -> list[ResolveResult]:
        found = await self._resolve(host)
        return [
            ResolveResult(
                hostname=host, host=address, port=port, family=family, proto=socket.IPPROTO_TCP, flags=_NUMERIC
            )
            for family, address in found
        ]

    async def close(self) -> None:
        """Threads that still look a name up end by themselves."""


_NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


class _StaleConnection(Exception):
    """The server had closed a kept connection; the request may be sent on a new one."""


async def _send_once(request: ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """aiohttp sends an idempotent request again when the connection is lost; an attempt is one request."""
    exchange = _exchange.get()
    try:
        return await handler(request)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        if _may_send_again(request.method, exchange.guard):
            raise _StaleConnection from error
        raise _failure(error, exchange) from error


def _may_send_again(method: str, guard: ResponseGuard | None) -> bool:
    """RFC 9110, section 9.2.2: when the target cannot have acted upon it, or may act upon it twice."""
    return guard is not None and guard.is_stale and (method in _IDEMPOTENT or not guard.has_written)


def _has_input(transport: asyncio.BaseTransport) -> bool:
    """True if an idle connection has something to read, though nothing was asked: its end, most of all, which the loop
    has not seen yet."""
    poll = select.poll()
    poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
    return bool(poll.poll(0))


async def _read(content: aiohttp.StreamReader, body: bytearray) -> int:
    """The first KEPT bytes into ``body``; how many there were, and more than MAX_BODY when reading was stopped."""
    total = 0
    async for chunk in content.iter_any():
        total += len(chunk)
        body += chunk[: KEPT - len(body)]
        if total > MAX_BODY:
            break
    return total


def _failure(error: aiohttp.ClientError | OSError, exchange: _Exchange) -> ExchangeError:
    place = exchange.place
    if exchange.guard is not None and exchange.guard.error is not None:
        return exchange.guard.error
    match error:
        case aiohttp.ClientConnectorDNSError():
            return ExchangeError(ErrorClass.DNS, f"{place} could not be resolved ({_reason(error.os_error)})")
        case aiohttp.ClientConnectorCertificateError():
            # OpenSSL names the host that it compared, which may be a secret's.
            told = "" if exchange.is_secret else getattr(error.certificate_error, "verify_message", "")
            reason = told or "it is not valid"
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
