"""A progress bar on standard error, for people at a terminal, once something takes over half a second."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TextIO

from chronos_gitops.plurals import plural

_QUIET_S: Final = 0.5
_BETWEEN_S: Final = 0.1
_WIDTH: Final = 30
_CLEAR: Final = "\r\x1b[K"


@contextmanager
def progress(
    total: int, stream: TextIO, *, clock: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[], None]]:
    """Show a progress bar. Call the yielded function after each of ``total`` steps; the bar is erased at the end."""
    if not stream.isatty():
        yield lambda: None
        return
    bar = _Bar(total, stream, clock)
    try:
        yield bar.step
    finally:
        bar.clear()


class _Bar:
    def __init__(self, total: int, stream: TextIO, clock: Callable[[], float]) -> None:
        self._total, self._stream, self._clock = total, stream, clock
        self._done = 0
        self._next = clock() + _QUIET_S
        self._is_shown = False

    def step(self) -> None:
        self._done += 1
        now = self._clock()
        if now < self._next:
            return
        self._next, self._is_shown = now + _BETWEEN_S, True
        filled = min(_WIDTH, _WIDTH * self._done // max(1, self._total))
        bar = "#" * filled + "." * (_WIDTH - filled)
        self._stream.write(f"{_CLEAR}[{bar}] {self._done:,} of {plural(self._total, 'file')}")
        self._stream.flush()

    def clear(self) -> None:
        if self._is_shown:
            self._stream.write(_CLEAR)
            self._stream.flush()
