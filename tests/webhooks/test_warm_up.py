"""The first webhook's client is loaded shortly before it is due, and not by a runner without one."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from harness.engine_harness import eventually

from chronos_gitops.errors import ChronosError
from chronos_gitops.webhooks.warm_up import AHEAD, WarmUp

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SOON, LATER = NOW + AHEAD - timedelta(seconds=1), NOW + AHEAD + timedelta(seconds=1)


class Asked:
    """An engine that is asked when the next webhook is due."""

    def __init__(self, *due: datetime | ChronosError | None) -> None:
        self.due = list(due)
        self.asked = 0

    def __call__(self) -> datetime | None:
        self.asked += 1
        found = self.due.pop(0) if len(self.due) > 1 else self.due[0]
        if isinstance(found, ChronosError):
            raise found
        return found


@pytest.fixture
def loaded() -> list[str]:
    return []


@pytest.fixture
def warm_up(loaded: list[str]) -> Callable[..., WarmUp]:
    def make(engine: Asked, look: float = 30.0) -> WarmUp:
        loads = (lambda: loaded.append("client"), lambda: loaded.append("metrics"))
        return WarmUp(engine, lambda: NOW, loads, look=look)

    return make


def test_everything_is_loaded_once_when_a_webhook_is_due_soon(
    warm_up: Callable[..., WarmUp], loaded: list[str]
) -> None:
    one = warm_up(Asked(SOON))
    one.launch()
    one.join(10)
    assert not one.is_alive()
    assert loaded == ["client", "metrics"]


@pytest.mark.parametrize("due", [None, LATER, ChronosError("the engine is busy")])
def test_nothing_is_loaded_while_no_webhook_is_due(
    due: datetime | ChronosError | None, warm_up: Callable[..., WarmUp], loaded: list[str]
) -> None:
    engine = Asked(due)
    one = warm_up(engine, look=0.001)
    one.launch()
    eventually(lambda: engine.asked > 5)
    assert loaded == []
    one.stop()
    one.join(10)
    assert not one.is_alive()
    assert loaded == []


def test_new_jobs_are_looked_at_when_they_are_applied(warm_up: Callable[..., WarmUp], loaded: list[str]) -> None:
    engine = Asked(LATER)
    one = warm_up(engine)
    one.launch()
    eventually(lambda: engine.asked == 1)
    engine.due = [SOON]
    one.wake()
    one.join(10)
    assert loaded == ["client", "metrics"]


def test_a_stop_before_the_launch_is_harmless(warm_up: Callable[..., WarmUp], loaded: list[str]) -> None:
    one = warm_up(Asked(SOON))
    one.stop()
    one.join(1)
    assert loaded == []
