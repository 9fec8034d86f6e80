"""Limits of concurrent requests, in total and for each host, and of the rate to each host."""

import asyncio
from collections import Counter, deque

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
        self._loop = asyncio.get_running_loop()
        self._free = at_once
        self._held: Counter[str] = Counter()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._next_at: dict[str, float] = {}
        """When the rate lets the next request begin; a host is forgotten once that has passed."""

    def hold(self, host: str) -> "_Slot":
        return _Slot(self, host)

    async def take(self, host: str) -> None:
        if host not in self._waiting and self._may_hold(host):
            self._grant(host)
        else:
            await self._turn(host)

    def give_back(self, host: str) -> None:
        self._free += 1
        self._held[host] -= 1
        if not self._held[host]:
            del self._held[host]
        self._serve(host)
        for other in list(self._waiting) if self._free else ():
            self._serve(other)

    async def _turn(self, host: str) -> None:
        turn: asyncio.Future[None] = self._loop.create_future()
        self._waiting.setdefault(host, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it came in the same moment
                self.give_back(host)
            raise

    def _may_hold(self, host: str) -> bool:
        held = self._held[host]
        return held < self._per_host and held < _SHARE * self._free and host not in self._next_at

    def _grant(self, host: str) -> None:
        self._free -= 1
        self._held[host] += 1
        if self._interval:
            self._pace(host, self._loop.time() + self._interval)

    def _pace(self, host: str, at: float) -> None:
        self._next_at[host] = at
        self._loop.call_at(at, self._next, host)

    def _next(self, host: str) -> None:
        del self._next_at[host]
        self._serve(host)

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


class _Slot:
    """An asynchronous context manager; ``contextlib``'s takes twice as long."""

    __slots__ = ("_host", "_limiter")

    def __init__(self, limiter: ConcurrencyLimiter, host: str) -> None:
        self._limiter = limiter
        self._host = host

    async def __aenter__(self) -> None:
        await self._limiter.take(self._host)

    async def __aexit__(self, *_: object) -> None:
        self._limiter.give_back(self._host)
