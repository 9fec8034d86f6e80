"""The health of a job: by its newest outcome, whatever was skipped since; the page and the API agree on it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from harness.api_fixtures import Checkout, Receiver, eventually, job_yaml

from chronos_gitops.engine.answers.last_outcomes import LastOutcomes
from chronos_gitops.engine.model import Execution, Pause, Reason, Status, Trigger
from chronos_gitops.jobs.job_ids import DefinitionId
from chronos_gitops.jobs.model import Job, JobVersion
from chronos_gitops.jobs.problem import Problem, Severity
from chronos_gitops.server.api.job_health import WORDS, JobHealth, search, standing
from chronos_gitops.service import Service

NOW = datetime(2026, 3, 8, 7, tzinfo=UTC)
DOCUMENT = {"name": "one", "schedule": "@daily", "enabled": True, "webhook": {"url": "https://hooks.example.com/"}}
ON = JobVersion(Job.from_document(DOCUMENT), "jobs/one.yaml", DefinitionId("b" * 40))
OFF = JobVersion(Job.from_document({**DOCUMENT, "enabled": False}), "jobs/one.yaml", DefinitionId("b" * 40))
INVALID = replace(ON, quarantined=(Problem("jobs/one.yaml", 1, 1, Severity.ERROR, "schedule", "nonsense"),))
PAUSE = Pause("one", "the move", "ada", NOW)


def run(status: Status, *, minutes: int = 0, reason: Reason | None = None) -> Execution:
    at = NOW - timedelta(minutes=minutes)
    return Execution("id", "one", at, Trigger.SCHEDULE, status, reason=reason)


def skipped(reason: Reason) -> Execution:
    return run(Status.SKIPPED, reason=reason)


GOOD, BAD = run(Status.SUCCESS, minutes=60), run(Status.FAILED, minutes=60)


@pytest.mark.parametrize(
    ("definition", "latest", "outcome", "pause", "expected"),
    [
        (ON, None, None, None, JobHealth.HEALTHY),
        (ON, GOOD, GOOD, None, JobHealth.HEALTHY),
        (ON, BAD, BAD, None, JobHealth.FAILING),
        (ON, BAD, BAD, PAUSE, JobHealth.FAILING),
        (OFF, BAD, BAD, None, JobHealth.OFF),
        (ON, run(Status.RUNNING, minutes=9), run(Status.RUNNING, minutes=9), None, JobHealth.RUNNING),
        (ON, run(Status.PENDING), run(Status.PENDING), None, JobHealth.RUNNING),
        (ON, run(Status.PENDING, minutes=9), run(Status.PENDING, minutes=9), None, JobHealth.LATE),
        (ON, GOOD, GOOD, PAUSE, JobHealth.PAUSED),
        (OFF, None, None, None, JobHealth.OFF),
        (INVALID, GOOD, GOOD, None, JobHealth.INVALID),
        (ON, skipped(Reason.REQUIRES), GOOD, None, JobHealth.SKIPPED),
        (ON, skipped(Reason.REQUIRES), None, None, JobHealth.SKIPPED),
        (ON, skipped(Reason.MISSED), GOOD, None, JobHealth.SKIPPED),
        (ON, skipped(Reason.BACKLOG), GOOD, None, JobHealth.SKIPPED),
        (ON, skipped(Reason.OVERLAP), GOOD, None, JobHealth.SKIPPED),
        (ON, skipped(Reason.OVERLAP), run(Status.RUNNING, minutes=9), None, JobHealth.RUNNING),
        (ON, skipped(Reason.CALENDAR), GOOD, None, JobHealth.HEALTHY),
        (ON, skipped(Reason.CALENDAR), BAD, None, JobHealth.FAILING),
        (ON, skipped(Reason.REQUIRES), BAD, None, JobHealth.FAILING),
        (ON, skipped(Reason.MISSED), GOOD, PAUSE, JobHealth.PAUSED),
        (OFF, skipped(Reason.MISSED), GOOD, None, JobHealth.OFF),
        (ON, run(Status.CANCELLED, reason=Reason.OPERATOR), BAD, None, JobHealth.FAILING),
        (ON, run(Status.CANCELLED, reason=Reason.OPERATOR), GOOD, None, JobHealth.HEALTHY),
    ],
)
def test_a_job_stands_as_what_wants_attention_first(
    definition: JobVersion,
    latest: Execution | None,
    outcome: Execution | None,
    pause: Pause | None,
    expected: JobHealth,
) -> None:
    assert standing(definition, latest, outcome, pause, NOW) is expected


def test_a_broken_expectation_is_no_health() -> None:
    broken = [standing(one, latest, latest, None, NOW, is_broken=True) for one, latest in ((ON, GOOD), (ON, None))]
    assert broken == [JobHealth.BROKEN, JobHealth.BROKEN]
    assert standing(ON, BAD, BAD, None, NOW, is_broken=True) is JobHealth.FAILING
    assert standing(OFF, GOOD, GOOD, None, NOW, is_broken=True) is JobHealth.OFF


def test_a_job_that_requires_skips_is_skipped_on_the_page_and_in_the_api(
    own: FlaskClient, service: Service, checkout: Checkout, receiver: Receiver
) -> None:
    gate = {"job": "failing", "success_within": "1h"}
    checkout.write("gated", job_yaml("gated", receiver.url, schedule="@every 1s", enabled=True, requires=gate))
    checkout.commit("Require a job that fails")
    service.follower.sync()
    eventually(lambda: own.get("/api/v1/executions?job=gated&status=skipped").get_json()["items"])
    assert own.get("/api/v1/jobs/gated").get_json()["health"] == "skipped"
    assert "gated" in [job["name"] for job in own.get("/api/v1/jobs?health=skipped").get_json()["items"]]
    page = own.get("/jobs/gated", headers={"Accept": "text/html"}).get_data(as_text=True)
    assert '<span class="standing skipped" data-live="standing">skipped</span>' in page
    assert WORDS[JobHealth.SKIPPED] in page
    first = own.get("/?health=skipped", headers={"Accept": "text/html"}).get_data(as_text=True)
    assert '<a href="/jobs/gated">' in first


class Ledger:
    """Rows of one job, newest first, as an engine gives them; ``asked`` counts the questions."""

    def __init__(self, *rows: Execution) -> None:
        self.rows = [replace(row, id=str(uuid4())) for row in rows]
        self.asked = 0
        self.outcomes = LastOutcomes()

    def latest(self, names: Sequence[str]) -> dict[str, Execution]:
        return dict.fromkeys(names, self.rows[0])

    def recent(self, names: Sequence[str], count: int) -> dict[str, Sequence[Execution]]:
        self.asked += 1
        return dict.fromkeys(names, self.rows[:count])

    def health(self) -> JobHealth:
        expectations = SimpleNamespace(snapshot=dict)
        self_ = SimpleNamespace(latest=self.latest, recent=self.recent, pauses=dict)
        service: Any = SimpleNamespace(
            engine=self_, now=lambda: NOW, expectations=expectations, last_outcomes=self.outcomes
        )
        return search(service, [ON])[0].standing


def test_a_failure_is_not_forgotten_when_later_times_are_skipped_or_cancelled() -> None:
    behind = [skipped(Reason.CALENDAR), run(Status.CANCELLED), BAD, GOOD]
    ledger = Ledger(*behind)
    assert [ledger.health(), ledger.health()] == [JobHealth.FAILING, JobHealth.FAILING]
    assert ledger.asked == 1, "nothing has happened since"
    ledger.rows.insert(0, replace(GOOD, id="newest"))
    assert (ledger.health(), ledger.asked) == (JobHealth.HEALTHY, 1)
    assert Ledger(*[skipped(Reason.REQUIRES)] * 100, BAD).health() is JobHealth.SKIPPED


def test_an_execution_behind_a_skipped_one_is_asked_for_until_it_ends() -> None:
    ledger = Ledger(skipped(Reason.OVERLAP), run(Status.RUNNING, minutes=9))
    assert [ledger.health(), ledger.health(), ledger.asked] == [JobHealth.RUNNING, JobHealth.RUNNING, 2]
    ledger.rows[1] = BAD
    assert ledger.health() is JobHealth.FAILING


def test_a_replay_is_no_outcome_of_the_schedule() -> None:
    assert Ledger(replace(GOOD, replay="r"), BAD).health() is JobHealth.FAILING
    assert Ledger(replace(BAD, replay="r"), GOOD).health() is JobHealth.HEALTHY
