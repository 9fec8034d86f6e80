"""What is made while loading is out of the collector's sight afterwards; other garbage is found as before."""

import gc
import re
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from chronos_gitops.process import gc_tuning


class Node:
    def __init__(self) -> None:
        self.other: object = self


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()


def test_nothing_is_collected_meanwhile_and_everything_made_is_frozen() -> None:
    before = gc.get_freeze_count()
    with gc_tuning.loading():
        assert not gc.isenabled()
        kept = [Node() for _ in range(1000)]
    assert gc.isenabled()
    assert gc.get_freeze_count() >= before + len(kept)


def test_cycles_that_are_made_later_are_collected() -> None:
    with gc_tuning.loading():
        pass
    gone = weakref.ref(Node())
    gc.collect()
    assert gone() is None


def test_a_start_that_fails_leaves_the_collector_on() -> None:
    with pytest.raises(RuntimeError), gc_tuning.loading():
        raise RuntimeError("the port is taken")
    assert gc.isenabled()


def test_collections_are_rare_afterwards() -> None:
    with gc_tuning.loading():
        pass
    assert gc.get_threshold()[0] >= 10_000


@pytest.mark.parametrize("path", ["Dockerfile", "deploy/systemd/chronos-gitops.service"])
def test_the_image_and_the_unit_keep_one_arena(path: str) -> None:
    text = (Path(__file__).parents[2] / path).read_text()
    assert re.search(r"^(ENV|Environment=).*\bMALLOC_ARENA_MAX=1\b", text, re.MULTILINE)
