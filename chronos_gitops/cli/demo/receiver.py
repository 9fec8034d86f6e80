"""A small real HTTP receiver on 127.0.0.1 that records every request and answers as its path says."""

import asyncio
import contextlib
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from types import TracebackType
from typing import Self

from chronos_gitops.process.lazy_dataclass import dataclass

_MAX_HEAD = 64 * 1024
_MAX_BODY = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it arrived. ``path`` holds the query too; ``monotonic`` is ``time.monotonic()`` on arrival."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    arrived_at: datetime
    monotonic: float

    def header(self, name: str) -> str | None:
        """The first value of a header, whatever its case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    @property
    def execution_id(self) -> str | None:
        return self.header("X-Chronos-Execution-ID")


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


class Receiver:
    """``with Receiver() as receiver:`` listens on a free port of 127.0.0.1 until the block ends.

    | path               | answer                                                                     |
    |--------------------|----------------------------------------------------------------------------|
    | ``/status/<code>`` | that status                                                                |
    | ``/flaky/<n>``     | 503 for the first n requests of one execution id, then 200                 |
    | ``/slow/<seconds>``| 200 after that time                                                        |
    | ``/retry-after/<s>``| 503 with ``Retry-After: s`` to the first request of one execution id, then 200 |
    | ``/hold/<name>``   | 200 once ``release(name)`` was called                                      |
    | anything else      | 200, ``/ok`` by habit                                                      |

    Every public call is safe from any thread. A client that goes away before its answer is listed in ``abandoned``.
    """

    def __init__(self, *, port: int = 0) -> None:
        self._wanted_port = port
        self._changed = threading.Condition()
        self._requests: list[Received] = []
        self._abandoned: list[Received] = []
        self._seen: Counter[tuple[str, str]] = Counter()
        self._gates: dict[str, asyncio.Event] = {}
        self._connections: set[asyncio.Task[None]] = set()
        self._ready = threading.Event()
        self._failure: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="receiver", daemon=True)
        self._loop: asyncio.AbstractEventLoop
        self._stop: asyncio.Event
        self.port = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Listens when it returns; raises the OSError of a port that is taken."""
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            self._thread.join()
            raise self._failure

    def stop(self) -> None:
        """Drops every open connection and ends the thread; harmless when it has ended."""
        with contextlib.suppress(RuntimeError):  # the loop is closed already
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def url(self, path: str = "/ok") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    @property
    def requests(self) -> tuple[Received, ...]:
        """Everything that has arrived so far, in order of arrival."""
        with self._changed:
            return tuple(self._requests)

    @property
    def abandoned(self) -> tuple[Received, ...]:
        """Requests whose client closed the connection before it got its answer."""
        with self._changed:
            return tuple(self._abandoned)

    def wait_for(self, wanted: int | Callable[["Receiver"], bool], timeout: float) -> bool:
        """Waits until that many requests have arrived, or the predicate holds; False when ``timeout`` (s) is over.

        The predicate is asked again after each arrival, each abandoned request and each ``release``.
        """
        holds = (lambda: len(self._requests) >= wanted) if isinstance(wanted, int) else (lambda: wanted(self))
        with self._changed:
            return self._changed.wait_for(holds, timeout)

    def release(self, name: str) -> None:
        """Lets every request to ``/hold/<name>`` be answered, those still to come too."""
        self._loop.call_soon_threadsafe(self._open, name)

    def clear(self) -> None:
        """Forgets what has arrived."""
        with self._changed:
            self._requests.clear()
            self._abandoned.clear()
            self._seen.clear()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except OSError as error:
            self._failure = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._accept, "127.0.0.1", self._wanted_port, backlog=1024, limit=_MAX_HEAD)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        await asyncio.sleep(0.01)  # asyncio leaves a connection open that it accepts while its server is closed
        server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A task that is cancelled before its first step closes nothing itself."""
        task = self._loop.create_task(self._connection(reader, writer))
        self._connections.add(task)
        task.add_done_callback(lambda _: writer.close())
        task.add_done_callback(self._connections.discard)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = _Wire(reader, writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while await self._exchange(wire):
                pass

    async def _exchange(self, wire: "_Wire") -> bool:
        """One request and its answer; False when the connection is over."""
        request = await wire.read_request()
        if isinstance(request, Reply):
            await wire.write(request, close=True)
            return False
        self._note(self._requests, request)
        patience = self._patience(request)
        if patience is not None and not await wire.outlasts(patience):
            self._note(self._abandoned, request)
            return False
        close = (request.header("Connection") or "").lower() == "close"
        await wire.write(self._reply(request), head_only=request.method == "HEAD", close=close)
        return not close

    def _note(self, requests: list[Received], request: Received) -> None:
        with self._changed:
            requests.append(request)
            self._changed.notify_all()

    def _patience(self, request: Received) -> Coroutine[None, None, object] | None:
        """The wait before the response; None to respond at once."""
        kind, value = _word(request)
        if kind == "slow" and _SECONDS.fullmatch(value):
            return asyncio.sleep(float(value))
        return self._gate(value).wait() if kind == "hold" else None

    def _reply(self, request: Received) -> Reply:
        kind, value = _word(request)
        if kind == "status" and value in _STATUSES:
            return Reply(int(value), b"" if int(value) in _BODYLESS else f"status {value}\n".encode())
        if kind == "flaky" and value.isdecimal():
            count = self._count(request)
            return _failure(count) if count <= int(value) else _SUCCESS
        if kind == "retry-after":
            count = self._count(request)
            return _failure(count, ("Retry-After", value)) if count == 1 else _SUCCESS
        return _SUCCESS

    def _count(self, request: Received) -> int:
        """Number of requests of this execution for this path, including this one."""
        with self._changed:
            self._seen[request.path, request.execution_id or ""] += 1
            return self._seen[request.path, request.execution_id or ""]

    def _gate(self, name: str) -> asyncio.Event:
        return self._gates.setdefault(name, asyncio.Event())

    def _open(self, name: str) -> None:
        self._gate(name).set()
        with self._changed:
            self._changed.notify_all()


class _Wire:
    """HTTP/1.1 on one connection: requests with Content-Length, answers with Content-Length, kept alive."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._ahead = b""

    async def read_request(self) -> Received | Reply:
        """The next request, or the refusal of one that cannot be read."""
        try:
            head = self._ahead + await self._reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            return Reply(431, b"the header is too large\n")
        self._ahead = b""
        arrived_at, monotonic = datetime.now(UTC), time.monotonic()
        line, *fields = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
        if not _REQUEST_LINE.fullmatch(line) or not all(":" in field for field in fields):
            return Reply(400, b"this is not an HTTP/1.1 request\n")
        method, path, _ = line.split(" ")
        headers = tuple((name, value.strip()) for name, _, value in (field.partition(":") for field in fields))
        body = await self._read_body({name.lower(): value for name, value in headers})
        if isinstance(body, Reply):
            return body
        return Received(method, path, headers, body, arrived_at, monotonic)

    async def _read_body(self, headers: Mapping[str, str]) -> bytes | Reply:
        if "transfer-encoding" in headers:
            return Reply(411, b"send a Content-Length\n")
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > _MAX_BODY:
            return Reply(413, b"the body is too large\n")
        if headers.get("expect", "").lower() == "100-continue":
            self._writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return await self._reader.readexactly(int(length))

    async def outlasts(self, patience: Coroutine[None, None, object]) -> bool:
        """True when ``patience`` ends before the client goes away."""
        waiting = asyncio.create_task(patience)
        ahead = asyncio.create_task(self._reader.read(1))
        try:
            await asyncio.wait({waiting, ahead}, return_when=asyncio.FIRST_COMPLETED)
            if ahead.done():  # a pipelined byte, or the end of the stream
                self._ahead = ahead.result()
                if self._ahead:
                    await waiting
            return waiting.done()
        finally:
            waiting.cancel()
            ahead.cancel()
            await asyncio.wait({waiting, ahead})

    async def write(self, reply: Reply, *, head_only: bool = False, close: bool = False) -> None:
        fields = [*reply.headers, ("Connection", "close" if close else "keep-alive")]
        if reply.status not in _BODYLESS:
            fields.append(("Content-Length", str(len(reply.body))))
        head = f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in fields) + "\r\n"
        self._writer.write(head.encode("latin-1") + (b"" if head_only else reply.body))
        await self._writer.drain()


_STATUSES = frozenset(str(code.value) for code in HTTPStatus if code >= 200)
_BODYLESS = (204, 304)
_SECONDS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")
_REQUEST_LINE = re.compile(r"[A-Z]+ [^ ]+ HTTP/1\.[01]")
_SUCCESS = Reply(200, b'{"ok": true}\n', (("Content-Type", "application/json"),))


def _word(request: Received) -> tuple[str, str]:
    """``/slow/2.5?x=1`` to ``("slow", "2.5")``."""
    kind, _, value = request.path.partition("?")[0].strip("/").partition("/")
    return kind, value


def _failure(count: int, *headers: tuple[str, str]) -> Reply:
    return Reply(503, f"not now (failure {count})\n".encode(), headers)
