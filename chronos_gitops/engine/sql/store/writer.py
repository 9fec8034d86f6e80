"""One thread that writes: operations that wait together share one transaction, so that they share one sync to disk."""

import contextlib
import logging
import queue
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple

from chronos_gitops.engine.clock import elapsed
from chronos_gitops.engine.sql.store.store import Operation, Result, StoreAway, T
from chronos_gitops.engine.sql.write_watchdog import WriteWatch
from chronos_gitops.process import engine_priority
from chronos_gitops.process.background_thread import BackgroundThread

log = logging.getLogger(__name__)

_BATCH = 1000
_PROBE_EVERY_S = 1.0


class _QueuedOperations(NamedTuple):
    operations: Sequence[Operation[Any]]
    tell: Callable[[list[Result]], None]


class Writer:
    """``transaction`` runs operations in one transaction and answers when it is committed; what it raises, the futures
    of its operations raise. After a failure ``probe``, an operation that writes, tells whether the ledger can be
    written: at once, for the operation may have been at fault, and then every second until something is written."""

    def __init__(
        self,
        transaction: Callable[[Sequence[Operation[Any]]], list[Any]],
        *,
        probe: Operation[Any],
        watch: WriteWatch,
    ) -> None:
        self._run = transaction
        self._probe = probe
        self._watch = watch
        self._queue: queue.SimpleQueue[_QueuedOperations | None] = queue.SimpleQueue()
        self._thread = BackgroundThread("ledger", self._work)
        self._thread.launch()

    def put(self, operation: Operation[T]) -> "Future[T]":
        """StoreAway in the future of who comes after the end."""
        future: Future[T] = Future()

        def tell(results: list[Result]) -> None:
            if results[0].error is None:
                future.set_result(results[0].value)
            else:
                future.set_exception(results[0].error)

        self.put_all([operation], tell)
        return future

    def put_all(self, operations: Sequence[Operation[Any]], tell: Callable[[list[Result]], None]) -> None:
        """``tell`` hears what became of them, in this order and in the writer's thread; it must not raise. Who comes
        after the end hears StoreAway."""
        engine_priority.at_work(self)
        self._queue.put(_QueuedOperations(operations, tell))
        if not self._thread.is_alive():
            self._refuse()

    def close(self, within: float | None = None) -> bool:
        """Ends what was queued; False when a transaction has not ended ``within`` so many seconds."""
        self._queue.put(None)
        self._thread.join(within)
        if self._thread.is_alive():
            return False
        self._refuse()
        return True

    def _refuse(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                late = self._queue.get_nowait()
                if late is not None:
                    late.tell([Result(None, StoreAway("the ledger is closed"))] * len(late.operations))
        engine_priority.at_rest(self)

    def _work(self) -> None:
        while (first := self._next()) is not None:
            batch, count = [first], len(first.operations)
            while count < _BATCH and not self._queue.empty():
                following = self._queue.get()
                if following is None:
                    self._queue.put(None)
                    break
                batch.append(following)
                count += len(following.operations)
            self._write(batch)

    def _next(self) -> _QueuedOperations | None:
        if self._queue.empty():
            engine_priority.at_rest(self)
        while True:
            try:
                entry = self._queue.get(timeout=_PROBE_EVERY_S if self._watch.is_failing else None)
            except queue.Empty:
                self._look_again()
            else:
                engine_priority.at_work(self)
                return entry

    def _look_again(self) -> None:
        with contextlib.suppress(Exception):  # the watch has it
            self._transaction([])

    def _transaction(self, operations: Sequence[Operation[Any]]) -> list[Any]:
        """After a failure each transaction writes: one that only reads would tell nothing."""
        began = elapsed()
        self._watch.begin()
        try:
            results = self._run(operations) if not self._watch.is_failing else self._run([*operations, self._probe])
        except BaseException as error:
            self._watch.fail(began, error)
            raise
        self._watch.succeed()
        return results[: len(operations)]

    def _write(self, batch: list[_QueuedOperations]) -> None:
        results = iter(self._results([operation for entry in batch for operation in entry.operations]))
        for entry in batch:
            entry.tell([next(results) for _ in entry.operations])

    def _results(self, operations: Sequence[Operation[Any]]) -> list[Result]:
        """All in one transaction; when that fails, each in its own, so that one bad operation fails alone."""
        try:
            return [Result(value) for value in self._transaction(operations)]
        except Exception as error:
            if isinstance(error, StoreAway):
                return [Result(None, error)] * len(operations)
            if len(operations) == 1:
                self._look_again()
                return [Result(None, error)]
            log.warning("a transaction failed; its operations are retried one by one", extra={"error": str(error)})
        return [self._results([operation])[0] for operation in operations]
