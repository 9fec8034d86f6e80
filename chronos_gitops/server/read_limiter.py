"""Reads take turns and yield to webhooks, because the GIL lets one thread run at a time: many readers without a pause
would starve the engine.

With 500 webhooks a second and four such readers, the p99 lateness of webhooks was 1 s; with turns 20 to 30 ms; and
since reads yield, mostly 7 to 12 ms (bench/api.py).
"""

import threading
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Final

from chronos_gitops.process import engine_priority

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_LONGEST: Final = 0.25
"""Maximum seconds that a read waits for its turn, and yields: others must not wait for one that reads from git."""
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
