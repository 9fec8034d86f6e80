"""The fields of a job file that say when it runs, as a job holds them."""

from datetime import UTC, datetime, timedelta

import pytest

from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.state import JobState, state_of
from chronos_gitops.jobs.validation.validate import validate_file
from chronos_gitops.schedule.timing import Timing, definition_of

PLAIN = """name: daily-database-backup
schedule: "0 2 * * *"
timezone: America/New_York
enabled: true
webhook:
  url: https://api.example.com/backup
  method: POST
"""
BEFORE_LISTS = "1367b064f783f9a579d5f2809296b5567cd757f74ff5bfa1024b3017fb8d6d43"
"""The digest that version 0.1 gave this file."""


def job(text: str) -> Job:
    found = validate_file("jobs/daily-database-backup.yaml", text.encode())
    assert found.job is not None, found.problems
    return found.job


def timed(schedule: str, **fields: str) -> Job:
    extra = "".join(f"{field}: {value}\n" for field, value in fields.items())
    return job(PLAIN.replace('"0 2 * * *"', schedule) + extra)


def test_a_job_of_one_schedule_is_the_same_as_before_lists() -> None:
    assert job(PLAIN).digest == BEFORE_LISTS
    assert list(job(PLAIN).document())[:5] == ["name", "description", "schedule", "timezone", "enabled"]
    assert job(PLAIN).timing.definition == "0 2 * * *"


def test_a_list_of_one_entry_is_that_text() -> None:
    assert timed('["0 2 * * *"]').digest == BEFORE_LISTS


def test_the_order_of_a_list_means_nothing() -> None:
    one, other = timed('["0 2 * * *", "0 3 * * *"]'), timed('["0 3 * * *", "0 2 * * *", "0 3 * * *"]')
    assert one.document()["schedule"] == ["0 2 * * *", "0 3 * * *"]
    assert one.digest == other.digest


FIELDS = [
    {"schedule": '["0 2 * * *", "@at 2030-12-24T18:00"]'},
    {"schedule": '"H H * * *"', "start": "2026-12-01", "end": "2027-01-31T18:00"},
    {"schedule": '"0 18 L * *"', "skip": "[fr-holidays, year-end]", "on_skip": "previous"},
]


@pytest.mark.parametrize("fields", FIELDS, ids=str)
def test_document_and_definition_give_the_same_timing_back(fields: dict[str, str]) -> None:
    found = timed(**fields)
    assert Job.from_document(found.document()) == found
    assert Timing.from_definition(found.timing.definition, found.timezone, key=found.name) == found.timing
    assert definition_of(found.document()) == found.timing.definition


def test_jobs_that_say_the_same_share_one_timing() -> None:
    assert job(PLAIN).timing is job(PLAIN.replace("database-", "")).timing
    assert timed('"H 2 * * *"').timing is not job(PLAIN.replace('"0 2', '"H 2').replace("database-", "")).timing


def test_the_last_one_off_ends_a_job() -> None:
    once = timed('"@at 2030-12-24T18:00"')
    at = datetime(2030, 12, 24, 23, tzinfo=UTC)
    assert state_of(once, at - timedelta(seconds=1), is_paused=False) is JobState.ENABLED
    assert state_of(once, at, is_paused=False) is JobState.ENDED
    assert state_of(once, at, is_paused=True) is JobState.PAUSED
    off = job(PLAIN.replace('"0 2 * * *"', '"@at 2030-12-24T18:00"').replace("true", "false"))
    assert state_of(off, at, is_paused=False) is JobState.DISABLED
