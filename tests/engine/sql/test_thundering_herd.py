"""A thousand jobs due at the same second after an outage: limits and jitter hold, and every one of them runs."""

import sys
from datetime import timedelta

import pytest
from harness.engine_harness import HOUR, NOON, Bench, jobset

from chronos_gitops.engine.model import Status, Trigger
from chronos_gitops.engine.sql.claiming import watermarks
from chronos_gitops.engine.sql.claiming.watermarks import Watermark
from chronos_gitops.engine.sql.store.store import Session

HERD = 1000


@pytest.mark.timeout(60)
def test_the_herd_after_an_outage_obeys_the_limits(bench: Bench) -> None:
    """Takes two seconds: a thousand real requests."""
    jobs = [bench.job(f"herd-{number}", path="/hold/gate", schedule="0 * * * *") for number in range(HERD)]
    bench.stop(bench.start(*jobs))
    bench.clock._now += HOUR + timedelta(minutes=5)
    engine = bench.start(*jobs, at_once=30, per_host=20)
    assert bench.receiver.wait_for(20, 10)
    assert engine.health().running == HERD
    assert len(bench.receiver.requests) == 20, "no more than the limit are under way"
    bench.receiver.release("gate")
    ended = bench.seen.wait(HERD, 30)
    assert {(execution.status, execution.trigger) for execution in ended} == {(Status.SUCCESS, Trigger.CATCHUP)}
    assert {execution.scheduled_time for execution in ended} == {NOON + HOUR}


def test_jitter_spreads_the_catch_up_too(bench: Bench) -> None:
    jobs = [bench.job(f"herd-{number}", schedule="0 * * * *", jitter="10m") for number in range(50)]
    bench.stop(bench.start(*jobs))
    bench.clock._now += HOUR + timedelta(minutes=15)
    bench.start(*jobs)
    bench.clock.turn(timedelta(minutes=2))
    early = len(bench.receiver.requests)
    assert early < 25
    bench.clock.turn(timedelta(minutes=9))
    bench.seen.wait(50)


def test_a_commit_looks_at_the_watermarks_of_what_it_changed_only(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The embedded ledger has no other writer of them; to read those of 10,000 jobs delayed every tick by 40 ms."""
    idle = [bench.job(f"idle-{number}", schedule="@yearly") for number in range(20)]
    engine = bench.start(*idle)
    looked: list[list[str]] = []
    hold_several = watermarks.hold_several

    def noted(session: Session, jobs: list[str]) -> dict[str, Watermark]:
        looked.append(jobs)
        return hold_several(session, jobs)

    monkeypatch.setattr(watermarks, "hold_all", lambda _: pytest.fail("all of them"))
    monkeypatch.setattr(watermarks, "hold_several", noted)
    engine.apply(jobset(*idle[1:19], bench.job("idle-19")))
    assert looked == [["idle-19", "idle-0"]]
    bench.clock.turn(timedelta(minutes=1))
    assert [ended.job for ended in bench.seen.wait(1)] == ["idle-19"]


def test_health_is_told_at_any_moment_of_a_burst(bench: Bench) -> None:
    """Whoever asks counts what the loop changes meanwhile: once in a soak of twenty minutes that was an error."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        engine = bench.start(*(bench.job(f"herd-{number}", concurrency="allow") for number in range(400)))
        bench.clock.turn(timedelta(minutes=1))
        while len(bench.seen.ended) < 400:
            assert engine.health().ok
    finally:
        sys.setswitchinterval(before)
