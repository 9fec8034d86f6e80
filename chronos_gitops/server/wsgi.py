"""The WSGI server in the runner: waitress threads, problem documents also for requests no handler ever saw."""

import contextlib
import json
import logging
import resource
import socket
import threading
import time
import uuid
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

# waitress ships no types
from waitress import wasyncore  # type: ignore[import-untyped]
from waitress.channel import HTTPChannel  # type: ignore[import-untyped]
from waitress.server import TcpWSGIServer, create_server  # type: ignore[import-untyped]
from waitress.task import ErrorTask  # type: ignore[import-untyped]

from chronos_gitops.errors import ChronosError
from chronos_gitops.process import file_descriptors
from chronos_gitops.process.background_thread import BackgroundThread
from chronos_gitops.process.file_descriptors import OutOfDescriptors, Shortage
from chronos_gitops.server.api import problem_types
from chronos_gitops.server.read_limiter import ReadLimiter

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

log = logging.getLogger(__name__)
THREADS = 24
"""Streams of events take up to 8 of them (api/streams), heavy questions 2, and 4 wait for these (api/budgets)."""
# Above the API's own limit, so that the API can answer 413 itself; beyond this waitress stops reading.
LARGEST_BODY = 4 * 1024 * 1024
IDLE = 30
"""Seconds that a connection may stay open without a request."""
SLOWEST = 60
"""Seconds that a request may take to arrive, from its first byte to its last: reading costs no thread, but a place."""
MOST_CONNECTIONS = 10_000
_UNDISTURBED_S = 30.0


class AddressInUse(ChronosError):
    """The address cannot be listened on."""

    kind = "address-in-use"


class Server:
    """Serves one application on one address, in threads of its own, between ``start`` and ``stop``."""

    def __init__(
        self, app: "WSGIApplication", *, host: str, port: int, probes: Callable[[], Collection[str]] = tuple
    ) -> None:
        self._app = ReadLimiter(app, probes)
        self._host = host
        self._port = port
        self._stopping = threading.Event()
        self._sockets: dict[int, Any] = {}
        self._server: TcpWSGIServer | None = None
        self._thread: BackgroundThread | None = None
        self._deadline = self._looked = 0.0
        self._shortage = Shortage("api_waits_for_descriptors")
        self.address = host
        """Numeric, once it listens."""

    def start(self) -> int:
        """Listens and returns the port (a free one for port 0). AddressInUse when that is not possible."""
        listener = _listen(self._host, self._port)
        self._server = create_server(
            self._app,
            map=self._sockets,
            sockets=[listener],
            threads=THREADS,
            connection_limit=_connections(),
            channel_timeout=IDLE,
            cleanup_interval=5,
            ident=None,
            max_request_body_size=LARGEST_BODY,
            clear_untrusted_proxy_headers=False,  # api/proxied_requests decides which of them count
        )
        self._server.channel_class = _HttpChannel
        self._server.accept = self._accept
        self._thread = BackgroundThread("http", self._run)
        self._thread.launch()
        self.address, port = listener.getsockname()[:2]
        return int(port)

    def stop(self, grace: float = 5.0) -> None:
        """Takes no more connections, lets answers in the making end for ``grace`` seconds. Harmless when stopped."""
        if self._server is None or self._thread is None:
            return
        self._deadline = time.monotonic() + grace
        self._stopping.set()
        self._server.pull_trigger()
        self._thread.join()
        self._server.task_dispatcher.shutdown(timeout=max(0.1, self._deadline - time.monotonic()))
        wasyncore.close_all(self._sockets)
        self._server = self._thread = None

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._turn(timeout=1.0 if self._must_look() else _UNDISTURBED_S)
        wasyncore.dispatcher.close(self._server)  # the listening socket only: answers in the making still go out
        while self._is_answering() and time.monotonic() < self._deadline:
            self._turn(timeout=0.05)

    def _turn(self, *, timeout: float) -> None:
        if self._server is not None and not self._shortage.is_on:
            self._server.accepting = True
        try:
            wasyncore.loop(timeout=timeout, map=self._sockets, count=1, use_poll=True)
            self._dismiss_the_slow()
        except Exception:
            # One bad connection must not take the API down.
            log.exception("http_loop_failed")

    def _must_look(self) -> bool:
        """Nothing wakes the loop when a request takes too long, or when there are descriptors again."""
        return self._server is not None and bool(self._server.active_channels or not self._server.accepting)

    def _dismiss_the_slow(self) -> None:
        now = time.monotonic()
        if self._server is None or now < self._looked + 1:
            return
        self._looked = now
        for channel in list(self._server.active_channels.values()):
            if channel.request is not None and not channel.requests and now > channel.begun + SLOWEST:
                channel.will_close = True

    def _accept(self) -> Any:
        """Without a descriptor the connection stays in the queue, and the loop would turn without a pause."""
        assert self._server is not None
        with contextlib.suppress(OutOfDescriptors), file_descriptors.noticed():
            return wasyncore.dispatcher.accept(self._server)
        self._shortage.note()
        self._server.accepting = False
        return None

    def _is_answering(self) -> bool:
        channels = list(self._server.active_channels.values()) if self._server is not None else []
        return any(channel.requests or channel.total_outbufs_len for channel in channels)


class _ErrorTask(ErrorTask):  # type: ignore[misc]  # waitress is untyped
    """Errors that waitress itself answers (a malformed request, headers without end), in the form of RFC 9457."""

    def execute(self) -> None:
        error = self.request.error
        kind = problem_types.of_status(error.code)
        number = str(uuid.uuid4())
        problem = {"type": kind.uri, "title": kind.title, "status": error.code, "detail": str(error.body)}
        body = json.dumps(problem | {"request_id": number}).encode()
        self.status = f"{error.code} {error.reason}"
        self.response_headers.extend(
            [
                ("Content-Type", "application/problem+json"),
                ("X-Content-Type-Options", "nosniff"),
                ("X-Request-ID", number),
            ]
        )
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class _HttpChannel(HTTPChannel):  # type: ignore[misc]  # waitress is untyped
    error_task_class = _ErrorTask
    begun = 0.0
    """When the first byte came of the request that is not whole yet."""

    def received(self, data: bytes) -> Any:
        if self.request is None:
            self.begun = time.monotonic()
        return super().received(data)


def _connections() -> int:
    """Half of what the process may open: the other half is for git, the store and webhooks."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if soft == resource.RLIM_INFINITY else max(100, min(MOST_CONNECTIONS, soft // 2))


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=1024)
    except OSError as error:
        raise AddressInUse(
            f"cannot listen on {host}:{port}: {error.strerror or error}",
            hint="another runner may be there; choose another address with --listen",
        ) from error
