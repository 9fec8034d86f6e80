"""The display of the demo: a block that is redrawn in place on a terminal, lines anywhere else."""

import shutil
from collections.abc import Sequence
from typing import TextIO


class Screen:
    """``say`` writes a line that stays; ``draw`` shows the live block below, where there is a terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._drawn = 0
        self.is_live = stream.isatty()

    def say(self, line: str = "") -> None:
        self._erase()
        self._write(f"{line}\n")

    def draw(self, lines: Sequence[str]) -> None:
        """Replaces the block drawn last; lines are cut to the terminal, for a wrapped line could not be erased."""
        if not self.is_live:
            return
        width, height = shutil.get_terminal_size()
        shown = [line[: width - 1] for line in lines][: height - 1]
        self._erase()
        self._write("".join(f"{line}\n" for line in shown))
        self._drawn = len(shown)

    def _erase(self) -> None:
        if self._drawn:
            self._write(f"\x1b[{self._drawn}A\x1b[J")
            self._drawn = 0

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
