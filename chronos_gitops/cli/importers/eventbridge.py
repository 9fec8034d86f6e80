"""Schedules of EventBridge Scheduler, as get-schedule prints them or CloudFormation has them. Their targets are ARNs:
each becomes a webhook where --target gives its address."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from chronos_gitops.cli.importers.commands import request_fields
from chronos_gitops.cli.importers.documents import at, json_documents, text
from chronos_gitops.cli.importers.model import (
    ImportedJob,
    ImportResult,
    NotReadable,
    RefusedEntry,
    Unconvertible,
    reading,
)
from chronos_gitops.cli.importers.timings import aws
from chronos_gitops.schedule.errors import ScheduleError
from chronos_gitops.schedule.zones import timezones

_OFF: Final = "every job is written with enabled: false; enable one when its schedule is disabled (--enable for all)"
_RESOURCE: Final = "AWS::Scheduler::Schedule"
_SUMMARY: Final = "it has no ScheduleExpression: list-schedules leaves it out; aws scheduler get-schedule prints it"
_DEFAULT_RETRIES: Final = 185
_KEYWORDS: Final = {
    "<aws.scheduler.scheduled-time>": "{{.ScheduledTime}}",
    "<aws.scheduler.execution-id>": "{{.ExecutionID}}",
    "<aws.scheduler.attempt-number>": "{{.Attempt}}",
}
_ANY_KEYWORD: Final = re.compile(r"<aws\.scheduler\.[a-z-]+>")
_LOST: Final = {
    "DeadLetterConfig": "DeadLetterConfig: failed executions stay in the history; configure notifications",
    "EcsParameters": "EcsParameters are not sent",
    "EventBridgeParameters": "EventBridgeParameters are not sent",
    "KinesisParameters": "KinesisParameters are not sent",
    "SageMakerPipelineParameters": "SageMakerPipelineParameters are not sent",
    "SqsParameters": "SqsParameters are not sent",
}


def read(content: bytes, *, timezone: str, is_enabled: bool, targets: Mapping[str, str] | None = None) -> ImportResult:
    """``targets`` are addresses by ARN. Schedules without a zone are in UTC, whatever ``timezone`` says."""
    found = [one for document in json_documents(content) for one in _schedules(document)]
    if not found:
        hint = "aws scheduler get-schedule --name NAME > schedule.json"
        raise NotReadable("this is not a schedule of EventBridge Scheduler", hint=hint)
    del timezone
    entries = [_entry(number, *one, targets or {}, is_enabled=is_enabled) for number, one in enumerate(found, 1)]
    return reading(entries, [] if is_enabled else [_OFF])


def _schedules(document: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each with the name that a template gives it."""
    if isinstance(document, list):
        for one in document:
            yield from _schedules(one)
    elif isinstance(document, dict) and isinstance(document.get("Schedules"), list):
        yield from _schedules(document["Schedules"])
    elif isinstance(document, dict) and isinstance(document.get("Resources"), dict):
        for name, resource in document["Resources"].items():
            if at({"one": resource}, "one").get("Type") == _RESOURCE:
                yield name, at(resource, "Properties")
    elif isinstance(document, dict) and ("ScheduleExpression" in document or "Target" in document):
        yield "", document


def _entry(
    number: int, named: str, schedule: Mapping[str, Any], targets: Mapping[str, str], *, is_enabled: bool
) -> ImportedJob | RefusedEntry:
    name = text(schedule.get("Name")) or named
    place = f"schedule {number}, {name[:60] or 'without a name'}"
    expression = text(schedule.get("ScheduleExpression"))
    try:
        if not expression:
            raise Unconvertible(_SUMMARY)
        zone = text(schedule.get("ScheduleExpressionTimezone")) or "UTC"
        lost: list[str] = []
        document = {
            "description": text(schedule.get("Description")) or None,
            **aws.read(expression),
            "timezone": zone,
            **_bounds(schedule, zone),
            "enabled": is_enabled and schedule.get("State", "ENABLED") == "ENABLED",
            "concurrency": "allow",
            "jitter": _jitter(schedule),
            "webhook": _webhook(at(schedule, "Target"), schedule, targets, lost),
            "retry_policy": {"max_attempts": _attempts(at(schedule, "Target", "RetryPolicy"), lost)},
        }
    except Unconvertible as why:
        return RefusedEntry(place, expression, str(why))
    lost += [said for field, said in _LOST.items() if at(schedule, "Target").get(field)]
    lost += _about(schedule)
    return ImportedJob.of(place, name, document, lost)


def _about(schedule: Mapping[str, Any]) -> Iterator[str]:
    if schedule.get("ActionAfterCompletion") == "DELETE":
        yield "ActionAfterCompletion: the file stays when its schedule has ended"
    if text(schedule.get("GroupName")) not in ("", "default"):
        yield f"its group {text(schedule['GroupName'])[:60]}: put the file into a folder for it"


def _webhook(
    target: Mapping[str, Any], schedule: Mapping[str, Any], targets: Mapping[str, str], lost: list[str]
) -> dict[str, Any]:
    arn = text(target.get("Arn"))
    if arn not in targets:
        raise Unconvertible(f"its target is {arn[:160] or 'missing'}, no HTTP address; give one: --target ARN=URL")
    body = text(target.get("Input"))
    headers = request_fields.Headers([])
    if body:
        headers.add("Content-Type", "application/json" if _is_json(body) else "text/plain; charset=utf-8")
    made: dict[str, Any] = request_fields.document(targets[arn], "POST", headers, body or None, None)["webhook"]
    if body:
        made["body"] = _filled(body, text(schedule.get("Arn")))
    if ":aws-sdk:" in arn:
        lost.append("Input is sent as it is: it has the arguments of an AWS API")
    return made


def _filled(body: str, arn: str) -> str:
    for keyword, variable in _KEYWORDS.items():
        body = body.replace(keyword, variable)
    body = body.replace("<aws.scheduler.schedule-arn>", arn)
    unknown = _ANY_KEYWORD.search(body)
    if unknown:
        raise Unconvertible(f"its Input has {unknown[0][:60]}, which is not known here")
    return body


def _is_json(body: str) -> bool:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True


def _attempts(policy: Mapping[str, Any], lost: list[str]) -> int:
    retries = policy.get("MaximumRetryAttempts", _DEFAULT_RETRIES)
    if not isinstance(retries, int) or retries < 0:
        raise Unconvertible("its MaximumRetryAttempts is not a number")
    attempts = request_fields.limited(retries + 1)
    if attempts < retries + 1:
        lost.append(f"MaximumRetryAttempts: max_attempts is {attempts}, not {retries + 1}")
    if policy.get("MaximumEventAgeInSeconds"):
        lost.append("MaximumEventAgeInSeconds: attempts end with their number; see retry_policy.max_interval")
    return attempts


def _jitter(schedule: Mapping[str, Any]) -> str | None:
    window = at(schedule, "FlexibleTimeWindow")
    minutes = window.get("MaximumWindowInMinutes")
    is_flexible = window.get("Mode") == "FLEXIBLE" and isinstance(minutes, int)
    return f"{minutes}m" if is_flexible else None


def _bounds(schedule: Mapping[str, Any], zone: str) -> dict[str, str]:
    """As local times; the zone itself is judged with the job."""
    found = {"start": _local(schedule.get("StartDate"), zone), "end": _local(schedule.get("EndDate"), zone)}
    return {key: value for key, value in found.items() if value is not None}


def _local(given: Any, zone: str) -> str | None:
    """Of an RFC 3339 text, or of seconds since 1970."""
    if given in (None, ""):
        return None
    try:
        is_number = isinstance(given, int | float) and not isinstance(given, bool)
        instant = datetime.fromtimestamp(given, UTC) if is_number else datetime.fromisoformat(text(given))
        there = (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(timezones.load(zone))
    except ScheduleError as error:
        raise Unconvertible(str(error)) from None
    except (ValueError, OverflowError, OSError):
        raise Unconvertible("its StartDate or EndDate is not a time") from None
    return f"{there:%Y-%m-%dT%H:%M}" if there.second == 0 else f"{there:%Y-%m-%dT%H:%M:%S}"
