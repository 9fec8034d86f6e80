"""Which engine ``--engine`` names, and the clock that goes with it: the one place that knows them all."""

import contextlib
import importlib.util
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import SystemRandom

from chronos_gitops.config.model import Settings
from chronos_gitops.engine.clock import Clock, SystemClock
from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.observer import Observer
from chronos_gitops.engine.sql.engine import SqlEngine
from chronos_gitops.engine.sql.retention import Keep
from chronos_gitops.engine.sql.store.sqlite import SqliteStore
from chronos_gitops.engine.sql.store.store import Store
from chronos_gitops.errors import UsageError
from chronos_gitops.state.atomic_files import write_atomically
from chronos_gitops.webhooks.attempt import Delivery


@dataclass(frozen=True, slots=True)
class EngineSetup:
    """``build`` makes the engine, which nothing has started yet; ``clock`` is what it goes by. ``notes`` opens where
    notifications are kept, once the engine runs; ``is_shared`` says whether that is one place for a whole fleet."""

    build: Callable[[Callable[[], Delivery], Observer], Engine]
    clock: Clock
    notes: Callable[[Engine], AbstractContextManager[Store]]
    is_shared: bool = True


def build_engine_setup(
    settings: Settings,
    clock: Clock | None = None,
    *,
    loss: Callable[[], str] = lambda: "",
    is_stopping: Callable[[], bool] = lambda: False,
) -> EngineSetup:
    """``loss`` says why the data folder may be another runner's by now; ``is_stopping`` ends a start that waits.

    UsageError for an engine that cannot be: an address that means nothing, a package that is not installed.
    """
    kind, _, place = settings.engine.partition("://")
    if kind == "sqlite":
        path = Path(place) if place else settings.data / "ledger.db"
        return _on_sql(settings, lambda: SqliteStore(path, loss=loss), clock or SystemClock())
    if kind == "postgresql":
        _need("psycopg", "postgres")
        return _on_postgres(settings, clock, is_stopping)
    _need("temporalio", "temporal")
    return _on_temporal(settings, clock or SystemClock())


def _on_postgres(settings: Settings, clock: Clock | None, is_stopping: Callable[[], bool]) -> EngineSetup:
    from chronos_gitops.engine.sql.postgres.clock import DatabaseClock
    from chronos_gitops.engine.sql.postgres.connection import Address
    from chronos_gitops.engine.sql.postgres.store import PostgresStore

    address = Address(settings.engine)
    shared = DatabaseClock(clock or SystemClock())

    def open_store() -> Store:
        return PostgresStore(address, place=_place(settings.data), clock=shared, is_stopping=is_stopping)

    return _on_sql(settings, open_store, shared)


def _on_temporal(settings: Settings, clock: Clock) -> EngineSetup:
    from chronos_gitops.engine.temporal.connection import TemporalConnection
    from chronos_gitops.engine.temporal.engine import TemporalEngine

    access = TemporalConnection.parse(settings.engine, settings.temporal)

    def build(delivery: Callable[[], Delivery], observer: Observer) -> Engine:
        return TemporalEngine(access, delivery=delivery, clock=clock, observer=observer, random=SystemRandom())

    path = settings.data / "notify.db"
    return EngineSetup(build, clock, lambda _: contextlib.closing(SqliteStore(path)), is_shared=False)


def _on_sql(settings: Settings, open_store: Callable[[], Store], clock: Clock) -> EngineSetup:
    keep = Keep(age=timedelta(days=settings.retention_days), rows=settings.retention_rows)

    def build(delivery: Callable[[], Delivery], observer: Observer) -> Engine:
        return SqlEngine(
            open_store,
            delivery=delivery,
            clock=clock,
            observer=observer,
            random=SystemRandom(),
            keep=keep,
            max_pending=settings.max_pending,
        )

    return EngineSetup(build, clock, _lent)


def _lent(engine: Engine) -> AbstractContextManager[Store]:
    assert isinstance(engine, SqlEngine)
    return engine.lend()


def _need(module: str, extra: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise UsageError(
            f"this engine needs the package {module}, which is not installed",
            hint=f"pip install 'chronos-gitops[{extra}]'",
        )


def _place(data: Path) -> str:
    """The name of a data folder among those of all replicas; its lock says that one process at a time has it."""
    file = data / "replica-id"
    if not file.exists():
        write_atomically(file, str(uuid.uuid4()).encode())
    return file.read_text().strip()
