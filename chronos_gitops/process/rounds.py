"""A thread that does one round after the other: a round that fails is not the last one, and is logged once."""

import logging
import time
from typing import Final

from chronos_gitops.errors import ChronosError
from chronos_gitops.process.background_thread import BackgroundThread


class RoundThread(BackgroundThread):
    """Calls ``round`` until it is stopped, ``rest_s`` after the one before at the soonest, and ``wait_s`` later than
    that where nothing wakes it.

    A fault that lasts is one line of ``log``, ``trouble``. What is no ChronosError is a bug: ``failure``, with the
    traceback, each time. ``round`` may be called by hand in tests.
    """

    def __init__(
        self, name: str, *, log: logging.Logger, trouble: str, failure: str, rest_s: float, wait_s: float = 0.0
    ) -> None:
        super().__init__(name)
        self._log: Final = log
        self._trouble, self._failure = trouble, failure
        self._rest_s, self._wait_s = rest_s, wait_s
        self._is_troubled = False

    def round(self) -> None:
        raise NotImplementedError

    def run(self) -> None:
        while not self.stopping.is_set():
            self.woken.clear()
            try:
                self.round()
                self._is_troubled = False
            except ChronosError as error:
                self._note_trouble(error.message)
            except Exception as error:  # a round that breaks must not be the last one
                self._log.exception(self._failure)
                self._note_trouble(str(error))
            ended = time.monotonic()
            if self.woken.wait(self._rest_s + self._wait_s):
                self.stopping.wait(max(0.0, ended + self._rest_s - time.monotonic()))

    def _note_trouble(self, error: str) -> None:
        if not self._is_troubled:
            self._log.warning(self._trouble, extra={"error": error})
        self._is_troubled = True
