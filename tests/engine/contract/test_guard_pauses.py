"""The guard's pause on every engine: beside an operator's, ended by resume or another content, which fires nothing."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from harness.engine_harness import Bench, eventually, jobset

from chronos_gitops.engine.model import Pause
from chronos_gitops.engine.operations.bulk import BulkAction, BulkCall, call_id
from chronos_gitops.jobs.model import Job

SECOND = timedelta(seconds=1)


def stopped(bench: Bench, job: Job) -> Pause:
    at = bench.clock.now().replace(microsecond=0)
    return Pause(job.name, "version 1 failed", "guard", at, version=1, content=job.digest)


def at(bench: Bench) -> datetime:
    return bench.clock.now()


def by(pauses: dict[str, Pause]) -> list[str]:
    return [pause.by for pause in pauses.values()]


@pytest.mark.parametrize("policy", ["execute_all", "ignore"])
def test_another_content_ends_it_and_gives_up_what_fell_in_it(bench: Bench, policy: str) -> None:
    fields = {"schedule": "@every 1s", "missed_run_policy": policy}
    job = bench.job(**fields)
    engine = bench.start(job)
    bench.clock.turn(SECOND)
    bench.seen.wait(1)
    pause = stopped(bench, job)
    assert engine.stop_version(pause)
    assert engine.stop_version(pause)
    eventually(lambda: by(dict(engine.pauses())) == ["guard"])
    held = engine.pauses()[job.name]
    assert (held.version, held.reason, held.until) == (1, "version 1 failed", None)
    bench.clock.turn(3 * SECOND)
    engine.apply(jobset(bench.job(path="/ok?repaired", **fields), version=2))
    eventually(lambda: not engine.pauses())
    bench.clock.turn(SECOND)
    bench.seen.wait_until(lambda: any(row.version == 2 and row.attempts for row in bench.seen.ended))
    after = [row for row in bench.seen.ended if row.scheduled_time > pause.at + SECOND]
    missed = [row for row in after if row.reason == "missed"]
    assert [row.trigger.value for row in after if row.attempts] == ["schedule"] * len([r for r in after if r.attempts])
    assert sum(row.count for row in missed) >= 2
    assert len(missed) == 1
    ended = eventually(lambda: [one for one in engine.pauses_of(job.name, pause.at) if one.by == "guard"])
    assert [one.until is not None for one in ended] == [True]


def test_it_stands_beside_an_operators_and_resume_ends_both(bench: Bench) -> None:
    job = bench.job(schedule="@yearly")
    engine = bench.start(job)
    eventually(lambda: engine.stop_version(stopped(bench, job)))
    engine.pause(job.name, reason="moving", by="ada")
    assert by(dict(engine.pauses())) == ["ada"]
    engine.apply(jobset(bench.job(path="/ok?repaired", schedule="@yearly"), version=2))
    assert by(dict(engine.pauses())) == ["ada"]
    engine.resume(job.name)
    assert not engine.pauses()
    engine.apply(jobset(job))
    engine.pause(job.name, reason="moving", by="ada")
    eventually(lambda: engine.stop_version(stopped(bench, job)))
    assert by(dict(engine.pauses())) == ["ada"]
    engine.resume(job.name)
    assert not engine.pauses()


def test_it_stands_beside_one_of_many_jobs_and_outlasts_the_resume_of_that_call(bench: Bench) -> None:
    job = bench.job(schedule="@yearly")
    engine = bench.start(job)
    assert engine.stop_version(stopped(bench, job))
    bench.clock.turn(SECOND / 100)
    call = BulkCall(call_id(BulkAction.PAUSE, "ada", None), BulkAction.PAUSE, (job.name,), "ada", "work", at(bench))
    engine.bulk(call)
    eventually(lambda: by(dict(engine.pauses())) == ["ada"])
    bench.clock.turn(SECOND / 100)
    resume = replace(call, id=call_id(BulkAction.RESUME, "ada", None), action=BulkAction.RESUME, at=at(bench))
    engine.bulk(replace(resume, bulk=call.id))
    eventually(lambda: by(dict(engine.pauses())) == ["guard"])
    engine.resume(job.name)
    assert not engine.pauses()


def test_one_that_an_operator_has_ended_is_not_made_again(bench: Bench) -> None:
    """By a runner that decided the same a moment later."""
    job = bench.job(schedule="@yearly")
    engine = bench.start(job)
    pause = stopped(bench, job)
    assert engine.stop_version(pause)
    bench.clock.turn(SECOND)
    engine.resume(job.name)
    assert not engine.pauses()
    assert engine.stop_version(pause)
    assert not engine.pauses()
    assert len([one for one in engine.pauses_of(job.name, pause.at) if one.by == "guard"]) == 1


def test_a_version_that_was_replaced_meanwhile_is_not_stopped(bench: Bench) -> None:
    job = bench.job(schedule="@yearly")
    engine = bench.start(job)
    late = stopped(bench, job)
    engine.apply(jobset(bench.job(path="/ok?repaired", schedule="@yearly"), version=2))
    assert not engine.stop_version(late)
    assert not engine.pauses()
