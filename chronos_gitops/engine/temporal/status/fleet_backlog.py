"""The number of unfinished executions on a Temporal server, for each runner: the server's last count, and the claims
of this runner since."""

from collections.abc import Awaitable, Callable

from chronos_gitops.engine.ticks.backlog import MAX_PENDING, Backlog


class FleetBacklog:
    """``take`` room for one execution. ``runners`` share what is unfinished; of one that is alone it is all its own."""

    def __init__(self, most: int = MAX_PENDING) -> None:
        self._counted = 0
        self._claimed = 0
        self.runners = 1
        self._backlog = Backlog(most, self._unfinished)

    def _unfinished(self) -> int:
        return (self._counted + self._claimed) // max(1, self.runners)

    def take(self) -> bool:
        """False when there is none."""
        if self._backlog.room() <= 0:
            return False
        self._claimed += 1
        return True

    async def follow(self, count: Callable[[], Awaitable[int]]) -> None:
        before = self._claimed
        self._counted = await count()
        self._claimed -= before

    @property
    def warning(self) -> str:
        """From any thread; empty while there is room."""
        return self._backlog.warning
