"""Commands that meet a timetable just when it continues as new: none is refused, and none is lost."""

import asyncio
import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from harness.engine_harness import Bench, Seen, jobset
from harness.programs.temporal import TemporalServer, on_temporal, run
from temporalio.client import (
    Client,
    Interceptor,
    OutboundInterceptor,
    StartWorkflowUpdateWithStartInput,
    WithStartWorkflowOperation,
    WorkflowUpdateFailedError,
    WorkflowUpdateHandle,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.engine.clock import SystemClock
from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.temporal import names, updates
from chronos_gitops.engine.temporal.timetables.reconciler import applied
from chronos_gitops.engine.temporal.visibility import search_attributes
from chronos_gitops.engine.temporal.workflows import schedule_workflow
from chronos_gitops.engine.temporal.workflows.messages import PauseRecord, TimetableState

JOBS = 4


@pytest.fixture
def namespace(temporal: TemporalServer) -> str:
    return temporal.namespace()


@pytest.fixture
def bench(temporal: TemporalServer, namespace: str, receiver: Receiver, seen: Seen) -> Iterator[Bench]:
    bench = Bench(on_temporal(temporal.url(namespace)), receiver, SystemClock(), seen)  # type: ignore[arg-type]  # real
    yield bench
    bench.stop_all()


class Storm:
    """Commands for timetables that fire every second, and what each did, read from the timetable itself."""

    def __init__(self, engine: Engine, client: Client, bench: Bench) -> None:
        self._engine = engine
        self._client = client
        self._bench = bench
        self.sent = 0
        self.dropped: list[str] = []
        self._triggered: list[str] = []

    async def blow(self, commands: int) -> None:
        """So many commands, each of which raises when it is refused."""
        each = commands // (2 * JOBS + 1)
        names = [f"job-{number}" for number in range(JOBS)]
        await asyncio.gather(
            *(self._pause_and_resume(name, each // 2) for name in names),
            *(self._trigger(name, each) for name in names),
            self._edit(names, each),
        )
        for execution_id in self._triggered:
            await asyncio.to_thread(self._engine.execution, execution_id)

    async def _pause_and_resume(self, job: str, times: int) -> None:
        for number in range(times):
            await self._command(self._engine.pause, job, reason=f"maintenance {number}", by="ada")
            if await self._paused(job) != f"maintenance {number}":
                self.dropped.append(f"pause {number} of {job}")
            await self._command(self._engine.resume, job)
            if await self._paused(job) is not None:
                self.dropped.append(f"resume {number} of {job}")

    async def _trigger(self, job: str, times: int) -> None:
        for _ in range(times):
            self._triggered.append((await self._command(self._engine.trigger, job)).id)

    async def _edit(self, names: list[str], times: int) -> None:
        for version in range(2, 2 + times):
            jobs = jobset(*(often(self._bench, name) for name in names), version=version)
            await self._command(self._engine.apply, jobs)
            for definition in jobs:
                described = await self._described(definition.job.name)
                if described.typed_search_attributes.get(search_attributes.DIGEST) != applied(definition).digest:
                    self.dropped.append(f"version {version} of {definition.job.name}")

    async def _command(self, command: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        answer = await asyncio.to_thread(command, *arguments, **named)
        self.sent += 1
        return answer

    async def _paused(self, job: str) -> str | None:
        described = await self._described(job)
        if described.typed_search_attributes.get(search_attributes.STATUS) != search_attributes.PAUSED_STATUS:
            return None
        held: list[PauseRecord] = await described.memo_value(names.PAUSES, [], type_hint=list[PauseRecord])
        return held[-1].reason

    async def _described(self, job: str) -> Any:
        return await self._client.get_workflow_handle(names.timetable_id(job)).describe()


def often(bench: Bench, name: str) -> Any:
    return bench.job(name, schedule="@every 1s", concurrency="allow")


@pytest.mark.parametrize(
    "commands",
    [
        90,
        # Each command waits for the server: at a load of 10 on two cores it was not through after 13 minutes.
        pytest.param(1260, marks=[pytest.mark.full, pytest.mark.timeout(1800)]),
    ],
)
def test_a_command_that_meets_a_timetable_which_continues_as_new_is_heard(
    bench: Bench,
    temporal: TemporalServer,
    namespace: str,
    commands: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One of 400 was refused before updates were sent again: "unexpected workflow task failure"."""
    monkeypatch.setattr(schedule_workflow, "CONTINUE_AFTER", 2)
    engine = bench.start(*(often(bench, f"job-{number}") for number in range(JOBS)))

    async def storm() -> tuple[Storm, int]:
        client = await temporal.client(namespace)
        storm = Storm(engine, client, bench)
        await storm.blow(commands)
        return storm, (await client.count_workflows("ExecutionStatus = 'ContinuedAsNew'")).count

    storm_over, runs = run(storm())
    assert storm_over.dropped == []
    assert storm_over.sent == commands
    assert runs > commands / 20
    assert "not applied yet" not in caplog.text


class Answers:
    """Something to send: raises what it was given, one after the other, and answers at last."""

    def __init__(self, *errors: BaseException) -> None:
        self._errors = list(errors)
        self.update_ids: list[str] = []

    async def __call__(self, update_id: str) -> str:
        self.update_ids.append(update_id)
        if self._errors:
            raise self._errors.pop(0)
        return "heard"


def refused(status: RPCStatusCode, message: str = "refused") -> RPCError:
    return RPCError(message, status, b"")


@pytest.mark.parametrize(
    "error",
    [
        refused(RPCStatusCode.FAILED_PRECONDITION),
        refused(RPCStatusCode.NOT_FOUND),
        refused(
            RPCStatusCode.RESOURCE_EXHAUSTED,
            "workflow operation can not be applied because workflow is closing",
        ),
        refused(RPCStatusCode.UNAVAILABLE, "Update failed: workflow update was aborted"),
        WorkflowUpdateFailedError(ApplicationError("its run is over", type="AcceptedUpdateCompletedWorkflow")),
    ],
    ids=[
        "its workflow task failed",
        "its run had just ended",
        "its run is closing",
        "its workflow task was lost",
        "its run ended under it",
    ],
)
def test_an_update_that_a_run_could_not_take_is_sent_again_under_the_same_id(error: Exception) -> None:
    answers = Answers(error, error)
    assert run(updates.again(answers)) == "heard"
    assert len(answers.update_ids) == 3
    assert len(set(answers.update_ids)) == 1


@pytest.mark.parametrize(
    "error",
    [
        refused(RPCStatusCode.UNAVAILABLE),
        refused(RPCStatusCode.PERMISSION_DENIED),
        WorkflowUpdateFailedError(ApplicationError("the handler said no")),
    ],
    ids=["no server", "not allowed", "an answer"],
)
def test_any_other_error_is_an_answer(error: Exception) -> None:
    with pytest.raises(type(error)) as told:
        run(updates.again(Answers(error)))
    assert told.value is error


def test_a_refusal_that_does_not_end_is_told_at_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(updates, "WITHIN", 0.1)
    with pytest.raises(RPCError, match="refused"):
        run(updates.again(Answers(*[refused(RPCStatusCode.FAILED_PRECONDITION)] * 1000)))


@pytest.mark.parametrize(
    "cause", [refused(RPCStatusCode.DEADLINE_EXCEEDED), asyncio.CancelledError()], ids=["the server's", "ours"]
)
def test_what_the_sdk_wraps_is_told_as_what_it_was(cause: BaseException) -> None:
    """A cancellation that looks like a failure would be answered by going on."""

    async def ask() -> BaseException:
        wrapped = WorkflowUpdateRPCTimeoutOrCancelledError()
        wrapped.__cause__ = cause
        try:
            await updates.again(Answers(wrapped))
        except BaseException as error:
            return error
        raise AssertionError

    assert run(ask()) is cause


class Refusing(Interceptor):
    """As the SDK hands over what a server refuses: twice, before it answers."""

    def __init__(self) -> None:
        self.update_ids: list[str] = []

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        return _RefusingCalls(next, self.update_ids)


class _RefusingCalls(OutboundInterceptor):
    def __init__(self, following: OutboundInterceptor, update_ids: list[str]) -> None:
        super().__init__(following)
        self._update_ids = update_ids

    async def start_update_with_start_workflow(
        self, input: StartWorkflowUpdateWithStartInput
    ) -> WorkflowUpdateHandle[Any]:
        self._update_ids.append(input.update_workflow_input.update_id or "")
        if len(self._update_ids) <= 2:
            await asyncio.sleep(0)
            error = refused(RPCStatusCode.FAILED_PRECONDITION)
            input._on_start_error(error)
            raise error
        return await super().start_update_with_start_workflow(input)


def test_an_update_that_starts_its_workflow_is_sent_again_too(
    bench: Bench, temporal: TemporalServer, namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Before, asyncio logged a traceback for each refusal, and a replay that was refused once could not begin."""
    bench.start(bench.job(schedule="@yearly"))
    refusing = Refusing()

    def start() -> WithStartWorkflowOperation[Any, Any]:
        return WithStartWorkflowOperation(
            names.TIMETABLE,
            TimetableState(job="daily-backup"),
            id=names.timetable_id("daily-backup"),
            task_queue=names.TIMETABLES,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )

    async def looked() -> int:
        target = f"127.0.0.1:{temporal.port}"
        client = await Client.connect(target, namespace=namespace, interceptors=[refusing])
        by: int = await updates.send_with_start(client, start, names.LOOK, result_type=int)
        return by

    assert run(looked()) == 0
    gc.collect()
    assert len(refusing.update_ids) == 3
    assert len(set(refusing.update_ids)) == 1
    assert [record for record in caplog.records if record.name == "asyncio"] == []


def test_an_update_of_a_workflow_that_is_not_there_or_was_ended_is_told_so(
    bench: Bench, temporal: TemporalServer, namespace: str
) -> None:
    bench.start(bench.job(schedule="@yearly"))

    async def ask(job: str, *, ended: bool) -> None:
        handle = (await temporal.client(namespace)).get_workflow_handle(names.timetable_id(job))
        if ended:
            await handle.terminate()
        with pytest.raises(updates.Ended):
            await updates.send(handle, names.RESUME, result_type=None)

    run(ask("never-was", ended=False))
    run(ask("daily-backup", ended=True))
