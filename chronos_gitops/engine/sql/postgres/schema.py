"""The tables: the same numbered steps as everywhere, one runner at a time."""

from chronos_gitops.engine.sql.postgres.connection import Connection
from chronos_gitops.engine.sql.store import StoreUnusable, migrations

_LOCK = "chronos-gitops schema"


def migrate(connection: Connection, name: str) -> None:
    """Each step in a transaction with its number, however long it takes. StoreUnusable for a newer version's schema.
    The connection is good for nothing else afterwards: it has no limits any more."""
    steps = migrations("postgres")
    connection.execute("SET statement_timeout = 0; SET lock_timeout = 0")
    connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [_LOCK])
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
        connection.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [_LOCK])
