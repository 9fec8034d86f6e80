"""Jobs of Dkron, to the files they become. The answers are in the form of Dkron 4's GET /v1/jobs."""

import json
from datetime import timedelta
from typing import Any

import pytest
from cli.importers.test_sources import done, jobs, refused

from chronos_gitops.cli.importers import dkron
from chronos_gitops.cli.importers.model import NotReadable
from chronos_gitops.jobs.model import Concurrency


def job(**fields: Any) -> dict[str, Any]:
    """A job with every field that Dkron answers."""
    return {
        "id": "nightly_backup",
        "name": "nightly_backup",
        "displayname": "",
        "timezone": "Europe/Berlin",
        "schedule": "0 30 2 * * *",
        "owner": "",
        "owner_email": "",
        "success_count": 12,
        "error_count": 0,
        "last_success": "2026-11-28T01:30:00Z",
        "last_error": None,
        "disabled": False,
        "tags": None,
        "metadata": None,
        "retries": 0,
        "dependent_jobs": None,
        "parent_job": "",
        "processors": {},
        "concurrency": "allow",
        "executor": "http",
        "executor_config": {"method": "POST", "url": "https://api.example.com/backup", "expectCode": "200,202"},
        "status": "success",
        "next": "2026-11-29T01:30:00Z",
        "ephemeral": False,
        "expires_at": None,
        **fields,
    }


def imported(*several: dict[str, Any], **options: Any) -> Any:
    return done(dkron.read, json.dumps(list(several)), **options)


def test_a_job_of_the_http_executor() -> None:
    config = {
        "method": "POST",
        "url": "https://api.example.com/backup?full=1",
        "headers": '["Content-Type: application/json", "Authorization: Bearer abcdef0123456789"]',
        "body": '{"at": "12:30"}',
        "timeout": "90",
        "expectCode": "200,202",
    }
    found = imported(
        job(
            displayname="Nightly backup",
            executor_config=config,
            retries=2,
            concurrency="forbid",
            owner="Platform Team",
            metadata={"office": "Barcelona"},
        )
    )
    (backup,) = jobs(found)
    assert (backup.name, backup.description, backup.enabled) == ("nightly-backup", "Nightly backup", True)
    assert (backup.timing.definition, backup.timezone) == ("0 30 2 * * *", "Europe/Berlin")
    assert (backup.webhook.method, backup.webhook.url) == ("POST", "https://api.example.com/backup?full=1")
    assert dict(backup.webhook.headers) == {
        "Content-Type": "application/json",
        "Authorization": "Bearer ${secret:nightly-backup-authorization}",
    }
    assert backup.webhook.body == '{"at": "12:30"}'
    assert backup.attempt_timeout == timedelta(seconds=90)
    assert (backup.retry_policy.max_attempts, backup.concurrency) == (3, Concurrency.FORBID)
    assert dict(backup.tags) == {"owner": "Platform Team", "office": "Barcelona"}
    assert [code for code in (200, 201, 202, 204) if code in backup.webhook.success_codes] == [200, 202]
    assert found.drafts[0].lost == (
        "redirects are not followed: name the address that answers",
        'the name "nightly_backup" is now nightly-backup',
        "the value of nightly-backup-authorization: hand it to the runner as a secret",
    )


def test_a_shell_that_calls_curl() -> None:
    config = {
        "shell": "true",
        "command": 'curl -fsS -X POST -H "X-Key: $API_KEY" http://shop.internal/tick',
        "env": "API_KEY=0123456789abcdef,OTHER=x",
        "timeout": "45s",
    }
    (tick,) = jobs(imported(job(executor="shell", executor_config=config, retries=1)))
    assert (tick.webhook.method, tick.webhook.url) == ("POST", "http://shop.internal/tick")
    assert dict(tick.webhook.headers) == {"X-Key": "${secret:api-key}"}
    assert (tick.attempt_timeout, tick.retry_policy.max_attempts) == (timedelta(seconds=45), 2)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"executor": "kafka"}, "its executor is kafka, and chronos-gitops sends HTTP requests"),
        ({"executor": "shell", "executor_config": {"command": "/opt/report.sh"}}, "it is not a call of curl or wget"),
        ({"schedule": "@manually"}, "it has no schedule (@manually)"),
        (
            {"schedule": "@at 2027-01-02T15:04:00Z"},
            "it runs once (@at with an offset); write @at with the local time of its zone",
        ),
        (
            {"parent_job": "extract", "schedule": ""},
            "it runs after extract, not at a time; see requires, or call it from that job's target",
        ),
    ],
)
def test_what_cannot_be_a_job_is_refused_with_the_reason(fields: dict[str, Any], reason: str) -> None:
    assert refused(imported(job(**fields))) == [("job 1, nightly_backup", reason)]


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"headers": "{"}, "its headers are not JSON, so Dkron sends none of them; correct them first"),
        ({"expectCode": "2xx"}, 'its expectCode "2xx" is not a list of status codes'),
        ({"timeout": "soon"}, '"soon" is not a number of seconds'),
        ({"body": "{{ .x }}"}, "it has {{ in it, which a job fills in"),
    ],
)
def test_a_request_that_cannot_be_made_is_refused_with_the_reason(config: dict[str, str], reason: str) -> None:
    given = job(executor_config={"method": "GET", "url": "https://api.example.com/", **config})
    assert [why for _, why in refused(imported(given))] == [reason]


@pytest.mark.parametrize(
    ("fields", "lost"),
    [
        ({"processors": {"log": {"forward": "true"}}}, "processors: the runner keeps the beginning of each response"),
        ({"tags": {"server": "true:1"}}, "tags choose the nodes of Dkron that run it"),
        ({"expires_at": "2027-01-01T00:00:00Z"}, "expires_at: write it as end"),
        ({"dependent_jobs": ["load"]}, "it does not start the jobs that ran after it"),
        ({"starts_at": "2026-12-01T00:00:00Z"}, "starts_at: write it as start"),
        ({"ephemeral": True}, "it was deleted after its first success"),
        ({"owner_email": "a@example.com"}, "the address of the owner: notifications have channels of their own"),
    ],
)
def test_what_is_not_carried_over_is_named(fields: dict[str, Any], lost: str) -> None:
    assert lost in imported(job(**fields)).drafts[0].lost


@pytest.mark.parametrize(
    ("config", "lost"),
    [
        ({}, "every status code counted as a success; webhook.success_codes says which do"),
        ({"expectCode": "200", "expectBody": "/ok/"}, "expectBody: write it as webhook.success"),
        ({"body": "a=1"}, "it sent no Content-Type; the runner sends the one of its body"),
        ({"tlsNoVerifyPeer": "true"}, "tlsNoVerifyPeer of executor_config is not known here"),
    ],
)
def test_options_of_a_request_that_are_not_carried_over_are_named(config: dict[str, str], lost: str) -> None:
    given = job(executor_config={"method": "GET", "url": "https://api.example.com/", **config})
    assert lost in imported(given).drafts[0].lost


def test_disabled_jobs_stay_disabled_and_without_a_zone_it_is_the_one_that_was_given() -> None:
    found = imported(job(disabled=True, timezone=""), job(name="other_job"), timezone="Asia/Tokyo")
    assert [(one.enabled, one.timezone) for one in jobs(found)] == [(False, "Asia/Tokyo"), (True, "Europe/Berlin")]
    assert "jobs without a timezone are read in Asia/Tokyo" in found.notes[0]
    assert [one.enabled for one in jobs(imported(job(), is_enabled=False))] == [False]


@pytest.mark.parametrize("text", ["{", "[1]", '{"jobs": []}', '[{"name": "a"}]'])
def test_what_is_no_list_of_jobs_is_not_readable(text: str) -> None:
    with pytest.raises(NotReadable):
        done(dkron.read, text)
