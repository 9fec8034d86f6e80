"""One thread that writes: operations that wait together share one transaction, so that they share one sync to disk."""

import contextlib
import logging
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

from chronos_gitops.engine.sql.store import Operation, StoreAway, T

log = logging.getLogger(__name__)

_BATCH = 1000


class Writer:
    """``transaction`` runs operations in one transaction and answers when it is committed; what it raises, the futures
    of its operations raise."""

    def __init__(self, transaction: Callable[[Sequence[Operation[Any]]], list[Any]]) -> None:
        self._transaction = transaction
        self._queue: queue.SimpleQueue[tuple[Operation[Any], Future[Any]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="ledger", daemon=True)
        self._thread.start()

    def put(self, operation: Operation[T]) -> "Future[T]":
        """StoreAway in the future of who comes after the end."""
        future: Future[T] = Future()
        self._queue.put((operation, future))
        if not self._thread.is_alive():
            self._refuse()
        return future

    def close(self) -> None:
        self._queue.put(None)
        self._thread.join()
        self._refuse()

    def _refuse(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                late = self._queue.get_nowait()
                if late is not None and late[1].set_running_or_notify_cancel():
                    late[1].set_exception(StoreAway("the ledger is closed"))

    def _work(self) -> None:
        while (first := self._queue.get()) is not None:
            batch = [first]
            while len(batch) < _BATCH and not self._queue.empty():
                following = self._queue.get()
                if following is None:
                    self._queue.put(None)
                    break
                batch.append(following)
            self._commit([entry for entry in batch if entry[1].set_running_or_notify_cancel()])

    def _commit(self, batch: list[tuple[Operation[Any], Future[Any]]]) -> None:
        """All in one transaction; when that fails, each in its own, so that one bad operation fails alone."""
        if not batch:
            return
        try:
            results = self._transaction([operation for operation, _ in batch])
        except Exception as error:
            if len(batch) == 1 or isinstance(error, StoreAway):
                for _, future in batch:
                    future.set_exception(error)
                return
            log.warning("a transaction failed; each of its operations is tried alone", extra={"error": str(error)})
            for entry in batch:
                self._commit([entry])
            return
        for (_, future), result in zip(batch, results, strict=True):
            future.set_result(result)
