"""The pulse of an activity: it tells the server that the runner lives, and the runner that it was away for too long."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import datetime
from types import TracebackType
from typing import Self

from temporalio import activity
from temporalio.client import AsyncActivityCancelledError
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.service import RPCError, RPCStatusCode

from chronos_gitops.engine.clock import elapsed
from chronos_gitops.engine.temporal import names

_DOUBTFUL_S = names.HEARTBEAT_TIMEOUT.total_seconds() / 3
"""The server gives up on a runner that was silent for the timeout; who was so for a part of it asks before it sends."""


class ActivityHeartbeat:
    """``async with`` it in an activity: heartbeats carry cancellation to us, and our silence to the server.

    ``now`` is the wall clock's: when it is far from the time at which the server handed the activity over, either this
    runner was frozen with the activity in its hands or the clocks differ, so it asks.
    """

    def __init__(self, now: datetime) -> None:
        handed_over = activity.info().started_time
        self._is_doubtful = abs((now - handed_over).total_seconds()) > _DOUBTFUL_S
        self._last = elapsed()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._beat())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._task.cancel()

    def is_steady(self) -> bool:
        """True if the server takes this runner for alive for sure, so that a request may be sent."""
        self._is_doubtful = self._is_doubtful or elapsed() - self._last > _DOUBTFUL_S
        return not self._is_doubtful

    async def is_ours(self) -> bool:
        """False when the server has given the activity to another runner; asks it when there is any doubt."""
        handle = activity.client().get_async_activity_handle(task_token=activity.info().task_token)
        while not self.is_steady():
            asked = elapsed()
            try:
                await handle.heartbeat()
            except AsyncActivityCancelledError:
                await asyncio.sleep(names.HEARTBEAT.total_seconds())  # our own heartbeat brings the cancellation
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    return False
                await asyncio.sleep(names.HEARTBEAT.total_seconds())  # the server is away: nothing is sent meanwhile
            else:
                self._is_doubtful, self._last = False, asked
        return True

    async def _beat(self) -> None:
        while True:
            if self.is_steady():
                self._last = elapsed()
            activity.heartbeat()
            await asyncio.sleep(names.HEARTBEAT.total_seconds())


@contextlib.asynccontextmanager
async def heartbeat_of_watch(now: datetime) -> AsyncIterator[None]:
    """The heartbeat of an activity that only looks. When the run that started it has ended, as by continue-as-new, the
    SDK would log the cancellation as a failure with a traceback: a benign error takes its place."""
    try:
        async with ActivityHeartbeat(now):
            yield
    except asyncio.CancelledError:
        details = activity.cancellation_details()
        if details is not None and (details.not_found or details.timed_out):
            raise left_to_others("the run that started the activity has ended") from None
        raise


def left_to_others(why: str) -> ApplicationError:
    """The activity is done again, under the same number, unless it is already; that is no defect."""
    return ApplicationError(why, type="LeftToOthers", category=ApplicationErrorCategory.BENIGN)
