"""Many jobs paused, resumed or triggered by one call, on each engine."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from harness.engine_harness import Bench, eventually, statuses

from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.model import Trigger
from chronos_gitops.engine.operations.bulk import BulkAction, BulkCall, BulkItem, BulkKeyReused, call_id

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
NEVER = "@yearly"
NAMES = ("a", "b", "c")


def call(bench: Bench, action: BulkAction, key: str | None = None, hours: int | None = None) -> BulkCall:
    now = bench.clock.now()
    until = None if hours is None else now.replace(microsecond=0) + hours * HOUR
    fingerprint = None if key is None else f"{action} {hours}"
    return BulkCall(
        call_id(action, "ada", key), action, NAMES, "ada", "work", now, until=until, fingerprint=fingerprint
    )


def three(bench: Bench) -> Engine:
    return bench.start(*(bench.job(name=name, schedule=NEVER) for name in NAMES))


def outcomes(items: Sequence[BulkItem]) -> list[str]:
    return [item.outcome.value for item in items]


def test_pauses_and_resumes_all(bench: Bench) -> None:
    engine = three(bench)
    paused = call(bench, BulkAction.PAUSE)
    assert outcomes(engine.bulk(paused)) == ["paused"] * 3
    eventually(lambda: {name: pause.bulk for name, pause in engine.pauses().items()} == dict.fromkeys(NAMES, paused.id))
    assert engine.next_runs("a", 1) == ()
    bench.clock.turn(SECOND / 100)
    assert outcomes(engine.bulk(call(bench, BulkAction.RESUME))) == ["resumed"] * 3
    assert engine.pauses() == {}
    eventually(lambda: engine.next_runs("a", 1))
    assert outcomes(engine.bulk(call(bench, BulkAction.RESUME))) == ["not_paused"] * 3


def test_keeps_longer_pauses_and_gives_back_shorter_ones(bench: Bench) -> None:
    engine = three(bench)
    soon = bench.clock.now().replace(microsecond=0) + HOUR
    engine.pause("a", reason="own", by="bob")
    engine.pause("b", reason="own", by="bob", until=soon)
    bench.clock.turn(SECOND / 100)
    paused = call(bench, BulkAction.PAUSE, hours=2)
    items = engine.bulk(paused)
    assert outcomes(items) == ["kept", "paused", "paused"]
    assert [item.until for item in items] == [None, paused.until, paused.until]
    bench.clock.turn(SECOND / 100)
    resumed = engine.bulk(replace(call(bench, BulkAction.RESUME), bulk=paused.id))
    assert outcomes(resumed) == ["kept", "kept", "resumed"]
    left = {name: (pause.reason, pause.by, pause.until) for name, pause in engine.pauses().items()}
    assert left == {"a": ("own", "bob", None), "b": ("own", "bob", soon)}


def test_a_pause_that_was_changed_since_does_not_end_with_the_call(bench: Bench) -> None:
    engine = three(bench)
    paused = call(bench, BulkAction.PAUSE)
    engine.bulk(paused)
    bench.clock.turn(SECOND / 100)
    engine.pause("b", reason="longer", by="bob")
    assert outcomes(engine.bulk(replace(call(bench, BulkAction.RESUME), bulk=paused.id))) == [
        "resumed",
        "kept",
        "resumed",
    ]


def test_a_repeated_key_changes_nothing_more(bench: Bench) -> None:
    engine = three(bench)
    first = call(bench, BulkAction.PAUSE, "key", hours=1)
    items = engine.bulk(first)
    bench.clock.turn(SECOND / 10)
    engine.resume("b")
    again = replace(call(bench, BulkAction.PAUSE, "key", hours=1), jobs=("a",))
    assert again.id == first.id
    assert engine.bulk(again) == items
    assert set(engine.pauses()) == {"a", "c"}
    found = engine.bulk_call(first.id)
    assert found is not None
    assert found.jobs == NAMES
    with pytest.raises(BulkKeyReused):
        engine.bulk(call(bench, BulkAction.PAUSE, "key", hours=2))
    assert engine.bulk_call(call_id(BulkAction.PAUSE, "bob", "key")) is None


def test_survives_a_restart(bench: Bench) -> None:
    engine = three(bench)
    paused = call(bench, BulkAction.PAUSE, "key")
    items = engine.bulk(paused)
    bench.stop(engine)
    engine = three(bench)
    assert outcomes(engine.bulk(replace(paused, jobs=("a",)))) == outcomes(items)
    eventually(lambda: {pause.bulk for pause in engine.pauses().values()} == {paused.id})


def test_triggers_each_once(bench: Bench) -> None:
    jobs = [bench.job(name="a", schedule=NEVER, path="/hold/a")]
    jobs += [bench.job(name=name, schedule=NEVER) for name in NAMES[1:]]
    engine = bench.start(*jobs)
    engine.trigger("a")
    assert bench.receiver.wait_for(1, 30)
    order = call(bench, BulkAction.TRIGGER, "key")
    items = engine.bulk(order)
    assert outcomes(items) == ["skipped", "triggered", "triggered"]
    again = engine.bulk(order)
    assert [item.execution for item in again] == [item.execution for item in items]
    bench.receiver.release("a")
    bench.seen.wait(4)
    for name in NAMES[1:]:
        assert eventually(lambda name=name: statuses(engine, name) == [("success", None)])  # type: ignore[misc]
    assert {engine.execution(item.execution or "").execution.trigger for item in items} == {Trigger.MANUAL}


def test_what_fell_in_the_pauses_follows_each_policy(bench: Bench) -> None:
    often = {"schedule": "@every 1s"}
    engine = bench.start(
        bench.job(name="a", missed_run_policy="ignore", **often),
        bench.job(name="b", **often),
        bench.job(name="c", schedule=NEVER),
    )
    engine.bulk(call(bench, BulkAction.PAUSE))
    bench.clock.turn(3 * SECOND)
    engine.bulk(call(bench, BulkAction.RESUME))
    eventually(lambda: ("skipped", "missed") in statuses(engine, "a"))
    bench.seen.wait_until(lambda: any(row.job == "b" and row.trigger is Trigger.CATCHUP for row in bench.seen.ended))
    assert not any(row.trigger is Trigger.CATCHUP for row in bench.seen.ended if row.job == "a")
