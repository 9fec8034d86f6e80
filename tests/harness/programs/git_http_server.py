"""A git server over HTTP on 127.0.0.1: ``git http-backend`` behind a small CGI, with or without a password."""

import base64
import contextlib
import os
import socket
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


class HttpGit(ThreadingHTTPServer):
    """``answer`` overrides every answer with a status, ``fields`` go with it; ``seen`` are the Authorization headers,
    None for none, ``asked`` counts how often a command of git began."""

    daemon_threads = True

    def __init__(self, root: Path, *, password: str | None = None, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self._scheme = "http" if tls is None else "https"
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.root = root
        self.expected = (
            None if password is None else "Basic " + base64.b64encode(f"runner:{password}".encode()).decode()
        )
        self.held: threading.Event | None = None  # nothing is answered until it is set
        self.answer: tuple[int, str] | None = None
        self.fields: dict[str, str] = {}
        self.body = b""
        self.asked = 0
        self.breaks_at: int | None = None  # from this request on every answer is 503
        self.seen: list[str | None] = []
        self.commands = b""  # every command line of the machine while a request was answered
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def url(self, name: str, user_info: str = "") -> str:
        return f"{self._scheme}://{user_info}127.0.0.1:{self.server_address[1]}/{name}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that turns away is nothing to print; one that is turned away hears why: bytes that nobody read
        would make a reset of the end."""
        if isinstance(request, ssl.SSLSocket):
            with contextlib.suppress(OSError), socket.socket(fileno=os.dup(request.fileno())) as plain:
                plain.settimeout(5)
                plain.shutdown(socket.SHUT_WR)
                while plain.recv(65536):
                    pass

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: HttpGit

    def do_GET(self) -> None:
        self.server.asked += self.command == "GET"
        self.server.seen.append(self.headers.get("Authorization"))
        self.server.commands += b"".join(read_quietly(path) for path in Path("/proc").glob("[0-9]*/cmdline"))
        if self.server.held is not None:
            self.server.held.wait(60)
        if self.server.breaks_at is not None and len(self.server.seen) >= self.server.breaks_at:
            self._end(503, {})
        elif self.server.answer is not None:
            status, location = self.server.answer
            fields = {"Location": location} if location else {}
            self._end(status, fields | self.server.fields, self.server.body)
        elif self.server.expected not in (None, self.headers.get("Authorization")):
            self._end(401, {"WWW-Authenticate": 'Basic realm="git"'})
        else:
            self._run_backend()

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on stderr."""

    def _end(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _run_backend(self) -> None:
        target = urlsplit(self.path)
        body = self._body()
        cgi = {
            "GIT_PROJECT_ROOT": str(self.server.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REMOTE_USER": "runner",
            "PATH_INFO": target.path,
            "QUERY_STRING": target.query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        done = subprocess.run(
            ["git", "http-backend"], env=os.environ | cgi, input=body, capture_output=True, check=True
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
        self._end(int(headers.pop("Status", "200").split()[0]), headers, content)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        return b"".join(chunks)


def read_quietly(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
