"""Every engine keeps what an attempt saw besides git, and compares it where a job fails."""

from typing import Any

from harness.engine_harness import Bench, eventually, jobset

from chronos_gitops.engine.model import Status
from chronos_gitops.expectations import other_changes


def test_a_failure_is_compared_with_the_success_before_it(bench: Bench) -> None:
    fields: dict[str, Any] = {"schedule": "@yearly", "retry_policy": {"max_attempts": 1}, "concurrency": "allow"}
    engine = bench.start(bench.job(**fields))
    engine.trigger("daily-backup")
    [good] = bench.seen.wait(1)
    engine.apply(jobset(bench.job(path="/status/503", **fields), version=2))
    eventually(lambda: engine.trigger("daily-backup").version == 2)
    bench.seen.wait_until(lambda: any(row.status is Status.FAILED for row in bench.seen.ended))
    bad = next(row for row in bench.seen.ended if row.status is Status.FAILED)
    for row in (good, bad):
        observed = engine.execution(row.id).attempts[-1].observed
        assert observed is not None
        assert (observed.host, observed.address) == ("127.0.0.1", "127.0.0.1")
        assert observed.tzdata
        assert observed.runner.endswith("test")
    assert other_changes.compared(engine, good, bad) == ()
