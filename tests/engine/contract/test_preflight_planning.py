"""Every engine says which coming executions a preflight looks at: what pauses and disabling leave in the window."""

from datetime import timedelta

from harness.engine_harness import Bench, jobset

from chronos_gitops.expectations.preflight.planning import planned

HOUR = timedelta(hours=1)


def test_only_what_will_be_claimed_is_planned(bench: Bench) -> None:
    jobs = [
        bench.job("hourly", schedule="0 * * * *"),
        bench.job("paused", schedule="0 * * * *"),
        bench.job("resumes", schedule="0 * * * *"),
        bench.job("off", schedule="0 * * * *", enabled=False),
        bench.job("rare", schedule="0 0 29 2 *"),
    ]
    engine, now = bench.start(*jobs), bench.clock.now()
    ends = (now + 5 * HOUR).replace(minute=30, second=0, microsecond=0)
    engine.pause("paused", reason="moving", by="ada")
    engine.pause("resumes", reason="moving", by="ada", until=ends)
    found = {one.definition.job.name: one for one in planned(engine, jobset(*jobs), now, 24 * HOUR)}
    assert sorted(found) == ["hourly", "resumes"]
    assert now < found["hourly"].first <= now + HOUR
    assert now + 23 * HOUR < found["hourly"].last <= now + 24 * HOUR
    assert found["resumes"].first == ends + timedelta(minutes=30)
    assert found["hourly"].execution_id != found["resumes"].execution_id


def test_one_at_a_time_over_all_runners(bench: Bench) -> None:
    engine = bench.start(bench.job())
    with engine.alone("preflight"):
        pass
    with engine.alone("preflight"):
        pass
