"""Connections that read: few of them, given back when they are idle, and none of a server that was left."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Final

import psycopg

from chronos_gitops.engine.clock import elapsed
from chronos_gitops.engine.sql.postgres.connection import PostgresSession, Severable, is_reusable
from chronos_gitops.engine.sql.store.store import Operation, StoreAway, StoreError, T

MOST: Final = 8
"""Connections that read at one time; further questions wait for their turn."""
_IDLE: Final = 2
_IDLE_S: Final = 30.0
_TURN_S: Final = 25.0
_ANSWER_S: Final = 25.0


class Readers:
    """``connect`` makes a connection to the primary, or raises StoreAway; ``name`` is the database's in errors."""

    def __init__(self, connect: Callable[[], Severable], name: str) -> None:
        self._connect = connect
        self._name = name
        self._turns = threading.BoundedSemaphore(MOST)
        self._lock = threading.Lock()
        self._idle: list[tuple[Severable, float]] = []
        self._busy: dict[Severable, float] = {}
        self._left: set[Severable] = set()
        self._is_closed = False

    def read(self, operation: Operation[T]) -> T:
        """Again on a new connection when the one that lay idle was lost meanwhile."""
        with self._turn():
            for line in self._lines():
                try:
                    return operation(PostgresSession(line.connection))
                except psycopg.Error as error:
                    if is_reusable(line.connection):
                        raise StoreError(
                            f"{self._name} cannot be read: {' '.join(str(error).split())[:300]}"
                        ) from error
                finally:
                    self._give_back(line)
        raise StoreAway(f"{self._name} does not answer")

    def leave_server(self) -> None:
        """The writer or the lease has lost its server: whoever reads from that one shows what is old by now."""
        with self._lock:
            idle, self._idle = self._idle, []
            self._left |= self._busy.keys()
        for line, _ in idle:
            line.close()

    def tidy(self) -> None:
        """Closes what was idle for a while, and ends reads that are not answered."""
        now = elapsed()
        with self._lock:
            old = [line for line, since in self._idle if now - since > _IDLE_S]
            self._idle = [(line, since) for line, since in self._idle if now - since <= _IDLE_S]
            silent = [line for line, since in self._busy.items() if now - since > _ANSWER_S]
        for line in old:
            line.close()
        for line in silent:
            line.sever()

    def close(self) -> None:
        """A read that still connects closes its connection itself."""
        self._is_closed = True
        self.leave_server()
        with self._lock:
            busy = list(self._busy)
        for line in busy:
            line.sever()

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._turns.acquire(timeout=_TURN_S):
            raise StoreAway(f"{self._name} has not answered {MOST} questions for {_TURN_S:.0f} s")
        try:
            yield
        finally:
            self._turns.release()

    def _lines(self) -> Iterator[Severable]:
        with self._lock:
            line = self._idle.pop()[0] if self._idle else None
            if line is not None:
                self._busy[line] = elapsed()
        if line is not None:
            yield line
        line = self._connect()
        try:
            line.connection.execute("SET default_transaction_read_only = on")
        except psycopg.Error as error:
            line.close()
            raise StoreAway(f"{self._name} does not answer") from error
        with self._lock:
            self._busy[line] = elapsed()
        yield line

    def _give_back(self, line: Severable) -> None:
        is_good = is_reusable(line.connection)
        with self._lock:
            self._busy.pop(line, None)
            is_good = is_good and not self._is_closed and line not in self._left and len(self._idle) < _IDLE
            self._left.discard(line)
            if is_good:
                self._idle.append((line, elapsed()))
        if not is_good:
            line.close()
