"""Events of Cronicle, to the files they become, in the form of its get_schedule."""

import json
from datetime import timedelta
from typing import Any

import pytest
from cli.importers.test_sources import done, jobs, refused

from chronos_gitops.cli.importers import cronicle
from chronos_gitops.jobs.model import Concurrency, MissedRunPolicy


def event(**fields: Any) -> dict[str, Any]:
    """An event as Cronicle's get_schedule has it."""
    return {
        "enabled": 1,
        "params": {
            "method": "POST",
            "url": "https://api.example.com/report?full=1",
            "headers": "Content-Type: application/json\nAuthorization: Bearer abcdef0123456789",
            "data": '{"at": [1, 2]}',
            "timeout": "30",
            "follow": 0,
            "ssl_cert_bypass": 0,
            "success_match": "",
            "error_match": "",
        },
        "timing": {"minutes": [30], "hours": [4, 16]},
        "max_children": 1,
        "timeout": 3600,
        "catch_up": 0,
        "queue_max": 1000,
        "timezone": "America/Los_Angeles",
        "plugin": "urlplug",
        "title": "Daily Report",
        "category": "general",
        "target": "allgrp",
        "algo": "random",
        "multiplex": 0,
        "retries": 2,
        "retry_delay": 30,
        "detached": 0,
        "notify_success": "",
        "notify_fail": "",
        "web_hook": "",
        "cpu_limit": 0,
        "notes": "For the board",
        "modified": 1451185588,
        "created": 1450937012,
        "username": "admin",
        "id": "3c182051",
        **fields,
    }


def of_cronicle(*events: dict[str, Any], **options: Any) -> Any:
    answer = {"code": 0, "rows": list(events), "list": {"page_size": 50, "length": len(events), "type": "list"}}
    return done(cronicle.read, json.dumps(answer), **options)


def test_an_event_of_cronicles_http_client() -> None:
    found = of_cronicle(event())
    (report,) = jobs(found)
    assert (report.name, report.description, report.enabled) == ("daily-report", "For the board", True)
    assert (report.timing.definition, report.timezone) == ("30 4,16 * * *", "America/Los_Angeles")
    assert (report.webhook.method, report.webhook.url) == ("POST", "https://api.example.com/report?full=1")
    assert dict(report.webhook.headers) == {
        "Content-Type": "application/json",
        "Authorization": "Bearer ${secret:daily-report-authorization}",
    }
    assert report.webhook.body == '{"at": [1, 2]}'
    assert report.attempt_timeout == timedelta(seconds=30)
    assert report.retry_policy.max_attempts == 3
    assert (report.retry_policy.initial_interval, report.retry_policy.multiplier) == (timedelta(seconds=30), 1)
    assert (report.concurrency, report.missed_run_policy) == (Concurrency.FORBID, MissedRunPolicy.IGNORE)
    assert 302 in report.webhook.success_codes
    assert 404 not in report.webhook.success_codes


@pytest.mark.parametrize(
    ("timing", "expected"),
    [
        ({"minutes": [0]}, {"schedule": "0 * * * *"}),
        ({"minutes": list(range(0, 60, 5))}, {"schedule": "*/5 * * * *"}),
        ({"minutes": [0], "hours": [9], "weekdays": [1, 2, 3, 4, 5]}, {"schedule": "0 9 * * 1-5"}),
        ({"minutes": [0], "hours": [9], "days": [1, 2, 3, 4, 5, 6, 7], "weekdays": [1]}, {"schedule": "0 9 * * 1#1"}),
        (
            {"years": [2027], "months": [3, 4, 5], "days": [1, 15], "hours": [6], "minutes": [15, 45]},
            {"schedule": "15,45 6 1,15 3-5 *", "start": "2027-01-01", "end": "2027-12-31"},
        ),
    ],
)
def test_the_timing_of_an_event(timing: dict[str, list[int]], expected: dict[str, str]) -> None:
    (draft,) = of_cronicle(event(timing=timing)).drafts
    for field, value in expected.items():
        assert f'{field}: "{value}"\n' in draft.text or f"{field}: {value}\n" in draft.text


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"timing": False}, "it has no timing: it runs on demand only"),
        ({"timing": {"minutes": [75]}}, "minutes of its timing is not a list of numbers from 0 to 59"),
        ({"timing": {"minutes": ["x"]}}, "minutes of its timing is not a list of numbers from 0 to 59"),
        ({"timing": {"fortnights": [1]}}, "fortnights of its timing is not known here"),
        (
            {"timing": {"days": [1], "weekdays": [1]}},
            "its days have to match both day fields, and in a schedule either one is enough",
        ),
        ({"plugin": "testplug"}, "its plugin is testplug, and chronos-gitops sends HTTP requests"),
        (
            {"plugin": "shellplug", "params": {"script": "#!/bin/sh\n/opt/report.sh\n"}},
            "it is not a call of curl or wget",
        ),
        ({"plugin": "shellplug", "params": {"script": "#!/usr/bin/perl\nprint 1"}}, "its script is not one of a shell"),
        ({"params": {"url": "https://api.example.com/[hostname]"}}, "it has [hostname] in it, which Cronicle fills in"),
        (
            {"params": {"method": "POST", "url": "https://a.example.com/", "data": '{"h": "[params/x]"}'}},
            "it has [params/x] in it, which Cronicle fills in",
        ),
        ({"retries": "many"}, "its retries is not a whole number"),
    ],
)
def test_events_that_cannot_be_a_job_are_refused_with_the_reason(fields: dict[str, Any], reason: str) -> None:
    assert refused(of_cronicle(event(**fields))) == [("event 1, Daily Report", reason)]


@pytest.mark.parametrize(
    ("fields", "lost"),
    [
        ({"notify_fail": "a@example.com"}, "notify_fail: notifications have channels of their own"),
        ({"chain": "other"}, "chain: it does not start the event that ran after it"),
        ({"max_children": 3}, "max_children: any number run at the same time, not 3 at most"),
        ({"catch_up": 1}, "catch_up: scheduled times of the last hour are caught up; see catchup_window"),
        ({"multiplex": 1}, "multiplex: it ran on each server of its group"),
    ],
)
def test_what_an_event_loses_is_named(fields: dict[str, Any], lost: str) -> None:
    assert lost in of_cronicle(event(**fields)).drafts[0].lost


def test_a_shell_of_cronicle_that_calls_curl_and_one_that_is_disabled() -> None:
    script = "#!/bin/sh\n# every night\ncurl -fsS -m 20 https://api.example.com/nightly/run\n"
    (night,) = jobs(of_cronicle(event(plugin="shellplug", params={"script": script}, enabled=0, queue=1)))
    assert (night.webhook.url, night.enabled) == ("https://api.example.com/nightly/run", False)
    assert (night.attempt_timeout, night.concurrency) == (timedelta(seconds=20), Concurrency.QUEUE)
