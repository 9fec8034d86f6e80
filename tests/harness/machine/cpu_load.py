"""An engine that computes without a pause, as far as those who give way to it can tell."""

import contextlib
from collections.abc import Iterator

import pytest

from chronos_gitops.process import engine_priority

_LONG_S = 60.0


@contextlib.contextmanager
def busy() -> Iterator[None]:
    """It is never taken for one that waits for its disk, however slow the machine is."""
    me = object()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine_priority, "_HELD_UP", _LONG_S)
        engine_priority.at_work(me)
        try:
            yield
        finally:
            engine_priority.at_rest(me)
