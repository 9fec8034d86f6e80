"""The API and the pages of a runner, made for the first request.

Flask, templates and all routes cost a sixth of a start's processor time and 9 MB; a runner without requests needs none.
"""

import threading
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from chronos_gitops.service import Service


class LazyApp:
    """A WSGI application (PEP 3333) over one service; may be asked from any thread."""

    def __init__(self, service: "Service") -> None:
        self._service = service
        self._lock = threading.Lock()
        self._made: tuple[WSGIApplication, Collection[str]] | None = None

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        return self._parts()[0](environ, start_response)

    def probes(self) -> Collection[str]:
        """The paths that a supervisor asks."""
        return self._parts()[1]

    def _parts(self) -> "tuple[WSGIApplication, Collection[str]]":
        with self._lock:
            if self._made is None:
                from chronos_gitops.server.api import endpoint
                from chronos_gitops.server.web.app import create_app

                app = create_app(self._service)
                self._made = app, endpoint.probes(app.url_map)
            return self._made
