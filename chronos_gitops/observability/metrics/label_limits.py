"""Values of one label, of which there are so many and no more: series that grow without an end kill a Prometheus."""

from collections.abc import Container
from typing import Final

OTHER: Final = "other"


class Labels:
    """First come, first served; who comes later is ``other``. For one thread at a time."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: set[str] = set()

    def of(self, value: str) -> str:
        if value not in self._known:
            if len(self._known) >= self._most:
                return OTHER
            self._known.add(value)
        return value

    def is_full_for(self, value: str) -> bool:
        return len(self._known) >= self._most and value not in self._known

    def keep(self, wanted: Container[str]) -> list[str]:
        """Makes room: forgets all others, and returns them."""
        gone = [value for value in self._known if value not in wanted]
        self._known.difference_update(gone)
        return gone
