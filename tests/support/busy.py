"""An engine that computes without a pause, as far as those who give way to it can tell."""

import contextlib
import threading
from collections.abc import Iterator

from chronos_gitops import precedence

_STEP_S = 0.0003


@contextlib.contextmanager
def busy() -> Iterator[None]:
    ends = threading.Event()

    def work() -> None:
        while not ends.wait(_STEP_S):
            precedence.at_work(ends)

    precedence.at_work(ends)
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ends.set()
        thread.join()
        precedence.at_rest(ends)
