"""Limits of concurrent requests, in total and for each host, and of the rate to each host."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

_SHARE = 2


class ConcurrencyLimiter:
    """Waiting for a slow host takes none of the slots that all hosts share. Lives in one event loop.

    ``rate``: requests a second that begin towards one host, evenly spread; 0: no limit.

    A host holds at most twice as many slots as are free (and one in any case): however many hosts hang, some slots are
    left for those that answer. Known for buffers as dynamic thresholds, https://doi.org/10.1109/90.664262. One host
    alone gets two thirds of all; 17 that hang leave five of 200, where a plain limit of 50 each left none.
    """

    def __init__(self, *, at_once: int, per_host: int, rate: int = 0) -> None:
        self._per_host = per_host
        self._interval = 1 / rate if rate else 0.0
        self._free_at: dict[str, float] = {}
        self._hosts: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._free = at_once
        self._held: Counter[str] = Counter()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def hold(self, host: str) -> AsyncIterator[None]:
        semaphore = self._hosts.get(host)
        if semaphore is None:
            semaphore = self._hosts[host] = asyncio.Semaphore(self._per_host)
        async with semaphore:
            await self._pace(host)
            await self._take(host)
            try:
                yield
            finally:
                self._give_back(host)

    async def _take(self, host: str) -> None:
        if host not in self._waiting and self._may_hold(host):
            self._grant(host)
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(host, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it came in the same moment
                self._give_back(host)
            raise

    def _may_hold(self, host: str) -> bool:
        return self._held[host] < _SHARE * self._free

    def _grant(self, host: str) -> None:
        self._free -= 1
        self._held[host] += 1

    def _give_back(self, host: str) -> None:
        self._free += 1
        self._held[host] -= 1
        if not self._held[host]:
            del self._held[host]
        self._serve(host)
        for other in list(self._waiting) if self._free else ():
            self._serve(other)

    def _serve(self, host: str) -> None:
        """As many of those that wait for the host as may go now."""
        turns = self._waiting.get(host)
        while turns and self._may_hold(host):
            turn = turns.popleft()
            if not turn.done():
                self._grant(host)
                turn.set_result(None)
        if turns is not None and not turns:
            del self._waiting[host]

    async def _pace(self, host: str) -> None:
        if not self._interval:
            return
        now = asyncio.get_running_loop().time()
        at = max(now, self._free_at.get(host, 0.0))
        self._free_at[host] = at + self._interval
        await asyncio.sleep(at - now)
