"""Looks at what keeps executions without changing it."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

from chronos_gitops.config.settings import Settings
from chronos_gitops.engine.factory import ledger_file, need_package
from chronos_gitops.engine.sql.store import sqlite
from chronos_gitops.engine.sql.store.store import StoreUnusable
from chronos_gitops.process.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class EngineProbe:
    """``clock_ahead`` is how far the server's clock is ahead of this machine's, give or take half the round trip; None
    where there is no server with a clock."""

    name: str
    clock_ahead: timedelta | None = None
    is_new: bool = False
    """Nothing is kept yet; a runner makes it at its start."""


def probe(settings: Settings) -> EngineProbe:
    """A ChronosError for an engine that cannot be used."""
    path, kind = ledger_file(settings), settings.engine.partition("://")[0]
    if path is not None:
        return EngineProbe(f"SQLite in {path}", is_new=not sqlite.look_at(path))
    if kind == "postgresql":
        need_package("psycopg", "postgres")
        return _postgres(settings)
    need_package("temporalio", "temporal")
    return _temporal(settings)


def _postgres(settings: Settings) -> EngineProbe:
    import psycopg

    from chronos_gitops.engine.sql.postgres.connection import DatabaseAddress

    address = DatabaseAddress(settings.engine)
    try:
        with address.connect() as connection:
            begun = time.monotonic()
            row = connection.execute("SELECT clock_timestamp() AS now").fetchone()
            took = timedelta(seconds=time.monotonic() - begun)
            assert row is not None
            ahead: timedelta = row["now"] + took / 2 - datetime.now(UTC)
    except psycopg.Error as error:
        raise StoreUnusable(
            f"{address} does not answer: {_first_line(error)}", hint="start it, or correct --engine"
        ) from error
    return EngineProbe(str(address), ahead)


def _temporal(settings: Settings) -> EngineProbe:
    from temporalio.service import RPCError

    from chronos_gitops.engine.temporal.connection.connection import TemporalConnection
    from chronos_gitops.engine.temporal.session import connect

    access = TemporalConnection.parse(settings.engine, settings.temporal)

    async def ask() -> None:
        client = await connect(access)
        await client.count_workflows()  # needs the namespace, and the right to read it

    try:
        asyncio.run(ask())
    except (RPCError, RuntimeError) as error:
        raise StoreUnusable(
            f"{access} does not answer: {_first_line(error)}", hint="start it, or correct --engine"
        ) from error
    return EngineProbe(str(access))


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
