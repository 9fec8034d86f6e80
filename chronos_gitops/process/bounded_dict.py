"""A dictionary of bounded size: the oldest entry is dropped when a new one does not fit."""

from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class BoundedDict(OrderedDict[K, V]):
    """At most ``most`` entries. Setting a key makes it the newest one; beyond ``most`` the oldest is dropped, and its
    value given to ``dropped``. Not safe from several threads: the owner has the lock."""

    def __init__(self, most: int, dropped: Callable[[V], object] = lambda _: None) -> None:
        super().__init__()
        self._most = most
        self._dropped = dropped

    def __setitem__(self, key: K, value: V) -> None:
        super().__setitem__(key, value)
        self.move_to_end(key)
        while len(self) > self._most:
            self._dropped(self.popitem(last=False)[1])
