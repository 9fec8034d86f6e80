"""Replays on Temporal: a workflow for each, which the timetable of its job gives turns to."""

import contextlib
import re
from datetime import datetime
from typing import Any, Final

from temporalio.client import Client, WithStartWorkflowOperation, WorkflowExecutionStatus, WorkflowHandle
from temporalio.common import (
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from chronos_gitops.engine import milliseconds
from chronos_gitops.engine.milliseconds import instant, maybe_instant, to_ms
from chronos_gitops.engine.model import Execution
from chronos_gitops.engine.operations.replays import (
    Replay,
    ReplayItem,
    ReplayState,
    item_id,
)
from chronos_gitops.engine.temporal import names, updates
from chronos_gitops.engine.temporal.visibility import search_attributes
from chronos_gitops.engine.temporal.visibility.visibility import Visibility
from chronos_gitops.engine.temporal.workflows.replay_messages import Item, ReplayMemo, ReplayRun
from chronos_gitops.errors import NotFoundError

_ID: Final = re.compile(r"[0-9a-f-]{36}\Z")
_CHUNK: Final = 200
_BEFORE_ITS_FIRST_TASK: Final = ReplayMemo(ReplayState.RUNNING.value)


class Replays:
    """Of a session. A replay that was refused has never begun: its workflow failed, and its id is free."""

    def __init__(self, client: Client, visibility: Visibility) -> None:
        self._client = client
        self._visibility = visibility

    async def begin(self, replay: Replay) -> str:
        """The state of the replay, which may have begun before; not so where it is ``refused`` or ``no-timetable``."""
        try:
            return await updates.send_with_start(
                self._client, lambda: _start(replay), names.REPLAY_ADMITTED, result_type=str
            )
        except WorkflowAlreadyStartedError:
            return ReplayState.DONE

    async def find(self, replay_id: str) -> Replay:
        """NotFoundError where none of this id has begun."""
        handle = self._handle(replay_id)
        try:
            described = await handle.describe()
            run = await self._run_of(handle, described.run_id)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                raise _unknown(replay_id) from error
            raise
        if described.status is WorkflowExecutionStatus.FAILED:
            raise _unknown(replay_id)
        told: ReplayMemo = await described.memo_value(names.PROGRESS, _BEFORE_ITS_FIRST_TASK, type_hint=ReplayMemo)
        state, ended_at = ReplayState(told.state), maybe_instant(told.ended_at)
        if state is ReplayState.RUNNING and described.status is not WorkflowExecutionStatus.RUNNING:
            state, ended_at = ReplayState.CANCELLED, described.close_time  # it was ended from outside
        return _replay(run, state, ended_at, max(run.begun, told.begun), await self._rows(run))

    async def cancel(self, replay_id: str) -> Replay:
        if (found := await self.find(replay_id)).state is not ReplayState.RUNNING:
            return found
        with contextlib.suppress(updates.Ended):
            await updates.send(self._handle(replay_id), names.CANCEL, result_type=None)
        return await self.find(replay_id)

    def _handle(self, replay_id: str) -> "WorkflowHandle[Any, Any]":
        if not _ID.match(replay_id):
            raise _unknown(replay_id)
        return self._client.get_workflow_handle(names.replay_workflow_id(replay_id))

    async def _run_of(self, handle: "WorkflowHandle[Any, Any]", run_id: str) -> ReplayRun:
        handle = self._client.get_workflow_handle(handle.id, run_id=run_id)
        async for event in handle.fetch_history_events(page_size=1):
            given = event.workflow_execution_started_event_attributes.input.payloads
            run: ReplayRun = (await self._client.data_converter.decode(given, [ReplayRun]))[0]
            return run
        raise RuntimeError(f"{handle.id} has no history")

    async def _rows(self, run: ReplayRun) -> dict[str, Execution]:
        """Of the items that have begun, which they do in order."""
        found: dict[str, Execution] = {}
        for at in range(0, len(run.items), _CHUNK):
            ids = [item_id(run.id, position) for position in range(at, min(at + _CHUNK, len(run.items)))]
            rows = await self._visibility.by_ids(ids)
            found |= {row.id: row for row in rows}
            if not rows and at >= run.begun:
                break
        return found


def _start(replay: Replay) -> WithStartWorkflowOperation[Any, Any]:
    return WithStartWorkflowOperation(
        names.REPLAY,
        _run(replay),
        id=names.replay_workflow_id(replay.id),
        task_queue=names.TIMETABLES,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
        memo={names.PROGRESS: _BEFORE_ITS_FIRST_TASK},
        search_attributes=TypedSearchAttributes([SearchAttributePair(search_attributes.JOB, replay.job)]),
    )


def _run(replay: Replay) -> ReplayRun:
    items = [Item(to_ms(item.scheduled_time), item.replay_of, item.key) for item in replay.items]
    pace_ms = milliseconds.length(replay.pace)
    return ReplayRun(
        replay.id, replay.job, replay.by, replay.reason, to_ms(replay.created_at), pace=pace_ms, items=items
    )


def _replay(
    run: ReplayRun, state: ReplayState, ended_at: datetime | None, begun: int, rows: dict[str, Execution]
) -> Replay:
    items = []
    for position, item in enumerate(run.items):
        own_id = item_id(run.id, position)
        row = rows.get(own_id)
        has_begun = row is not None or position < begun
        status = None if row is None else row.status
        items.append(ReplayItem(instant(item.at), item.of, item.key, own_id if has_begun else None, status))
    pace = instant(run.pace) - instant(0)
    return Replay(
        run.id, run.job, run.by, run.reason, instant(run.created_at), pace, state, ended_at, items=tuple(items)
    )


def _unknown(replay_id: str) -> NotFoundError:
    return NotFoundError(f'there is no replay "{replay_id[:64]}"')
