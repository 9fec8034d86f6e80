"""Downtime and a pause follow the same rule (CONTRACT 2). tests/engine/sql/test_turned_clock.py has the clock steps."""

import itertools
from datetime import timedelta

import pytest
from harness.engine_harness import HOUR, MINUTE, Bench, ends_as, eventually, jobset, statuses

from chronos_gitops.engine.model import Status, Trigger
from chronos_gitops.jobs.model import Job, JobSet

SECOND = timedelta(seconds=1)


def hourly(bench: Bench, **fields: str) -> Job:
    return bench.job(schedule="0 * * * *", catchup_window="24h", **fields)


def test_execute_one_runs_the_latest_and_records_the_rest_as_one_row(bench: Bench) -> None:
    engine = bench.after_outage(hourly(bench), 30 * HOUR)
    skipped, caught = sorted(bench.seen.wait(2), key=lambda execution: execution.scheduled_time)
    assert (skipped.status, skipped.reason) == (Status.SKIPPED, "missed")
    assert (caught.status, caught.trigger) == (Status.SUCCESS, Trigger.CATCHUP)
    assert skipped.range_start == caught.scheduled_time - skipped.count * HOUR
    assert skipped.scheduled_time == caught.scheduled_time - HOUR
    assert skipped.count in (29, 30)  # 30 when the hour has just changed
    ends_as(engine, ("skipped", "missed"), ("success", None))


def test_ignore_runs_none(bench: Bench) -> None:
    bench.after_outage(hourly(bench, missed_run_policy="ignore"), 5 * HOUR)
    [skipped] = bench.seen.wait(1)
    assert (skipped.reason, skipped.count) in (("missed", 5), ("missed", 6))
    assert bench.receiver.requests == ()


def test_execute_all_runs_each_one_after_the_other(bench: Bench) -> None:
    engine = bench.after_outage(hourly(bench, missed_run_policy="execute_all"), 5 * HOUR)
    ended = bench.seen.wait(5)
    assert {execution.status for execution in ended} == {Status.SUCCESS}
    times = [request.header("X-Chronos-Scheduled-Time") or "" for request in bench.receiver.requests]
    assert times == sorted(times)
    rows = [engine.execution(execution.id).execution for execution in ended]
    ordered = sorted(rows, key=lambda row: row.scheduled_time)
    assert all(
        before.completed_at is not None and after.started_at is not None and before.completed_at <= after.started_at
        for before, after in itertools.pairwise(ordered)
    )


def test_nothing_older_than_the_window_runs(bench: Bench) -> None:
    job = bench.job(schedule=f"0 {(bench.clock.now().hour - 3) % 24} * * *", catchup_window="1h")
    bench.after_outage(job, 24 * HOUR)
    [skipped] = bench.seen.wait(1)
    assert (skipped.reason, bench.receiver.requests) == ("missed", ())


def test_a_tick_is_not_missed_twice(bench: Bench) -> None:
    job = hourly(bench, missed_run_policy="ignore")
    engine = bench.after_outage(job, 5 * HOUR)
    bench.seen.wait(1)
    bench.stop(engine)
    engine = bench.start(job)
    bench.clock.turn(SECOND)
    assert [row for row in statuses(engine) if row[0] != "success"] == [("skipped", "missed")]


def test_a_start_without_knowing_any_job_forgets_nothing_that_is_owed(bench: Bench) -> None:
    job = hourly(bench)
    engine = bench.after_outage(job, 5 * HOUR, first=JobSet())
    engine.apply(jobset(job))
    ends_as(engine, ("skipped", "missed"), ("success", None))


def test_a_pause_follows_the_same_rule(bench: Bench) -> None:
    engine = bench.start(bench.job(schedule="@every 1s"))
    engine.pause("daily-backup", reason="maintenance", by="alice")
    eventually(lambda: not engine.running("daily-backup"))
    ran = len(statuses(engine))
    bench.clock.turn(4 * SECOND)
    assert len(statuses(engine)) == ran
    engine.resume("daily-backup")
    eventually(lambda: statuses(engine)[ran : ran + 2] == [("skipped", "missed"), ("success", None)])


def test_a_schedule_edited_while_the_runner_was_down_fires_nothing_and_records_what_was_owed(bench: Bench) -> None:
    edited = jobset(bench.job(schedule="30 */2 * * *"))
    bench.after_outage(hourly(bench), 5 * HOUR, first=edited)
    skipped = eventually(lambda: [row for row in bench.seen.ended if row.reason == "missed"])
    assert [row.count for row in skipped] in ([4], [5], [6])
    assert bench.receiver.requests == ()


@pytest.mark.parametrize(
    "edit",
    [{"enabled": False}, {"schedule": "@yearly"}, {"schedule": "0 0 1 1 *", "timezone": "Asia/Kathmandu"}, None],
    ids=["disabled", "rescheduled", "timezone", "deleted"],
)
def test_an_edit_after_an_outage_fires_nothing_and_records_once_what_was_owed(
    bench: Bench, edit: dict[str, object] | None
) -> None:
    edited = [] if edit is None else [bench.job(**{"schedule": "@every 1s"} | edit)]
    stays = bench.job("stays", schedule="@yearly")
    engine = bench.after_outage(bench.job(schedule="@every 1s"), 5 * MINUTE, first=jobset(*edited, stays))
    [skipped] = bench.seen.wait(1)
    assert (skipped.status, skipped.reason) == (Status.SKIPPED, "missed")
    assert skipped.range_start == skipped.scheduled_time - (skipped.count - 1) * SECOND
    assert skipped.count >= 300  # Temporal's server keeps the time, and some has passed
    ends_as(engine, ("skipped", "missed"))
    bench.stop(engine)
    engine = bench.start(*edited, stays)
    bench.clock.turn(2 * SECOND)
    assert statuses(engine) == [("skipped", "missed")]
    assert statuses(engine, "stays") == []
    assert bench.receiver.requests == ()
