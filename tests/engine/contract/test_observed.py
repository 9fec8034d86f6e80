"""Every engine keeps what an attempt ran with."""

from harness.engine_harness import Bench, eventually

from chronos_gitops.schedule.zones.timezones import rules_version


def test_each_attempt_keeps_what_it_ran_with(bench: Bench) -> None:
    engine = bench.start(bench.job(schedule="@yearly"))
    started = engine.trigger("daily-backup")
    bench.seen.wait(1)
    [attempt] = eventually(lambda: engine.execution(started.id).attempts)
    assert attempt.observed is not None
    assert (attempt.observed.host, attempt.observed.address) == ("127.0.0.1", "127.0.0.1")
    assert (attempt.observed.tzdata, attempt.observed.runner) == (rules_version(), "test")
