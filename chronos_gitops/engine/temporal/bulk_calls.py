"""Bulk calls on Temporal: one update for each job's schedule, an outcome for each, and a record of calls with a key.

There is no transaction over many workflows. A job that could not be reached in time is ``failed`` in the answer; the
same call under its Idempotency-Key goes on with the jobs, and the end, that it had when it came first.
"""

import asyncio
import base64
import contextlib
import json
import uuid
import zlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from chronos_gitops.engine.milliseconds import to_ms
from chronos_gitops.engine.model import Status
from chronos_gitops.engine.operations.bulk import BulkAction, BulkCall, BulkItem, BulkOutcome, check_same
from chronos_gitops.engine.temporal import names
from chronos_gitops.engine.temporal.errors import told
from chronos_gitops.engine.temporal.workflows.messages import BulkAnswer, BulkResume, PauseRecord, Row, TriggerRequest
from chronos_gitops.jobs.model import JobSet, JobVersion

WITHIN: Final = 90.0
"""Seconds for all jobs of one call."""
_AT_ONCE = 20
_REMEMBERED: Final = timedelta(days=1)


class BulkCalls:
    """``send`` brings a bulk update to a job's schedule, ``trigger`` triggers one execution.

    Calls with an Idempotency-Key are workflows that only are there, until they time out.
    """

    def __init__(
        self,
        client: Client,
        *,
        send: Callable[[JobVersion, str, object], Awaitable[BulkAnswer]],
        trigger: Callable[[JobVersion, TriggerRequest], Awaitable[Row | None]],
    ) -> None:
        self._client = client
        self._send = send
        self._trigger = trigger

    async def find(self, call_id: str) -> BulkCall | None:
        """The call that came first under this id, if it had a key."""
        try:
            described = await self._client.get_workflow_handle(_workflow_id(call_id)).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise
        content: str = await described.memo_value(names.KEY)
        return BulkCall.read(json.loads(zlib.decompress(base64.b85decode(content))))

    async def perform(self, call: BulkCall, jobs: JobSet, namespace: uuid.UUID) -> list[BulkItem]:
        """An outcome for each job, within ``WITHIN``. ``namespace`` is that of the ids of executions."""
        if call.fingerprint is not None:
            first = await self._first(call)
            check_same(first.fingerprint, call.fingerprint)
            call = first
        slots = asyncio.Semaphore(_AT_ONCE)
        deadline = asyncio.get_running_loop().time() + WITHIN

        async def one(definition: JobVersion) -> BulkItem:
            try:
                async with asyncio.timeout_at(deadline), slots:
                    return await self._item(call, definition, namespace)
            except TimeoutError:
                return _failed(definition, "Temporal did not answer in time")
            except (RPCError, WorkflowUpdateFailedError) as error:
                return _failed(definition, told(error))

        found = (jobs.get(name) for name in call.jobs)
        return list(await asyncio.gather(*(one(definition) for definition in found if definition is not None)))

    async def _first(self, call: BulkCall) -> BulkCall:
        """The call as it is remembered: this one, or the one that came before it under its key."""
        content = base64.b85encode(zlib.compress(json.dumps(call.document()).encode())).decode()
        with contextlib.suppress(WorkflowAlreadyStartedError):
            await self._client.start_workflow(
                names.BULK_CALL,
                id=_workflow_id(call.id),
                task_queue=names.TURNS,
                memo={names.KEY: content},
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                execution_timeout=_REMEMBERED,
            )
            return call
        return await self.find(call.id) or call

    async def _item(self, call: BulkCall, definition: JobVersion, namespace: uuid.UUID) -> BulkItem:
        name = definition.job.name
        if call.action is BulkAction.TRIGGER:
            return await self._triggered(call, definition, namespace)
        if call.action is BulkAction.PAUSE:
            answer = await self._send(definition, names.BULK_PAUSE, PauseRecord.of(call.pause))
        else:
            answer = await self._send(definition, names.BULK_RESUME, BulkResume(call.id, call.bulk))
        held = None if answer.held is None else answer.held.pause(name)
        return BulkItem(name, BulkOutcome(answer.outcome), None if held is None else held.until)

    async def _triggered(self, call: BulkCall, definition: JobVersion, namespace: uuid.UUID) -> BulkItem:
        name = definition.job.name
        execution_id = str(uuid.uuid5(namespace, f"{name}#{call.request_key}"))
        row = await self._trigger(definition, TriggerRequest(execution_id, to_ms(call.at)))
        is_skipped = row is not None and row["status"] == Status.SKIPPED
        outcome = BulkOutcome.SKIPPED if is_skipped else BulkOutcome.TRIGGERED
        return BulkItem(name, outcome, execution=execution_id)


def _failed(definition: JobVersion, error: str) -> BulkItem:
    return BulkItem(definition.job.name, BulkOutcome.FAILED, error=error)


def _workflow_id(call_id: str) -> str:
    return f"bulk/{call_id}"
