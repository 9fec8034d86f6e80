"""A server that is silent for longer than a lease fails liveness, and one that has never answered gets more time."""

from chronos_gitops.config.groups import TemporalAccess
from chronos_gitops.engine.temporal import names
from chronos_gitops.engine.temporal.connection.connection import TemporalConnection
from chronos_gitops.engine.temporal.status.answers import AnswerStatus

LEASE_S = names.HEARTBEAT_TIMEOUT.total_seconds()


class Elapsed:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def status(elapsed: Elapsed) -> AnswerStatus:
    return AnswerStatus(TemporalConnection.parse("temporal://127.0.0.1:7233/jobs", TemporalAccess()), elapsed)


def test_a_server_that_has_answered_may_be_silent_for_a_lease() -> None:
    elapsed = Elapsed()
    answers = status(elapsed)
    answers.note("")
    elapsed.seconds += LEASE_S
    assert answers.lease_failure == ""
    elapsed.seconds += 0.1
    assert "has not answered for 15 s: it is silent" in answers.lease_failure
    answers.note("")
    assert answers.lease_failure == ""


def test_a_start_that_takes_long_is_not_restarted_before_it_can_succeed() -> None:
    elapsed = Elapsed()
    answers = status(elapsed)
    elapsed.seconds += 4 * LEASE_S
    answers.note("no connection")
    assert answers.lease_failure == ""
    elapsed.seconds += 4 * LEASE_S + 0.1
    assert "has not answered for 120 s: no connection" in answers.lease_failure
