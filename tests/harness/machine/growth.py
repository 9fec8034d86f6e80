"""Growth of time with the size of an input: four times the size may take five times as long."""

import functools
import gc
import inspect
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")
FACTOR = 4
ALLOWED = 5.0
MEASURABLE = 0.04
"""Seconds of processor time below which a clock's noise would decide."""


def seconds(run: Callable[[], object], *, tries: int = 1) -> float:
    """The shortest of some runs, in processor time of this thread, which other processes hardly change."""
    best = float("inf")
    gc.disable()  # a full collection looks at everything that the test session holds
    try:
        for _ in range(tries):
            forget_texts()
            started = time.thread_time()
            run()
            best = min(best, time.thread_time() - started)
    finally:
        gc.enable()
    return best


def forget_texts() -> None:
    """Empties the caches of the program, so that each run sees its input for the first time.

    A short input fits into them and a long one does not: up to there each further run costs half as much.
    """
    for cache in _caches(len(sys.modules)):
        cache.cache_clear()


@functools.lru_cache(maxsize=1)
def _caches(_modules: int) -> tuple[Any, ...]:
    return tuple(_found_caches())


def _found_caches() -> Iterator[Any]:
    """Those of functions without parameters hold what is compiled once, and stay."""
    for name, module in list(sys.modules.items()):
        if name.startswith("chronos_gitops"):
            for value in vars(module).values():
                if type(value).__name__ == "_lru_cache_wrapper" and inspect.signature(value).parameters:
                    yield value


def assert_linear(run: Callable[[T], object], make: Callable[[int], T], size: int) -> float:
    """Compares ``size`` with four times that; returns the seconds for the larger one."""
    large, small = make(size * FACTOR), make(size)
    for tries in (1, 3, 9):
        took = seconds(lambda: run(large), tries=tries)
        before = max(seconds(lambda: run(small), tries=tries), MEASURABLE / FACTOR)
        if took <= ALLOWED * before:
            return took
    raise AssertionError(f"{before * 1000:.0f} ms for {size}, {took * 1000:.0f} ms for 4 times that")
