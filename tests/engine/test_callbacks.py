"""Callbacks of a target, judged without a database: the right to post, and the effect on the execution."""

import string
from dataclasses import replace
from datetime import timedelta

import pytest
from harness.engine_harness import NOON

from chronos_gitops.engine import callbacks
from chronos_gitops.engine.callbacks import CallbackLate, CallbackReport, CallbackUnexpected, CallbackUnknown, Told
from chronos_gitops.engine.model import Attempt, Execution, Status, Trigger
from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.webhook import Completion
from chronos_gitops.webhooks.outcome import Outcome, OutcomeKind

KEY = bytes(range(32))
SECOND = timedelta(seconds=1)
JOB = Job.from_document(
    {
        "name": "nightly-report",
        "schedule": "@daily",
        "webhook": {"url": "http://localhost/", "completion": "callback"},
        "timeout": "30m",
    }
)
RUNNING = Execution(
    "0b6f3c9e-2d1a-4b57-8d0e-6f1f3f4a5b6c",
    JOB.name,
    NOON,
    Trigger.SCHEDULE,
    Status.RUNNING,
    attempts=1,
    started_at=NOON,
    status_code=202,
    callback_deadline=NOON + timedelta(minutes=30),
)


def receive(execution: Execution, told: Told, message: str | None = None, after: timedelta = SECOND) -> Execution:
    found = callbacks.received(execution, CallbackReport(told, message), at=NOON + after, spacing=SECOND)
    assert found is not None
    return found


def test_a_signature_is_of_one_execution_under_one_key() -> None:
    signature = callbacks.sign(KEY, RUNNING.id)
    callbacks.verify(KEY, RUNNING.id, signature)
    assert len(signature) == 43
    assert signature == callbacks.sign(KEY, RUNNING.id) != callbacks.sign(KEY[::-1], RUNNING.id)
    for execution, given in ((RUNNING.id[:-1], signature), (RUNNING.id, signature[:-1]), (RUNNING.id, "")):
        with pytest.raises(CallbackUnknown):
            callbacks.verify(KEY, execution, given)


def test_padding_and_other_spellings_of_a_signature_are_other_signatures() -> None:
    """Base64 has several texts for some bytes; one of them counts."""
    signature = callbacks.sign(KEY, RUNNING.id)
    others = {f"{signature}=", f" {signature}", *(signature[:-1] + last for last in string.ascii_letters)} - {signature}
    for given in others:
        with pytest.raises(CallbackUnknown):
            callbacks.verify(KEY, RUNNING.id, given)


def test_the_deadline_counts_from_when_the_request_was_sent() -> None:
    accepted = Outcome(OutcomeKind.SUCCESS, 202, duration=7 * SECOND)
    assert callbacks.deadline(JOB, accepted, NOON + 7 * SECOND) == NOON + timedelta(minutes=30)
    assert callbacks.deadline(JOB, Outcome(OutcomeKind.RETRY, 503), NOON) is None
    plain = replace(JOB, webhook=replace(JOB.webhook, completion=Completion.RESPONSE))
    assert callbacks.deadline(plain, accepted, NOON) is None
    quick = replace(JOB, webhook=replace(JOB.webhook, timeout=SECOND))
    assert callbacks.deadline(quick, replace(accepted, duration=timedelta(0)), NOON) == NOON + SECOND


def test_heartbeats_that_come_too_close_are_not_kept() -> None:
    """A second apart, and a thousand in a timeout at most: each is a row that is synced."""
    first = receive(RUNNING, Told.RUNNING, "1 of 7")
    again = CallbackReport(Told.RUNNING, "2 of 7")
    assert callbacks.received(first, again, at=NOON + 1.9 * SECOND, spacing=SECOND) is None
    assert receive(first, Told.RUNNING, after=2 * SECOND).message == "1 of 7"
    assert callbacks.spacing(RUNNING, JOB) == timedelta(seconds=1.8)
    assert callbacks.spacing(RUNNING, replace(JOB, timeout=SECOND)) == SECOND


def test_a_heartbeat_after_the_clock_went_back_is_kept() -> None:
    late = receive(RUNNING, Told.RUNNING, after=timedelta(hours=1))
    assert receive(late, Told.RUNNING).heartbeat_at == NOON + SECOND


def test_an_outcome_ends_it_with_its_last_words() -> None:
    heard = receive(RUNNING, Told.RUNNING, "half", SECOND)
    ended = receive(heard, Told.SUCCESS, after=9 * SECOND)
    assert (ended.status, ended.message, ended.duration_ms, ended.waiting_for) == (Status.SUCCESS, "half", 9000, None)
    failed = receive(heard, Told.FAILED, "x" * 5000)
    assert (failed.error_class, len(failed.error or "") < 300, failed.message) == ("callback", True, "x" * 5000)


def test_what_failed_before_does_not_stay_an_error_of_a_success() -> None:
    retried = replace(RUNNING, error_class="timeout", error="no callback within 30m", callback_deadline=None)
    ended = receive(retried, Told.SUCCESS)
    assert (ended.error_class, ended.error) == (None, None)


@pytest.mark.parametrize("status", [Status.SUCCESS, Status.FAILED, Status.CANCELLED])
@pytest.mark.parametrize("told", list(Told))
def test_only_the_same_outcome_again_is_no_news_too_late(status: Status, told: Told) -> None:
    called_back = replace(RUNNING, status=status, is_called_back=status is not Status.CANCELLED)
    otherwise = replace(RUNNING, status=status)
    if told.end is status:
        assert callbacks.received(called_back, CallbackReport(told), at=NOON, spacing=SECOND) is None
    else:
        with pytest.raises(CallbackLate):
            callbacks.received(called_back, CallbackReport(told), at=NOON, spacing=SECOND)
    with pytest.raises(CallbackLate):
        callbacks.received(otherwise, CallbackReport(told), at=NOON, spacing=SECOND)


def test_a_job_that_is_done_when_it_is_answered_awaits_none() -> None:
    plain = replace(JOB, webhook=replace(JOB.webhook, completion=Completion.RESPONSE))
    for job in (plain, None):
        with pytest.raises(CallbackUnexpected):
            callbacks.spacing(RUNNING, job)


def test_the_attempt_of_a_target_that_failed_says_so_and_no_other() -> None:
    failed = receive(replace(RUNNING, attempts=2), Told.FAILED, "no disk")
    attempts = [Attempt(1, NOON, 5, 503, "status", "busy"), Attempt(2, NOON, 5, 202)]
    shown = [callbacks.judged(attempt, failed) for attempt in attempts]
    assert [one.error_class for one in shown] == ["status", "callback"]
    assert shown[1].error == failed.error
    assert callbacks.judged(attempts[1], receive(RUNNING, Told.SUCCESS)) == attempts[1]


def test_what_was_late_tells_of_the_last_heartbeat() -> None:
    assert callbacks.overdue("30m", last_heartbeat=None).error == "no callback within 30m"
    told = callbacks.overdue("30m", last_heartbeat=NOON).error
    assert told == "no callback within 30m; the last heartbeat came at 2026-03-02T12:00:00Z"
