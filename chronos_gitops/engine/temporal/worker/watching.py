"""Executions that a timetable has inherited from its run before: their ends are seen by an activity."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from temporalio import activity
from temporalio.client import Client, WorkflowFailureError
from temporalio.service import RPCError, RPCStatusCode

from chronos_gitops.engine.temporal import names
from chronos_gitops.engine.temporal.worker.activity_heartbeat import heartbeat_of_watch

_AGAIN_S = 1.0
_WAITED_FOR = 3
_OTHERS_AFTER_S = 5.0


class Watching:
    def __init__(self, client: Client) -> None:
        self._client = client

    @activity.defn(name=names.WATCH)
    async def watch(self, execution_id: str) -> None:
        """Returns when the execution has ended. Asked for by timetables of earlier releases."""
        async with heartbeat_of_watch(datetime.now(UTC)):
            await self._end_of(execution_id)

    @activity.defn(name=names.WATCH_ALL)
    async def watch_all(self, execution_ids: Sequence[str]) -> list[str]:
        """Those that have ended, as soon as one has. A heartbeat locks and writes the whole timetable, so there is one
        for all of them: with one for each of a hundred the timetable stood still for minutes. The first ones, which run
        or have their turn next, are waited for; the others are asked for now and then, for each end begins this anew.
        """
        first, others = execution_ids[:_WAITED_FOR], execution_ids[_WAITED_FOR:]
        async with heartbeat_of_watch(datetime.now(UTC)):
            ends = {asyncio.create_task(self._end_of(one)): one for one in first}
            try:
                while True:
                    ended, _ = await asyncio.wait(
                        ends, timeout=_OTHERS_AFTER_S if others else None, return_when=asyncio.FIRST_COMPLETED
                    )
                    found = [ends[task] for task in ended] or await self._ended(others)
                    if found:
                        return found
            finally:
                for task in ends:
                    task.cancel()
                await asyncio.gather(*ends, return_exceptions=True)

    async def _ended(self, execution_ids: Sequence[str]) -> list[str]:
        """Those of them that have, as far as the server's list knows by now."""
        named = ", ".join(f"'{one}'" for one in execution_ids)
        try:
            found = self._client.list_workflows(f"WorkflowId IN ({named}) AND ExecutionStatus != 'Running'")
            return [one.id async for one in found]
        except RPCError:
            return []

    async def _end_of(self, execution_id: str) -> None:
        """However it ended; one that is not there has. A server that does not answer says nothing."""
        while True:
            try:
                await self._client.get_workflow_handle(execution_id).result()
                return
            except WorkflowFailureError:
                return
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    return
            await asyncio.sleep(_AGAIN_S)
