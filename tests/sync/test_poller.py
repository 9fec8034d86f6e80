"""When a follower looks again."""

import threading
import time
from datetime import timedelta
from random import Random

import pytest

from chronos_gitops.git.errors import (
    AuthenticationFailed,
    CertificateRejected,
    ClientCertificateRejected,
    GitError,
    HostKeyMismatch,
    NetworkError,
    NotAGitServer,
    RateLimited,
    RepositoryMoved,
    RequestRefused,
)
from chronos_gitops.sync.poller import ExpectedCommit, Poller, wait_for_next

PATIENCE = 30.0
HOUR = timedelta(hours=1)


def never(_: str) -> bool:
    return False


@pytest.mark.parametrize(
    ("failures", "seconds"), [(0, 60), (1, 5), (2, 10), (3, 20), (4, 40), (6, 160), (7, 300), (99, 300)]
)
def test_failures_wait_longer_and_longer(failures: int, seconds: float) -> None:
    error = NetworkError("away") if failures else None
    waits = [wait_for_next(timedelta(minutes=1), failures, error, Random(seed)) for seed in range(50)]
    assert all(0.8 * seconds <= wait.total_seconds() <= 1.2 * seconds for wait in waits)
    assert len(set(waits)) > 40


REJECTIONS = [
    AuthenticationFailed,
    HostKeyMismatch,
    CertificateRejected,
    ClientCertificateRejected,
    RepositoryMoved,
    NotAGitServer,
    RequestRefused,
]


@pytest.mark.parametrize("rejection", REJECTIONS)
@pytest.mark.parametrize("interval", [timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)])
def test_what_a_person_must_change_is_tried_again_after_five_minutes(
    rejection: type[GitError], interval: timedelta
) -> None:
    waits = [wait_for_next(interval, 1, rejection("no"), Random(seed)) for seed in range(50)]
    assert min(waits) >= max(timedelta(minutes=5), interval * 0.8)
    assert max(waits) <= max(timedelta(minutes=6), interval * 1.2)


@pytest.mark.parametrize(("asked", "waited"), [(0, 5), (3, 5), (120, 120), (3600, 3600), (10**9, 3600)])
def test_the_time_that_a_server_asks_for_is_the_shortest_wait_up_to_an_hour(asked: float, waited: float) -> None:
    error = RateLimited("slower", retry_after=timedelta(seconds=asked))
    waits = [wait_for_next(timedelta(minutes=1), 1, error, Random(seed)).total_seconds() for seed in range(50)]
    assert min(waits) >= (waited if asked > 5 else 4)
    assert max(waits) <= waited * 1.2


def test_a_commit_that_was_named_is_looked_for_a_few_times_and_then_forgotten() -> None:
    awaited = ExpectedCommit()
    assert awaited.wait(lambda _: False) is None
    awaited.expect("a" * 40)
    looks = [awaited.wait(lambda _: False) for _ in range(7)]
    assert [look and look.total_seconds() for look in looks] == [0.5, 1, 2, 4, 8, 16, None]
    awaited.expect("b" * 40)
    awaited.expect(None)
    assert awaited.wait(lambda _: False) == timedelta(seconds=0.5)
    assert awaited.wait(lambda commit: commit == "b" * 40) is None


class TestAPaceBetweenPasses:
    """The first pass is over, and the next one is an hour away."""

    @pytest.fixture
    def pace(self) -> Poller:
        pace = Poller(HOUR)
        pace.begin()
        pace.end(0, None, never)
        return pace

    def answer(self, pace: Poller) -> "list[bool]":
        """The result of a sleep of the controller's thread with this poller."""
        answers: list[bool] = []
        thread = threading.Thread(target=lambda: answers.append(pace.sleep()), daemon=True)
        thread.start()
        thread.join(PATIENCE)
        return answers

    def test_sleeps_until_something_is_noticed(self, pace: Poller) -> None:
        before = time.monotonic()
        pace.notice()
        assert self.answer(pace) == [True]
        assert before <= pace.begin() <= time.monotonic()

    def test_the_first_of_several_notices_says_when(self, pace: Poller) -> None:
        pace.notice()
        between = time.monotonic()
        pace.notice()
        assert pace.begin() <= between

    def test_ends_when_it_is_stopped(self, pace: Poller) -> None:
        pace.stop()
        assert self.answer(pace) == [False]

    def test_a_nudge_right_after_a_pass_is_answered_a_little_later(self, pace: Poller) -> None:
        began = time.monotonic()
        pace.request_sync()
        assert self.answer(pace) == [True]
        assert time.monotonic() - began >= 1.9

    def test_a_nudge_during_a_pass_gets_a_pass_of_its_own(self, pace: Poller) -> None:
        pace.begin()
        pace.request_sync()
        assert pace.end(0, None, never) > timedelta(minutes=47)
        assert self.answer(pace) == [True]

    def test_an_awaited_commit_shortens_the_wait_until_it_is_there(self, pace: Poller) -> None:
        pace.expect("a" * 40)
        assert pace.end(0, None, never) == timedelta(seconds=0.5)
        assert pace.end(0, None, lambda commit: commit == "a" * 40) > timedelta(minutes=47)

    def test_failures_decide_before_what_is_awaited(self, pace: Poller) -> None:
        pace.expect("a" * 40)
        assert timedelta(seconds=4) < pace.end(1, NetworkError("away"), never) < timedelta(seconds=6)
