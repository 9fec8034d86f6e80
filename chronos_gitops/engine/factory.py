"""Which engine ``--engine`` names, and the clock that goes with it: the one place that knows them all."""

import contextlib
import importlib.util
import logging
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from random import SystemRandom

from chronos_gitops.config.settings import Settings
from chronos_gitops.engine.clock import Clock, SystemClock
from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.environment_claim import EnvironmentClaim
from chronos_gitops.engine.observer import Observer
from chronos_gitops.engine.sql.engine import SqlEngine
from chronos_gitops.engine.sql.fleet import Fleet, SharedStore, SingleRunner
from chronos_gitops.engine.sql.retention import Keep
from chronos_gitops.engine.sql.store.environment import claim_environment
from chronos_gitops.engine.sql.store.sqlite import SqliteStore
from chronos_gitops.engine.sql.store.store import Store
from chronos_gitops.errors import UsageError
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.process.small_files import read_small_file
from chronos_gitops.state.atomic_files import write_atomically
from chronos_gitops.webhooks.attempt import Delivery

log = logging.getLogger(__name__)
Continues = Callable[[str, str], bool]
"""True if the first commit is on the first-parent chain of the second one."""


@dataclass(frozen=True, slots=True)
class EngineSetup:
    """``build`` makes the engine, which nothing has started yet; ``clock`` is what it goes by. ``notes`` opens where
    notifications are kept, once the engine runs, ``sessions`` where logins are, and ``expectations`` from when limits
    count; ``fleet`` knows the runners beside this one. ``is_shared``: all of that is one place for a whole fleet."""

    build: Callable[[Callable[[], Delivery], Observer, Continues], Engine]
    clock: Clock
    notes: Callable[[Engine], AbstractContextManager[Store]]
    sessions: Callable[[Engine], AbstractContextManager[Store]]
    expectations: Callable[[Engine], AbstractContextManager[Store]]
    fleet: Fleet
    is_shared: bool = True


def build_engine_setup(
    settings: Settings,
    clock: Clock | None = None,
    *,
    loss: Callable[[], str] = lambda: "",
    is_stopping: Callable[[], bool] = lambda: False,
    is_renamed: bool = False,
) -> EngineSetup:
    """``loss`` says why the data folder may be another runner's by now; ``is_stopping`` ends a start that waits.
    ``is_renamed``: see EnvironmentClaim.

    UsageError for an engine that cannot be: an address that means nothing, a package that is not installed.
    """
    path, kind = ledger_file(settings), settings.engine.partition("://")[0]
    claim = EnvironmentClaim(settings.environment, is_renamed)
    if path is not None:

        def open_ledger() -> Store:
            return claim_environment(SqliteStore(path, loss=loss), claim)

        return _on_sql(settings, open_ledger, clock or SystemClock(), is_stopping)
    if kind == "postgresql":
        need_package("psycopg", "postgres")
        return _on_postgres(settings, clock, loss, is_stopping, claim)
    need_package("temporalio", "temporal")
    return _on_temporal(settings, clock or SystemClock(), claim)


def ledger_file(settings: Settings) -> Path | None:
    """None for engines that keep executions on a server."""
    kind, _, place = settings.engine.partition("://")
    if kind != "sqlite":
        return None
    return Path(place) if place else settings.data / "ledger.db"


def _on_postgres(
    settings: Settings,
    clock: Clock | None,
    loss: Callable[[], str],
    is_stopping: Callable[[], bool],
    claim: EnvironmentClaim,
) -> EngineSetup:
    from chronos_gitops.engine.sql.postgres.clock import DatabaseClock
    from chronos_gitops.engine.sql.postgres.connection import DatabaseAddress
    from chronos_gitops.engine.sql.postgres.store import PostgresStore

    address = DatabaseAddress(settings.engine)
    shared = DatabaseClock(clock or SystemClock())

    def open_store() -> Store:
        place = _place(settings.data)
        store = PostgresStore(address, place=place, clock=shared, loss=loss, is_stopping=is_stopping)
        return claim_environment(store, claim)

    return _on_sql(settings, open_store, shared, is_stopping)


def _on_temporal(settings: Settings, clock: Clock, claim: EnvironmentClaim) -> EngineSetup:
    from chronos_gitops.engine.temporal.connection.connection import TemporalConnection
    from chronos_gitops.engine.temporal.engine import TemporalEngine
    from chronos_gitops.engine.temporal.timetables.revision_order import Ancestry

    access = TemporalConnection.parse(settings.engine, settings.temporal)
    if access.is_plain:
        log.warning("engine_plain", extra={"engine": str(access), "hint": "set temporal.tls_ca_file, or an API key"})

    def build(delivery: Callable[[], Delivery], observer: Observer, continues: Continues) -> Engine:
        return TemporalEngine(
            access,
            delivery=delivery,
            clock=clock,
            observer=observer,
            random=SystemRandom(),
            max_pending=settings.max_pending,
            claim=claim,
            ancestry=Ancestry(continues),
        )

    def in_data_folder(name: str) -> Callable[[Engine], AbstractContextManager[Store]]:
        return lambda _: contextlib.closing(SqliteStore(settings.data / name))

    notes, sessions, expectations = (in_data_folder(f"{name}.db") for name in ("notify", "sessions", "expectations"))
    return EngineSetup(build, clock, notes, sessions, expectations, SingleRunner(), is_shared=False)


def _on_sql(
    settings: Settings, open_store: Callable[[], Store], clock: Clock, is_stopping: Callable[[], bool]
) -> EngineSetup:
    keep = Keep(age=timedelta(days=settings.retention_days), rows=settings.retention_rows)

    def build(delivery: Callable[[], Delivery], observer: Observer, _: Continues) -> Engine:
        return SqlEngine(
            open_store,
            delivery=delivery,
            clock=clock,
            observer=observer,
            random=SystemRandom(),
            keep=keep,
            max_pending=settings.max_pending,
            is_stopping=is_stopping,
        )

    return EngineSetup(build, clock, _lent, _beside, _beside, SharedStore(_beside))


def _lent(engine: Engine) -> AbstractContextManager[Store]:
    assert isinstance(engine, SqlEngine)
    return engine.lend()


def _beside(engine: Engine) -> AbstractContextManager[Store]:
    assert isinstance(engine, SqlEngine)
    return contextlib.nullcontext(engine.store)


def need_package(module: str, extra: str) -> None:
    """UsageError when a package of this extra is not installed."""
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
    return read_small_file(file).decode().strip()
