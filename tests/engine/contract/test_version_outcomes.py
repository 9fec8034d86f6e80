"""Every engine counts how the executions of a version ended."""

from harness.engine_harness import Bench, eventually


def test_outcomes_are_counted_by_commit(bench: Bench) -> None:
    retries = {"max_attempts": 1}
    engine = bench.start(
        bench.job(schedule="@yearly"), bench.job("failing", "/status/404", schedule="@yearly", retry_policy=retries)
    )
    for name in ("daily-backup", "failing"):
        engine.trigger(name)
    bench.seen.wait(2)
    good = eventually(lambda: engine.outcomes("daily-backup"))["a" * 40]
    bad = eventually(lambda: engine.outcomes("failing"))["a" * 40]
    assert (good.success, good.failed, good.first_failure, good.complete) == (1, 0, None, True)
    assert good.p95_ms is not None
    assert (bad.success, bad.failed, bad.first_failure) == (0, 1, bad.since)
    assert engine.outcomes("nobody") == {}
