"""The next run that is shown is the one of the timetable, whatever this runner thinks (CONTRACT 2)."""

import signal
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from harness.engine_harness import HOUR, MINUTE, NOON, Bench, Seen, eventually, jobset
from harness.programs.temporal import TemporalServer, free_port, on_temporal

from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.engine.clock import SystemClock
from chronos_gitops.engine.milliseconds import to_ms
from chronos_gitops.engine.model import Pause
from chronos_gitops.engine.temporal.timetables.planned_runs import decided_until, next_runs
from chronos_gitops.engine.temporal.workflows.messages import PublishedSchedule
from chronos_gitops.jobs.model import Job, JobVersion

EACH_MINUTE = PublishedSchedule("* * * * *", "UTC", to_ms(NOON), is_awake=True)


def shown(plan: PublishedSchedule, pause: Pause | None = None, known: JobVersion | None = None) -> tuple[datetime, ...]:
    return next_runs(plan, pause, "daily-backup", known, NOON + 10 * MINUTE, 1)


def known(schedule: str) -> JobVersion:
    document = {"name": "daily-backup", "schedule": schedule, "enabled": True, "webhook": {"url": "http://x/"}}
    return JobVersion(Job.from_document(document), "jobs/daily-backup.yaml", "b" * 40)


def test_it_follows_the_mark_and_not_the_clock_of_this_machine() -> None:
    assert shown(EACH_MINUTE) == (NOON + MINUTE,)


@pytest.mark.parametrize("schedule", ["* * * * *", "0 3 * * *"])
def test_it_follows_the_version_that_the_timetable_has(schedule: str) -> None:
    assert shown(EACH_MINUTE, known=known(schedule)) == (NOON + MINUTE,)


@pytest.mark.parametrize(
    "plan",
    [
        PublishedSchedule("* * * * *", "UTC", None, is_awake=True),
        PublishedSchedule("* * * * *", "UTC", to_ms(NOON), is_awake=False),
    ],
    ids=["disabled", "stands still"],
)
def test_a_timetable_that_will_claim_nothing_has_none(plan: PublishedSchedule) -> None:
    assert shown(plan) == ()


def test_a_pause_holds_it_until_its_end() -> None:
    pause = Pause("daily-backup", "maintenance", "ada", NOON, NOON + HOUR)
    assert shown(EACH_MINUTE, pause) == (NOON + HOUR,)
    assert shown(EACH_MINUTE, Pause("daily-backup", "maintenance", "ada", NOON)) == ()


def test_marks_later_than_now_are_decided_over_already() -> None:
    plans = {"a": PublishedSchedule("* * * * *", "UTC", to_ms(NOON + MINUTE), is_awake=True), "b": EACH_MINUTE}
    assert decided_until(plans, NOON) == {"a": NOON + MINUTE}


def test_it_is_what_runs_next_also_while_the_tick_waits_for_its_jitter(bench: Bench) -> None:
    job = bench.job(schedule="@every 2s", jitter="1s")
    engine = bench.start(job)
    for _ in range(3):
        [foretold] = engine.next_runs(job.name, 1)
        asked = bench.clock.now()
        bench.seen.wait_until(lambda at=foretold: any(row.scheduled_time == at for row in bench.seen.ended))
        claimed = [row for row in bench.seen.ended if row.created_at is not None and row.created_at > asked]
        assert all(row.scheduled_time >= foretold for row in claimed)


def test_an_edit_a_pause_and_a_removal_show_at_once_and_on_every_runner(bench: Bench) -> None:
    job = bench.job(schedule="@yearly")
    engine, other = bench.start(job), bench.start(job)
    assert engine.next_runs(job.name, 1)[0].month == 1
    engine.apply(jobset(bench.job(schedule="0 0 1 3 *")))
    assert engine.next_runs(job.name, 1)[0].month == 3
    eventually(lambda: other.next_runs(job.name, 1)[0].month == 3)
    engine.pause(job.name, reason="maintenance", by="ada")
    assert engine.next_runs(job.name, 1) == ()
    eventually(lambda: other.next_runs(job.name, 1) == ())
    engine.resume(job.name)
    assert engine.next_runs(job.name, 1)[0].month == 3
    engine.apply(jobset())
    assert engine.next_runs(job.name, 1) == ()


def test_an_edit_that_has_not_reached_the_server_is_not_shown(tmp_path: Path, receiver: Receiver, seen: Seen) -> None:
    server = TemporalServer(tmp_path, port=free_port()).start()
    bench = Bench(on_temporal(server.url("default")), receiver, SystemClock(), seen)  # type: ignore[arg-type]  # real
    try:
        engine = bench.start(bench.job(schedule="@yearly"))
        server.stop(how=signal.SIGKILL)
        eventually(lambda: not engine.health().ok)
        edited = jobset(bench.job(schedule="* * * * *"))
        threading.Thread(target=engine.apply, args=(edited,), daemon=True).start()
        eventually(lambda: engine._jobs is edited)
        [foretold] = engine.next_runs("daily-backup", 1)
        assert foretold > datetime.now(UTC) + timedelta(minutes=2)
    finally:
        bench.stop_all()
        server.stop(how=signal.SIGKILL)
