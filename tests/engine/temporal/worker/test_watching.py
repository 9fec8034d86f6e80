"""The activity that sees the ends of the executions that a timetable has inherited."""

from collections.abc import Callable
from typing import Any

from harness.engine_harness import Bench
from harness.programs.temporal import run
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
