"""Stories at random that share a server: they mostly wait, and a machine has time for several at once."""

import contextlib
import itertools
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from harness.programs.temporal import TemporalServer


class SharedServer:
    """An outage begins between the steps of all stories, and every one of them lives through it."""

    def __init__(self, server: TemporalServer) -> None:
        self.server = server
        self._changed = threading.Condition()
        self._steps = 0
        self._is_out = False

    @contextlib.contextmanager
    def step(self) -> Iterator[None]:
        """The server is there until the block ends."""
        with self._changed:
            self._changed.wait_for(lambda: not self._is_out)
            self._steps += 1
        try:
            yield
        finally:
            with self._changed:
                self._steps -= 1
                self._changed.notify_all()

    @contextlib.contextmanager
    def outage(self) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: not self._is_out)
            self._is_out = True
            self._changed.wait_for(lambda: self._steps == 0)
        try:
            yield
        finally:
            with self._changed:
                self._is_out = False
                self._changed.notify_all()


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of the story with this number, which left so many ``rows``; ``error`` is what its judge or its machine said, None
    where all laws hold."""

    number: int
    steps: int
    rows: int = 0
    error: BaseException | None = None


def run_side_by_side(
    story: Callable[[Random, int], int], seed: int, *, stories: int, steps: int, at_once: int
) -> list[Verdict]:
    """Each story has the chance of its own number, so that it can be told again alone; it answers with its rows."""
    numbers, verdicts, lock = itertools.count(), list[Verdict](), threading.Lock()

    def work() -> None:
        while True:
            with lock:
                number = next(numbers)
            if number >= stories:
                return
            try:
                verdict = Verdict(number, steps, story(Random(f"{seed} {number}"), steps))
            except BaseException as error:  # a verdict, and the other stories go on
                verdict = Verdict(number, steps, error=error)
            with lock:
                verdicts.append(verdict)
                judged = [one for one in verdicts if one.error is None]
                done, rows = sum(one.steps for one in judged), sum(one.rows for one in judged)
                print(f"story {number}: {verdict.error or 'holds'}; {done} steps, {rows} rows judged", flush=True)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(at_once)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return verdicts
