"""The promises of the executor under a random hand, with targets that only accept: callbacks, deadlines, restarts."""

from datetime import timedelta

import pytest
from engine.test_state_machine import ATTEMPTS, EVERYTHING, NAMES, Machine, run
from harness.engine_harness import eventually
from hypothesis import strategies as st
from hypothesis.stateful import rule

from chronos_gitops.engine.callbacks import CallbackLate, CallbackReport, Told, sign
from chronos_gitops.engine.model import Execution, Status
from chronos_gitops.jobs.model import Job


class CallbackMachine(Machine):
    """Every success is ``accepted``; the deadline is ten minutes, two attempts."""

    def jobs(self, **fields: object) -> list[Job]:
        retry = {"max_attempts": ATTEMPTS, "initial_interval": "20s", "max_interval": "20s"}
        common = {"retry_policy": retry, "missed_run_policy": "execute_all", "description": str(self.edits), **fields}
        webhook = {"url": self.server.url("/"), "timeout": "10m", "completion": "callback"}
        return [self.bench.job(name, concurrency=name, webhook=webhook, **common) for name in NAMES]

    def unfinished(self) -> list[Execution]:
        """Executions that were sent at least once, so that a target can know their URLs."""
        rows = self.engine.executions(EVERYTHING)
        return sorted((row for row in rows if row.status is Status.RUNNING), key=lambda row: row.id)

    def call_back(self, execution: Execution, told: Told) -> None:
        signature = sign(self.engine._key, execution.id)  # type: ignore[attr-defined]
        try:
            after = self.engine.call_back(execution.id, CallbackReport(told), signature=signature)
        except CallbackLate:
            assert self.engine.execution(execution.id).execution.status.is_final
            return
        assert after.status is (told.end or Status.RUNNING)

    @rule(which=st.integers(0, 20), told=st.sampled_from(list(Told)))
    def a_target_calls_back(self, which: int, told: Told) -> None:
        """Before its answer, while it is waited for, or between two attempts."""
        found = self.unfinished()
        if found:
            self.call_back(found[which % len(found)], told)

    @rule(which=st.integers(0, 20), told=st.sampled_from(list(Told)))
    def a_target_calls_back_for_what_has_ended(self, which: int, told: Told) -> None:
        ended = sorted(self.ended)
        if ended:
            execution = self.engine.execution(ended[which % len(ended)]).execution
            self.call_back(execution, told)
            assert self.engine.execution(execution.id).execution.status is execution.status

    @rule()
    def a_deadline_passes(self) -> None:
        for _ in range(11):
            self.clock.turn(timedelta(minutes=1))

    def let_everything_end(self) -> None:
        def has_ended() -> bool:
            rows = [row for row in self.engine.executions(EVERYTHING) if not row.status.is_final]
            for row in rows:
                if row.waiting_for:
                    self.call_back(row, Told.SUCCESS)
            open_now = len(self.desk.waiting())
            for _ in range(open_now):
                self.desk.answer(0, "200 OK", self.server)
            if rows and not open_now:
                self.clock.turn(timedelta(seconds=5))
            return not rows

        eventually(has_ended, 300)


@pytest.mark.timeout(180)
def test_the_promises_hold_for_accepted_work_under_a_random_hand() -> None:
    """Takes some seconds: some hundred and fifty steps with real requests and a real database."""
    run(examples=5, steps=30, machine=CallbackMachine)


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_the_promises_hold_for_accepted_work_for_three_thousand_steps() -> None:
    """Takes some minutes."""
    run(examples=60, steps=50, machine=CallbackMachine)
