"""Replays on Temporal: what continues as new, what somebody ends behind our back, and what the server can read."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from harness.engine_harness import Bench, eventually, jobset
from harness.programs.temporal import run
from temporalio.client import Client, WorkflowExecutionStatus

from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.model import Status
from chronos_gitops.engine.operations.replays import Replay, ReplayItem, ReplayState
from chronos_gitops.engine.temporal import names
from chronos_gitops.engine.temporal.workflows import replay_workflow, schedule_workflow
from chronos_gitops.errors import NotFoundError

pytestmark = pytest.mark.timeout(300)  # a server's clock, on a slow machine
JOB = "daily-backup"
NEVER = "@yearly"
PATIENCE = 120.0
GetClient = Callable[[], Any]


def a_replay(bench: Bench, engine: Engine, count: int, **fields: Any) -> Replay:
    end = bench.clock.now().replace(microsecond=0)
    ticks = [end - timedelta(minutes=number) for number in range(count, 0, -1)]
    items = tuple(ReplayItem(tick, engine.tick_id(JOB, tick), engine.tick_id(JOB, tick)) for tick in ticks)
    return Replay(str(uuid.uuid4()), JOB, "ada", "the target was down", end, items=items, **fields)


def over(engine: Engine, replay: Replay) -> Replay:
    eventually(lambda: engine.replay_of_id(replay.id).state is not ReplayState.RUNNING, PATIENCE)
    return engine.replay_of_id(replay.id)


def sent(bench: Bench) -> list[str]:
    return [request.header("Idempotency-Key") or "" for request in bench.receiver.requests]


def continued(get_client: GetClient, workflow_id: str) -> int:
    """The runs of a workflow that continued as new."""

    async def count() -> int:
        client: Client = await get_client()
        query = f"WorkflowId = '{workflow_id}' AND ExecutionStatus = 'ContinuedAsNew'"
        return (await client.count_workflows(query)).count

    return run(count())


def test_goes_on_when_it_and_its_timetable_continue_as_new(
    bench: Bench, client: GetClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule_workflow, "CONTINUE_AFTER", 4)
    monkeypatch.setattr(replay_workflow, "CONTINUE_AFTER", 2)
    monkeypatch.setattr(replay_workflow, "BATCH", 7)
    engine = bench.start(bench.job(schedule=NEVER))
    replay = a_replay(bench, engine, 20)
    engine.replay(replay)
    done = over(engine, replay)
    assert done.state is ReplayState.DONE
    assert sent(bench) == [item.key for item in replay.items]
    assert [replace(item, execution=None, status=None) for item in done.items] == list(replay.items)
    eventually(lambda: continued(client, names.replay_workflow_id(replay.id)) >= 1)
    eventually(lambda: continued(client, names.timetable_id(JOB)) >= 3)


def test_a_cancel_that_meets_a_replay_about_to_continue_as_new_ends_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay_workflow, "CONTINUE_AFTER", 1)
    engine = bench.start(bench.job(schedule=NEVER, path="/hold/answer"))
    replay = a_replay(bench, engine, 3)
    engine.replay(replay)
    assert bench.receiver.wait_for(1, 30)
    assert engine.cancel_replay(replay.id).state is ReplayState.CANCELLED
    bench.receiver.release("answer")


def test_a_terminated_replay_is_cancelled_and_frees_its_job(bench: Bench, client: GetClient) -> None:
    engine = bench.start(bench.job(schedule=NEVER, path="/hold/answer"))
    replay = a_replay(bench, engine, 3)
    engine.replay(replay)
    assert bench.receiver.wait_for(1, 30)

    async def terminate() -> None:
        found: Client = await client()
        await found.get_workflow_handle(names.replay_workflow_id(replay.id)).terminate()

    run(terminate())
    ended = engine.replay_of_id(replay.id)
    assert (ended.state, ended.ended_at is not None) == (ReplayState.CANCELLED, True)
    other = a_replay(bench, engine, 1)
    engine.replay(other)
    bench.receiver.release("answer")
    assert over(engine, other).state is ReplayState.DONE


def test_goes_on_after_its_timetable_was_terminated(
    bench: Bench, client: GetClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An item that has begun by then is passed over: its execution has the id that the item would have."""
    monkeypatch.setattr(replay_workflow, "_SAY_AGAIN", timedelta(seconds=1))
    job = bench.job(schedule=NEVER)
    engine = bench.start(job)
    replay = a_replay(bench, engine, 6, pace=timedelta(seconds=1))
    engine.replay(replay)
    bench.seen.wait(2)

    async def terminate() -> None:
        found: Client = await client()
        await found.get_workflow_handle(names.timetable_id(JOB)).terminate()

    run(terminate())
    engine.apply(jobset(job, version=2))
    assert over(engine, replay).state is ReplayState.DONE
    assert sent(bench) == [item.key for item in replay.items]


def test_a_terminated_timetable_is_started_again_for_a_replay(bench: Bench, client: GetClient) -> None:
    engine = bench.start(bench.job(schedule=NEVER))

    async def terminate() -> None:
        found: Client = await client()
        await found.get_workflow_handle(names.timetable_id(JOB)).terminate()

    run(terminate())
    replay = a_replay(bench, engine, 1)
    engine.replay(replay)
    assert over(engine, replay).state is ReplayState.DONE


def test_a_removed_job_ends_its_replay_and_then_its_timetable(bench: Bench, client: GetClient) -> None:
    engine = bench.start(bench.job(schedule=NEVER))
    replay = a_replay(bench, engine, 3, pace=timedelta(hours=1))
    engine.replay(replay)
    bench.seen.wait(1)
    engine.apply(replace(jobset(), revision="d" * 40))
    assert over(engine, replay).state is ReplayState.CANCELLED
    with pytest.raises(NotFoundError):
        engine.replay(a_replay(bench, engine, 1))

    async def is_closed(workflow_id: str) -> bool:
        found: Client = await client()
        described = await found.get_workflow_handle(workflow_id).describe()
        return described.status is WorkflowExecutionStatus.COMPLETED

    for workflow_id in (names.timetable_id(JOB), names.replay_workflow_id(replay.id)):
        eventually(lambda workflow_id=workflow_id: run(is_closed(workflow_id)))


def test_a_drained_runner_leaves_it_to_the_next(bench: Bench) -> None:
    """Two runners, and the first one stops in the middle."""
    job = bench.job(schedule=NEVER)
    first, second = bench.start(job), bench.start(job)
    replay = a_replay(bench, first, 8, pace=timedelta(milliseconds=500))
    first.replay(replay)
    bench.seen.wait(2)
    bench.stop(first, grace=10.0)
    assert over(second, replay).state is ReplayState.DONE
    assert sent(bench) == [item.key for item in replay.items]


def test_a_result_that_visibility_does_not_show_yet_is_no_item_left(bench: Bench) -> None:
    """An item that the timetable announced is begun, also where a list lags or has forgotten the row."""
    engine = bench.start(bench.job(schedule=NEVER))
    replay = a_replay(bench, engine, 2)
    engine.replay(replay)
    done = over(engine, replay)
    assert all(item.execution for item in done.items)
    eventually(lambda: {item.status for item in engine.replay_of_id(replay.id).items} == {Status.SUCCESS})
