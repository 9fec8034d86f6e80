"""Schedules of EventBridge Scheduler, to the files they become, in the form of get-schedule."""

import json
from datetime import timedelta
from typing import Any

import pytest
from cli.importers.test_sources import done, jobs, refused

from chronos_gitops.cli.importers import eventbridge

SCHEDULE = {
    "Arn": "arn:aws:scheduler:eu-west-1:123456789012:schedule/default/nightly",
    "GroupName": "default",
    "Name": "nightly",
    "Description": "Close the books",
    "ScheduleExpression": "cron(30 2 ? * MON-FRI *)",
    "ScheduleExpressionTimezone": "Europe/Paris",
    "StartDate": "2026-12-31T23:00:00+00:00",
    "EndDate": 1830294000.0,
    "State": "ENABLED",
    "FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15},
    "Target": {
        "Arn": "arn:aws:lambda:eu-west-1:123456789012:function:close",
        "RoleArn": "arn:aws:iam::123456789012:role/scheduler",
        "Input": '{"at": "<aws.scheduler.scheduled-time>", "try": "<aws.scheduler.attempt-number>"}',
        "RetryPolicy": {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 4},
        "DeadLetterConfig": {"Arn": "arn:aws:sqs:eu-west-1:123456789012:dead"},
    },
    "CreationDate": "2026-01-01T00:00:00+00:00",
}
TARGETS = {"arn:aws:lambda:eu-west-1:123456789012:function:close": "https://books.example.com/close"}


def of_eventbridge(*schedules: Any, targets: dict[str, str] | None = None) -> Any:
    def read(content: bytes, **options: Any) -> Any:
        return eventbridge.read(content, **options, targets=TARGETS if targets is None else targets)

    return done(read, "\n".join(map(json.dumps, schedules)))


def test_a_schedule_of_eventbridge_whose_target_has_an_address() -> None:
    found = of_eventbridge(SCHEDULE)
    (nightly,) = jobs(found)
    assert (nightly.name, nightly.timezone) == ("nightly", "Europe/Paris")
    assert json.loads(nightly.timing.definition) == {
        "schedule": "30 2 * * 1-5",
        "start": "2027-01-01T00:00",
        "end": "2028-01-01T00:00",
    }
    assert (nightly.webhook.method, nightly.webhook.url) == ("POST", "https://books.example.com/close")
    assert nightly.webhook.body == '{"at": "{{.ScheduledTime}}", "try": "{{.Attempt}}"}'
    assert (nightly.jitter, nightly.retry_policy.max_attempts) == (timedelta(minutes=15), 5)
    assert found.drafts[0].lost == (
        "MaximumEventAgeInSeconds: attempts end with their number; see retry_policy.max_interval",
        "DeadLetterConfig: failed executions stay in the history; configure notifications",
    )


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"ScheduleExpression": "cron(0 0 1 * MON *)"}, "its days have to match both day fields"),
        ({"ScheduleExpression": ""}, "it has no ScheduleExpression: list-schedules leaves it out"),
        ({"Target": {"Arn": "arn:aws:sqs:eu-west-1:1:q"}}, "its target is arn:aws:sqs:eu-west-1:1:q, no HTTP address"),
        ({"Target": None}, "its target is missing, no HTTP address"),
        ({"StartDate": "soon"}, "its StartDate or EndDate is not a time"),
        ({"StartDate": 1e99}, "its StartDate or EndDate is not a time"),
        ({"ScheduleExpressionTimezone": "Mars/X"}, 'unknown timezone "Mars/X"'),
        (
            {"Target": SCHEDULE["Target"] | {"Input": "<aws.scheduler.new-thing>"}},
            "its Input has <aws.scheduler.new-thing>",
        ),
        ({"Target": SCHEDULE["Target"] | {"Input": "{{x}}"}}, "it has {{ in it"),
        (
            {"Target": SCHEDULE["Target"] | {"RetryPolicy": {"MaximumRetryAttempts": "x"}}},
            "its MaximumRetryAttempts is",
        ),
    ],
)
def test_schedules_that_cannot_be_a_job_are_refused_with_the_reason(fields: dict[str, Any], reason: str) -> None:
    given = {key: value for key, value in (SCHEDULE | fields).items() if key not in ("StartDate", "EndDate") or fields}
    ((place, why),) = refused(of_eventbridge({**given, "EndDate": None} if "StartDate" in fields else given))
    assert (place, why[: len(reason)]) == ("schedule 1, nightly", reason)


def test_templates_lists_and_rates_are_read_too() -> None:
    rate = {key: SCHEDULE[key] for key in ("Target", "State")} | {"ScheduleExpression": "rate(1 day)"}
    template = {"Resources": {"Tidy": {"Type": "AWS::Scheduler::Schedule", "Properties": rate}, "Q": {"Type": "x"}}}
    found = of_eventbridge(template, {"Schedules": [SCHEDULE]}, [SCHEDULE | {"State": "DISABLED"}])
    tidy, first, second = jobs(found)
    assert (tidy.name, tidy.timing.definition, tidy.timezone) == ("tidy", "@every 24h", "UTC")
    assert found.drafts[0].lost[-2].startswith("the steps of @every are counted from 1970-01-01")
    assert (first.enabled, second.enabled) == (True, False)
