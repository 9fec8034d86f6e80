from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.clock import HandClock
from harness.engine_harness import NOON, Bench, Seen
from harness.engines import EngineMaker, on_sqlite
from harness.programs.temporal import TemporalServer

from chronos_gitops.cli.demo.receiver import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def clock() -> HandClock:
    return HandClock(NOON)


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def engine_maker(data_folder: Path) -> EngineMaker:
    """The embedded engine; the contract suite overrides it with every engine there is."""
    return on_sqlite(data_folder / "ledger.db")


@pytest.fixture
def bench(engine_maker: EngineMaker, receiver: Receiver, clock: HandClock, seen: Seen) -> Iterator[Bench]:
    bench = Bench(engine_maker, receiver, clock, seen)
    yield bench
    bench.stop_all()


@pytest.fixture(scope="session")
def temporal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TemporalServer]:
    """One server for the tests of one worker; each test takes a namespace of its own."""
    with TemporalServer(tmp_path_factory.mktemp("temporal")) as server:
        yield server
