"""The promises of every engine (CONTRACT 2 and 5): each test of this folder runs on each engine.

Temporal's server keeps the time, so its clock cannot be turned by hand: ``bench.clock.turn`` waits there. So jobs are
due each second, and a test says what holds for the first rows, while more of them may come.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.clock import HandClock, RealClock
from harness.engine_harness import NOON, Bench, Seen
from harness.engines import on_postgres, on_sqlite
from harness.programs.temporal import asleep, on_temporal

from chronos_gitops.cli.demo.receiver import Receiver


@pytest.fixture(params=["sqlite", "postgres", "temporal"])
def bench(request: pytest.FixtureRequest, data_folder: Path, receiver: Receiver, seen: Seen) -> Iterator[Bench]:
    if request.param == "temporal":
        server = request.getfixturevalue("temporal")
        namespace = server.namespace()
        maker = on_temporal(server.url(namespace))
        bench = Bench(maker, receiver, RealClock(), seen, leave=asleep(server, namespace))
    elif request.param == "postgres":
        bench = Bench(on_postgres(request.getfixturevalue("postgres_url")), receiver, HandClock(NOON), seen)
    else:
        bench = Bench(on_sqlite(data_folder / "ledger.db"), receiver, HandClock(NOON), seen)
    yield bench
    bench.stop_all()
