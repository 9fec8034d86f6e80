"""A receiver in a process of its own: 204 to every request at once, and how late each came.

``/late/<due>`` tells when the request was due, in seconds since 1970; our own runner says it in
X-Chronos-Scheduled-Time, to which it adds the job's jitter. ``GET /report`` answers ``{"late": [milliseconds]}`` and
forgets.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from chronos_gitops.schedule.schedule import jitter

Arrival = tuple[float, bytes]
_SPREAD = {b"/jitter": timedelta(seconds=1), b"/exact": timedelta(0)}


class Connection(asyncio.Protocol):
    """Just enough of HTTP/1.1; a request is its head, for the bodies are empty."""

    def __init__(self, arrivals: list[Arrival]) -> None:
        self._arrivals = arrivals
        self._unread = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        at = time.time()
        *heads, self._unread = (self._unread + data).split(b"\r\n\r\n")
        for head in heads:
            if b" /report " in head[:100]:
                self._answer(b"200 OK", json.dumps(report(self._arrivals)).encode())
                self._arrivals.clear()
            else:
                self._arrivals.append((at, head))
                self._answer(b"204 No Content", b"")

    def _answer(self, status: bytes, body: bytes) -> None:
        length = b"Content-Length: %d\r\n" % len(body) if body else b""
        self._transport.write(b"HTTP/1.1 %s\r\n%s\r\n%s" % (status, length, body))


def report(arrivals: list[Arrival]) -> dict[str, Any]:
    return {"late": sorted((at - due(head)) * 1000 for at, head in arrivals)}


def due(head: bytes) -> float:
    path = head.split(b" ", 2)[1]
    if path.startswith(b"/late/"):
        return float(path[len(b"/late/") :])
    fields = {
        name.lower(): value.decode() for name, _, value in (line.partition(b": ") for line in head.split(b"\r\n"))
    }
    tick = datetime.fromisoformat(fields[b"x-chronos-scheduled-time"])
    return (tick + jitter(fields[b"x-chronos-job-name"], tick, _SPREAD[path])).timestamp()


async def serve() -> None:
    arrivals: list[Arrival] = []
    server = await asyncio.get_running_loop().create_server(lambda: Connection(arrivals), "127.0.0.1", 0, backlog=4096)
    sys.stdout.write(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


class Receiver:
    def __init__(self, url: str) -> None:
        self.url = url

    def report(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/report") as answer:
            found: dict[str, Any] = json.load(answer)
            return found


@contextlib.contextmanager
def receiver() -> Iterator[Receiver]:
    with subprocess.Popen([sys.executable, __file__], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Receiver(process.stdout.readline().strip())
        finally:
            process.kill()


if __name__ == "__main__":
    asyncio.run(serve())
