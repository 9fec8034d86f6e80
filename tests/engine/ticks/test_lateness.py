"""Lateness is what the engine caused: the waits that a job asks for are none."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chronos_gitops.engine.model import Execution, Gate, Status, Trigger
from chronos_gitops.engine.ticks.lateness import lateness
from chronos_gitops.jobs.model import Job
from chronos_gitops.schedule.schedule import jitter

TICK = datetime(2026, 1, 1, tzinfo=UTC)
GATE = Gate("other", TICK, TICK + timedelta(hours=1), met=True)


def job(**fields: Any) -> Job:
    document = {"name": "a-job", "schedule": "* * * * *", "webhook": {"url": "http://example.com/"}}
    return Job.from_document(document | fields)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def ran(*, claimed: timedelta, started: timedelta, **fields: Any) -> Execution:
    execution = Execution("1", "a-job", TICK, Trigger.SCHEDULE, Status.SUCCESS)
    return replace(execution, created_at=TICK + claimed, started_at=TICK + started, **fields)


@pytest.mark.parametrize(
    ("defined", "fields", "expected"),
    [
        ({}, {}, 7),
        ({"concurrency": "allow"}, {}, 7),
        ({"concurrency": "queue"}, {}, 2),
        ({}, {"requires": GATE}, 2),
        ({}, {"trigger": Trigger.CATCHUP}, 2),
    ],
    ids=["forbid", "allow", "its turn", "a gate", "caught up"],
)
def test_waits_that_the_job_asks_for_do_not_count(
    defined: dict[str, Any], fields: dict[str, Any], expected: float
) -> None:
    """Claimed 2 s late, started 7 s late."""
    execution = ran(claimed=seconds(2), started=seconds(7), **fields)
    assert lateness(execution, job(**defined)) == seconds(expected)


@pytest.mark.parametrize("late", [0, 3])
def test_jitter_does_not_count(late: int) -> None:
    spreading = job(jitter="10m")
    spread = jitter(spreading.name, TICK, spreading.jitter)
    assert spread > seconds(10)
    start = spread + seconds(late)
    assert lateness(ran(claimed=start, started=start), spreading) == seconds(late)
    caught_up = ran(claimed=seconds(90), started=seconds(90) + spread, trigger=Trigger.CATCHUP)
    assert lateness(caught_up, spreading) == seconds(90)


@pytest.mark.parametrize("trigger", [Trigger.MANUAL, Trigger.REPLAY])
def test_an_execution_without_a_scheduled_time_is_not_late(trigger: Trigger) -> None:
    assert lateness(ran(claimed=seconds(2), started=seconds(7), trigger=trigger), job()) is None


def test_an_execution_that_never_started_and_a_clock_that_went_back() -> None:
    skipped = replace(ran(claimed=seconds(2), started=seconds(7)), started_at=None)
    assert lateness(skipped, job()) is None
    assert lateness(ran(claimed=seconds(-5), started=seconds(-5)), job()) == seconds(0)


def test_a_job_that_is_gone_counts_up_to_the_claim() -> None:
    assert lateness(ran(claimed=seconds(2), started=seconds(7)), None) == seconds(2)
