"""The fixtures of whole-process tests: a target, and each engine."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.programs.temporal import TemporalServer

from chronos_gitops.cli.demo.receiver import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture(params=["sqlite", "postgresql", "temporal"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "temporal":
        with TemporalServer(tmp_path) as server:
            yield server.url(server.namespace())
    else:
        yield request.getfixturevalue("postgres_url") if request.param == "postgresql" else "sqlite"
