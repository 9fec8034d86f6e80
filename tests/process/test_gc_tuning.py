"""What is made while loading is out of the collector's sight afterwards; other garbage is found as before."""

import gc
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
    yield
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


def test_what_the_c_library_does_not_have_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """musl has neither function."""
    asked: list[str] = []

    class Musl:
        def __init__(self, _: None) -> None:
            pass

        def __getitem__(self, name: str) -> object:
            asked.append(name)
            raise AttributeError(name)

    monkeypatch.setattr(gc_tuning.ctypes, "CDLL", Musl)
    gc_tuning.share()
    with gc_tuning.loading():
        pass
    assert asked == ["mallopt", "malloc_trim"]


def test_threads_share_their_memory() -> None:
    """In a process of its own, for it cannot be undone: 16 threads that take and give back leave one heap behind."""
    script = (
        "import threading, pathlib\nfrom chronos_gitops.process import gc_tuning as heap\n{share}\n"
        "def take(): kept = [bytearray(10_000) for _ in range(500)]; wall.wait()\n"
        "wall = threading.Barrier(16)\nthreads = [threading.Thread(target=take) for _ in range(16)]\n"
        "[thread.start() for thread in threads]; [thread.join() for thread in threads]\n"
        "print(pathlib.Path('/proc/self/maps').read_text().count('rw-p'))\n"
    )
    ours, theirs = (
        int(subprocess.run([sys.executable, "-c", script.format(share=share)], capture_output=True, check=True).stdout)
        for share in ("heap.share()", "")
    )
    assert ours < theirs
