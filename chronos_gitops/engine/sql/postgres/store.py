"""The ledger in a PostgreSQL database that several runners share."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any

import psycopg

from chronos_gitops.engine.sql.postgres.clock import DatabaseClock
from chronos_gitops.engine.sql.postgres.connection import (
    Connection,
    DatabaseAddress,
    PostgresSession,
    Severable,
    is_reusable,
)
from chronos_gitops.engine.sql.postgres.migrate import migrate
from chronos_gitops.engine.sql.postgres.readers import Readers
from chronos_gitops.engine.sql.postgres.replica import PostgresReplica
from chronos_gitops.engine.sql.postgres.startup import HINT, persevere, refuse_pooled_transactions, words_of
from chronos_gitops.engine.sql.store import ledger
from chronos_gitops.engine.sql.store.store import (
    LEASE_S,
    Operation,
    Result,
    Session,
    StoreAway,
    StoreError,
    StoreUnusable,
    T,
    perform,
)
from chronos_gitops.engine.sql.store.writer import Writer
from chronos_gitops.engine.sql.write_watchdog import WriteWatch
from chronos_gitops.errors import ConflictError
from chronos_gitops.process.background_thread import BackgroundThread

log = logging.getLogger(__name__)

_BETWEEN_TRIES_S = 0.5
_TURN_S = 30
_WATCH_EVERY_S = 0.5
_CLOSE_WITHIN_S = 5.0
_CUT_WITHIN_S = 2.0


class PostgresStore:
    """See the Store protocol. ``place`` names the data folder; ``clock`` is set by the database's when it is given.
    ``loss`` says why the data folder may be another runner's by now; ``is_stopping`` ends a start that waits, with
    NotRunning. ``release``: see PostgresReplica."""

    def __init__(
        self,
        address: DatabaseAddress,
        *,
        place: str,
        clock: DatabaseClock | None = None,
        lease_s: float = LEASE_S,
        loss: Callable[[], str] = lambda: "",
        is_stopping: Callable[[], bool] = lambda: False,
        release: str | None = None,
    ) -> None:
        self._address = address
        self._away_until = 0.0
        self._line: Severable | None = None
        self._is_closing = False
        self._watch = WriteWatch()
        self._readers = Readers(lambda: Severable(self._connected()), str(address))
        self.replica = PostgresReplica(
            address,
            place=place,
            clock=clock,
            lease_s=lease_s,
            watch=self._watch,
            lost=self._readers.leave_server,
            loss=loss,
            release=release,
        )
        try:
            persevere(address, lambda: self._prepare(is_stopping), is_stopping)
        except psycopg.Error as error:
            self.replica.leave()
            raise StoreUnusable(f"{address} cannot be used: {words_of(error)}", hint=HINT) from error
        self._writer = Writer(self._transaction, probe=self._probe, watch=self._watch)
        self._closing = threading.Event()
        self._watchdog = BackgroundThread("watchdog", self._end_silences)
        self._watchdog.launch()

    def _prepare(self, is_stopping: Callable[[], bool]) -> None:
        """Again from the beginning when the connection is lost meanwhile."""
        with contextlib.closing(self._address.connect()) as connection:
            refuse_pooled_transactions(self._address, connection)
            migrate(connection, str(self._address), is_stopping)
            self.replica.namespace = ledger.namespace(PostgresSession(connection))
        self.replica.register()

    def write(self, operation: Operation[T]) -> "Future[T]":
        return self._writer.put(operation)

    def write_all(self, operations: Sequence[Operation[Any]], tell: Callable[[list[Result]], None]) -> None:
        self._writer.put_all(operations, tell)

    def read(self, operation: Operation[T]) -> T:
        return self._readers.read(operation)

    @contextlib.contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """A lock of the database's session: it is free as soon as its holder has gone, however it went."""
        connection = self._connected()
        with contextlib.closing(connection):
            try:
                connection.execute(f"SET lock_timeout = '{_TURN_S}s'; SET statement_timeout = 0".encode())
                connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [f"chronos-gitops {name}"])
            except psycopg.errors.LockNotAvailable as error:
                raise ConflictError(
                    f"another runner is at it for more than {_TURN_S} s: {name}", hint="try again"
                ) from error
            except psycopg.Error as error:
                raise StoreAway(f"{self._address} does not answer: {words_of(error)}") from error
            yield

    def close(self, within: float | None = None) -> None:
        limit = _CLOSE_WITHIN_S if within is None else within
        self._is_closing = True
        if not self._writer.close(limit) and self._line is not None:
            self._line.sever()
            self._writer.close(_CUT_WITHIN_S)
        self.replica.leave()
        self._closing.set()
        self._readers.close()
        if self._line is not None:
            self._line.close()

    def _probe(self, session: Session) -> None:
        session.execute("UPDATE replicas SET lease_until = lease_until WHERE id = :id", {"id": self.replica.id})

    def _end_silences(self) -> None:
        """A server that hangs, as one whose synchronous standby is gone, answers nothing and fails nothing: who waits
        for it for longer than a lease is told that it is lost, so that a new connection may find a better one."""
        while not self._closing.wait(_WATCH_EVERY_S):
            self._readers.tidy()
            line = self._line
            if line is not None and self._watch.silent_s > LEASE_S:
                self._cut(line.sever, line.pid)
            if self.replica.silent_s > LEASE_S:
                pid = self.replica.sever()
                self._cut(lambda: None, pid)

    def _cut(self, sever: Callable[[], None], pid: int | None) -> None:
        """The server's process is ended too: one that waits for a standby would stay, and others would follow it until
        no connection is left."""
        sever()
        with contextlib.suppress(psycopg.Error), contextlib.closing(self._address.connect()) as connection:
            connection.execute("SELECT pg_terminate_backend(%s)", [pid])

    def _transaction(self, operations: Sequence[Operation[Any]]) -> list[Any]:
        """A lost connection is made anew once; operations decide by what they read, so that it does not matter whether
        the transaction had been committed when the answer was lost."""
        was_fresh = self._line is None
        try:
            return self._attempt(operations)
        except psycopg.Error as error:
            if self._line is not None:
                raise StoreError(f"{self._address} cannot be written: {words_of(error)}") from error
            if was_fresh or self._is_closing:
                raise StoreAway(f"{self._address} does not answer: {words_of(error)}") from error
        try:
            return self._attempt(operations)
        except psycopg.Error as error:
            self._lose()
            raise StoreAway(f"{self._address} does not answer: {words_of(error)}") from error

    def _attempt(self, operations: Sequence[Operation[Any]]) -> list[Any]:
        line = self._line = self._line or Severable(self._connected())
        session = PostgresSession(line.connection, self._watch.answered)
        try:
            session.execute("BEGIN")
            results = perform(session, operations)
            line.connection.execute("COMMIT")
        except BaseException as error:
            # A server that only reads was the primary before a failover: the address may lead to another one by now.
            if isinstance(error, psycopg.errors.ReadOnlySqlTransaction) or not is_reusable(line.connection):
                self._lose()
            raise
        return results

    def _lose(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            line.close()
            self._readers.leave_server()

    def _connected(self) -> Connection:
        """StoreAway; a database that was away a moment ago is not asked again at once."""
        if time.monotonic() < self._away_until:
            raise StoreAway(f"{self._address} does not answer")
        try:
            return self._address.connect()
        except psycopg.Error as error:
            self._away_until = time.monotonic() + _BETWEEN_TRIES_S
            raise StoreAway(f"{self._address} does not answer: {words_of(error)}") from error


__all__ = ["PostgresStore"]
