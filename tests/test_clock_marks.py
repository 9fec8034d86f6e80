"""Each time that is taken from a clock and waited for, or compared, later: a clock that was ahead for a year, and is
right again, makes none of them last (CONTRACT 2). Watermarks and callbacks are in engine/test_clock_ahead.py."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chronos_gitops.engine.model import Execution, Status, Trigger
from chronos_gitops.engine.sql.execution.pending_run import PendingRun
from chronos_gitops.jobs.job_ids import DefinitionId
from chronos_gitops.jobs.job_set import diff
from chronos_gitops.jobs.model import Job, JobSet, JobVersion
from chronos_gitops.notifications.incidents import IncidentRule, Watch, fold
from chronos_gitops.sync.persistence.deployments import Deployments
from chronos_gitops.sync.push_webhooks import Deliveries
from chronos_gitops.versions.history import Index
from chronos_gitops.webhooks.credentials.oauth2 import parse
from chronos_gitops.webhooks.transport.http_response import HttpResponse

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
THEN = NOW + timedelta(days=365)
MINUTE = timedelta(minutes=1)
JOB = Job.from_document({"name": "a", "schedule": "@hourly", "webhook": {"url": "http://127.0.0.1:9/"}})
ROW = Execution("id", "a", NOW, Trigger.SCHEDULE, Status.FAILED, attempts=1, completed_at=NOW)


def oauth_token() -> bool:
    body = json.dumps({"access_token": "t", "token_type": "bearer", "expires_in": 3600}).encode()
    token = parse(HttpResponse(200, None, body), THEN)
    return token.is_good(THEN) and not token.is_good(NOW)


def delivery_of_a_hook() -> bool:
    deliveries = Deliveries()
    return deliveries.is_new("github:1", THEN) and deliveries.is_new("github:1", NOW)


def retry_wait() -> bool:
    """Executions that were missed take turns where the job forbids overlaps: each wait counts a hundred times."""
    meant = PendingRun(ROW, JOB, not_before=NOW + MINUTE).wait(NOW)
    return meant == MINUTE and PendingRun(ROW, JOB, not_before=THEN).wait(NOW) == timedelta(0)


def mark_of_a_notification() -> bool:
    watch = Watch((THEN, "id"))
    failed = replace(ROW, id="new", completed_at=NOW)
    folded = fold(watch, [failed], place="p", rule=IncidentRule(), now=NOW, since=NOW - MINUTE)
    return len(folded.messages) == 1


def outcome_of_a_notification() -> bool:
    """A success that ended in the time that never was does not hide the failures after it."""
    outcomes = [replace(ROW, id="new"), replace(ROW, id="ahead", status=Status.SUCCESS, completed_at=THEN)]
    folded = fold(Watch(), outcomes, place="p", rule=IncidentRule(), now=NOW, since=NOW - MINUTE)
    return folded.watch.incident is not None


@pytest.mark.parametrize(
    "holds",
    [
        oauth_token,
        delivery_of_a_hook,
        retry_wait,
        mark_of_a_notification,
        outcome_of_a_notification,
    ],
    ids=lambda holds: holds.__name__,
)
def test_a_time_from_a_clock_that_was_ahead_does_not_last(holds: Callable[[], bool]) -> None:
    assert holds()


def test_a_version_was_deployed_no_later_than_what_came_after_it(tmp_path: Path) -> None:
    deployments = Deployments(tmp_path / "deployed.jsonl", "x")
    index = Index(())
    first = JobSet.of("c" * 40, [JobVersion(JOB, "jobs/a.yaml", DefinitionId("b" * 40), version=1, commit="1" * 40)])
    second = JobSet.of("d" * 40, [JobVersion(JOB, "jobs/a.yaml", DefinitionId("e" * 40), version=2, commit="2" * 40)])
    deployments.note(diff(JobSet(), first), first, index, THEN)
    deployments.note(diff(first, second), second, index, NOW)
    for known in (deployments, Deployments(tmp_path / "deployed.jsonl", "x")):
        assert known.at("a", "1" * 40) == NOW
        assert known.at("a", "2" * 40) == NOW
