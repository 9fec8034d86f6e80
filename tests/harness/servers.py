"""Servers that behave badly, on 127.0.0.1: each a small talk on one connection, run in a thread of their own."""

import asyncio
import contextlib
import gzip
import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

Talk = Callable[["Connection"], Awaitable[None]]


@dataclass
class Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    server: "Hostile"

    async def request(self) -> bytes:
        """The next request, head and body as they came; EOFError when the client has gone."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            raise EOFError from error
        self.server.heard(head)
        length = next((f[15:] for f in head.lower().split(b"\r\n") if f.startswith(b"content-length:")), b"0")
        body = await self.reader.readexactly(int(length))
        self.server.heard_body(body)
        return head + body

    async def send(self, content: bytes) -> None:
        self.writer.write(content)
        await self.writer.drain()

    async def drip(self, content: bytes, seconds: float) -> None:
        """One byte at a time."""
        for index in range(len(content)):
            await self.send(content[index : index + 1])
            await asyncio.sleep(seconds)

    async def gone(self) -> None:
        """Until the client closes."""
        while await self.reader.read(65536):
            pass

    def reset(self) -> None:
        """Ends the connection with RST instead of FIN."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


class Hostile:
    """``with Hostile(talk) as server:`` runs ``talk`` on each connection; ``heads`` and ``bodies`` are what was heard,
    ``closed`` counts the connections that are over."""

    def __init__(self, talk: Talk, *, tls: ssl.SSLContext | None = None, small_buffer: bool = False) -> None:
        self._talk = talk
        self._tls = tls
        self._small_buffer = small_buffer
        self._changed = threading.Condition()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.opened = 0
        self.closed = 0
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.call(self._stop.set)
        self._thread.join(10)
        assert not self._thread.is_alive()

    def url(self, path: str = "/") -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}{path}"

    def call(self, function: Callable[[], object]) -> None:
        """Runs it in the server's loop."""
        self._loop.call_soon_threadsafe(function)

    def wait_for(self, holds: Callable[[Self], bool], timeout: float = 5.0) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: holds(self), timeout)

    def heard(self, head: bytes) -> None:
        with self._changed:
            self.heads.append(head)
            self._changed.notify_all()

    def heard_body(self, body: bytes) -> None:
        with self._changed:
            self.bodies.append(body)
            self._changed.notify_all()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        # A refused handshake is what some tests are about, and no news.
        self._loop.set_exception_handler(lambda *_: None)
        self._stop = asyncio.Event()
        listening = socket.create_server(("127.0.0.1", 0))
        if self._small_buffer:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        server = await asyncio.start_server(self._connection, sock=listening, ssl=self._tls)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        await asyncio.sleep(0.01)  # asyncio leaves a connection open that it accepts while its server is closed
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        with self._changed:
            self.opened += 1
            self._changed.notify_all()
        try:
            with contextlib.suppress(ConnectionError, EOFError, asyncio.CancelledError, ssl.SSLError):
                await self._talk(Connection(reader, writer, self))
        finally:
            writer.transport.abort() if self._stop.is_set() else writer.close()
            self._tasks.discard(task)
            with self._changed:
                self.closed += 1
                self._changed.notify_all()


def answering(content: bytes) -> Talk:
    """The same bytes to every request, on a connection that is kept."""

    async def talk(connection: Connection) -> None:
        while True:
            await connection.request()
            await connection.send(content)

    return talk


def answer(status: str = "200 OK", body: bytes = b"", *fields: str) -> bytes:
    head = "".join(f"{field}\r\n" for field in (*fields, f"Content-Length: {len(body)}"))
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


def once(content: bytes) -> Talk:
    """The bytes to the first request, then the end."""

    async def talk(connection: Connection) -> None:
        await connection.request()
        await connection.send(content)

    return talk


async def silent(connection: Connection) -> None:
    await connection.gone()


async def drip_head(connection: Connection) -> None:
    await connection.request()
    await connection.drip(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 10_000, 0.02)


async def drip_body(connection: Connection) -> None:
    await connection.request()
    await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
    await connection.drip(b"x" * 10_000, 0.02)


async def drip_chunks(connection: Connection) -> None:
    await connection.request()
    await connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    await connection.drip(b"1\r\nx\r\n" * 10_000, 0.01)


async def endless_fields(connection: Connection) -> None:
    await connection.request()
    await connection.send(b"HTTP/1.1 200 OK\r\n")
    while True:
        await connection.send(b"X-Field: " + b"x" * 1000 + b"\r\n")


async def endless_field(connection: Connection) -> None:
    await connection.request()
    await connection.send(b"HTTP/1.1 200 OK\r\nX-Field: ")
    while True:
        await connection.send(b"x" * 65536)


async def endless_status_line(connection: Connection) -> None:
    await connection.request()
    await connection.send(b"HTTP/1.1 200 ")
    while True:
        await connection.send(b"O" * 65536)


async def interim_flood(connection: Connection) -> None:
    await connection.request()
    while True:
        await connection.send(b"HTTP/1.1 102 Processing\r\n\r\n" * 1000)


async def interim_drip(connection: Connection) -> None:
    await connection.request()
    await connection.drip(b"HTTP/1.1 102 Processing\r\n\r\n" * 1000, 0.001)


async def endless_body(connection: Connection) -> None:
    await connection.request()
    await connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        await connection.send(b"10000\r\n" + b"x" * 65536 + b"\r\n")


async def endless_chunk_extension(connection: Connection) -> None:
    await connection.request()
    await connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;ext=")
    while True:
        await connection.send(b"x" * 65536)


async def endless_trailers(connection: Connection) -> None:
    await connection.request()
    await connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n")
    while True:
        await connection.send(b"X-Trailer: " + b"x" * 1000 + b"\r\n")


def gzip_bomb(size: int) -> Talk:
    packed = gzip.compress(bytes(size))
    return answering(answer("200 OK", packed, "Content-Encoding: gzip"))


async def half_closed(connection: Connection) -> None:
    await connection.request()
    connection.writer.write_eof()
    await connection.gone()


async def half_closed_in_body(connection: Connection) -> None:
    await connection.request()
    await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    connection.writer.write_eof()
    await connection.gone()


async def reset_at_once(connection: Connection) -> None:
    await connection.request()
    connection.reset()


async def reset_in_body(connection: Connection) -> None:
    await connection.request()
    await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 1000)
    connection.reset()


async def answers_without_reading(connection: Connection) -> None:
    await connection.reader.readuntil(b"\r\n\r\n")
    await connection.send(answer("413 Content Too Large", b"no"))
    connection.writer.transport.pause_reading()
    await asyncio.sleep(60)


async def never_reads(connection: Connection) -> None:
    connection.writer.transport.pause_reading()
    await asyncio.sleep(60)


@dataclass(frozen=True)
class Certificates:
    """An authority of our own and what it signed; made by the openssl command line."""

    folder: Path
    authority: Path = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "authority", self.folder / "ca.pem")

    @classmethod
    def make(cls, folder: Path) -> "Certificates":
        made = cls(folder)
        uses = ("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")
        made._openssl(
            "req", "-x509", *_NEW_KEY, "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=Test CA", *uses
        )
        return made

    def context(self, name: str, *, shows: bool = False, **options: Any) -> ssl.SSLContext:
        """The server's certificate; with ``shows`` it asks its clients for a certificate of this authority."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.sign(name, **options))
        if shows:
            context.load_verify_locations(self.authority)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def sign(self, name: str, *, host: str = "IP:127.0.0.1", days: int = 2, signed: bool = True) -> tuple[Path, Path]:
        """A certificate for ``host`` that ends in ``days`` (negative: days ago), and its key."""
        self._openssl("req", *_NEW_KEY, f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}", "-new")
        (self.folder / f"{name}.ext").write_text(
            f"subjectAltName={host}\nauthorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n"
        )
        signer = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial") if signed else ("-signkey", f"{name}.key")
        extensions = ("-extfile", f"{name}.ext", "-days", str(days))
        self._openssl("x509", "-req", "-in", f"{name}.csr", *signer, *extensions, "-out", f"{name}.pem")
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"

    def encrypt(self, key: Path, target: Path) -> None:
        self._openssl("ec", "-in", str(key), "-aes128", "-passout", "pass:abcd", "-out", str(target))

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(("openssl", *arguments), cwd=self.folder, check=True, capture_output=True, timeout=30)


_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout")
