"""The shapes of jobs, as the OpenAPI document has them."""

from typing import Final

from chronos_gitops.expectations.judging.state import ExpectationState
from chronos_gitops.jobs.model import Concurrency, MissedRunPolicy
from chronos_gitops.jobs.promises.expect import ExpectationKind
from chronos_gitops.jobs.promises.requires import Unmet
from chronos_gitops.jobs.promises.success import Otherwise
from chronos_gitops.jobs.secrets.usage import SecretState
from chronos_gitops.jobs.state import JobState
from chronos_gitops.jobs.webhook import Completion
from chronos_gitops.schedule.timing import OnSkip
from chronos_gitops.server.api.job_health import JobHealth
from chronos_gitops.server.api.openapi.shapes import (
    COUNT,
    DURATION,
    FLAG,
    INSTANT,
    NUMBER,
    TEXT,
    TEXT_MAP,
    Schema,
    listed,
    nullable,
    one_of,
    page,
    ref,
    shape,
)
from chronos_gitops.webhooks.preflight.checks import PreflightCheck

SCHEDULE: Final[Schema] = {"oneOf": [TEXT, listed(TEXT)], "description": "One schedule, or a list of several"}

_SOURCES = (
    "Not in lists: the place of each value in the job's file or a layer, by field (`webhook.auth`, `tags.team`). "
    "Built-in values are absent"
)


def jobs() -> dict[str, Schema]:
    fields = job_fields()
    about = _standing()
    sync = {"state": one_of(("synced", "draft", "quarantined")), "problems": listed(ref("Finding"))}
    closed = {"time": INSTANT, "calendar": TEXT, "reason": TEXT, "moved_to": nullable(INSTANT)}
    moved_from = nullable(INSTANT) | {"description": "The held scheduled time whose place it takes"}
    run = {"time": INSTANT, "moved_from": moved_from}
    return (
        _calendars()
        | {
            "JobDefinition": shape(
                fields,
                optional=_optional(),
                description="A job file with its defaults filled in, credentials masked.",
            ),
            "Job": shape(
                fields | about,
                optional=("sources", "expectations", "preflight", *_optional()),
                description="A job and its state.",
            ),
        }
        | _expectations()
        | {
            "Source": shape({"file": TEXT, "line": NUMBER, "column": NUMBER}),
            "JobList": page("Job"),
            "JobSync": shape(sync, description="State of the job relative to git."),
            "NextRuns": shape(
                {"items": listed(INSTANT), "runs": listed(shape(run)), "closed": listed(shape(closed))},
                optional=("closed",),
            ),
        }
        | _secrets()
    )


def _standing() -> dict[str, Schema]:
    """Fields of a job beside its definition."""
    return {
        "id": {"type": "string", "format": "uuid", "description": "UUIDv5 of the name"},
        "state": one_of(JobState),
        "health": one_of(JobHealth) | {"description": "The first that applies, in this order"},
        "next_run": nullable(INSTANT),
        "created_at": nullable(INSTANT),
        "updated_at": nullable(INSTANT),
        "version": nullable(NUMBER),
        "commit": nullable(TEXT),
        "path": TEXT,
        "draft": FLAG,
        "draft_files": listed(TEXT) | {"description": "Files of the job, layers included, that differ from HEAD"},
        "environment": nullable(TEXT) | {"description": "Environment of these values; null where none is declared"},
        "sources": {"type": "object", "additionalProperties": ref("Source"), "description": _SOURCES},
        "last_execution": nullable(ref("Execution")),
        "expectations": listed(ref("Expectation"))
        | {"description": "Not in lists: the state of each limit of `expect`"},
        "preflight": nullable(ref("PreflightFailure")) | {"description": "Not in lists: the failed preflight check"},
        "pause": nullable(ref("Pause")),
        "sync": ref("JobSync"),
        "warnings": listed(ref("Finding")) | {"description": "About this runner: secrets without a value"},
    }


def _expectations() -> dict[str, Schema]:
    return {
        "Expectation": shape(
            {
                "kind": one_of(ExpectationKind),
                "limit": TEXT,
                "state": one_of(ExpectationState),
                "due_at": nullable(INSTANT) | {"description": "The deadline that was missed, or the next one"},
                "since": INSTANT | {"description": "Time from which the limit applies"},
                "found": nullable(TEXT) | {"description": "The value in place of it: a duration or an instant"},
                "execution": nullable(TEXT) | {"description": "The execution that decided"},
            }
        ),
        "PreflightFailure": shape(
            {
                "check": one_of(PreflightCheck),
                "scheduled_time": INSTANT | {"description": "The first scheduled time that is about to fail"},
                "host": nullable(TEXT) | {"description": "Null where the url is a secret"},
                "message": TEXT,
                "since": INSTANT | {"description": "Time of the first failed preflight"},
            }
        ),
    }


def _calendars() -> dict[str, Schema]:
    entry = shape({"entry": TEXT, "reason": TEXT, "line": COUNT})
    calendar = {
        "name": TEXT,
        "description": TEXT,
        "timezone": nullable(TEXT),
        "covers_until": nullable(TEXT) | {"description": "The date up to which dates are complete"},
        "closed": listed(entry),
        "open": listed(entry),
        "applies_to": {"type": ["object", "string", "null"], "description": "Of a freeze: the jobs that it chooses"},
        "except": listed(TEXT),
        "path": TEXT,
        "commit": nullable(TEXT) | {"description": "The commit that changed it last; null while it differs from HEAD"},
        "problems": listed(ref("Finding")) | {"description": "Of a broken file whose last content is in force"},
        "jobs": COUNT | {"description": "Number of jobs that it holds"},
        "closed_now": FLAG,
        "next_change": nullable(INSTANT) | {"description": "Time at which it opens or closes next"},
    }
    version = {
        "version": nullable(NUMBER),
        "commit": TEXT,
        "author": TEXT,
        "author_email": TEXT,
        "committed_at": INSTANT,
        "message": TEXT,
        "change": {"enum": ["created", "changed", "deleted"]},
        "path": TEXT,
        "entries_added": listed(TEXT) | {"description": "As written in its file: `closed 12-25 (Christmas)`"},
        "entries_removed": listed(TEXT),
    }
    return {
        "Calendar": shape(calendar),
        "CalendarList": page("Calendar"),
        "CalendarVersion": shape(version),
        "CalendarVersionList": page("CalendarVersion"),
    }


def job_fields() -> dict[str, Schema]:
    retry = {"max_attempts": NUMBER, "initial_interval": DURATION, "multiplier": {"type": "number"}}
    webhook = {
        "url": TEXT,
        "method": TEXT,
        "headers": TEXT_MAP,
        "body": nullable(TEXT),
        "auth": nullable({"type": "object", "required": ["type"], "additionalProperties": TEXT}),
        "success_codes": listed({"type": ["integer", "string"]}),
        "completion": one_of(Completion),
        "timeout": nullable(DURATION),
    }
    return {
        "name": TEXT,
        "description": TEXT,
        "schedule": SCHEDULE,
        "timezone": TEXT,
        **timing_fields(),
        "enabled": FLAG,
        "webhook": shape(webhook | {"success": _success()}, optional=("success",)),
        "timeout": DURATION,
        "retry_policy": shape(retry | {"max_interval": DURATION}),
        "concurrency": one_of(Concurrency),
        "missed_run_policy": one_of(MissedRunPolicy),
        "catchup_window": DURATION,
        "jitter": DURATION,
        "tags": TEXT_MAP,
        **promises(),
    }


def _optional() -> tuple[str, ...]:
    """Fields that a job without them does not show, so that a job of an earlier release keeps its digest."""
    return (*timing_fields(), *promises())


def promises() -> dict[str, Schema]:
    """Schemas of a job's expectations, guard and requirements."""
    limits = {kind.value: DURATION for kind in ExpectationKind} | {"finish_by": TEXT}
    return {
        "expect": shape(limits, optional=tuple(limits), description="Limits that open an incident when broken."),
        "guard": shape(
            {"executions": NUMBER}, description="Failed first executions after which a new version is paused."
        ),
        "requires": shape(
            {"job": TEXT, "success_within": DURATION, "wait": DURATION, "otherwise": one_of(Unmet)},
            description="The job whose recent success an execution waits for.",
        ),
    }


def timing_fields() -> dict[str, Schema]:
    """Schemas of when a job runs beside its schedule."""
    when = "A date or a local time in the zone of the job"
    return {
        "start": TEXT | {"description": when},
        "end": TEXT | {"description": when},
        "skip": listed(TEXT) | {"description": "Names of calendars"},
        "on_skip": one_of(OnSkip),
    }


def _success() -> Schema:
    scalar: Schema = {"type": ["string", "number", "boolean"]}
    compared: Schema = {"anyOf": [scalar, listed(scalar)]}
    rule = {"json": TEXT, "equals": compared, "not": compared, "exists": FLAG}
    rule |= {"at_least": {"type": "number"}, "at_most": {"type": "number"}, "contains": TEXT, "lacks": TEXT}
    return shape({"body": listed(shape(rule, optional=tuple(rule))), "otherwise": one_of(Otherwise)})


def _secrets() -> dict[str, Schema]:
    use = {"job": TEXT, "path": TEXT, "file": TEXT, "line": NUMBER, "field": TEXT, "origin": nullable(TEXT)}
    secret = {"name": TEXT, "state": one_of(SecretState), "folders": listed(TEXT), "origins": listed(TEXT)}
    secret |= {"uses": listed(shape(use)), "next_use": nullable(INSTANT)}
    return {"Secret": shape(secret), "SecretList": page("Secret")}
