"""Reads take turns, and each gives way to webhooks: Python computes one thing at a time, and many readers without a
pause would starve the engine.

With 500 webhooks a second and four such readers, the last percent of webhooks left a second late; with turns 20 to
30 ms; and since reads give way, mostly 7 to 12 (bench/api.py).
"""

import threading
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Final

from chronos_gitops.process import engine_priority

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_LONGEST: Final = 0.25
"""Seconds that a read waits for its turn at most, and gives way: some read from git, and nobody is to wait for that."""
_READS: Final = ("GET", "HEAD")


class ReadLimiter:
    """Around a WSGI application (PEP 3333): one read is computed at a time, while the engine has nothing to do. Writes
    and ``probes``, by their paths, never wait; the body of a stream is sent outside of turns."""

    def __init__(self, app: "WSGIApplication", probes: Callable[[], Collection[str]]) -> None:
        self._app = app
        self._probes = probes
        self._turn = threading.Lock()

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in _READS or environ["PATH_INFO"] in self._probes():
            return self._app(environ, start_response)
        is_mine = self._turn.acquire(timeout=_LONGEST)
        try:
            with engine_priority.low_priority(_LONGEST):
                return self._app(environ, start_response)
        finally:
            if is_mine:
                self._turn.release()
