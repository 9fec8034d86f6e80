"""Stands between a connection and aiohttp: bounds what a server may make us read, and hands on heads that we wrote.

aiohttp bounds one field of the head and their number, not their sum; it bounds neither the number of interim (1xx)
responses nor the framing of a chunked body; and it refuses responses whose status is legible for the framing that they
announce. What it gets from here is a canonical head and at most the bytes of its body.
"""

import asyncio
import socket
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler

from chronos_gitops.process import failpoints
from chronos_gitops.webhooks.outcome import ErrorClass, ExchangeError
from chronos_gitops.webhooks.transport.response_head import Framing, ResponseHead, end_of_head, may_be_http, parse
from chronos_gitops.webhooks.transport.timings import Phase, PhaseTimer

MAX_HEAD = 64 * 1024
"""Bytes of status lines and header fields read of one response, interim (1xx) responses included."""
MAX_BODY = 1024 * 1024
"""Bytes of body read; then the connection is closed, and the response counts."""
_MAX_FRAMED = 8 * MAX_BODY
"""Bytes on the wire for that body: in chunks of one byte each, six bytes carry one."""
IDLE_SECONDS = 1.5
"""Maximum time that an idle connection is kept: a burst shares connections, and no request races the end of a server's
own keep-alive time (2 s at gunicorn, 5 s at Node and uvicorn, 75 s at nginx)."""
_MARGIN_SECONDS = 1
"""So long before the end of the keep-alive time that a server announced, its connection is closed."""


class CountedSocket(socket.socket):
    """Counts the bytes that the kernel has taken, which tells a request that was never sent from one that may have
    arrived."""

    sent = 0
    admitted_by: tuple[object, str] | None = None
    """The egress policy and the host under which the other end was judged last."""

    def send(self, *given: Any) -> int:
        count = super().send(*given)
        self.sent += count
        return count

    def sendmsg(self, *given: Any) -> int:
        count = super().sendmsg(*given)
        self.sent += count
        return count


class ResponseGuard(asyncio.Protocol):
    """One exchange of one connection. It stays the connection's protocol while that is idle, until the next one."""

    def __init__(
        self,
        inner: ResponseHandler,
        transport: asyncio.Transport,
        progress: PhaseTimer,
        *,
        method: str,
        sock: CountedSocket,
        is_reused: bool,
    ) -> None:
        self.transport = transport
        self.sock = sock
        self.head: ResponseHead | None = None
        self.error: ExchangeError | None = None
        self._inner = inner
        self._content: aiohttp.StreamReader | None = None
        self._progress = progress
        self._method = method
        self._is_reused = is_reused
        self._sent_before = sock.sent
        self._buffer = bytearray()
        self._received = 0
        self._body_left = 0
        self._idle: asyncio.TimerHandle | None = None
        self._is_idle = False

    @property
    def is_stale(self) -> bool:
        """An earlier exchange used this connection, and no byte of a response came: the server may have closed it
        before it saw the request."""
        return self._is_reused and self.head is None and not self._received

    @property
    def has_written(self) -> bool:
        return self.sock.sent > self._sent_before

    def begin_idle(self) -> None:
        """The exchange is over, and the connection goes back to the pool."""
        self._is_idle = True
        seconds = _idle_seconds(self.head)
        if seconds < IDLE_SECONDS:
            self._idle = asyncio.get_running_loop().call_later(seconds, self.transport.close)

    def end_idle(self) -> None:
        if self._idle is not None:
            self._idle.cancel()

    def data_received(self, data: bytes) -> None:
        failpoints.reach("after-send")
        if self._is_idle:
            self.transport.abort()  # nothing was asked for
            return
        if self._progress.phase is Phase.WAITING:
            self._progress.enter(Phase.READING)
        if self.head is not None:
            self._body(data)
            return
        searched = len(self._buffer)
        self._buffer += data
        self._received += len(data)
        self._heads(searched)

    def _heads(self, searched: int) -> None:
        while True:
            if not may_be_http(self._buffer):
                self._fail(_not_http())
                return
            end = end_of_head(self._buffer, searched)
            # Judged by the head alone: one piece may hold all of it and much of the body.
            if self._received - (0 if end is None else len(self._buffer) - end) > MAX_HEAD:
                self._fail(_too_large("header", MAX_HEAD))
                return
            if end is None:
                return
            head = parse(bytes(self._buffer[:end]), method=self._method)
            if head is None:
                self._fail(_not_http())
                return
            del self._buffer[:end]
            searched = 0
            if head.is_final:
                self._final(head)
                return

    def _final(self, head: ResponseHead) -> None:
        self.head = head
        rest, self._buffer = bytes(self._buffer), bytearray()
        self._received, self._body_left = 0, head.length
        may_keep = head.may_reuse and _idle_seconds(head) > 0 and not self._is_beyond(rest)
        self._inner.data_received(head.canonical(keep=may_keep))
        if rest:
            self._body(rest)

    def _is_beyond(self, data: bytes) -> bool:
        """True if some of it cannot belong to the body."""
        assert self.head is not None
        is_counted = self.head.framing in (Framing.EMPTY, Framing.LENGTH, Framing.UNKNOWN)
        return is_counted and len(data) > self._body_left

    def _body(self, data: bytes) -> None:
        assert self.head is not None
        # Judged before it is added, as one piece may hold the end of a body that is small enough.
        if self._received > _MAX_FRAMED:
            self._fail(_too_large("framing", _MAX_FRAMED))
            return
        self._received += len(data)
        if self._is_beyond(data):
            self._inner.force_close()
            data = data[: self._body_left]
        self._body_left -= len(data)
        if data:
            self._inner.data_received(data)
        if self._inner.exception() is not None:
            self._fail(ExchangeError(ErrorClass.PROTOCOL, "the body of the response does not match its header"))

    def watch(self, content: aiohttp.StreamReader) -> None:
        """The body that is read: aiohttp does not end it when it cannot go on."""
        self._content = content
        self._end_content()

    def _end_content(self) -> None:
        if self.error is not None and self._content is not None and not self._content.is_eof():
            self._content.set_exception(self.error)

    def _fail(self, error: ExchangeError) -> None:
        self.error = error
        self._end_content()
        self.transport.abort()

    def eof_received(self) -> bool | None:
        self._inner.eof_received()
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        self.end_idle()
        self._inner.connection_lost(self.error or exc)

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()


def _idle_seconds(head: ResponseHead | None) -> float:
    if head is None or head.keep_alive is None:
        return IDLE_SECONDS
    return min(IDLE_SECONDS, head.keep_alive - _MARGIN_SECONDS)


def _not_http() -> ExchangeError:
    return ExchangeError(ErrorClass.PROTOCOL, "the answer is not HTTP/1.1")


def _too_large(part: str, limit: int) -> ExchangeError:
    return ExchangeError(ErrorClass.PROTOCOL, f"the {part} of the answer is larger than {limit // 1024} KiB")
