"""The overlap rule: an execution claimed while others of its job are unfinished. Pure: one rule for all engines."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from chronos_gitops.engine.model import Trigger
from chronos_gitops.jobs.model import Concurrency

MAX_QUEUED: Final = 100
"""Executions of one job with ``concurrency: queue`` that wait for their turn behind the one that runs."""

MAX_WAIT_BEHIND_REPLAY: Final = timedelta(seconds=10)
"""A scheduled time that falls so long after the oldest one that waits for a replay meets the job's own overlap rule."""


class Turn(StrEnum):
    START = "start"
    WAIT = "wait"
    REPLACE = "replace"
    SKIP = "skip"


def turn(concurrency: Concurrency, trigger: Trigger, unfinished: int, *, waited: timedelta | None = None) -> Turn:
    """``unfinished`` executions of the job were claimed before: one of them has its turn, the others wait for it.
    ``waited``: since when an item of a replay has made them wait (``waited_behind_replay``); None if none has.
    REPLACE spares an item."""
    if not unfinished or concurrency is Concurrency.ALLOW:
        return Turn.START
    if concurrency is Concurrency.QUEUE:
        return Turn.WAIT if unfinished <= MAX_QUEUED else Turn.SKIP
    # Missed ticks that are caught up wait for their turn: they are owed, so an overlap must not swallow them.
    if trigger is Trigger.CATCHUP or (waited is not None and waited < MAX_WAIT_BEHIND_REPLAY):
        return Turn.WAIT
    return Turn.SKIP if concurrency is Concurrency.FORBID else Turn.REPLACE


def waited_behind_replay(scheduled_time: datetime, held_up: Iterable[datetime]) -> timedelta:
    """From the oldest scheduled time that an item has held up, and that is unfinished, to this one. Zero if there is
    none: the first waits for any item."""
    return max(timedelta(0), scheduled_time - min(held_up, default=scheduled_time))
