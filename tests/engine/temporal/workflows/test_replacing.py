"""Executions that a job with ``concurrency: replace`` ends, when many of its ticks are late together."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from harness.engine_harness import Bench, eventually, jobset
from harness.programs.temporal import run, sleep_since
from temporalio.client import Client

from chronos_gitops.engine.temporal import names

LATE = timedelta(seconds=18)


def test_ticks_that_are_late_together_end_each_execution_once(bench: Bench, client: Callable[[], Any]) -> None:
    """Before, the n-th of them told all n - 1 before it, one after the other: 153 signals for 18 ticks, which took
    longer than it takes for the next ticks to be late, so that the job stood still for over a minute."""
    job = bench.job(schedule="@every 1s", concurrency="replace")

    async def asleep() -> None:
        await sleep_since(await client(), jobset(job).definitions[job.name], datetime.now(UTC) - LATE)

    async def ended() -> Counter[str]:
        found: Client = await client()
        history = await found.get_workflow_handle(names.timetable_id(job.name)).fetch_history()
        signals = [event.signal_external_workflow_execution_initiated_event_attributes for event in history.events]
        return Counter(each.workflow_execution.workflow_id for each in signals if each.signal_name == names.END)

    run(asleep())
    bench.start(job)
    told = eventually(lambda: len(told := run(ended())) >= 15 and told, timeout=60)
    assert max(told.values()) <= 2, "one that still runs at the next tick is told again"
