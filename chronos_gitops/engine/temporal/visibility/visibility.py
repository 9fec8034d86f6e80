"""Executions and timetables in Temporal's visibility; rows come out of memos, so no worker is asked."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from chronos_gitops.engine import milliseconds
from chronos_gitops.engine.callbacks import judged
from chronos_gitops.engine.model import (
    Attempt,
    Execution,
    ExecutionDetail,
    ExecutionQuery,
    Pause,
    Status,
    Trigger,
    cancelled_because,
)
from chronos_gitops.engine.operations.pauses import parts
from chronos_gitops.engine.requires.gates import GateCondition, newest
from chronos_gitops.engine.temporal import names
from chronos_gitops.engine.temporal.visibility import search_attributes
from chronos_gitops.engine.temporal.workflows import messages
from chronos_gitops.engine.temporal.workflows.messages import (
    CUT_OFF,
    OVERDUE,
    RESTING,
    AttemptReport,
    Order,
    PauseRecord,
    PublishedSchedule,
)
from chronos_gitops.errors import NotFoundError
from chronos_gitops.jobs.model import Job
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.timestamps import rfc3339
from chronos_gitops.webhooks.outcome import ErrorClass

_PAGE = 1000
_CHUNK = 200
_AT_ONCE = 20
_MARGIN = 10
_SUCCESSES = 50
_MOST_SUCCESSES = 200
_SPAN = timedelta(hours=1)
_SHORTEST = timedelta(seconds=1)
_LONGEST = timedelta(days=36_500)
_GROWTH = 4
_EDGE = timedelta(milliseconds=1)
_NAME = re.compile(r"[a-z0-9-]{1,100}\Z")
_ID = re.compile(r"[0-9a-f-]{36}\Z")
_EXECUTIONS = f"WorkflowType = '{names.EXECUTION}'"
_TIMETABLES = f"WorkflowType = '{names.TIMETABLE}'"
_NO_TICKS = frozenset({Trigger.MANUAL, Trigger.REPLAY})
_STOPPED = frozenset(
    {
        WorkflowExecutionStatus.TERMINATED,
        WorkflowExecutionStatus.CANCELED,
        WorkflowExecutionStatus.FAILED,
        WorkflowExecutionStatus.TIMED_OUT,
    }
)
_STOPPED_QUERY = "ExecutionStatus IN ('Terminated', 'Canceled', 'Failed', 'TimedOut')"


@dataclass(frozen=True, slots=True)
class TimetableView:
    """``lacks_plan``: it is the workflow of an earlier release, which has not published what it will do."""

    plan: PublishedSchedule | None
    pause: Pause | None
    lacks_plan: bool


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
        if query.statuses:
            where.append(f"({' OR '.join(map(_of_status, query.statuses))})")
        ends = [end for end in (query.until, query.before and query.before[0]) if end is not None]
        top = min(ends, default=None)
        where += [_until(top)] if top is not None else []
        where += [_since(query.since)] if query.since is not None else []
        if await self._count(where) <= max(self._few, query.limit):
            found = await self._rows(where)
        else:
            found = await self._newest(where, top, query)
        return _page(found, query)

    async def _newest(self, where: list[str], top: datetime | None, query: ExecutionQuery) -> list[Execution]:
        """Spans of time from the newest on, as long as it takes; a crowded one is made shorter before it is read."""
        high = top or datetime.now(UTC) + timedelta(days=1)
        lowest = datetime(1970, 1, 1, tzinfo=UTC) if query.since is None else query.since - _EDGE
        span = _SPAN
        found: list[Execution] = []
        while len(_page(found, query)) < query.limit and high > lowest:
            low = max(high - span, lowest)
            within = [*where, _scheduled(low, high)]
            count = await self._count(within)
            if count > max(self._few, 2 * query.limit) and span > _SHORTEST:
                span = max(_SHORTEST, span / _GROWTH)
                continue
            if count:
                found += [row for row in await self._rows(within) if low < row.scheduled_time <= high]
            high, span = low, min(span * _GROWTH, _LONGEST) if count < query.limit else span
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
        ordered: set[int] = set()
        async for event in handle.fetch_history_events():
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
                given = event.workflow_execution_started_event_attributes.input.payloads
                [order] = await decode(given, [Order])
                job = None if order.document is None else Job.from_document(order.document)
            elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
                if event.activity_task_scheduled_event_attributes.activity_type.name == names.ATTEMPT:
                    ordered.add(event.event_id)
            elif (
                event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED
                and event.activity_task_completed_event_attributes.scheduled_event_id in ordered
            ):
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
        return await self.by_ids([execution_id for _, execution_id in newest.values()])

    async def recent(self, job_names: Sequence[str], count: int) -> Mapping[str, Sequence[Execution]]:
        """Of each job one short list: a server gives those that run first, then those that ended last."""
        slots = asyncio.Semaphore(_AT_ONCE)

        async def of(job: str) -> list[Execution]:
            query = " AND ".join([_EXECUTIONS, f"ChronosJob = '{job}'"])
            async with slots:
                found = self._client.list_workflows(query, limit=2 * count + _MARGIN)
                rows = await _newest_runs(found)
            return sorted(rows, key=_age, reverse=True)[:count]

        known = [name for name in job_names if _NAME.match(name)]
        found = await asyncio.gather(*map(of, known))
        return {name: rows for name, rows in zip(known, found, strict=True) if rows}

    async def last_success(self, job: str, until: datetime) -> Execution | None:
        """Of the newest scheduled ones: a server does not order by attributes of ours."""
        found = await self.executions(ExecutionQuery(job, (Status.SUCCESS,), _SUCCESSES))
        ended = [(row.completed_at, row.id, row) for row in found if row.completed_at and row.completed_at <= until]
        return max(ended)[2] if ended else None

    async def success_wanted(self, asked: GateCondition) -> Execution | None:
        """The success that opens a gate: a server lists those first that it has just closed."""
        if not _NAME.match(asked.job):
            return None
        closed = f"(CloseTime > '{rfc3339(asked.after)}' OR ExecutionStatus = 'Running')"
        query = " AND ".join([_EXECUTIONS, f"ChronosJob = '{asked.job}'", _of_status(Status.SUCCESS), closed])
        found = self._client.list_workflows(query, limit=_MOST_SUCCESSES)
        return newest([await _execution(one) async for one in found], asked)

    async def by_ids(self, ids: Sequence[str]) -> list[Execution]:
        """Those of some hundreds that there are."""
        return await self._rows([_EXECUTIONS, f"WorkflowId IN ({_listed(ids)})"])

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
        found = [row for row in window if row.trigger not in _NO_TICKS and since <= row.scheduled_time <= until]
        beyond = [
            f"ChronosScheduledTime > '{_text(until)}'",
            f"ChronosRangeStart < '{_text(until + _EDGE)}'",
        ]
        over = [row for row in await self._rows([*where, *beyond]) if _reaches_over(row, until)]
        return [*sorted(found, key=_age), *sorted(over, key=_age)[:1]]

    async def skipped_after(self, job: str, instant: datetime) -> list[Execution]:
        """Of scheduled times later than that."""
        where = [_EXECUTIONS, f"ChronosJob = '{job}'", _of_status(Status.SKIPPED), _since(instant)]
        rows = await self._rows(where)
        return [row for row in rows if row.trigger not in _NO_TICKS and row.scheduled_time > instant]

    async def digests(self) -> dict[str, str]:
        """The digest of the definition that each running timetable has, by job."""
        found = {}
        async for timetable in self._list([_TIMETABLES, "ExecutionStatus = 'Running'"]):
            job = timetable.typed_search_attributes.get(search_attributes.JOB)
            if job is not None:
                found[job] = timetable.typed_search_attributes.get(search_attributes.DIGEST) or ""
        return found

    async def timetables(self) -> dict[str, TimetableView]:
        """The published state of each running timetable, by job."""
        found = {}
        async for timetable in self._list([_TIMETABLES, "ExecutionStatus = 'Running'"]):
            job = timetable.typed_search_attributes.get(search_attributes.JOB)
            if job is not None:
                found[job] = await _view(job, timetable)
        return found

    async def timetable(self, job: str) -> TimetableView | None:
        """Read from the workflow itself, so it is never behind; None when there is none that runs."""
        try:
            described = await self._client.get_workflow_handle(names.timetable_id(job)).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise
        return await _view(job, described) if described.status is WorkflowExecutionStatus.RUNNING else None

    async def unfinished(self) -> int:
        """The number of executions that have no end yet, of all runners."""
        return await self._count([_EXECUTIONS, "ExecutionStatus = 'Running'"])

    async def waiting_since(self) -> dict[str, datetime]:
        """Since when each unfinished execution waits for its turn, its next attempt or its callback, by id."""
        found = {}
        async for one in self._list([_EXECUTIONS, "ExecutionStatus = 'Running'"]):
            row = await one.memo_value(names.ROW)
            since = row.get(RESTING) or row.get("created_at")
            if since is not None:
                found[one.id] = milliseconds.instant(since)
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
        held: list[PauseRecord] = await described.memo_value(names.PAUSES, [], type_hint=list[PauseRecord])
        pauses = [part for one in held for part in parts(one.pause(job))]
        return [pause for pause in pauses if pause.until is None or pause.until >= since]

    async def _count(self, where: Iterable[str]) -> int:
        return (await self._client.count_workflows(" AND ".join(where))).count

    async def _rows(self, where: Iterable[str]) -> list[Execution]:
        return await _newest_runs(self._list(where))

    def _list(self, where: Iterable[str]) -> AsyncIterator[WorkflowExecution]:
        return self._client.list_workflows(" AND ".join(where), page_size=_PAGE)


async def _view(job: str, found: WorkflowExecution) -> TimetableView:
    status = found.typed_search_attributes.get(search_attributes.STATUS)
    plan: PublishedSchedule | None = await found.memo_value(names.PLAN, None, type_hint=PublishedSchedule)
    held: list[PauseRecord] = await found.memo_value(names.PAUSES, [], type_hint=list[PauseRecord])
    is_paused = status == search_attributes.PAUSED_STATUS and bool(held)
    is_planned = status in (search_attributes.PAUSED_STATUS, search_attributes.SCHEDULED_STATUS)
    return TimetableView(plan, held[-1].pause(job) if is_paused else None, is_planned and plan is None)


async def _newest_runs(found: AsyncIterator[WorkflowExecution]) -> list[Execution]:
    """A row that was corrected has two runs until the server has deleted the first one."""
    runs: dict[str, WorkflowExecution] = {}
    async for one in found:
        if one.id not in runs or one.start_time > runs[one.id].start_time:
            runs[one.id] = one
    return [await _execution(one) for one in runs.values()]


async def _execution(found: WorkflowExecution) -> Execution:
    execution = messages.execution(await found.memo_value(names.ROW))
    if execution.status is Status.RUNNING and execution.started_at is None:
        execution = replace(execution, started_at=found.start_time)
    if found.status in _STOPPED and not execution.status.is_final:
        # The workflow was ended from outside; its memo still says what was true before.
        return replace(execution, status=Status.CANCELLED, completed_at=found.close_time)
    return execution


def _explained(attempt: Attempt, execution: Execution, overdue: Mapping[str, str]) -> Attempt:
    """An attempt that was cut off, or whose callback was late, does not know why; its execution does."""
    if str(attempt.number) in overdue:
        return replace(attempt, error_class=str(ErrorClass.TIMEOUT), error=overdue[str(attempt.number)])
    if attempt.error_class != CUT_OFF:
        return judged(attempt, execution)
    return replace(attempt, error=f"cut off: {cancelled_because(execution.reason)}")


def _scheduled(since: datetime, until: datetime) -> str:
    """A span and a little more: SQLite compares times as text, so an instant is not always equal to itself."""
    return f"{_since(since)} AND {_until(until)}"


def _since(since: datetime) -> str:
    return f"ChronosScheduledTime > '{_text(since - _EDGE)}'"


def _until(until: datetime) -> str:
    return f"ChronosScheduledTime < '{_text(until + _EDGE)}'"


def _reaches_over(row: Execution, until: datetime) -> bool:
    return row.range_start is not None and row.range_start <= until < row.scheduled_time


def _of_status(status: Status) -> str:
    said = f"ChronosStatus = '{status.value}'"
    if status is Status.CANCELLED:
        return f"({said} OR (ChronosStatus IN ('pending', 'running') AND {_STOPPED_QUERY}))"
    return said if status.is_final else f"({said} AND ExecutionStatus = 'Running')"


def _page(found: Iterable[Execution], query: ExecutionQuery) -> list[Execution]:
    rows = sorted(found, key=_age, reverse=True)
    return [row for row in rows if _is_asked(row, query)][: query.limit]


def _is_asked(row: Execution, query: ExecutionQuery) -> bool:
    """By what a server cannot compare exactly, and by the trigger, which is no search attribute."""
    return (
        (query.before is None or _age(row) < query.before)
        and (query.since is None or query.since <= row.scheduled_time)
        and (query.until is None or row.scheduled_time < query.until)
        and (query.trigger is None or row.trigger is query.trigger)
    )


def _age(execution: Execution) -> tuple[datetime, str]:
    return execution.scheduled_time, execution.id


def _text(at: datetime) -> str:
    return rfc3339(at, milliseconds=True)


def _listed(words: Iterable[str]) -> str:
    return ", ".join(f"'{word}'" for word in words)


def _no_execution(execution_id: str) -> NotFoundError:
    return NotFoundError(f'there is no execution "{execution_id[:64]}"')
