"""A runner that gets no processor for seconds goes on with what it had begun."""

import time

import pytest
from harness.engine_harness import Bench

from chronos_gitops.engine.model import Status
from chronos_gitops.engine.temporal.workflows.execution_workflow import ExecutionWorkflow
from chronos_gitops.engine.temporal.workflows.messages import Order


def test_a_workflow_task_that_takes_seconds_is_no_deadlock(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Before, the SDK failed it after 2 s, and the server waited longer before each further try."""
    begun, has_its_turn = [], ExecutionWorkflow._has_its_turn

    async def starved(self: ExecutionWorkflow, order: Order) -> bool:
        begun.append(order.row["id"])
        time.sleep(3)
        return await has_its_turn(self, order)

    monkeypatch.setattr(ExecutionWorkflow, "_has_its_turn", starved)
    engine = bench.start(bench.job(schedule="@yearly"))
    triggered = engine.trigger("daily-backup")
    [ended] = bench.seen.wait(1)
    assert (ended.id, ended.status) == (triggered.id, Status.SUCCESS)
    assert begun == [triggered.id]
    assert "deadlock" not in caplog.text
