"""Histories of timetables stay short: a workflow task that runs out of time makes the next one replay everything."""

from collections.abc import Callable
from typing import Any

from harness.engine_harness import Bench, eventually
from harness.programs.temporal import run

from chronos_gitops.engine.temporal import names

CLAIMS = 45
MOST_EVENTS = 400
"""20 claims and what comes meanwhile; 100 claims in one history were 900 events, 0.4 s of processor time to replay."""


def test_each_run_of_a_timetable_is_short(bench: Bench, client: Callable[[], Any]) -> None:
    async def lengths() -> list[int]:
        found = (await client()).list_workflows(f"WorkflowId = '{names.timetable_id('daily-backup')}'")
        runs = [(one.id, one.run_id) async for one in found]
        return [
            (await (await client()).get_workflow_handle(one, run_id=run_id).describe()).history_length
            for one, run_id in runs
        ]

    engine = bench.start(bench.job(schedule="@yearly", concurrency="allow"))
    for _ in range(CLAIMS):
        engine.trigger("daily-backup")
    bench.seen.wait(CLAIMS, 120)
    found = eventually(lambda: len(known := run(lengths())) >= 3 and known)
    assert max(found) < MOST_EVENTS
