"""Runners that share an engine know what the others have applied, and share out what only one of them may do."""

from collections.abc import Callable
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest
from harness.clock import HandClock, RealClock
from harness.engine_harness import Bench, eventually, jobset
from harness.engines import EngineMaker, on_postgres, on_sqlite

from chronos_gitops.config.settings import Settings
from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.factory import build_engine_setup
from chronos_gitops.engine.observer import Observer
from chronos_gitops.engine.sql.fleet import Fleet
from chronos_gitops.jobs.model import JobSet
from chronos_gitops.webhooks.attempt import Delivery

OLD, NEW = "a" * 40, "b" * 40


@pytest.fixture(params=["sqlite", "postgres", "temporal"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def engine_maker(request: pytest.FixtureRequest, kind: str, data_folder: Path) -> EngineMaker:
    """On PostgreSQL each engine is a runner with a data folder of its own."""
    if kind != "postgres":
        return on_sqlite(data_folder / "x")
    url, places = request.getfixturevalue("postgres_url"), count()

    def make(delivery: Callable[[], Delivery], clock: HandClock | RealClock, observer: Observer) -> Engine:
        return on_postgres(url, f"place-{next(places)}")(delivery, clock, observer)

    return make


def fleet_of(kind: str, engine: Engine, data: Path) -> Fleet:
    address = {"temporal": "temporal://127.0.0.1:9", "postgres": "postgresql://127.0.0.1:9/x"}.get(kind, "sqlite")
    found = build_engine_setup(Settings("repo", data, engine=address)).fleet
    found.open(engine)
    return found


def at(commit: str) -> JobSet:
    return JobSet.of(commit, list(jobset().definitions.values()))


def test_a_runner_alone_has_every_duty(kind: str, bench: Bench, data_folder: Path) -> None:
    with closing(fleet_of(kind, bench.start(), data_folder)) as fleet:
        assert list(fleet.applied(OLD)) == [OLD]
        assert fleet.holds("commit status")
        assert fleet.holds("commit status")


@pytest.mark.parametrize("kind", ["postgres"], indirect=True)
def test_each_runner_sees_what_the_others_have_applied(kind: str, bench: Bench, data_folder: Path) -> None:
    first, second, third = (bench.start() for _ in range(3))
    for engine in (first, second, third):
        engine.apply(at(OLD))
    with closing(fleet_of(kind, first, data_folder)) as fleet:
        eventually(lambda: list(fleet.applied(OLD)) == [OLD] * 3)
        first.apply(at(NEW))
        second.apply(at(NEW))
        eventually(lambda: sorted(map(str, fleet.applied(NEW))) == [OLD, NEW, NEW])
        third.apply(at(NEW))
        eventually(lambda: list(fleet.applied(NEW)) == [NEW] * 3)
        bench.stop(third)
        eventually(lambda: list(fleet.applied(NEW)) == [NEW] * 2)


@pytest.mark.parametrize("kind", ["postgres"], indirect=True)
def test_a_duty_has_one_runner_and_goes_over_when_that_one_leaves(kind: str, bench: Bench, data_folder: Path) -> None:
    engines = [bench.start() for _ in range(3)]
    fleets = [fleet_of(kind, engine, data_folder) for engine in engines]
    assert [fleet.holds("commit status") for fleet in fleets] == [True, False, False]
    assert [fleet.holds("another") for fleet in reversed(fleets)] == [True, False, False]
    fleets[0].close()
    bench.stop(engines[0])
    assert not fleets[0].holds("commit status"), "it has ended"
    eventually(lambda: [fleet.holds("commit status") for fleet in fleets[1:]] == [True, False])
    for fleet in fleets[1:]:
        fleet.close()
