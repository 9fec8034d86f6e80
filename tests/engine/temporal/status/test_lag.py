"""A timetable that stands still is seen by what is due and not claimed; health says so."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from harness.engine_harness import HOUR, MINUTE, NOON, Bench, eventually, jobset
from harness.programs.temporal import run, sleep_since

from chronos_gitops.engine.model import Pause
from chronos_gitops.engine.temporal.status.lag import BEHIND_AFTER, Lag
from chronos_gitops.engine.temporal.workflows.messages import PublishedSchedule, to_ms
from chronos_gitops.jobs.model import Job, JobSet

SECOND = timedelta(seconds=1)
EACH_MINUTE = PublishedSchedule("* * * * *", "UTC", to_ms(NOON), is_awake=True)
DUE = NOON + MINUTE
PAUSE = Pause("a", "maintenance", "ada", NOON)


def jobs(*names: str, **fields: str) -> JobSet:
    webhook = {"url": "http://127.0.0.1:9/"}
    documents = [{"name": name, "schedule": "* * * * *", "enabled": True, "webhook": webhook} for name in names]
    return jobset(*(Job.from_document(document | fields) for document in documents))


def trouble(plan: PublishedSchedule, now: datetime, pause: Pause | None = None, **fields: str) -> str:
    lag = Lag()
    lag.look({"a": plan}, {} if pause is None else {"a": pause}, jobs("a", **fields), now)
    return lag.trouble


def test_what_is_due_and_not_claimed_is_told_with_its_time() -> None:
    lag, plans = Lag(), dict.fromkeys(("a", "b", "not-ours"), EACH_MINUTE)
    lag.look(plans, {}, jobs("a", "b"), DUE + BEHIND_AFTER)
    assert lag.trouble == ""
    lag.look(plans, {}, jobs("a", "b"), DUE + BEHIND_AFTER + SECOND)
    assert lag.trouble == (
        "2 jobs have scheduled times that are due and not claimed, the oldest since 2026-03-02T12:01:00Z"
    )
    claimed = replace(EACH_MINUTE, mark=to_ms(DUE + BEHIND_AFTER))
    lag.look({"a": claimed, "b": claimed}, {}, jobs("a", "b"), DUE + BEHIND_AFTER + SECOND)
    assert lag.trouble == ""


@pytest.mark.parametrize(
    ("plan", "pause", "fields"),
    [
        (replace(EACH_MINUTE, mark=None), None, {}),
        (replace(EACH_MINUTE, is_awake=False), None, {}),
        (EACH_MINUTE, PAUSE, {}),
        (EACH_MINUTE, replace(PAUSE, until=NOON + 2 * HOUR), {}),
        (EACH_MINUTE, None, {"jitter": "1h"}),
        (replace(EACH_MINUTE, schedule="@yearly"), None, {}),
    ],
    ids=["disabled", "asleep", "paused", "paused until then", "jittered", "not due"],
)
def test_what_is_not_due_is_not_late(plan: PublishedSchedule, pause: Pause | None, fields: dict[str, str]) -> None:
    assert trouble(plan, NOON + HOUR, pause, **fields) == ""


def test_health_is_red_until_a_timetable_that_stood_still_goes_on(bench: Bench, client: Callable[[], Any]) -> None:
    """It has not been looked at for an hour, and cannot be: the runner is short of file descriptors."""
    job = bench.job(schedule="* * * * *", missed_run_policy="execute_one")

    async def stand_still() -> None:
        await sleep_since(await client(), jobset(job).definitions[job.name], datetime.now(UTC) - HOUR)

    run(stand_still())
    engine: Any = bench.build()
    is_short = True
    engine.start()
    bench.adopt(engine)
    engine._timing.may_claim = lambda: not is_short
    engine.apply(jobset(job))
    assert eventually(lambda: "1 job has scheduled times that are due and not claimed" in engine.health().detail)
    is_short = False
    eventually(lambda: engine.health().ok)
