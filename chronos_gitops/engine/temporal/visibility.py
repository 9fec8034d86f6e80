"""What Temporal's visibility tells of executions and timetables; rows come out of memos, so no worker is asked."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from chronos_gitops.engine.callbacks import judged
from chronos_gitops.engine.model import (
    Attempt,
    Execution,
    ExecutionDetail,
    ExecutionQuery,
    Pause,
    Reason,
    Status,
    Trigger,
)
from chronos_gitops.engine.temporal import names, search_attributes
from chronos_gitops.engine.temporal.workflows import messages
from chronos_gitops.engine.temporal.workflows.messages import CUT_OFF, OVERDUE, AttemptReport, Held, Order
from chronos_gitops.errors import NotFoundError
from chronos_gitops.jobs.model import Job
from chronos_gitops.schedule.timestamps import rfc3339
from chronos_gitops.webhooks.outcome import ErrorClass

_PAGE = 1000
_CHUNK = 200
_AT_ONCE = 20
_MARGIN = 10
_SPAN = timedelta(hours=1)
_SHORTEST = timedelta(seconds=1)
_GROWTH = 4
_EDGE = timedelta(milliseconds=1)
_NAME = re.compile(r"[a-z0-9-]{1,100}\Z")
_ID = re.compile(r"[0-9a-f-]{36}\Z")
_EXECUTIONS = f"WorkflowType = '{names.EXECUTION}'"
_TIMETABLES = f"WorkflowType = '{names.TIMETABLE}'"
_CUT_OFF = {
    Reason.REPLACED.value: "cut off: a newer execution replaced this one",
    Reason.OPERATOR.value: "cut off: an operator cancelled it",
}
_STOPPED = frozenset(
    {
        WorkflowExecutionStatus.TERMINATED,
        WorkflowExecutionStatus.CANCELED,
        WorkflowExecutionStatus.FAILED,
        WorkflowExecutionStatus.TIMED_OUT,
    }
)
_STOPPED_QUERY = "ExecutionStatus IN ('Terminated', 'Canceled', 'Failed', 'TimedOut')"


class Visibility:
    """``few``: so many rows are simply all read; more are asked for by spans of time, for a server does not order by
    attributes of ours."""

    def __init__(self, client: Client, *, few: int = 500) -> None:
        self._client = client
        self._few = few

    async def executions(self, query: ExecutionQuery) -> list[Execution]:
        """Newest first by (scheduled_time, id)."""
        where = [_EXECUTIONS]
        if query.job is not None:
            if not _NAME.match(query.job):
                return []
            where.append(f"ChronosJob = '{query.job}'")
        if query.status is not None:
            where.append(_of_status(query.status))
        if query.before is not None:
            where.append(_scheduled(None, query.before[0]))
        top = None if query.before is None else query.before[0]
        if await self._count(where) <= max(self._few, query.limit):
            found = await self._rows(where)
        else:
            found = await self._newest(where, top, query)
        return _page(found, query)

    async def _newest(self, where: list[str], top: datetime | None, query: ExecutionQuery) -> list[Execution]:
        """Spans of time from the newest on, as long as it takes; a crowded one is made shorter before it is read."""
        high = top or datetime.now(UTC) + timedelta(days=1)
        span = _SPAN
        found: list[Execution] = []
        while len(_page(found, query)) < query.limit and high > datetime(1970, 1, 2, tzinfo=UTC):
            low = max(high - span, datetime(1970, 1, 1, tzinfo=UTC))
            within = [*where, _scheduled(low, high)]
            count = await self._count(within)
            if count > max(self._few, 2 * query.limit) and span > _SHORTEST:
                span = max(_SHORTEST, span / _GROWTH)
                continue
            if count:
                found += [row for row in await self._rows(within) if low < row.scheduled_time <= high]
            high, span = low, span * _GROWTH if count < query.limit else span
        return found

    async def execution(self, execution_id: str) -> ExecutionDetail:
        """Read from the workflow itself, so it is never behind."""
        if not _ID.match(execution_id):
            raise _no_execution(execution_id)
        handle = self._client.get_workflow_handle(execution_id)
        try:
            described = await handle.describe()
            job, attempts = await self._history(handle)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                raise _no_execution(execution_id) from error
            raise
        if described.workflow_type != names.EXECUTION:
            raise _no_execution(execution_id)
        execution = await _execution(described)
        overdue = (await described.memo_value(names.ROW)).get(OVERDUE, {})
        return ExecutionDetail(execution, tuple(_explained(attempt, execution, overdue) for attempt in attempts), job)

    async def _history(self, handle: "WorkflowHandle[object, object]") -> tuple[Job | None, list[Attempt]]:
        decode = self._client.data_converter.decode
        job: Job | None = None
        attempts = []
        async for event in handle.fetch_history_events():
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
                given = event.workflow_execution_started_event_attributes.input.payloads
                [order] = await decode(given, [Order])
                job = None if order.document is None else Job.from_document(order.document)
            elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
                [report] = await decode(event.activity_task_completed_event_attributes.result.payloads, [AttemptReport])
                attempts.append(report.attempt())
        return job, attempts

    async def latest(self, job_names: Sequence[str]) -> Mapping[str, Execution]:
        """Two lists for each chunk: a timetable's memo names its newest execution."""
        known = [name for name in job_names if _NAME.match(name)]
        chunks = [known[at : at + _CHUNK] for at in range(0, len(known), _CHUNK)]
        found = [row for rows in await asyncio.gather(*map(self._latest, chunks)) for row in rows]
        return {execution.job: execution for execution in found}

    async def _latest(self, job_names: Sequence[str]) -> list[Execution]:
        newest: dict[str, tuple[datetime, str]] = {}
        where = [_TIMETABLES, "ExecutionStatus != 'ContinuedAsNew'", f"ChronosJob IN ({_listed(job_names)})"]
        async for timetable in self._list(where):
            execution_id = await timetable.memo_value(names.NEWEST, None)
            if execution_id is not None:
                told = (timetable.start_time, execution_id)
                newest[timetable.id] = max(told, newest.get(timetable.id, told))
        if not newest:
            return []
        ids = _listed(execution_id for _, execution_id in newest.values())
        return await self._rows([_EXECUTIONS, f"WorkflowId IN ({ids})"])

    async def recent(self, job_names: Sequence[str], count: int) -> Mapping[str, Sequence[Execution]]:
        """Of each job one short list: a server gives those that run first, then those that ended last."""
        slots = asyncio.Semaphore(_AT_ONCE)

        async def of(job: str) -> list[Execution]:
            query = " AND ".join([_EXECUTIONS, f"ChronosJob = '{job}'"])
            async with slots:
                found = self._client.list_workflows(query, limit=2 * count + _MARGIN)
                rows = [await _execution(one) async for one in found]
            return sorted(rows, key=_age, reverse=True)[:count]

        known = [name for name in job_names if _NAME.match(name)]
        found = await asyncio.gather(*map(of, known))
        return {name: rows for name, rows in zip(known, found, strict=True) if rows}

    async def running(self, job: str) -> list[Execution]:
        if not _NAME.match(job):
            return []
        found = await self._rows([_EXECUTIONS, f"ChronosJob = '{job}'", "ExecutionStatus = 'Running'"])
        return sorted((row for row in found if not row.status.is_final), key=_age)

    async def ticks(self, job: str, since: datetime, until: datetime) -> list[Execution]:
        if not _NAME.match(job):
            return []
        where = [_EXECUTIONS, f"ChronosJob = '{job}'"]
        window = await self._rows([*where, _scheduled(since, until)])
        found = [row for row in window if row.trigger is not Trigger.MANUAL and since <= row.scheduled_time <= until]
        beyond = [
            f"ChronosScheduledTime > '{_text(until)}'",
            f"ChronosRangeStart < '{_text(until + _EDGE)}'",
        ]
        over = [row for row in await self._rows([*where, *beyond]) if _reaches_over(row, until)]
        return [*sorted(found, key=_age), *sorted(over, key=_age)[:1]]

    async def digests(self) -> dict[str, str]:
        """What each running timetable was given last, by job."""
        found = {}
        async for timetable in self._list([_TIMETABLES, "ExecutionStatus = 'Running'"]):
            job = timetable.typed_search_attributes.get(search_attributes.JOB)
            if job is not None:
                found[job] = timetable.typed_search_attributes.get(search_attributes.DIGEST) or ""
        return found

    async def pauses(self) -> dict[str, Pause]:
        found = {}
        where = [_TIMETABLES, "ExecutionStatus = 'Running'", f"ChronosStatus = '{search_attributes.PAUSED_STATUS}'"]
        async for timetable in self._list(where):
            job = timetable.typed_search_attributes.get(search_attributes.JOB)
            held: list[Held] = await timetable.memo_value(names.PAUSES, [], type_hint=list[Held])
            if job is not None and held:
                found[job] = held[-1].pause(job)
        return found

    async def pauses_of(self, job: str, since: datetime) -> list[Pause]:
        if not _NAME.match(job):
            return []
        try:
            described = await self._client.get_workflow_handle(names.timetable_id(job)).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return []
            raise
        held: list[Held] = await described.memo_value(names.PAUSES, [], type_hint=list[Held])
        pauses = [one.pause(job) for one in held]
        return [pause for pause in pauses if pause.until is None or pause.until >= since]

    async def _count(self, where: Iterable[str]) -> int:
        return (await self._client.count_workflows(" AND ".join(where))).count

    async def _rows(self, where: Iterable[str]) -> list[Execution]:
        return [await _execution(found) async for found in self._list(where)]

    def _list(self, where: Iterable[str]) -> AsyncIterator[WorkflowExecution]:
        return self._client.list_workflows(" AND ".join(where), page_size=_PAGE)


async def _execution(found: WorkflowExecution) -> Execution:
    execution = messages.execution(await found.memo_value(names.ROW))
    if execution.status is Status.RUNNING and execution.started_at is None:
        execution = replace(execution, started_at=found.start_time)
    if found.status in _STOPPED and not execution.status.is_final:
        # Somebody ended the workflow behind our back; its memo still says what was true before.
        return replace(execution, status=Status.CANCELLED, completed_at=found.close_time)
    return execution


def _explained(attempt: Attempt, execution: Execution, overdue: Mapping[str, str]) -> Attempt:
    """An attempt that was cut off, or whose callback was late, does not know why; its execution does."""
    if str(attempt.number) in overdue:
        return replace(attempt, error_class=str(ErrorClass.TIMEOUT), error=overdue[str(attempt.number)])
    if attempt.error_class != CUT_OFF:
        return judged(attempt, execution)
    return replace(attempt, error=_CUT_OFF.get(execution.reason or "", attempt.error))


def _scheduled(since: datetime | None, until: datetime) -> str:
    """A span and a little more: SQLite compares times as text, so an instant is not always equal to itself."""
    after = "" if since is None else f"ChronosScheduledTime > '{_text(since - _EDGE)}' AND "
    return f"{after}ChronosScheduledTime < '{_text(until + _EDGE)}'"


def _reaches_over(row: Execution, until: datetime) -> bool:
    return row.range_start is not None and row.range_start <= until < row.scheduled_time


def _of_status(status: Status) -> str:
    said = f"ChronosStatus = '{status.value}'"
    if status is Status.CANCELLED:
        return f"({said} OR (ChronosStatus IN ('pending', 'running') AND {_STOPPED_QUERY}))"
    return said if status.is_final else f"({said} AND ExecutionStatus = 'Running')"


def _page(found: Iterable[Execution], query: ExecutionQuery) -> list[Execution]:
    rows = sorted(found, key=_age, reverse=True)
    before = query.before
    return [row for row in rows if before is None or _age(row) < before][: query.limit]


def _age(execution: Execution) -> tuple[datetime, str]:
    return execution.scheduled_time, execution.id


def _text(at: datetime) -> str:
    return rfc3339(at, milliseconds=True)


def _listed(words: Iterable[str]) -> str:
    return ", ".join(f"'{word}'" for word in words)


def _no_execution(execution_id: str) -> NotFoundError:
    return NotFoundError(f'there is no execution "{execution_id[:64]}"')
