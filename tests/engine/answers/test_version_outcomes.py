"""Outcomes of executions by version."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from chronos_gitops.engine.answers.version_outcomes import by_commit, ended
from chronos_gitops.engine.model import Execution, Status, Trigger

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
OLD, NEW = "a" * 40, "b" * 40


def row(minute: int, status: Status = Status.SUCCESS, commit: str | None = OLD, **fields: object) -> Execution:
    at = NOON + timedelta(minutes=minute)
    found = Execution(str(minute), "daily-backup", at, Trigger.SCHEDULE, status, version=1, commit=commit)
    return replace(found, **fields)  # type: ignore[arg-type]  # a table of fields


def test_counts_by_commit_without_drafts_and_without_what_runs() -> None:
    rows = [
        *(row(minute, duration_ms=minute) for minute in range(1, 21)),
        row(30, Status.FAILED, duration_ms=9999),
        row(29, Status.FAILED),
        row(31, Status.SKIPPED),
        row(32, Status.CANCELLED),
        row(33, commit=NEW),
        row(34, Status.RUNNING, NEW),
        row(35, Status.FAILED, NEW, draft=True),
        row(36, Status.FAILED, None),
    ]
    found = by_commit(ended(rows), complete=True)
    assert found.keys() == {OLD, NEW}
    old, new = found[OLD], found[NEW]
    assert (old.success, old.failed, old.skipped, old.cancelled) == (20, 2, 1, 1)
    assert (old.p95_ms, old.first_failure) == (19, NOON + timedelta(minutes=29))
    assert (old.since, old.until) == (NOON + timedelta(minutes=1), NOON + timedelta(minutes=32))
    assert (new.success, new.failed, new.p95_ms, new.first_failure) == (1, 0, None, None)


def test_a_commit_of_a_rewritten_history_does_not_share_the_outcomes_of_its_number() -> None:
    rewritten = [row(1, Status.FAILED), row(2, commit=NEW)]
    found = by_commit(ended(rewritten), complete=False)
    assert (found[OLD].failed, found[NEW].failed, found[NEW].complete) == (1, 0, False)
