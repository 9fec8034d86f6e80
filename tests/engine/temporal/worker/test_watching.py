"""The activity that sees the ends of the executions that a timetable has inherited."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from harness.engine_harness import Bench
from harness.programs.temporal import run
from temporalio.activity import ActivityCancellationDetails
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.testing import ActivityEnvironment

from chronos_gitops.engine.temporal.worker.watching import Watching


def test_the_end_of_any_of_many_is_seen(bench: Bench, client: Callable[[], Any]) -> None:
    """Also of one that is not among the first, which alone are waited for."""
    engine = bench.start(bench.job(schedule="@yearly", concurrency="allow", path="/hold/answer"))
    ids = [engine.trigger("daily-backup").id for _ in range(6)]
    engine.cancel(ids[4], by="ada")

    async def watched(known: list[str]) -> list[str]:
        watching = Watching(await client())
        return list(await ActivityEnvironment().run(watching.watch_all, known))

    assert run(watched(ids)) == [ids[4]]
    engine.cancel(ids[0], by="ada")
    assert run(watched(ids)) == [ids[0]]
    bench.receiver.release("answer")


def test_a_watch_whose_run_has_ended_is_no_failure(bench: Bench, client: Callable[[], Any]) -> None:
    """Its timetable has continued as new: the SDK would log the cancellation with a traceback."""
    engine = bench.start(bench.job(schedule="@yearly", path="/hold/answer"))
    execution = engine.trigger("daily-backup").id

    async def watched(details: ActivityCancellationDetails) -> None:
        environment, beats = ActivityEnvironment(), asyncio.Event()
        environment.on_heartbeat = lambda *_: beats.set()
        watching = asyncio.create_task(environment.run(Watching(await client()).watch_all, [execution]))
        await beats.wait()
        environment.cancel(details)
        await watching

    with pytest.raises(ApplicationError) as caught:
        run(watched(ActivityCancellationDetails(not_found=True)))
    assert caught.value.category is ApplicationErrorCategory.BENIGN
    with pytest.raises(asyncio.CancelledError):
        run(watched(ActivityCancellationDetails(cancel_requested=True)))
    bench.receiver.release("answer")
