"""What is made while loading is out of the collector's sight afterwards; other garbage is found as before."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from chronos_gitops import heap


class Node:
    def __init__(self) -> None:
        self.other: object = self


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_nothing_is_collected_meanwhile_and_everything_made_is_frozen() -> None:
    before = gc.get_freeze_count()
    with heap.loading():
        assert not gc.isenabled()
        kept = [Node() for _ in range(1000)]
    assert gc.isenabled()
    assert gc.get_freeze_count() >= before + len(kept)


def test_cycles_that_are_made_later_are_collected() -> None:
    with heap.loading():
        pass
    gone = weakref.ref(Node())
    gc.collect()
    assert gone() is None


def test_a_start_that_fails_leaves_the_collector_on() -> None:
    with pytest.raises(RuntimeError), heap.loading():
        raise RuntimeError("the port is taken")
    assert gc.isenabled()
