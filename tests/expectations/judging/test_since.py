"""From when limits count: a new schedule or zone begins those about scheduled times anew, and no other limit."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chronos_gitops.engine.sql.store.sqlite import SqliteStore
from chronos_gitops.expectations.judging.since import SinceStore
from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.promises.expect import ExpectationKind

FIRST = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = FIRST + timedelta(hours=1)
LIMITS = {
    "start_within": "2m",
    "max_duration": "10m",
    "min_duration": "1s",
    "finish_by": "06:00",
    "success_every": "26h",
}
BY_SCHEDULE = {ExpectationKind.START_WITHIN, ExpectationKind.FINISH_BY}


@pytest.fixture
def store(data_folder: Path) -> Iterator[SinceStore]:
    opened = SqliteStore(data_folder / "ledger.db")
    yield SinceStore(opened)
    opened.close()


def job(limits: dict[str, str] | None = None, **fields: object) -> Job:
    document = {"name": "a", "schedule": "0 2 * * *", "enabled": True, "webhook": {"url": "http://x.example"}} | fields
    return Job.from_document(document | {"expect": LIMITS | (limits or {})})


@pytest.mark.parametrize(
    ("edited", "anew"),
    [
        (job(), set()),
        (job(schedule="0 3 * * *"), BY_SCHEDULE),
        (job(timezone="Europe/Paris"), BY_SCHEDULE),
        (job(start="2026-04-01T00:00"), BY_SCHEDULE),
        (job(timeout="1m", description="text", jitter="5m"), set()),
        (job({"success_every": "27h"}), {ExpectationKind.SUCCESS_EVERY}),
        (job({"min_duration": "2s", "finish_by": "07:00"}), {ExpectationKind.MIN_DURATION, ExpectationKind.FINISH_BY}),
    ],
)
def test_an_edit_begins_anew_only_what_it_changes(store: SinceStore, edited: Job, anew: set[ExpectationKind]) -> None:
    assert set(store.note(job(), FIRST).values()) == {FIRST}
    after = store.note(edited, LATER)
    assert {kind for kind, since in after.items() if since == LATER} == anew
    assert {kind for kind, since in after.items() if since == FIRST} == set(ExpectationKind) - anew
    assert store.note(edited, LATER + timedelta(hours=1)) == after


def test_enabling_begins_everything_anew(store: SinceStore) -> None:
    store.note(job(), FIRST)
    store.forget("a")
    assert store.note(job(enabled=False), FIRST) == {}
    assert set(store.note(job(), LATER).values()) == {LATER}


def test_an_instant_that_a_clock_ahead_has_noted_does_not_count(store: SinceStore) -> None:
    store.note(job(), FIRST + timedelta(days=365))
    assert set(store.note(job(), LATER).values()) == {LATER}
