"""Sleeping for a short while, also under libfaketime."""

import select
from typing import Final

_NOTHING: Final[list[int]] = []


def sleep(seconds: float) -> None:
    """``time.sleep`` by select(2): the clock_nanosleep(2) of ``time.sleep`` raises EINVAL under libfaketime 0.9.10."""
    if seconds > 0:
        select.select(_NOTHING, _NOTHING, _NOTHING, seconds)
