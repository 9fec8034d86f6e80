"""Posts the status of the followed head to the forge, in a thread of its own: no pass over git and no job waits for it.

There is no queue: the newest status is the only one that counts, and the thread computes it right before each call.
"""

import logging
from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Final, Protocol

from chronos_gitops.engine.clock import elapsed
from chronos_gitops.errors import ChronosError
from chronos_gitops.forge.calls import CommitStatus
from chronos_gitops.forge.client import ForgeError
from chronos_gitops.process.background_thread import BackgroundThread
from chronos_gitops.schedule.backoff import Backoff

log = logging.getLogger(__name__)
LOOK_EVERY_S: Final = 2.0
"""Also the least time between two calls, which makes 30 a minute."""
KEPT_S: Final = 3600.0
"""A status that could not be posted for so long is given up."""
BACKOFF: Final = Backoff(timedelta(seconds=5), timedelta(minutes=5))


class Posts(Protocol):
    def post_status(self, status: CommitStatus) -> None:
        """ForgeError."""


class StatusPoster(BackgroundThread):
    """``wanted`` is the status that the forge should show now, None for none; ``holds`` is True on the runner
    that posts for all; ``hear`` gets the result of each call: posted, failed or dropped."""

    def __init__(
        self,
        forge: Posts,
        wanted: Callable[[], CommitStatus | None],
        *,
        holds: Callable[[], bool],
        hear: Callable[[str], None] = lambda result: None,  # noqa: ARG005 - no listener
        elapsed: Callable[[], float] = elapsed,
    ) -> None:
        super().__init__("chronos-forge")
        self.trouble = ""
        self._forge = forge
        self._wanted = wanted
        self._holds = holds
        self._hear = hear
        self._elapsed = elapsed
        self._random = Random()
        self._settled: CommitStatus | None = None
        self._failing: CommitStatus | None = None
        self._failing_since = 0.0
        self._failures = 0
        self._rests_until = 0.0

    def run(self) -> None:
        while not self.stopping.is_set():
            try:
                self.look()
            except ChronosError as error:  # of the engine's store, which reports it itself
                log.debug("forge_not_looked", extra={"error": error.message})
            except Exception:
                log.exception("forge_failed")
            self.stopping.wait(LOOK_EVERY_S)

    def look(self) -> None:
        """Posts the status where the forge does not show it yet, at most once."""
        if self._elapsed() < self._rests_until:
            return
        status = self._wanted()
        if status is None or status == self._settled or not self._holds():
            return
        try:
            self._forge.post_status(status)
        except ForgeError as error:
            self._not_posted(status, error)
            return
        self._settled, self._failing, self._failures, self.trouble = status, None, 0, ""
        log.info("forge_status_posted", extra=_told(status))
        self._hear("posted")

    def _not_posted(self, status: CommitStatus, error: ForgeError) -> None:
        now = self._elapsed()
        if self._failing is None or self._failing.commit != status.commit:
            self._failing, self._failing_since = status, now
        self._failures += 1
        is_first, self.trouble = not self.trouble, error.message
        if now - self._failing_since >= KEPT_S:
            self._settled, self._failing = status, None
            log.warning("forge_status_dropped", extra=_told(status) | {"error": error.message})
            self._hear("dropped")
            return
        wait = max(BACKOFF.wait(self._failures, self._random), error.retry_after or timedelta())
        self._rests_until = now + min(wait.total_seconds(), KEPT_S)
        if is_first:
            log.warning("forge_status_failed", extra=_told(status) | {"error": error.message})
        self._hear("failed")


def _told(status: CommitStatus) -> dict[str, str]:
    return {"commit": status.commit, "state": status.state.value, "description": status.description}
