"""An operator's stop of one job, at runtime."""

from datetime import timedelta

import pytest
from harness.engine_harness import Bench, eventually, statuses

from chronos_gitops.engine.model import Status, Trigger
from chronos_gitops.errors import NotFoundError

SECOND = timedelta(seconds=1)
OFTEN, NEVER = "@every 1s", "@yearly"


def test_survives_a_restart_and_an_edit(bench: Bench) -> None:
    engine = bench.start(bench.job(schedule=NEVER))
    engine.pause("daily-backup", reason="maintenance", by="alice")
    bench.stop(engine)
    engine = bench.start(bench.job(schedule=OFTEN))
    bench.clock.turn(2 * SECOND)
    assert engine.pauses()["daily-backup"].reason == "maintenance"
    assert statuses(engine) == []


def test_ends_by_itself(bench: Bench) -> None:
    engine = bench.start(bench.job(schedule=OFTEN, missed_run_policy="ignore"))
    until = (bench.clock.now() + 3 * SECOND).replace(microsecond=250_000)
    engine.pause("daily-backup", reason="maintenance", by="alice", until=until)
    assert "daily-backup" in engine.pauses()
    bench.clock.turn(5 * SECOND)
    bench.seen.wait_until(lambda: any(row.reason == "missed" for row in bench.seen.ended))
    [skipped] = [row for row in bench.seen.ended if row.reason == "missed"]
    assert skipped.scheduled_time <= until
    bench.seen.wait_until(
        lambda: any(row.status is Status.SUCCESS and row.scheduled_time > until for row in bench.seen.ended)
    )
    assert engine.pauses() == {}


@pytest.mark.parametrize(
    ("policy", "trigger"),
    [("ignore", Trigger.SCHEDULE), ("execute_one", Trigger.CATCHUP), ("execute_all", Trigger.CATCHUP)],
)
def test_does_not_hold_the_tick_at_its_very_end(bench: Bench, policy: str, trigger: Trigger) -> None:
    until = (bench.clock.now() + 5 * SECOND).replace(microsecond=0)
    schedule = f"{until.second} {until.minute} {until.hour} * * *"
    engine = bench.start(bench.job(schedule=schedule, missed_run_policy=policy))
    engine.pause("daily-backup", reason="maintenance", by="alice", until=until)
    bench.clock.turn(5 * SECOND)
    [ended] = bench.seen.wait(1)
    assert (ended.scheduled_time, ended.trigger, ended.status) == (until, trigger, Status.SUCCESS)
    assert engine.pauses() == {}


def test_of_an_unknown_job_is_an_error(bench: Bench) -> None:
    with pytest.raises(NotFoundError):
        bench.start().pause("nobody", reason="maintenance", by="alice")


def test_resume_of_a_job_that_is_not_paused_does_nothing(bench: Bench) -> None:
    engine = bench.start(bench.job(schedule=NEVER))
    engine.resume("daily-backup")
    engine.resume("nobody")
    assert statuses(engine) == []


def test_are_remembered_when_they_are_over(bench: Bench) -> None:
    engine = bench.start(bench.job(schedule=NEVER))
    begin = bench.clock.now() - SECOND
    first = engine.pause("daily-backup", reason="first", by="ada")
    bench.clock.turn(SECOND / 10)
    second = engine.pause("daily-backup", reason="second", by="ada", until=bench.clock.now() + SECOND)
    bench.clock.turn(SECOND)
    eventually(lambda: not engine.pauses())
    eventually(lambda: len(engine.pauses_of("daily-backup", begin)) == 2)
    bench.clock.turn(SECOND / 10)
    third = engine.pause("daily-backup", reason="third", by="ada")
    found = engine.pauses_of("daily-backup", begin)
    assert [pause.reason for pause in found] == ["first", "second", "third"]
    for pause, end in zip(found, (second.at, second.until, None), strict=True):
        assert (pause.until is None) == (end is None)
        assert pause.until is None or end is None or abs(pause.until - end) < timedelta(milliseconds=2)
    assert first.at < second.at < third.at
    later = engine.pauses_of("daily-backup", second.at + timedelta(milliseconds=500))
    assert [pause.reason for pause in later] == ["second", "third"]
