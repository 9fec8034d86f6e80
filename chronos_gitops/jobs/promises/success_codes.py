"""Status codes that mean success."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from chronos_gitops.process.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class SuccessCodes:
    """Status codes that mean success: inclusive ranges, ``((200, 299),)`` unless the file says otherwise."""

    ranges: tuple[tuple[int, int], ...] = ((200, 299),)

    @classmethod
    def parse(cls, entries: Iterable[int | str]) -> "SuccessCodes":
        return _codes(tuple(_code_range(entry) for entry in entries))

    def __contains__(self, code: int) -> bool:
        return any(low <= code <= high for low, high in self.ranges)

    def document(self) -> list[int | str]:
        return [low if low == high else f"{low}-{high}" for low, high in self.ranges]


@lru_cache(maxsize=1024)
def _codes(ranges: tuple[tuple[int, int], ...]) -> SuccessCodes:
    """One value for all jobs that say the same."""
    return SuccessCodes(ranges)


def _code_range(entry: int | str) -> tuple[int, int]:
    low, _, high = str(entry).partition("-")
    return int(low), int(high or low)


USUAL: Final = SuccessCodes()
