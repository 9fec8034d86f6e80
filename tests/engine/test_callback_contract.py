"""The promises of every engine for work that a target has accepted: one suite, run on each engine.

Temporal's clock cannot be turned by hand, so times are short here, and `Waiting.pass_time` waits for them there.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from harness.clock import HandClock
from harness.engine_harness import NOON, Bench, Seen, eventually
from harness.engines import on_postgres, on_sqlite
from harness.programs.temporal import TemporalServer, on_temporal

from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.engine.callbacks import CallbackLate, CallbackReport, CallbackUnknown, Told
from chronos_gitops.engine.clock import SystemClock
from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.model import Execution, ExecutionDetail, Status
from chronos_gitops.errors import ConflictError
from chronos_gitops.webhooks.transport.dns import AddressInfo, Resolver

JOB = "nightly-report"
QUICK = {"initial_interval": "10ms", "max_interval": "10ms"}
ONCE = {"max_attempts": 1}


class Waiting:
    """A bench, and the words of its tests: a target that accepts, and its callbacks."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.receiver = bench.receiver
        self.seen = bench.seen

    def start(self, path: str = "/status/202", **fields: Any) -> Engine:
        webhook = {"url": self.receiver.url(path), "completion": "callback"}
        fields = {"schedule": "@yearly", "timeout": "2m", "retry_policy": QUICK} | fields
        return self.bench.start(self.bench.job(JOB, webhook=webhook, **fields))

    def accepted(self, engine: Engine) -> Execution:
        """A triggered execution, once its target has accepted it."""
        execution = engine.trigger(JOB)
        return eventually(lambda: self.waiting(engine, execution.id))

    @staticmethod
    def waiting(engine: Engine, execution_id: str) -> Execution | None:
        found = engine.execution(execution_id).execution
        return found if found.waiting_for == "callback" else None

    def signature(self, number: int = -1) -> str:
        """Out of the header of a request."""
        url = urlsplit(self.receiver.requests[number].header("X-Chronos-Callback-URL") or "")
        return parse_qs(url.query)["signature"][0]

    def call(self, engine: Engine, execution: Execution, told: Told, message: str | None = None) -> Execution:
        return engine.call_back(execution.id, CallbackReport(told, message), signature=self.signature())

    def pass_time(self, seconds: float) -> None:
        if isinstance(self.bench.clock, HandClock):
            self.bench.clock.turn(timedelta(seconds=seconds))
        else:
            threading.Event().wait(seconds)

    def ended(self, engine: Engine, execution: Execution) -> ExecutionDetail:
        self.seen.wait_until(lambda: any(row.id == execution.id for row in self.seen.ended), 20)
        return eventually(lambda: _final(engine.execution(execution.id)))


def _final(detail: ExecutionDetail) -> ExecutionDetail | None:
    return detail if detail.execution.status.is_final else None


@pytest.fixture(params=["sqlite", "postgres", "temporal"])
def waiting(request: pytest.FixtureRequest, receiver: Receiver, seen: Seen, data_folder: Path) -> Iterator[Waiting]:
    clock: Any = HandClock(NOON)
    if request.param == "sqlite":
        maker = on_sqlite(data_folder / "ledger.db")
    elif request.param == "postgres":
        maker = on_postgres(request.getfixturevalue("postgres_url"))
    else:
        server: TemporalServer = request.getfixturevalue("temporal")
        maker, clock = on_temporal(server.url(server.namespace())), SystemClock()
    bench = Bench(maker, receiver, clock, seen)
    yield Waiting(bench)
    bench.stop_all()


def test_an_accepted_execution_runs_until_its_target_calls_back(waiting: Waiting) -> None:
    engine = waiting.start()
    execution = waiting.accepted(engine)
    assert (execution.status, execution.status_code, execution.attempts) == (Status.RUNNING, 202, 1)
    assert [row.id for row in engine.running(JOB)] == [execution.id]
    assert waiting.seen.ended == []
    answer = waiting.call(engine, execution, Told.SUCCESS, "7 tables")
    detail = waiting.ended(engine, execution)
    ended = detail.execution
    assert (answer.status, ended.status, ended.message) == (Status.SUCCESS, Status.SUCCESS, "7 tables")
    assert (ended.waiting_for, ended.callback_deadline, ended.error) == (None, None, None)
    assert ended.completed_at is not None
    assert [(one.number, one.status_code, one.error_class) for one in detail.attempts] == [(1, 202, None)]
    assert [row.status for row in waiting.seen.ended] == [Status.SUCCESS]


def test_the_deadline_is_the_timeout_from_when_the_request_was_sent(waiting: Waiting) -> None:
    engine = waiting.start(timeout="90s")
    execution = waiting.accepted(engine)
    [attempt] = engine.execution(execution.id).attempts
    assert execution.callback_deadline is not None
    assert abs(execution.callback_deadline - attempt.started_at - timedelta(seconds=90)) < timedelta(seconds=5)


def test_a_target_that_failed_ends_it_without_another_attempt(waiting: Waiting) -> None:
    engine = waiting.start()
    execution = waiting.accepted(engine)
    waiting.call(engine, execution, Told.FAILED, "the disk is full")
    detail = waiting.ended(engine, execution)
    assert (detail.execution.status, detail.execution.error_class) == (Status.FAILED, "callback")
    assert detail.execution.error == "the target called back that it failed: the disk is full"
    [attempt] = detail.attempts
    assert (attempt.status_code, attempt.error_class) == (202, "callback")
    assert len(waiting.receiver.requests) == 1


def test_a_heartbeat_is_kept_and_moves_no_deadline(waiting: Waiting) -> None:
    engine = waiting.start()
    execution = waiting.accepted(engine)
    waiting.call(engine, execution, Told.RUNNING, "3 of 7 tables")
    heard = eventually(lambda: _heard(engine.execution(execution.id).execution))
    assert (heard.status, heard.message, heard.waiting_for) == (Status.RUNNING, "3 of 7 tables", "callback")
    assert heard.callback_deadline == execution.callback_deadline
    waiting.call(engine, execution, Told.SUCCESS)
    ended = waiting.ended(engine, execution).execution
    assert (ended.message, ended.heartbeat_at) == ("3 of 7 tables", heard.heartbeat_at)


def _heard(execution: Execution) -> Execution | None:
    return execution if execution.heartbeat_at is not None else None


def test_a_deadline_that_passes_is_a_timeout_and_retried(waiting: Waiting) -> None:
    engine = waiting.start(timeout="5s")
    execution = waiting.accepted(engine)
    waiting.pass_time(5.5)
    again = eventually(lambda: _retried(waiting, engine, execution), 20)
    assert again.status is Status.RUNNING
    first, second = waiting.receiver.requests
    assert first.header("Idempotency-Key") == second.header("Idempotency-Key") == execution.id
    attempts = engine.execution(execution.id).attempts
    assert [one.error_class for one in attempts] == ["timeout", None]
    assert (attempts[0].error or "").startswith("no callback within 5s")
    answer = engine.call_back(execution.id, CallbackReport(Told.SUCCESS), signature=waiting.signature(0))
    assert answer.status is Status.SUCCESS
    assert waiting.ended(engine, execution).execution.attempts == 2


def _retried(waiting: Waiting, engine: Engine, execution: Execution) -> Execution | None:
    """Turns the clock over the wait between attempts, however it was drawn."""
    waiting.pass_time(0.02)
    found = waiting.waiting(engine, execution.id)
    return found if found is not None and found.attempts == 2 else None


def test_the_last_deadline_that_passes_ends_it(waiting: Waiting) -> None:
    engine = waiting.start(timeout="5s", retry_policy=ONCE)
    execution = waiting.accepted(engine)
    waiting.pass_time(5.5)
    detail = waiting.ended(engine, execution)
    assert (detail.execution.status, detail.execution.error_class) == (Status.FAILED, "timeout")
    assert [(one.status_code, one.error_class) for one in detail.attempts] == [(202, "timeout")]
    for told in (Told.SUCCESS, Told.FAILED, Told.RUNNING):
        with pytest.raises(CallbackLate):
            waiting.call(engine, execution, told)
    assert engine.execution(execution.id).execution.error_class == "timeout"


def test_the_same_outcome_again_is_harmless_and_another_one_comes_too_late(waiting: Waiting) -> None:
    engine = waiting.start()
    execution = waiting.accepted(engine)
    waiting.call(engine, execution, Told.SUCCESS, "once")
    assert waiting.call(engine, execution, Told.SUCCESS, "twice").status is Status.SUCCESS
    for told in (Told.FAILED, Told.RUNNING):
        with pytest.raises(CallbackLate):
            waiting.call(engine, execution, told)
    assert waiting.ended(engine, execution).execution.message == "once"
    assert len(waiting.seen.ended) == 1


def test_of_callbacks_that_come_at_once_exactly_one_counts(waiting: Waiting) -> None:
    engine = waiting.start()
    execution = waiting.accepted(engine)
    together = threading.Barrier(8)

    def call(told: Told) -> Status | None:
        together.wait(10)
        try:
            return waiting.call(engine, execution, told, str(told)).status
        except CallbackLate:
            return None

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(call, [Told.SUCCESS, Told.FAILED] * 4))
    ended = waiting.ended(engine, execution).execution
    assert answers == {ended.status, None}
    assert ended.message == ended.status.value
    assert [row.status for row in waiting.seen.ended] == [ended.status]


def test_callbacks_that_race_the_deadline_leave_one_end(waiting: Waiting) -> None:
    """Each execution ends as its callback was answered: 200 and success, or late and timed out."""
    engine = waiting.start(timeout="10s", concurrency="allow", retry_policy=ONCE)
    executions = [engine.trigger(JOB) for _ in range(8)]
    eventually(lambda: all(waiting.waiting(engine, one.id) for one in executions), 20)
    signatures = {
        request.execution_id: waiting.signature(number) for number, request in enumerate(waiting.receiver.requests)
    }
    together = threading.Barrier(len(executions) + 1)

    def call(number: int) -> bool:
        execution = engine.execution(executions[number].id).execution
        together.wait(20)
        if not isinstance(waiting.bench.clock, HandClock):
            assert execution.callback_deadline is not None
            left = execution.callback_deadline - waiting.bench.clock.now()
            threading.Event().wait(left.total_seconds() + (number - 4) * 0.02)
        try:
            engine.call_back(execution.id, CallbackReport(Told.SUCCESS), signature=signatures[execution.id])
        except CallbackLate:
            return False
        return True

    with ThreadPoolExecutor(len(executions)) as pool:
        answers = [pool.submit(call, number) for number in range(len(executions))]
        together.wait(20)
        waiting.pass_time(10.1)
        heard = [answer.result(30) for answer in answers]
    waiting.seen.wait(len(executions), 30)
    for execution, was_heard in zip(executions, heard, strict=True):
        ended = waiting.ended(engine, execution).execution
        assert (ended.status, ended.error_class) == (
            (Status.SUCCESS, None) if was_heard else (Status.FAILED, "timeout")
        )
    assert sorted(row.id for row in waiting.seen.ended) == sorted(one.id for one in executions)


@pytest.mark.parametrize("told", [Told.SUCCESS, Told.FAILED])
def test_a_callback_that_comes_before_the_answer_is_not_lost(waiting: Waiting, told: Told) -> None:
    engine = waiting.start("/hold/answer")
    execution = engine.trigger(JOB)
    assert waiting.receiver.wait_for(1, 10)
    waiting.call(engine, execution, told)
    waiting.receiver.release("answer")
    waiting.ended(engine, execution)
    detail = eventually(lambda: _with_attempt(engine.execution(execution.id)))
    assert detail.execution.status is told.end
    assert (detail.execution.attempts, detail.execution.status_code) == (1, 200)
    assert waiting.receiver.abandoned == ()
    assert len(waiting.receiver.requests) == 1


def _with_attempt(detail: ExecutionDetail) -> ExecutionDetail | None:
    return detail if detail.attempts and detail.execution.attempts else None


def test_a_callback_between_two_attempts_ends_it(waiting: Waiting) -> None:
    """The target did the work, and only its answer failed."""
    engine = waiting.start("/flaky/1", retry_policy={"initial_interval": "1h", "max_interval": "1h"})
    execution = engine.trigger(JOB)
    assert waiting.receiver.wait_for(1, 10)
    eventually(lambda: engine.execution(execution.id).attempts)
    waiting.call(engine, execution, Told.SUCCESS)
    assert waiting.ended(engine, execution).execution.status is Status.SUCCESS
    assert engine.running(JOB) == [] or eventually(lambda: engine.running(JOB) == [])
    assert len(waiting.receiver.requests) == 1


def test_a_callback_before_the_request_after_a_restart_ends_it(waiting: Waiting) -> None:
    """A killed runner had sent it, so its target knows the URL while the next runner still looks up the address."""
    webhook = {"url": waiting.receiver.url("/hold/answer").replace("127.0.0.1", "localhost"), "completion": "callback"}
    fields = {"schedule": "@yearly", "timeout": "2m", "retry_policy": QUICK, "concurrency": "queue"}
    job = waiting.bench.job(JOB, webhook=webhook, **fields)
    engine = waiting.bench.start(job)
    execution = engine.trigger(JOB)
    assert waiting.receiver.wait_for(1, 10)
    signature = waiting.signature()
    waiting.bench.stop(engine)
    asked, called_back = threading.Event(), threading.Event()

    async def resolve(host: str) -> list[AddressInfo]:
        asked.set()
        await asyncio.to_thread(called_back.wait, 30)
        return await Resolver().resolve(host)

    engine = waiting.bench.start(job, resolve=resolve)
    assert asked.wait(60)
    engine.call_back(execution.id, CallbackReport(Told.SUCCESS), signature=signature)
    called_back.set()
    waiting.receiver.release("answer")
    assert waiting.ended(engine, execution).execution.status is Status.SUCCESS
    after = engine.trigger(JOB)  # queued: it does not begin beside one that still tries
    assert waiting.receiver.wait_for(2, 20)
    assert [request.execution_id for request in waiting.receiver.requests] == [execution.id, after.id]


def test_an_answer_without_success_is_retried_and_nobody_waits(waiting: Waiting) -> None:
    engine = waiting.start("/status/404")
    execution = engine.trigger(JOB)
    detail = waiting.ended(engine, execution)
    assert (detail.execution.status, detail.execution.error_class) == (Status.FAILED, "status")


def test_only_the_signature_of_the_execution_counts(waiting: Waiting) -> None:
    engine = waiting.start(concurrency="allow")
    one, other = waiting.accepted(engine), waiting.accepted(engine)
    good = next(
        waiting.signature(number)
        for number, request in enumerate(waiting.receiver.requests)
        if request.execution_id == one.id
    )
    wrong = ["", good[:-1], good + "A", good[::-1], good.upper(), "é" * 43, good + "\0", good[:-1] + "\udcff"]
    for signature in wrong:
        with pytest.raises(CallbackUnknown):
            engine.call_back(one.id, CallbackReport(Told.SUCCESS), signature=signature)
    for identity in (other.id, "no such execution", "", one.id.upper(), "\udcff"):
        with pytest.raises(CallbackUnknown):
            engine.call_back(identity, CallbackReport(Told.SUCCESS), signature=good)
    assert {row.id for row in engine.running(JOB)} == {one.id, other.id}
    assert engine.call_back(one.id, CallbackReport(Told.SUCCESS), signature=good).status is Status.SUCCESS


def test_what_is_kept_of_a_message_is_cut_and_has_no_signature_in_it(waiting: Waiting) -> None:
    engine = waiting.start()
    execution = waiting.accepted(engine)
    waiting.call(engine, execution, Told.FAILED, f"posting to {waiting.signature()} failed\x1b " + "é" * 10_000)
    ended = waiting.ended(engine, execution).execution
    assert ended.message is not None
    assert ended.message.startswith("posting to *** failed\\x1b é")
    assert len(ended.message.encode()) <= 4096
    assert waiting.signature() not in (ended.error or "")


class TestConcurrency:
    def test_forbid_skips_what_falls_into_the_wait(self, waiting: Waiting) -> None:
        engine = waiting.start()
        execution = waiting.accepted(engine)
        skipped = engine.trigger(JOB)
        waiting.seen.wait(1)
        found = engine.execution(skipped.id).execution
        assert (found.status, found.reason) == (Status.SKIPPED, "overlap")
        waiting.call(engine, execution, Told.SUCCESS)
        waiting.ended(engine, execution)
        eventually(lambda: engine.running(JOB) == [])
        assert eventually(lambda: _runs(engine)).status is not Status.SKIPPED

    def test_replace_ends_the_one_that_waits(self, waiting: Waiting) -> None:
        engine = waiting.start(concurrency="replace")
        first = waiting.accepted(engine)
        second = waiting.accepted(engine)
        ended = waiting.ended(engine, first).execution
        assert (ended.status, ended.reason, ended.callback_deadline) == (Status.CANCELLED, "replaced", None)
        with pytest.raises(CallbackLate):
            engine.call_back(first.id, CallbackReport(Told.SUCCESS), signature=waiting.signature(0))
        waiting.call(engine, second, Told.SUCCESS)
        assert waiting.ended(engine, second).execution.status is Status.SUCCESS

    def test_queue_waits_behind_it(self, waiting: Waiting) -> None:
        engine = waiting.start(concurrency="queue")
        first = waiting.accepted(engine)
        second = engine.trigger(JOB)
        eventually(lambda: {row.id for row in engine.running(JOB)} == {first.id, second.id})
        assert engine.execution(second.id).execution.attempts == 0
        waiting.call(engine, first, Told.SUCCESS)
        waiting.ended(engine, first)
        eventually(lambda: waiting.waiting(engine, second.id))
        waiting.call(engine, second, Told.SUCCESS)
        assert waiting.ended(engine, second).execution.status is Status.SUCCESS

    def test_allow_waits_for_several(self, waiting: Waiting) -> None:
        engine = waiting.start(concurrency="allow")
        first, second = waiting.accepted(engine), waiting.accepted(engine)
        waiting.call(engine, second, Told.SUCCESS)
        waiting.ended(engine, second)
        assert waiting.waiting(engine, first.id)

    def test_an_operator_ends_the_one_that_waits(self, waiting: Waiting) -> None:
        engine = waiting.start()
        execution = waiting.accepted(engine)
        engine.cancel(execution.id, by="ada")
        ended = waiting.ended(engine, execution).execution
        assert (ended.status, ended.reason, ended.error) == (Status.CANCELLED, "operator", "cancelled by ada")
        with pytest.raises(CallbackLate):
            waiting.call(engine, execution, Told.SUCCESS)
        with pytest.raises(ConflictError):
            waiting.call(engine, execution, Told.FAILED)


def _runs(engine: Engine) -> Execution | None:
    found = engine.execution(engine.trigger(JOB).id).execution
    return None if found.status is Status.SKIPPED else found


class TestRestart:
    def test_a_stop_does_not_wait_and_the_next_runner_does_not_send_again(self, waiting: Waiting) -> None:
        engine = waiting.start(timeout="60s")
        execution = waiting.accepted(engine)
        took = _seconds(lambda: waiting.bench.stop(engine, grace=25))
        assert took < 15, "the drain waited for the callback"
        later = waiting.start(timeout="60s")
        found = later.execution(execution.id).execution
        assert (found.status, found.callback_deadline) == (Status.RUNNING, execution.callback_deadline)
        waiting.call(later, execution, Told.SUCCESS)
        assert waiting.ended(later, execution).execution.status is Status.SUCCESS
        assert len(waiting.receiver.requests) == 1

    def test_the_deadline_is_the_same_after_a_restart(self, waiting: Waiting) -> None:
        engine = waiting.start(timeout="8s", retry_policy=ONCE)
        execution = waiting.accepted(engine)
        waiting.bench.stop(engine)
        later = waiting.start(timeout="8s", retry_policy=ONCE)
        assert waiting.waiting(later, execution.id)
        waiting.pass_time(8.5)
        ended = waiting.ended(later, execution).execution
        assert (ended.status, ended.error_class) == (Status.FAILED, "timeout")
        assert len(waiting.receiver.requests) == 1


def _seconds(call: Callable[[], None]) -> float:
    began = time.monotonic()
    call()
    return time.monotonic() - began
