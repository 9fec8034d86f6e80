"""The SQLite file: one writing connection that commits in batches, read-only connections beside it.

Debian 12 ships SQLite 3.40, whose WAL can be corrupted when two connections write or checkpoint at once (fixed in
3.51.3): hence one writer, and readers opened with ``mode=ro``.
"""

import contextlib
import os
import sqlite3
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime
from math import inf
from pathlib import Path
from typing import Any

from chronos_gitops.engine.sql.store import dialect, ledger, queries
from chronos_gitops.engine.sql.store.store import (
    LEASE_S,
    Operation,
    ReplicaView,
    Result,
    Session,
    StoreError,
    StoreUnusable,
    T,
    migrations,
    perform,
)
from chronos_gitops.engine.sql.store.writer import Writer
from chronos_gitops.engine.sql.write_watchdog import WriteWatch
from chronos_gitops.state.atomic_files import open_private
from chronos_gitops.state.data_lock import OpenFile

_READER_CACHE_KIB = 256
"""SQLite's own default is 2 MB for each connection."""
_LOOK_EVERY_S = 0.1
"""Time between two looks at whether the paths still lead to the open files, before requests."""
_WAY_OUT = "restore it from a backup, or move it away to begin with an empty history"


class SqliteSession:
    """See the Session protocol."""

    def __init__(self, connection: sqlite3.Connection, answered: Callable[[], None] = lambda: None) -> None:
        self._connection = connection
        self._answered = answered

    def execute(self, statement: str, parameters: Mapping[str, Any] | None = None) -> sqlite3.Cursor:
        bound = () if parameters is None else dialect.sqlite_parameters(parameters)
        found = self._connection.execute(dialect.sqlite(statement), bound)
        self._answered()
        return found

    def executemany(self, statement: str, parameters: Iterable[Mapping[str, Any]]) -> int:
        count = self._connection.executemany(dialect.sqlite(statement), parameters).rowcount
        self._answered()
        return count


class SingleReplica:
    """See the Replica protocol: one runner has the file, for it holds the lock of the data folder. Its lease is that it
    can write."""

    trouble = ""
    is_shared = False
    losses = 0
    leads = True
    defers = False
    claims_at_once = 1_000_000

    def __init__(
        self, path: Path, namespace: uuid.UUID, watch: WriteWatch, lease_s: float, loss: Callable[[], str]
    ) -> None:
        self.id = str(uuid.uuid4())
        self.namespace = namespace
        self._loss = loss
        self._path = path
        self._watch = watch
        self._lease_s = lease_s
        self._known_loss, self._looked_at = "", -inf

    @property
    def is_current(self) -> bool:
        """Asked twice for each request; each commit looks at the files itself."""
        now = time.monotonic()
        if now - self._looked_at > _LOOK_EVERY_S:
            self._known_loss, self._looked_at = self._loss(), now
        return self._watch.seconds <= self._lease_s and not self._known_loss

    @property
    def lease_failure(self) -> str:
        seconds = self._watch.seconds
        if seconds <= self._lease_s:
            return self._loss()
        return f"nothing could be written to {self._path} for {seconds:.0f} s: {self._watch.error}"

    def decides_at(self, job: str, due: datetime) -> datetime:  # noqa: ARG002 - all jobs are its own
        return due

    def join(self, session: Session, revision: str | None) -> ReplicaView:  # noqa: ARG002 - no other replica
        return ReplicaView(leads=True, alone=True)

    def look_at_releases(self, session: Session) -> bool:  # noqa: ARG002 - no other replica
        return False

    def take_over(self, session: Session) -> None:
        session.execute(queries.TAKE_ALL, {"owner": self.id})

    def hold(self, session: Session, job: str) -> None:
        """The writer is the only one."""

    def live(self, session: Session) -> frozenset[str]:  # noqa: ARG002 - no other replica
        return frozenset((self.id,))

    def applied_by_others(self, session: Session) -> Sequence[str | None]:  # noqa: ARG002 - no other replica
        return ()

    def tell(self, session: Session, other: str = "") -> None:
        """Does nothing: SQLite has no other replicas."""

    def watch(self, hear: Callable[[], None]) -> None:
        """Nothing happens behind its back."""


class SqliteStore:
    """See the Store protocol."""

    def __init__(self, path: Path, *, lease_s: float = LEASE_S, loss: Callable[[], str] = lambda: "") -> None:
        self._path = path
        self._data_loss = loss
        self._idle: deque[sqlite3.Connection] = deque()
        self._damage = ""
        self._connection = _open(path)
        self._watch = WriteWatch()
        self._session = SqliteSession(self._connection, self._watch.answered)
        self._files = [OpenFile(path), OpenFile(path.with_name(f"{path.name}-wal"))]
        self.replica = SingleReplica(path, ledger.namespace(self._session), self._watch, lease_s, self._loss)
        self._writer = Writer(self._transaction, probe=self._probe, watch=self._watch)

    def write(self, operation: Operation[T]) -> "Future[T]":
        return self._writer.put(operation)

    def write_all(self, operations: Sequence[Operation[Any]], tell: Callable[[list[Result]], None]) -> None:
        self._writer.put_all(operations, tell)

    def read(self, operation: Operation[T]) -> T:
        try:
            with self._reader() as session:
                return operation(session)
        except sqlite3.Error as error:
            self._note_damage(error)
            raise StoreError(f"the ledger {self._path} cannot be read: {error}") from error

    def alone(self, name: str) -> contextlib.AbstractContextManager[None]:  # noqa: ARG002 - there is one runner
        return contextlib.nullcontext()

    def close(self, within: float | None = None) -> None:
        if not self._writer.close(within):
            return  # a disk that hangs: closing the file would hang, too
        while self._idle:
            self._idle.pop().close()
        self._connection.close()

    def _probe(self, _: Session) -> None:
        """Writes the number of the schema anew, which changes the file's first page and nothing else."""
        number = self._connection.execute("PRAGMA user_version").fetchone()[0]
        self._connection.execute(f"PRAGMA user_version = {number}")

    @contextlib.contextmanager
    def _reader(self) -> Iterator[SqliteSession]:
        """The connection that was used last, so that there are as many as ever read at once, not one a thread."""
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = sqlite3.connect(f"{self._path.as_uri()}?mode=ro", uri=True, check_same_thread=False)
            connection.row_factory = sqlite3.Row
            connection.execute(f"PRAGMA cache_size = -{_READER_CACHE_KIB}")
        try:
            yield SqliteSession(connection)
        finally:
            self._idle.append(connection)

    def _note_damage(self, error: sqlite3.Error) -> None:
        """From now on nothing is written or sent: a page of garbage may hide that something was sent before."""
        if getattr(error, "sqlite_errorcode", None) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            self._damage = f"the ledger {self._path} is corrupt: {error}; {_WAY_OUT}"

    def _loss(self) -> str:
        """Why what is written here may be recorded nowhere, or beside another runner; empty when all is well."""
        return next(filter(None, (self._damage, self._data_loss(), *(file.loss() for file in self._files))), "")

    def _transaction(self, operations: Sequence[Operation[Any]]) -> list[Any]:
        if loss := self._loss():
            raise StoreError(loss)
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                results = perform(self._session, operations)
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            self._note_damage(error)
            hint = "free some space on its disk" if "full" in str(error) else "see chronos-gitops doctor on its machine"
            raise StoreError(f"the ledger {self._path} cannot be written: {error}", hint=hint) from error
        return results


def look_at(path: Path) -> bool:
    """True if a ledger exists at the path. Changes nothing. StoreUnusable for one that this version cannot open."""
    if not path.exists():
        return False
    # Without a write-ahead log nothing writes, and immutable=1 keeps SQLite from making one (sqlite.org/uri.html).
    way = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "immutable=1"
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?{way}", uri=True, timeout=5.0)) as ledger:
            check(ledger, path)
            refuse_newer(ledger, path)
    except sqlite3.Error as error:
        raise StoreUnusable(f"the ledger {path} cannot be opened: {error}", hint=_WAY_OUT) from error
    return True


def _open(path: Path) -> sqlite3.Connection:
    with contextlib.ExitStack() as undo:
        try:
            os.close(open_private(path, os.O_RDWR | os.O_CREAT))  # -wal and -shm take the mode of the ledger
            connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
            undo.callback(connection.close)
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            check(connection, path)
            _migrate(connection, path)
        except (sqlite3.Error, OSError) as error:
            raise StoreUnusable(f"the ledger {path} cannot be opened: {error}", hint=_WAY_OUT) from error
        undo.pop_all()
    return connection


def check(connection: sqlite3.Connection, path: Path) -> None:
    """StoreUnusable for a file that is damaged."""
    verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise StoreUnusable(f"the ledger {path} is corrupt: {verdict}", hint=_WAY_OUT)


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    """The number of the last step is the file's ``user_version``."""
    have = refuse_newer(connection, path)
    steps = migrations("sqlite")
    for number in sorted(number for number in steps if number > have):
        connection.executescript(f"BEGIN IMMEDIATE;\n{steps[number]}\nPRAGMA user_version = {number};\nCOMMIT;")


def refuse_newer(connection: sqlite3.Connection, path: Path) -> int:
    """The step that the file is at. StoreUnusable for one that this version does not know."""
    have: int = connection.execute("PRAGMA user_version").fetchone()[0]
    known = max(migrations("sqlite"))
    if have > known:
        raise StoreUnusable(
            f"the ledger {path} was written by a newer chronos-gitops (schema {have}, this one knows {known})",
            hint="run the newer version, or restore the ledger that belongs to this one",
        )
    return have
