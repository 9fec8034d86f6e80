"""Objects made while loading are exempt from collection afterwards; other garbage is still collected."""

import gc
import re
import subprocess
import sys
import weakref
from collections.abc import Iterator

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


def test_all_threads_of_a_runner_share_one_arena() -> None:
    program = """
import ctypes
import threading
from chronos_gitops.process import gc_tuning

gc_tuning.share_one_arena()
glibc = ctypes.CDLL(None)
glibc.malloc.restype = ctypes.c_void_p
together = threading.Barrier(8)

def allocate():
    together.wait()
    for _ in range(1000):
        assert glibc.malloc(2_000)
    together.wait()

threads = [threading.Thread(target=allocate) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
glibc.malloc_stats()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert re.findall(r"^Arena (\d+):$", done.stderr, re.MULTILINE) == ["0"]


def test_memory_that_only_the_loading_needed_goes_back_to_the_system() -> None:
    """``last`` stands above what is freed, so that glibc keeps that unless it is told."""
    program = """
from pathlib import Path
from chronos_gitops.process import gc_tuning

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1])

with gc_tuning.loading():
    kept = [bytearray(2_000) for _ in range(20_000)]
    last = bytearray(2_000)
    largest = resident()
    del kept
print(largest - resident())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 5_000, "pages of 4 KiB, of 10,000 that were freed"
