"""Connections to PostgreSQL: with limits on every wait, and messages that never hold a password."""

import contextlib
import logging
import re
import socket
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address
from itertools import islice
from typing import Any, Final

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow, dict_row

from chronos_gitops.engine.sql.store import dialect
from chronos_gitops.errors import UsageError

Connection = psycopg.Connection[DictRow]
log = logging.getLogger(__name__)

# A peer that vanished without a word is noticed; each can be set otherwise in the address.
_NETWORK: Final = {
    "connect_timeout": "3",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
    "application_name": "chronos-gitops",
}
# A runner that is frozen inside a transaction must not hold its locks for long.
_SESSION: Final = """
SET lock_timeout = '5s'; SET statement_timeout = '20s'; SET idle_in_transaction_session_timeout = '15s';
SET default_transaction_isolation = 'read committed'; SET timezone = 'UTC'
"""
_SERVER: Final = """
SELECT pg_is_in_recovery() AS is_standby, current_setting('synchronous_commit') AS synchronous_commit
"""


_PLAIN_HINT: Final = "add sslmode=verify-full&sslrootcert=system to the engine's address"
_UNKNOWN_OPTION: Final = re.compile(r'invalid (?:URI query parameter|connection option):? "([a-z_]+)"')
_AT_ONCE: Final = 1000


class Standby(psycopg.OperationalError):
    """The server only follows another one: what it shows may be old, and it takes no writes."""


class DatabaseAddress:
    """Where the database is. ``str`` of it has no password."""

    def __init__(self, url: str) -> None:
        try:
            given = conninfo_to_dict(url)
        except psycopg.Error as error:
            # libpq's own message quotes the address, and that may hold a password.
            option = _UNKNOWN_OPTION.search(str(error))
            raise UsageError(
                f'the engine\'s address has an option that PostgreSQL does not know: "{option[1]}"'
                if option
                else "the engine's address is not one that PostgreSQL understands",
                hint="write postgresql://user@host:5432/database; a password may stand in PGPASSFILE",
            ) from None
        self._parameters: dict[str, Any] = {**_NETWORK, **given}
        self._is_noted = False
        self._name = "PostgreSQL at {}{}/{}".format(
            given.get("host") or "the local socket",
            f":{given['port']}" if given.get("port") else "",
            given.get("dbname") or given.get("user") or "",
        )

    def __str__(self) -> str:
        return self._name

    def connect(self) -> Connection:
        """A connection that commits each statement unless it is told otherwise, and syncs what it commits. Standby for
        a server that is none's primary, psycopg.Error for everything else."""
        connection = psycopg.connect(autocommit=True, row_factory=dict_row, **self._parameters)
        with contextlib.ExitStack() as undo:
            undo.callback(connection.close)
            connection.execute(_SESSION)
            row = connection.execute(_SERVER).fetchone()
            if row is not None and row["is_standby"]:
                raise Standby("the server is a standby (in recovery), not the primary")
            if row is not None and row["synchronous_commit"] == "off":
                connection.execute("SET synchronous_commit = on")
            undo.pop_all()
        if not self._is_noted and is_plain(connection.pgconn.hostaddr, has_tls=connection.pgconn.ssl_in_use):
            log.warning("engine_plain", extra={"engine": str(self), "hint": _PLAIN_HINT})
        self._is_noted = True
        return connection


def is_plain(hostaddr: bytes, *, has_tls: bool) -> bool:
    """True if what the connection carries crosses a network unencrypted; a local socket has no address."""
    try:
        address = ip_address(hostaddr.decode().partition("%")[0]) if hostaddr else None
    except ValueError:
        return not has_tls
    return address is not None and not has_tls and not address.is_loopback


class Severable:
    """A connection whose statements can be ended from another thread when the server does not answer: closing the
    connection itself is not safe there, shutting its socket down is. OperationalError for one that is lost already."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.pid = connection.info.backend_pid
        try:
            self._socket = socket.socket(fileno=socket.dup(connection.fileno()))
        except OSError as error:  # libpq closes the socket of a connection that it finds lost
            connection.close()
            raise psycopg.OperationalError("the connection is lost") from error

    def sever(self) -> None:
        """Close the socket, so that waiting calls fail at once as they do when the server goes away."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._socket.close()
        self.connection.close()


def is_reusable(connection: Connection) -> bool:
    """Rolls back what is open. After any error a connection is used again only when this is True: one that died within
    a pipeline is neither closed nor broken to psycopg, and fails each later statement."""
    try:
        if connection.closed or connection.pgconn.pipeline_status != pq.PipelineStatus.OFF:
            return False
        if connection.info.transaction_status is not pq.TransactionStatus.IDLE:
            connection.execute("ROLLBACK")
    except psycopg.Error:
        return False
    return (
        connection.info.transaction_status is pq.TransactionStatus.IDLE
        and connection.pgconn.pipeline_status == pq.PipelineStatus.OFF
    )


class PostgresSession:
    """See the Session protocol. ``answered`` is called whenever the server has answered."""

    def __init__(self, connection: Connection, answered: Callable[[], None] = lambda: None) -> None:
        self._connection = connection
        self._answered = answered

    def execute(self, statement: str, parameters: Mapping[str, Any] | None = None) -> psycopg.Cursor[DictRow]:
        text = dialect.postgres(statement).encode()
        found = self._connection.execute(text, None if parameters is None else _without_nul(parameters))
        self._answered()
        return found

    def executemany(self, statement: str, parameters: Iterable[Mapping[str, Any]]) -> int:
        """In parts, so that many rows are not taken for a server that hangs."""
        text, count = dialect.postgres(statement).encode(), 0
        left = map(_without_nul, parameters)
        while part := list(islice(left, _AT_ONCE)):
            with self._connection.cursor() as cursor:
                cursor.executemany(text, part)
                count += cursor.rowcount
            # After a pipeline alone PostgreSQL 18 does not begin to count the idle time of a transaction (measured).
            self._connection.execute("SELECT 1")
            self._answered()
        return count


def _without_nul(parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """A receiver may answer with any character; PostgreSQL's text has all but this one."""
    if any(isinstance(value, str) and "\0" in value for value in parameters.values()):
        return {
            name: value.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(value, str) else value
            for name, value in parameters.items()
        }
    return parameters
