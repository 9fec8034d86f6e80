"""The SQLite file: one writing connection that commits in batches, read-only connections beside it.

Debian 12 ships SQLite 3.40, whose WAL can be corrupted when two connections write or checkpoint at once (fixed in
3.51.3): hence one writer, and readers opened with ``mode=ro``.
"""

import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from importlib import resources
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from chronos_gitops.errors import ChronosError

T = TypeVar("T")
Operation = Callable[[sqlite3.Connection], T]

_BATCH = 1000
_WAY_OUT = "restore it from a backup, or move it away to begin with an empty history"


class StoreError(ChronosError):
    """The ledger cannot be read or written just now; nothing was acknowledged."""

    kind = "store"


class StoreUnusable(ChronosError):
    """The ledger's file needs a person; it is never recreated by itself."""

    kind = "store-unusable"
    exit_code: ClassVar[int] = 1


class Store:
    """Operations are functions of a connection. ``write`` answers after its batch is on stable storage."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._queue: queue.SimpleQueue[tuple[Operation[Any], Future[Any]] | None] = queue.SimpleQueue()
        self._readers = threading.local()
        self._open_readers: list[sqlite3.Connection] = []
        self._connection = _open(path)
        self._thread = threading.Thread(target=self._work, name="ledger", daemon=True)
        self._thread.start()

    def write(self, operation: Operation[T]) -> "Future[T]":
        """Queues the operation; the future fails with StoreError when its transaction could not be committed."""
        future: Future[T] = Future()
        self._queue.put((operation, future))
        return future

    def read(self, operation: Operation[T]) -> T:
        """Runs in the caller's thread, on a connection that cannot write."""
        try:
            return operation(self._reader())
        except sqlite3.Error as error:
            raise StoreError(f"the ledger {self._path} cannot be read: {error}") from error

    def close(self) -> None:
        self._queue.put(None)
        self._thread.join()
        for connection in self._open_readers:
            connection.close()
        self._connection.close()

    def _reader(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._readers, "connection", None)
        if connection is None:
            connection = sqlite3.connect(f"{self._path.as_uri()}?mode=ro", uri=True, check_same_thread=False)
            connection.row_factory = sqlite3.Row
            self._readers.connection = connection
            self._open_readers.append(connection)
        return connection

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
            if len(batch) == 1:
                batch[0][1].set_exception(self._explained(error))
                return
            for entry in batch:
                self._commit([entry])
            return
        for (_, future), result in zip(batch, results, strict=True):
            future.set_result(result)

    def _transaction(self, operations: list[Operation[Any]]) -> list[Any]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            results = [operation(self._connection) for operation in operations]
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        return results

    def _explained(self, error: Exception) -> Exception:
        if isinstance(error, sqlite3.Error):
            return StoreError(f"the ledger {self._path} cannot be written: {error}")
        return error


def _open(path: Path) -> sqlite3.Connection:
    with contextlib.ExitStack() as undo:
        try:
            connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
            undo.callback(connection.close)
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            _check(connection, path)
            _migrate(connection, path)
        except sqlite3.Error as error:
            raise StoreUnusable(f"the ledger {path} cannot be opened: {error}", hint=_WAY_OUT) from error
        undo.pop_all()
    return connection


def _check(connection: sqlite3.Connection, path: Path) -> None:
    verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise StoreUnusable(f"the ledger {path} is corrupt: {verdict}", hint=_WAY_OUT)


def migrations() -> dict[int, str]:
    """Number to SQL, forward only; the number of the last one is the file's ``user_version``."""
    folder = resources.files("chronos_gitops.engine.sql") / "schema"
    return {int(file.name[:4]): file.read_text() for file in folder.iterdir() if file.name.endswith(".sql")}


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    steps = migrations()
    have = connection.execute("PRAGMA user_version").fetchone()[0]
    if have > max(steps):
        raise StoreUnusable(
            f"the ledger {path} was written by a newer chronos-gitops (schema {have}, this one knows {max(steps)})",
            hint="run the newer version, or restore the ledger that belongs to this one",
        )
    for number in sorted(number for number in steps if number > have):
        connection.executescript(f"BEGIN IMMEDIATE;\n{steps[number]}\nPRAGMA user_version = {number};\nCOMMIT;")
