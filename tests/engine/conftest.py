from collections.abc import Iterator
from pathlib import Path

import pytest
from support.bench import NOON, Bench, Seen
from support.clock import HandClock

from chronos_gitops.demo.receiver import Receiver


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
def bench(data_folder: Path, receiver: Receiver, clock: HandClock, seen: Seen) -> Iterator[Bench]:
    bench = Bench(data_folder, receiver, clock, seen)
    yield bench
    bench.stop_all()
