"""Records whether the server answers this runner, and since when it has not."""

import logging
from collections.abc import Callable

from chronos_gitops.engine.clock import elapsed
from chronos_gitops.engine.temporal import names
from chronos_gitops.engine.temporal.connection.connection import TemporalConnection

log = logging.getLogger(__name__)

_FIRST_ANSWER_S = 120.0
"""A start on a busy machine, or before the server's own, takes so long: a restart would only begin it anew."""


class AnswerStatus:
    """May be asked from any thread; the engine's loop notes."""

    def __init__(self, access: TemporalConnection, elapsed: Callable[[], float] = elapsed) -> None:
        self._access = access
        self._elapsed = elapsed
        self._answered_at = elapsed()
        self._patience = _FIRST_ANSWER_S
        self.trouble = "the engine is connecting"
        """Empty while the server answers."""

    def note(self, trouble: str, *, is_ours: bool = False) -> None:
        """Logged when it changes: a server that is away for a night is one line."""
        if not trouble:
            self._answered_at, self._patience = self._elapsed(), names.HEARTBEAT_TIMEOUT.total_seconds()
        elif trouble != self.trouble:
            log.warning("%s: %s", self._access, trouble, exc_info=is_ours)
        self.trouble = trouble

    @property
    def lease_failure(self) -> str:
        """The server takes a runner that it does not hear of for dead, and gives its work to others."""
        seconds = self._elapsed() - self._answered_at
        if seconds <= self._patience:
            return ""
        return f"{self._access} has not answered for {seconds:.0f} s: {self.trouble or 'it is silent'}"
