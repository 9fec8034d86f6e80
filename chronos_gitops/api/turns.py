"""Reads take turns, so that webhooks come first: Python computes one thing at a time, and many readers would starve it.

With 500 webhooks a second and four readers without a pause, the last percent of webhooks left a second late; with turns
they are 20 to 30 ms late, and the readers get about two answers for three (bench/api.py).
"""

import contextlib
import threading
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_LONGEST: Final = 0.25
"""Seconds that a read waits for its turn at most: some read from git, and nobody else is to wait for that."""
_READS: Final = ("GET", "HEAD")
_AT_ONCE: Final = ("/livez", "/readyz", "/health")


class Turns:
    """Around a WSGI application (PEP 3333): one read is computed at a time, and after it the processor is left alone
    for as much time as it took of it. Writes and probes never wait; the body of a stream is sent outside of turns."""

    def __init__(self, app: "WSGIApplication") -> None:
        self._app = app
        self._turn = threading.Lock()
        self._rested_at = 0.0

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in _READS or environ["PATH_INFO"] in _AT_ONCE:
            return self._app(environ, start_response)
        with self._taken():
            return self._app(environ, start_response)

    @contextlib.contextmanager
    def _taken(self) -> Iterator[None]:
        if not self._turn.acquire(timeout=_LONGEST):
            yield
            return
        try:
            time.sleep(max(0.0, self._rested_at - time.monotonic()))
            began = time.thread_time()
            yield
            self._rested_at = time.monotonic() + min(_LONGEST, time.thread_time() - began)
        finally:
            self._turn.release()
