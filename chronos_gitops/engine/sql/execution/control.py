"""Requests to an execution under way: stop, because it was cancelled or called back for, or the runner stops."""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import field

from chronos_gitops.engine.model import Reason
from chronos_gitops.engine.sql.execution.pending_run import PendingRun
from chronos_gitops.process.lazy_dataclass import dataclass


@dataclass(slots=True)
class Drain:
    """State of a shutdown: once it has begun, no attempt starts and no retry is waited for."""

    has_begun: bool = False


@dataclass(slots=True, eq=False)
class ExecutionControl:
    """Of one task in the engine's loop. ``reason`` says why it was cancelled; None when another runner has it.
    ``has_begun``: its request is under way, or was; one that waits for a slot of ``limits`` has not begun."""

    run: PendingRun
    drain: Drain
    is_called_back: bool = False
    has_begun: bool = False
    reason: Reason | None = None
    task: "asyncio.Task[None]" = field(init=False)
    _is_resting: bool = field(default=False, init=False)

    def cancel(self, reason: Reason | None) -> None:
        """A request under way is cut off by closing its connection."""
        self.reason = reason
        self.task.cancel()

    def call_back(self) -> None:
        """A callback has ended it. A request under way is not cut off: it is the one that was called back for, and its
        answer is still recorded."""
        self.is_called_back = True
        self.stop_resting()

    def stop_resting(self) -> None:
        if self._is_resting:
            self.task.cancel()

    @contextlib.contextmanager
    def resting(self) -> Iterator[None]:
        """A wait that a callback and the end of the runner cut short, with CancelledError."""
        if self.drain.has_begun:
            raise asyncio.CancelledError
        self._is_resting = True
        try:
            yield
        finally:
            self._is_resting = False
