"""The guard's pause when runners on one database are at different commits."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from harness.engine_harness import eventually
from harness.processes.replicas import Fleet, Sink

from chronos_gitops.engine.model import Pause


@pytest.fixture
def fleet(postgres_url: str) -> Iterator[Fleet]:
    sink = Sink()
    with sink.server:
        fleet = Fleet(postgres_url, sink)
        yield fleet
        fleet.close()


def test_a_runner_that_is_behind_does_not_stop_the_repair_that_another_one_has_applied(fleet: Fleet) -> None:
    bad, repaired = (fleet.job("daily-backup", path, schedule="@yearly") for path in ("/0", "/0.1"))
    behind, ahead = (fleet.start(bad, revision="1" * 40) for _ in range(2))
    at = datetime.now(UTC).replace(microsecond=0)
    late = Pause(bad.name, "version 1 failed", "guard", at, version=1, content=bad.digest)
    fleet.apply(ahead, repaired, revision="2" * 40)
    assert not behind.stop_version(late)
    assert not ahead.pauses_of(bad.name, at)
    fleet.apply(behind, repaired, revision="2" * 40)
    assert behind.stop_version(Pause(bad.name, "version 2 failed", "guard", at, version=2, content=repaired.digest))
    eventually(lambda: [pause.version for pause in ahead.pauses().values()] == [2])
