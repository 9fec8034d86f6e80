"""The overlap rule: an execution claimed while others of its job are unfinished. Pure: one rule for all engines."""

from enum import StrEnum
from typing import Final

from chronos_gitops.engine.model import Trigger
from chronos_gitops.jobs.model import Concurrency

MAX_QUEUED: Final = 100
"""Executions of one job with ``concurrency: queue`` that wait for their turn behind the one that runs."""


class Turn(StrEnum):
    START = "start"
    WAIT = "wait"
    REPLACE = "replace"
    SKIP = "skip"


def turn(concurrency: Concurrency, trigger: Trigger, unfinished: int, *, behind_replay: bool = False) -> Turn:
    """``unfinished`` executions of the job were claimed before: one of them has its turn, the others wait for it.
    ``behind_replay``: an item of a replay has made them wait, so none of them may be lost."""
    if not unfinished or concurrency is Concurrency.ALLOW:
        return Turn.START
    if concurrency is Concurrency.QUEUE:
        return Turn.WAIT if unfinished <= MAX_QUEUED else Turn.SKIP
    # Missed ticks that are caught up wait for their turn: they are owed, so an overlap must not swallow them.
    if trigger is Trigger.CATCHUP or behind_replay:
        return Turn.WAIT
    return Turn.SKIP if concurrency is Concurrency.FORBID else Turn.REPLACE
