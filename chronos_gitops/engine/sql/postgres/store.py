"""The ledger in a PostgreSQL database that several runners share."""

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any

import psycopg
from psycopg import pq

from chronos_gitops.engine.sql.postgres.clock import DatabaseClock
from chronos_gitops.engine.sql.postgres.connection import Address, Connection, PostgresSession
from chronos_gitops.engine.sql.postgres.replica import LEASE_S, PostgresReplica
from chronos_gitops.engine.sql.postgres.schema import migrate
from chronos_gitops.engine.sql.store import Operation, Result, StoreAway, StoreError, StoreUnusable, T
from chronos_gitops.engine.sql.writer import Writer
from chronos_gitops.errors import ConflictError

log = logging.getLogger(__name__)

_FIRST_CONNECTION_S = 60.0
_BETWEEN_TRIES_S = 0.5
_TURN_S = 30


class PostgresStore:
    """See the Store protocol. ``place`` names the data folder; ``clock`` is set by the database's when it is given."""

    def __init__(
        self, address: Address, *, place: str, clock: DatabaseClock | None = None, lease_s: float = LEASE_S
    ) -> None:
        self._address = address
        self._away_until = 0.0
        self._idle: queue.SimpleQueue[Connection] = queue.SimpleQueue()
        self._connection: Connection | None = None
        self.replica = PostgresReplica(address, place=place, clock=clock, lease_s=lease_s)
        try:
            with contextlib.closing(_first_connection(address)) as connection:
                migrate(connection, str(address))
            self.replica.register()
        except psycopg.Error as error:
            self.replica.leave()
            raise StoreUnusable(f"{address} cannot be used: {_sentence(error)}", hint=_HINT) from error
        self._writer = Writer(self._transaction)

    def write(self, operation: Operation[T]) -> "Future[T]":
        return self._writer.put(operation)

    def write_all(self, operations: Sequence[Operation[Any]], tell: Callable[[list[Result]], None]) -> None:
        self._writer.put_all(operations, tell)

    def read(self, operation: Operation[T]) -> T:
        """Again on a new connection when the one that lay idle was lost meanwhile."""
        for connection in self._readers():
            try:
                found = operation(PostgresSession(connection))
            except psycopg.Error as error:
                if not connection.broken:
                    self._idle.put(connection)
                    raise StoreError(f"{self._address} cannot be read: {_sentence(error)}") from error
            else:
                self._idle.put(connection)
                return found
        raise StoreAway(f"{self._address} does not answer")

    def _readers(self) -> Iterator[Connection]:
        with contextlib.suppress(queue.Empty):
            yield self._idle.get_nowait()
        connection = self._connected()
        connection.execute("SET default_transaction_read_only = on")
        yield connection

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
                raise StoreAway(f"{self._address} does not answer: {_sentence(error)}") from error
            yield

    def close(self) -> None:
        self._writer.close()
        self.replica.leave()
        connections = [self._connection] if self._connection is not None else []
        while not self._idle.empty():
            connections.append(self._idle.get())
        for connection in connections:
            connection.close()

    def _transaction(self, operations: Sequence[Operation[Any]]) -> list[Any]:
        """A lost connection is made anew once; operations decide by what they read, so that it does not matter whether
        the transaction had been committed when the answer was lost."""
        was_fresh = self._connection is None
        try:
            return self._attempt(operations)
        except psycopg.Error as error:
            if not self._is_lost(error):
                raise StoreError(f"{self._address} cannot be written: {_sentence(error)}") from error
            if was_fresh:
                raise StoreAway(f"{self._address} does not answer: {_sentence(error)}") from error
        try:
            return self._attempt(operations)
        except psycopg.Error as error:
            self._is_lost(error)
            raise StoreAway(f"{self._address} does not answer: {_sentence(error)}") from error

    def _attempt(self, operations: Sequence[Operation[Any]]) -> list[Any]:
        connection = self._connection = self._connection or self._connected()
        session = PostgresSession(connection)
        connection.execute("BEGIN")
        try:
            results = [operation(session) for operation in operations]
            connection.execute("COMMIT")
        except BaseException:
            if connection.info.transaction_status is not pq.TransactionStatus.IDLE and not connection.broken:
                with contextlib.suppress(psycopg.Error):
                    connection.execute("ROLLBACK")
            raise
        return results

    def _is_lost(self, error: psycopg.Error) -> bool:
        """A server that only reads was the primary before a failover: the address may lead to another one by now."""
        if self._connection is not None and isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
            self._connection.close()
        if self._connection is not None and not self._connection.closed:
            return False
        self._connection = None
        return True

    def _connected(self) -> Connection:
        """StoreAway; a database that was away a moment ago is not asked again at once."""
        if time.monotonic() < self._away_until:
            raise StoreAway(f"{self._address} does not answer")
        try:
            return self._address.connect()
        except psycopg.Error as error:
            self._away_until = time.monotonic() + _BETWEEN_TRIES_S
            raise StoreAway(f"{self._address} does not answer: {_sentence(error)}") from error


_HINT = "check the address, the user and its rights: it makes tables on the first start"


def _first_connection(address: Address) -> Connection:
    """A database that starts together with its runners may take a while; one that refuses will not change its mind."""
    deadline = time.monotonic() + _FIRST_CONNECTION_S
    while True:
        try:
            return address.connect()
        except psycopg.OperationalError as error:
            if _is_refusal(error) or time.monotonic() > deadline:
                raise StoreUnusable(f"{address} cannot be used: {_sentence(error)}", hint=_HINT) from error
            log.warning("waiting for the database", extra={"error": _sentence(error)})
        threading.Event().wait(_BETWEEN_TRIES_S)


def _is_refusal(error: psycopg.Error) -> bool:
    """A wrong password, role or database (SQLSTATE 28 and 3D): for a failed connection only its words tell."""
    text = str(error)
    return any(
        word in text for word in ("authentication failed", "does not exist", "no password supplied", "no pg_hba")
    )


def _sentence(error: psycopg.Error) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


__all__ = ["Address", "DatabaseClock", "PostgresStore"]
