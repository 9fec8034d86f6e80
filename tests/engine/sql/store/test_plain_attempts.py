"""The only attempt of a plain success is a part of its execution's row, and reads as it was recorded."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from engine.sql.store.test_attempts import claimed, together
from harness.engine_harness import NOON

from chronos_gitops.engine.model import Attempt, Execution, Status, finished
from chronos_gitops.engine.sql.store import ledger
from chronos_gitops.engine.sql.store.attempts import Record
from chronos_gitops.engine.sql.store.store import Store
from chronos_gitops.webhooks.observed import Observed, ObservedSecret
from chronos_gitops.webhooks.transport.peer import Certificate
from chronos_gitops.webhooks.transport.timings import PhaseTimes

OBSERVED = Observed(
    "hooks.example.com",
    "203.0.113.7",
    Certificate("ab" * 32, NOON, NOON + timedelta(days=90)),
    {"token": ObservedSecret("0123456789abcdef", NOON)},
    "2025.2",
    "0.2.0",
    {"Content-Type": "text/plain", "X-Request-Id": "7"},
)
FIRST = Attempt(
    1,
    NOON + timedelta(milliseconds=3),
    12,
    200,
    None,
    None,
    'a "text", ü\n',
    PhaseTimes(first_byte=9.25, read=2.0),
    OBSERVED,
)
PLAIN = {
    "everything": FIRST,
    "nothing was measured": Attempt(1, NOON, 0, 204),
    "all phases": replace(FIRST, phases=PhaseTimes(0.1, 0.2, 3.0, 1234567.89, 0.01), started_at=NOON),
    "no headers": replace(FIRST, observed=replace(OBSERVED, headers={}, certificate=None, host=None)),
    "a header of its own": replace(FIRST, observed=replace(OBSERVED, headers={"Retry-After": "1"})),
    "a clock that went back": replace(FIRST, started_at=NOON - timedelta(seconds=1)),
}


def recorded(execution: Execution, attempt: Attempt, status: Status = Status.SUCCESS, **seen: Any) -> Record:
    seen |= {"started_at": NOON, "attempts": attempt.number, "status_code": attempt.status_code}
    ended = finished(execution, status, at=NOON + timedelta(milliseconds=15), **seen)
    return Record(ended, attempt, None, 0)


def attempts(store: Store, execution: Execution) -> tuple[Attempt, ...]:
    detail = store.read(lambda session: ledger.execution(session, execution.id))
    assert detail is not None
    return detail.attempts


def count(store: Store, table: str) -> int:
    row = store.read(lambda session: session.execute(f"SELECT count(*) AS rows FROM {table}").fetchone())
    assert row is not None
    return int(row["rows"])


@pytest.mark.parametrize("attempt", PLAIN.values(), ids=PLAIN)
def test_it_reads_as_it_was_recorded(store: Store, attempt: Attempt) -> None:
    [execution] = claimed(store, 1)
    for _ in range(2):  # the second time as after a commit whose outcome is unknown
        assert together(store, recorded(execution, attempt)) == [True]
        assert attempts(store, execution) == (attempt,)
    assert count(store, "attempts") == 0


def test_a_failure_and_what_followed_it_have_rows_of_their_own(store: Store) -> None:
    failed, retried, plain = claimed(store, 3)
    error = replace(FIRST, status_code=500, error_class="status", error="HTTP 500")
    second = replace(FIRST, number=2)
    still = replace(retried, status=Status.RUNNING, started_at=NOON, attempts=1)
    assert (
        together(store, recorded(failed, error, Status.FAILED), Record(still, error, NOON, 0), recorded(plain, FIRST))
        == [True] * 3
    )
    assert together(store, recorded(retried, second)) == [True]
    assert [attempts(store, one) for one in (failed, retried, plain)] == [(error,), (error, second), (FIRST,)]


def test_contexts_are_shared_within_a_month_and_go_when_no_row_is_left_of_it(store: Store) -> None:
    executions = claimed(store, 3)
    later = replace(FIRST, started_at=NOON + timedelta(days=31))
    assert together(store, *map(recorded, executions, (FIRST, FIRST, later))) == [True] * 3
    assert count(store, "contexts") == 2
    for until, left in ((NOON, 2), (NOON + timedelta(days=31), 1)):
        store.write(lambda session, until=until: ledger.forget_leftovers(session, until, 100)).result(10)
        assert count(store, "contexts") == left
    assert attempts(store, executions[2]) == (later,)
