"""Every engine behind the seam, each on a database or server of one test; the contract suite runs on all of them."""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Protocol

from harness.clock import HandClock, RealClock

from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.observer import Observer
from chronos_gitops.engine.sql.engine import SqlEngine
from chronos_gitops.engine.sql.postgres.connection import DatabaseAddress
from chronos_gitops.engine.sql.postgres.store import PostgresStore
from chronos_gitops.engine.sql.store.sqlite import SqliteStore
from chronos_gitops.engine.ticks.backlog import MAX_PENDING
from chronos_gitops.webhooks.attempt import Delivery


class EngineMaker(Protocol):
    """Builds engines that share one history, one after the other or as replicas."""

    def __call__(
        self, delivery: Callable[[], Delivery], clock: HandClock | RealClock, observer: Observer
    ) -> Engine: ...


def on_postgres(url: str, place: str = "test", *, max_pending: int = MAX_PENDING) -> EngineMaker:
    def make(delivery: Callable[[], Delivery], clock: HandClock | RealClock, observer: Observer) -> Engine:
        return SqlEngine(
            lambda: PostgresStore(DatabaseAddress(url), place=place),
            delivery=delivery,
            clock=clock,
            observer=observer,
            random=Random(7),
            max_pending=max_pending,
        )

    return make


def on_sqlite(path: Path, *, max_pending: int = MAX_PENDING) -> EngineMaker:
    def make(delivery: Callable[[], Delivery], clock: HandClock | RealClock, observer: Observer) -> Engine:
        return SqlEngine(
            lambda: SqliteStore(path),
            delivery=delivery,
            clock=clock,
            observer=observer,
            random=Random(7),
            max_pending=max_pending,
        )

    return make
