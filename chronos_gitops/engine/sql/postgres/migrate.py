"""The tables: the same numbered steps as everywhere, one runner at a time."""

import logging
from collections.abc import Callable

from chronos_gitops.engine.sql.postgres.connection import Connection
from chronos_gitops.engine.sql.postgres.startup import pause
from chronos_gitops.engine.sql.store.store import StoreUnusable, migrations

log = logging.getLogger(__name__)

_KEY = "hashtextextended('chronos-gitops schema ' || current_schema(), 0)"
_TRY_EVERY_S = 0.5


def migrate(connection: Connection, name: str, is_stopping: Callable[[], bool] = lambda: False) -> None:
    """Each step in a transaction with its number, however long it takes. StoreUnusable for a newer version's schema;
    NotRunning when the runner is to stop while another one migrates the same schema. The connection is good for nothing
    else afterwards: it has no limits any more."""
    row = connection.execute("SELECT current_schema() AS name").fetchone()
    if row is None or row["name"] is None:
        raise StoreUnusable(
            f"{name} has no schema to make tables in",
            hint="create the one that search_path names, with rights for the user",
        )
    steps = migrations("postgres")
    connection.execute("SET statement_timeout = 0; SET lock_timeout = 0")
    _lock(connection, name, is_stopping)
    try:
        connection.execute("CREATE TABLE IF NOT EXISTS schema_version (number INTEGER PRIMARY KEY)")
        row = connection.execute("SELECT coalesce(max(number), 0) AS number FROM schema_version").fetchone()
        have = 0 if row is None else int(row["number"])
        if have > max(steps):
            raise StoreUnusable(
                f"{name} was written by a newer chronos-gitops (schema {have}, this one knows {max(steps)})",
                hint="run the newer version, or restore the database that belongs to this one",
            )
        for number in sorted(number for number in steps if number > have):
            with connection.transaction():
                if steps[number]:
                    connection.execute(steps[number].encode())
                connection.execute("INSERT INTO schema_version VALUES (%s)", [number])
    finally:
        connection.execute(f"SELECT pg_advisory_unlock({_KEY})".encode())


def _lock(connection: Connection, name: str, is_stopping: Callable[[], bool]) -> None:
    is_said = False
    while True:
        row = connection.execute(f"SELECT pg_try_advisory_lock({_KEY}) AS taken".encode()).fetchone()
        if row is not None and row["taken"]:
            return
        if not is_said:
            log.warning("waiting for another runner that migrates the schema", extra={"database": name})
            is_said = True
        pause(is_stopping, _TRY_EVERY_S)
