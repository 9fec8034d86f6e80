from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness.engine_harness import Seen
from harness.machine.calendar_story import Story

from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.engine.sql.postgres.connection import DatabaseAddress
from chronos_gitops.engine.sql.postgres.store import PostgresStore
from chronos_gitops.engine.sql.store.sqlite import SqliteStore
from chronos_gitops.engine.sql.store.store import Store


@pytest.fixture
def story(data_folder: Path, receiver: Receiver, seen: Seen) -> Iterator[Any]:
    made: list[Story] = []

    def make(start: str) -> Story:
        made.append(Story(data_folder / "ledger.db", receiver, seen, start))
        return made[-1]

    yield make
    for one in made:
        one.bench.stop_all()


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, data_folder: Path) -> Iterator[Store]:
    store: Store = SqliteStore(data_folder / "ledger.db")
    if request.param == "postgres":
        store.close()
        store = PostgresStore(DatabaseAddress(request.getfixturevalue("postgres_url")), place="test")
    yield store
    store.close()
