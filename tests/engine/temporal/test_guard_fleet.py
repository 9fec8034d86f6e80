"""The guard's pause when runners of one fleet are at different commits."""

from harness.engine_harness import Bench, eventually, jobset

from chronos_gitops.engine.model import Pause


def test_a_runner_that_is_behind_does_not_stop_the_repair_that_another_one_has_applied(bench: Bench) -> None:
    bad, repaired = (bench.job(path=path, schedule="@yearly") for path in ("/status/503", "/ok?repaired"))
    behind = bench.start(bad)
    ahead = bench.start(repaired)
    eventually(lambda: ahead.next_runs(repaired.name, 1))
    ahead.apply(jobset(repaired, version=2))
    made = ahead.trigger(repaired.name)
    bench.seen.wait_until(lambda: any(row.id == made.id for row in bench.seen.ended))
    at = bench.clock.now().replace(microsecond=0)
    assert not behind.stop_version(Pause(bad.name, "version 1 failed", "guard", at, version=1, content=bad.digest))
    assert not behind.pauses()
    assert not ahead.pauses_of(bad.name, at)
    assert ahead.stop_version(Pause(bad.name, "version 2 failed", "guard", at, version=2, content=repaired.digest))
    eventually(lambda: [pause.version for pause in ahead.pauses().values()] == [2])
