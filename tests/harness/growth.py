"""How time grows with the size of an input: four times the size may take five times as long."""

import gc
import time
from collections.abc import Callable
from typing import TypeVar

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
            started = time.thread_time()
            run()
            best = min(best, time.thread_time() - started)
    finally:
        gc.enable()
    return best


def assert_linear(run: Callable[[T], object], make: Callable[[int], T], size: int) -> float:
    """Compares ``size`` with four times that; returns the seconds for the larger one."""
    large, small = make(size * FACTOR), make(size)
    for tries in (1, 3, 9):
        took = seconds(lambda: run(large), tries=tries)
        before = max(seconds(lambda: run(small), tries=tries), MEASURABLE / FACTOR)
        if took <= ALLOWED * before:
            return took
    raise AssertionError(f"{before * 1000:.0f} ms for {size}, {took * 1000:.0f} ms for 4 times that")
