"""Results that are written together are judged one by one."""

from concurrent.futures import Future
from datetime import timedelta
from typing import Any

from harness.engine_harness import NOON

from chronos_gitops.engine.model import Attempt, Execution, Status, Trigger, finished
from chronos_gitops.engine.sql.claiming import claims
from chronos_gitops.engine.sql.claiming.claims import Claim
from chronos_gitops.engine.sql.store import ledger
from chronos_gitops.engine.sql.store.attempts import Record, Start
from chronos_gitops.engine.sql.store.store import Operation, Result, Store
from chronos_gitops.jobs.job_ids import DefinitionId
from chronos_gitops.jobs.model import Job, JobVersion


def claimed(store: Store, count: int) -> list[Execution]:
    webhook = {"url": "https://hooks.example.com/"}
    job = Job.from_document({"name": "a", "schedule": "* * * * *", "webhook": webhook, "concurrency": "allow"})
    definition = JobVersion(job, "jobs/a.yaml", DefinitionId("b" * 40))
    ticks = [NOON + timedelta(minutes=number) for number in range(count)]
    found = store.write(
        lambda session: claims.claim(
            session, [Claim.of_tick(definition, tick, Trigger.SCHEDULE) for tick in ticks], NOON, store.replica
        )
    )
    return [one.execution for one in found.result(10)]


def together(store: Store, *operations: Operation[Any]) -> list[Any]:
    answers: Future[list[Result]] = Future()
    store.write_all(operations, answers.set_result)
    return [one.value for one in answers.result(10)]


def success(execution: Execution, fence: int = 0) -> Record:
    ended = finished(execution, Status.SUCCESS, at=NOON, started_at=NOON, attempts=1, status_code=204)
    return Record(ended, Attempt(1, NOON, 5, 204), None, fence)


def found(store: Store, execution: Execution) -> tuple[Status, int]:
    detail = store.read(lambda session: ledger.execution(session, execution.id))
    assert detail is not None
    return detail.execution.status, len(detail.attempts)


def test_one_that_was_cancelled_meanwhile_keeps_its_end_and_the_others_are_recorded(store: Store) -> None:
    first, cancelled, foreign, last = executions = claimed(store, 4)
    store.write(lambda session: ledger.cancel(session, cancelled.id, "alice", NOON, store.replica)).result(10)
    records = [success(first), success(cancelled), success(foreign, fence=7), success(last)]
    for _ in range(2):  # the second time as after a commit whose outcome is unknown
        assert together(store, *records) == [True, False, False, True]
        assert [found(store, one) for one in executions] == [
            (Status.SUCCESS, 1),
            (Status.CANCELLED, 1),
            (Status.PENDING, 0),
            (Status.SUCCESS, 1),
        ]


def test_begins_are_written_together_and_never_after_an_end(store: Store) -> None:
    first, ended, last = claimed(store, 3)
    assert together(
        store, success(ended), Start(first.id, 0, NOON), Start(ended.id, 0, NOON), Start(last.id, 1, NOON)
    ) == [
        True,
        None,
        None,
        None,
    ]
    assert [found(store, one)[0] for one in (first, ended, last)] == [Status.RUNNING, Status.SUCCESS, Status.PENDING]
