"""The first connection of a start: what may come is waited for, what will not change ends the start at once."""

import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Final, TypeVar

import psycopg

from chronos_gitops.engine.clock import elapsed
from chronos_gitops.engine.engine import NotRunning
from chronos_gitops.engine.sql.postgres.connection import Connection, DatabaseAddress, Standby
from chronos_gitops.engine.sql.store.store import StoreUnusable

log = logging.getLogger(__name__)
T = TypeVar("T")

HINT: Final = "check the address, the user and its rights: it makes tables on the first start"
_WAIT_S: Final = 60.0
_UNKNOWN_WAIT_S: Final = 10.0
_BETWEEN_TRIES_S: Final = 0.5
_SAY_EVERY_S: Final = 15.0
_NEVER_MENDS: Final = (
    "authentication failed",
    "does not exist",
    "no password supplied",
    "no pg_hba",
    "certificate",
    "SSL",
    "unrecognized configuration parameter",
    "unsupported startup parameter",
    "permission denied",
    "not permitted to log in",
    "no such user",
    "no such database",
    "Name or service not known",
    "No address associated with hostname",
    "nodename nor servname provided",
    "invalid",
)
_MAY_MEND: Final = (
    "Connection refused",
    "timeout expired",
    "timed out",
    "No route to host",
    "unreachable",
    "Temporary failure in name resolution",
    "the database system is",
    "too many clients",
    "remaining connection slots",
    "no more connections",
    "server closed the connection unexpectedly",
    "terminating connection",
    "connection is lost",
    "Connection reset",
    "standby",
    "is not accepting",
    "session is read-only",
    "server is in hot standby mode",
)


def persevere(address: DatabaseAddress, attempt: Callable[[], T], is_stopping: Callable[[], bool]) -> T:
    """Retry ``attempt`` until it returns: a database that starts together with its runners may take a while, and may go
    away once more. StoreUnusable when it refuses or does not come up; NotRunning when the runner is to stop."""
    began, said_at, said = elapsed(), 0.0, ""
    while True:
        try:
            return attempt()
        except psycopg.OperationalError as error:
            sentence, waited = words_of(error), elapsed() - began
            if waited >= _patience(error):
                raise StoreUnusable(f"{address} cannot be used: {sentence}", hint=HINT) from error
            if sentence != said or waited - said_at >= _SAY_EVERY_S:
                log.warning("waiting for the database", extra={"error": sentence, "seconds": round(waited)})
                said, said_at = sentence, waited
        pause(is_stopping, _BETWEEN_TRIES_S)


def pause(is_stopping: Callable[[], bool], seconds: float) -> None:
    """NotRunning when the runner is to stop."""
    if not is_stopping():
        threading.Event().wait(seconds)
    if is_stopping():
        raise NotRunning("the runner was stopped while it waited for the database")


def refuse_pooled_transactions(address: DatabaseAddress, connection: Connection) -> None:
    """A pooler that hands the server's connection to others between two transactions takes locks and LISTEN with it.
    StoreUnusable. PostgreSQL tells a client the process of its connection; that of another one answers behind a pooler.
    """
    if _pid(connection) == connection.info.backend_pid:
        return
    for _ in range(3):
        with contextlib.closing(address.connect()) as other, other.transaction():
            theirs = _pid(other)
            before = _pid(connection)
            if theirs == before or _pid(connection) != before or theirs == _pid(connection):
                raise _pooled(address)
        with contextlib.closing(address.connect()) as other:
            if _pid(other) == _pid(connection):
                raise _pooled(address)


def _pooled(address: DatabaseAddress) -> StoreUnusable:
    return StoreUnusable(
        f"{address} is a connection pooler (pgbouncer) in transaction mode: leases, locks and LISTEN need a session",
        hint="connect to PostgreSQL itself, or set pool_mode = session for this database",
    )


def _pid(connection: Connection) -> int:
    row = connection.execute("SELECT pg_backend_pid() AS pid").fetchone()
    return 0 if row is None else int(row["pid"])


def _patience(error: psycopg.Error) -> float:
    """For a failed connection only its words tell; with several hosts one that may come is worth waiting for."""
    text = str(error)
    if isinstance(error, Standby) or any(word in text for word in _MAY_MEND):
        return _WAIT_S
    return 0.0 if any(word in text for word in _NEVER_MENDS) else _UNKNOWN_WAIT_S


def words_of(error: psycopg.Error) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
