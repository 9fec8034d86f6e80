"""Visibility's view of each job, corrected by what this runner knows better: visibility lags a little."""

import asyncio
from collections.abc import Mapping
from typing import Generic, TypeVar

T = TypeVar("T")
_LATELY_S = 5.0


class Followed(Generic[T]):
    """``values`` by job may be read from any thread: they are swapped whole. The rest belongs to the engine's loop."""

    def __init__(self) -> None:
        self.values: Mapping[str, T] = {}
        self._noted: dict[str, float] = {}

    def note(self, job: str, value: T | None) -> None:
        """Known for certain, so that it wins over what visibility shows for a moment; None: there is none."""
        others = {name: other for name, other in self.values.items() if name != job}
        self.values = others if value is None else others | {job: value}
        self._noted[job] = asyncio.get_running_loop().time()

    def follow(self, seen: Mapping[str, T]) -> None:
        now = asyncio.get_running_loop().time()
        self._noted = {job: at for job, at in self._noted.items() if now - at < _LATELY_S}
        kept = {job: value for job, value in self.values.items() if job in self._noted}
        self.values = {job: value for job, value in seen.items() if job not in self._noted} | kept
