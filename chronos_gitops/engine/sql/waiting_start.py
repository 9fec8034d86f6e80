"""A start whose ledger was opened and cannot be read or written just now: it waits, as it does for room on the disk."""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from chronos_gitops.engine.clock import elapsed
from chronos_gitops.engine.engine import NotRunning
from chronos_gitops.engine.sql.store.store import StoreError

log = logging.getLogger(__name__)
T = TypeVar("T")

_BETWEEN_TRIES_S: Final = 0.5
_SAID_AGAIN_AFTER_S: Final = 60.0


class WaitingStart:
    """``trouble`` is what the start waits for, empty when it goes on; it may be read from any thread."""

    def __init__(self, is_stopping: Callable[[], bool]) -> None:
        self._is_stopping = is_stopping
        self._said_at: float | None = None
        self.trouble = ""

    def until_answered(self, ask: Callable[[], T]) -> T:
        """NotRunning when the runner is to stop."""
        while True:
            try:
                answer = ask()
            except StoreError as error:
                self._note(error)
            else:
                self._go_on()
                return answer
            threading.Event().wait(_BETWEEN_TRIES_S)

    async def until_opened(self, opening: Callable[[], Awaitable[None]]) -> None:
        """The same in the engine's loop."""
        while True:
            try:
                await opening()
            except StoreError as error:
                self._note(error)
            else:
                self._go_on()
                return
            await asyncio.sleep(_BETWEEN_TRIES_S)

    def _note(self, error: StoreError) -> None:
        self.trouble = f"the start waits for the ledger: {error}"
        if self._is_stopping():
            raise NotRunning("the runner was stopped while it waited for its ledger") from error
        if self._said_at is None or elapsed() - self._said_at >= _SAID_AGAIN_AFTER_S:
            self._said_at = elapsed()
            log.error("%s", self.trouble)

    def _go_on(self) -> None:
        if self.trouble:
            log.info("the ledger is available; the start continues")
        self.trouble, self._said_at = "", None
