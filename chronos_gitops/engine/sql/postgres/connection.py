"""How this program connects to PostgreSQL: with limits on every wait, and words that never hold a password."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow, dict_row

from chronos_gitops.engine.sql import dialect
from chronos_gitops.errors import UsageError

Connection = psycopg.Connection[DictRow]

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


class Address:
    """Where the database is. ``str`` of it has no password."""

    def __init__(self, url: str) -> None:
        try:
            given = conninfo_to_dict(url)
        except psycopg.Error:
            # libpq's own words quote the address, and that may hold a password.
            raise UsageError(
                "the engine's address is not one that PostgreSQL understands",
                hint="write postgresql://user@host:5432/database; a password may stand in PGPASSFILE",
            ) from None
        self._parameters: dict[str, Any] = {**_NETWORK, **given}
        self._name = "PostgreSQL at {}{}/{}".format(
            given.get("host") or "the local socket",
            f":{given['port']}" if given.get("port") else "",
            given.get("dbname") or given.get("user") or "",
        )

    def __str__(self) -> str:
        return self._name

    def connect(self) -> Connection:
        """A connection that commits each statement unless it is told otherwise, and syncs what it commits."""
        connection = psycopg.connect(autocommit=True, row_factory=dict_row, **self._parameters)
        connection.execute(_SESSION)
        row = connection.execute("SHOW synchronous_commit").fetchone()
        if row is not None and row["synchronous_commit"] == "off":
            connection.execute("SET synchronous_commit = on")
        return connection


class PostgresSession:
    """See the Session protocol."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def execute(self, statement: str, parameters: Mapping[str, Any] | None = None) -> psycopg.Cursor[DictRow]:
        text = dialect.postgres(statement).encode()
        return self._connection.execute(text, None if parameters is None else _without_nul(parameters))

    def executemany(self, statement: str, parameters: Iterable[Mapping[str, Any]]) -> int:
        with self._connection.cursor() as cursor:
            cursor.executemany(dialect.postgres(statement).encode(), [_without_nul(each) for each in parameters])
            count = cursor.rowcount
        # After a pipeline alone PostgreSQL 18 does not begin to count the idle time of a transaction (measured).
        self._connection.execute("SELECT 1")
        return count


def _without_nul(parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """A receiver may answer with any character; PostgreSQL's text has all but this one."""
    if any(isinstance(value, str) and "\0" in value for value in parameters.values()):
        return {
            name: value.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(value, str) else value
            for name, value in parameters.items()
        }
    return parameters
