"""How many requests run at once, altogether and towards one host, and how quickly they follow each other there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary


class Slots:
    """Waiting for a slow host takes none of the slots that all hosts share. Lives in one event loop.

    ``rate``: requests a second that begin towards one host, evenly spread; 0: no limit.
    """

    def __init__(self, *, at_once: int, per_host: int, rate: int = 0) -> None:
        self._per_host = per_host
        self._interval = 1 / rate if rate else 0.0
        self._free_at: dict[str, float] = {}
        self._all = asyncio.Semaphore(at_once)
        self._hosts: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def hold(self, host: str) -> AsyncIterator[None]:
        semaphore = self._hosts.get(host)
        if semaphore is None:
            semaphore = self._hosts[host] = asyncio.Semaphore(self._per_host)
        async with semaphore:
            await self._pace(host)
            async with self._all:
                yield

    async def _pace(self, host: str) -> None:
        if not self._interval:
            return
        now = asyncio.get_running_loop().time()
        at = max(now, self._free_at.get(host, 0.0))
        self._free_at[host] = at + self._interval
        await asyncio.sleep(at - now)
