"""A bulk call is one transaction: every job of it changes, or none (TIME section 7)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness.clock import HandClock
from harness.engine_harness import NOON, Bench, Seen
from harness.engines import on_postgres, on_sqlite

from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.model import Execution, ExecutionQuery, Pause
from chronos_gitops.engine.operations.bulk import BulkAction, BulkCall
from chronos_gitops.engine.sql.claiming import claims
from chronos_gitops.engine.sql.store import ledger

NAMES = ("a", "b", "c", "d")


@pytest.fixture(params=["sqlite", "postgres"])
def bench(request: pytest.FixtureRequest, data_folder: Path, receiver: Receiver, seen: Seen) -> Iterator[Bench]:
    is_postgres = request.param == "postgres"
    maker = on_postgres(request.getfixturevalue("postgres_url")) if is_postgres else on_sqlite(data_folder / "l.db")
    bench = Bench(maker, receiver, HandClock(NOON), seen)
    yield bench
    bench.stop_all()


def call(action: BulkAction) -> BulkCall:
    return BulkCall(f"a call to {action}", action, NAMES, "ada", "work", NOON)


def started(bench: Bench) -> Engine:
    return bench.start(*(bench.job(name=name, schedule="@yearly") for name in NAMES))


@pytest.mark.parametrize("action", [BulkAction.PAUSE, BulkAction.RESUME])
def test_pause_or_resume_that_fails_at_its_third_job_changes_none(
    bench: Bench, action: BulkAction, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = started(bench)
    if action is BulkAction.RESUME:
        engine.bulk(call(BulkAction.PAUSE))
    before = dict(engine.pauses())
    name = "set_pause" if action is BulkAction.PAUSE else "end_pause"
    usual, seen = getattr(ledger, name), list[str]()

    def failing(session: Any, pause: Pause | str, *rest: Any) -> None:
        job = pause if isinstance(pause, str) else pause.job
        seen.append(job)
        if job == "c":
            raise RuntimeError("the third job")
        usual(session, pause, *rest)

    monkeypatch.setattr(ledger, name, failing)
    with pytest.raises(RuntimeError, match="the third job"):
        engine.bulk(call(action))
    assert seen[:3] == ["a", "b", "c"], "two were written before"
    monkeypatch.undo()
    assert engine.pauses() == before
    bench.stop(engine)
    assert started(bench).pauses() == before


def test_trigger_that_fails_at_its_third_job_leaves_no_execution(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = started(bench)
    usual = claims.parameters

    def failing(execution: Execution) -> dict[str, Any]:
        if execution.job == "c":
            raise RuntimeError("the third job")
        return usual(execution)

    monkeypatch.setattr(claims, "parameters", failing)
    with pytest.raises(RuntimeError, match="the third job"):
        engine.bulk(call(BulkAction.TRIGGER))
    monkeypatch.undo()
    assert list(engine.executions(ExecutionQuery(limit=100))) == []
    assert list(bench.receiver.requests) == []
