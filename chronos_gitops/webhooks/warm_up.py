"""Loads what the first webhook needs shortly before it is due, so that a start and an idle runner do without it."""

import contextlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from chronos_gitops.errors import ChronosError
from chronos_gitops.process.background_thread import BackgroundThread
from chronos_gitops.webhooks.transport.tls import TlsContexts

AHEAD: Final = timedelta(minutes=1)
_LOOK_S: Final = 30.0


def load_client(trust: TlsContexts) -> None:
    """Loads the modules that the first request needs: 0.2 s and 11 MB. From any thread."""
    from chronos_gitops.webhooks.transport import http_client  # noqa: F401 - loaded for others

    trust.load()


class WarmUp(BackgroundThread):
    """Calls each of ``loads`` once, within ``AHEAD`` of the first scheduled time that ``next_due`` knows. Wake it when
    the jobs have changed. A request that comes sooner, such as one of a trigger, waits until its client is loaded."""

    def __init__(
        self,
        next_due: Callable[[], datetime | None],
        now: Callable[[], datetime],
        loads: Sequence[Callable[[], object]],
        *,
        look: float = _LOOK_S,
    ) -> None:
        super().__init__("chronos-warm-up")
        self._next_due = next_due
        self._now = now
        self._loads = loads
        self._look = look

    def run(self) -> None:
        while not self.stopping.is_set():
            self.woken.clear()
            due = None
            with contextlib.suppress(ChronosError):  # the engine is busy or stops: the next look may tell
                due = self._next_due()
            if due is not None and due - self._now() < AHEAD:
                break
            self.woken.wait(self._look)
        for load in () if self.stopping.is_set() else self._loads:
            load()
