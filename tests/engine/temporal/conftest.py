from collections.abc import Callable, Iterator
from typing import Any

import pytest
from harness.engine_harness import Bench, Seen
from harness.programs.temporal import TemporalServer, on_temporal

from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.engine.clock import SystemClock


@pytest.fixture
def namespace(temporal: TemporalServer) -> str:
    return temporal.namespace()


@pytest.fixture
def client(temporal: TemporalServer, namespace: str) -> Callable[[], Any]:
    """To be awaited in the loop that uses it."""
    return lambda: temporal.client(namespace)


@pytest.fixture
def bench(temporal: TemporalServer, namespace: str, receiver: Receiver, seen: Seen) -> Iterator[Bench]:
    bench = Bench(on_temporal(temporal.url(namespace)), receiver, SystemClock(), seen)  # type: ignore[arg-type]  # real
    yield bench
    bench.stop_all()
