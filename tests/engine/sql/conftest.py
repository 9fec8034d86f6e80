from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness.engine_harness import Seen
from harness.machine.calendar_story import Story

from chronos_gitops.cli.demo.receiver import Receiver


@pytest.fixture
def story(data_folder: Path, receiver: Receiver, seen: Seen) -> Iterator[Any]:
    made: list[Story] = []

    def make(start: str) -> Story:
        made.append(Story(data_folder / "ledger.db", receiver, seen, start))
        return made[-1]

    yield make
    for one in made:
        one.bench.stop_all()
