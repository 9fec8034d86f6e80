"""Writes of the engine's loop: gathered there, handed to the writer's thread together, answered together.

At 500 ticks a second that is one change of threads for tens of operations, and a tick that comes due seldom finds the
writer busy with another result.
"""

import asyncio
import contextlib
from typing import Any

from chronos_gitops.engine.sql.store.store import Operation, Result, Store, T

_PATIENCE_S = 0.01
_MANY = 500


class WriteBatcher:
    """Lives in one event loop. Whoever stops waiting for an answer does not stop the operation."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._loop = asyncio.get_running_loop()
        self._waiting: list[tuple[Operation[Any], asyncio.Future[Any]]] = []
        self._leaves: asyncio.TimerHandle | None = None

    def write(self, operation: Operation[T]) -> "asyncio.Future[T]":
        """At once, and all that waits along with it; answers when it is on stable storage, or fails with StoreError."""
        answer = self._put(operation)
        self.flush()
        return answer

    def write_soon(self, operation: Operation[T]) -> "asyncio.Future[T]":
        """The same for what is not urgent: with the next ``write``, or after a moment."""
        answer = self._put(operation)
        if len(self._waiting) >= _MANY:
            self.flush()
        elif self._leaves is None:
            self._leaves = self._loop.call_later(_PATIENCE_S, self.flush)
        return answer

    def flush(self) -> None:
        if self._leaves is not None:
            self._leaves.cancel()
            self._leaves = None
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        answers = [answer for _, answer in waiting]

        def tell(results: list[Result]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
                self._loop.call_soon_threadsafe(_answer, answers, results)

        self._store.write_all([operation for operation, _ in waiting], tell)

    def _put(self, operation: Operation[T]) -> "asyncio.Future[T]":
        answer: asyncio.Future[T] = self._loop.create_future()
        self._waiting.append((operation, answer))
        return answer


def _answer(answers: list[asyncio.Future[Any]], results: list[Result]) -> None:
    for answer, result in zip(answers, results, strict=True):
        if answer.done():
            continue
        if result.error is None:
            answer.set_result(result.value)
        else:
            answer.set_exception(result.error)
            answer.exception()  # not everybody waits, and then it is no news to the log
