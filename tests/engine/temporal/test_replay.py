"""A timetable's history is replayed under other time rules: nothing of the schedule is computed in workflow code."""

from datetime import datetime
from pathlib import Path

import pytest
from harness.engine_harness import Bench, Seen, eventually
from harness.programs.temporal import TemporalServer, on_temporal, run
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.engine.clock import SystemClock
from chronos_gitops.engine.model import ExecutionQuery, Status
from chronos_gitops.engine.temporal import names
from chronos_gitops.engine.temporal.workflows.execution_workflow import ExecutionWorkflow
from chronos_gitops.engine.temporal.workflows.replay_workflow import ReplayWorkflow
from chronos_gitops.engine.temporal.workflows.schedule_workflow import TimetableWorkflow
from chronos_gitops.schedule.schedule import Schedule

WORKFLOWS = [TimetableWorkflow, ExecutionWorkflow, ReplayWorkflow]
HISTORIES = Path(__file__).with_name("histories")


def test_recorded_histories_replay_when_the_schedule_would_say_something_else(
    temporal: TemporalServer, receiver: Receiver, seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two ticks, a trigger, a pause and its end, in about three seconds of real time."""
    namespace = temporal.namespace()
    bench = Bench(on_temporal(temporal.url(namespace)), receiver, SystemClock(), seen)  # type: ignore[arg-type]  # a real clock
    engine = bench.start(bench.job(schedule="@every 1s"))
    seen.wait(2)
    engine.pause("daily-backup", reason="the move", by="ada")
    engine.resume("daily-backup")
    engine.trigger("daily-backup")
    eventually(lambda: len(engine.executions(ExecutionQuery(statuses=(Status.SUCCESS,)))) >= 3)
    bench.stop_all()

    def unforeseen(_self: Schedule, _after: datetime) -> datetime:
        raise AssertionError("workflow code asked the schedule")

    async def replay() -> int:
        client = await temporal.client(namespace)
        replayer = Replayer(workflows=WORKFLOWS, workflow_runner=UnsandboxedWorkflowRunner())
        histories: list[WorkflowHistory] = []
        ids = [names.timetable_id("daily-backup")]
        ids += [found.id async for found in client.list_workflows(f"WorkflowType = '{names.EXECUTION}'")]
        for identity in ids:
            histories.append(await client.get_workflow_handle(identity).fetch_history())
        monkeypatch.setattr(Schedule, "next_after", unforeseen)
        for history in histories:
            await replayer.replay_workflow(history)
        return len(histories)

    assert run(replay()) >= 4


@pytest.mark.parametrize("recorded", sorted(HISTORIES.glob("*.json")), ids=lambda path: path.stem)
def test_histories_of_earlier_releases_replay(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A schedule that is asked while workflow code runs would answer otherwise now, and the commands would differ."""

    def changed(*_: object) -> None:
        raise AssertionError("workflow code has asked a schedule")

    for question in ("next_after", "latest", "count", "between"):
        monkeypatch.setattr(Schedule, question, changed)
    history = WorkflowHistory.from_json("recorded", recorded.read_text())
    replayer = Replayer(workflows=WORKFLOWS, workflow_runner=UnsandboxedWorkflowRunner())
    run(replayer.replay_workflow(history))
