"""The shapes of requests and answers, as the OpenAPI document has them (JSON Schema 2020-12)."""

from functools import cache
from typing import get_args

from chronos_gitops.jobs.problem import Severity
from chronos_gitops.observability.audit_log import AuditResult
from chronos_gitops.observability.event_log import EventKind
from chronos_gitops.schedule.errors import Field
from chronos_gitops.server.api.openapi.caller_schemas import audit, callers, identity
from chronos_gitops.server.api.openapi.execution_schemas import executions, sent_request
from chronos_gitops.server.api.openapi.job_schemas import SCHEDULE, jobs, timing_fields
from chronos_gitops.server.api.openapi.operation_schemas import PAUSE, operations
from chronos_gitops.server.api.openapi.replay_schemas import replays
from chronos_gitops.server.api.openapi.shapes import (
    COUNT,
    DURATION,
    FLAG,
    INSTANT,
    NUMBER,
    TEXT,
    Schema,
    listed,
    nullable,
    one_of,
    page,
    ref,
    shape,
)
from chronos_gitops.server.api.openapi.version_schemas import versions
from chronos_gitops.server.api.problem_types import KINDS


@cache
def components() -> dict[str, Schema]:
    """Every shape by name; not to be changed, they are made once."""
    return (
        jobs()
        | _upcoming()
        | executions()
        | versions()
        | _answers()
        | _partial()
        | operations()
        | replays()
        | _sync()
        | audit()
        | _events()
        | callers()
        | identity()
        | _problems()
    )


def _upcoming() -> dict[str, Schema]:
    bucket = shape({"at": INSTANT, "count": COUNT}, description="`at` is where the bucket starts.")
    load = {
        "from": INSTANT,
        "until": INSTANT,
        "bucket": DURATION,
        "total": COUNT,
        "peak": nullable(ref("Bucket")) | {"description": "The first of the fullest buckets; null when nothing is due"},
        "buckets": listed(ref("Bucket")),
    }
    moved_from = INSTANT | {"description": "The held scheduled time whose place it takes"}
    closed = {"time": INSTANT, "job": TEXT, "calendar": TEXT, "reason": TEXT, "moved_to": nullable(INSTANT)}
    return {
        "Tick": shape({"at": INSTANT, "job": TEXT, "moved_from": moved_from}, optional=("moved_from",)),
        "ClosedTick": shape(closed, description="A scheduled time that a calendar drops or moves."),
        "TickList": page("Tick") | {"properties": page("Tick")["properties"] | {"closed": listed(ref("ClosedTick"))}},
        "Bucket": bucket,
        "Load": shape(load, description="Number of scheduled times by time."),
    }


def _partial() -> dict[str, Schema]:
    following = page("Job")["properties"]["next"]
    fields = {"items": listed({"type": "object"}), "next": following, "fields": listed(TEXT)}
    return {
        "PartialList": shape(fields, description="A list with the parameter `fields`: each item has only these fields.")
    }


def _answers() -> dict[str, Schema]:
    planned = {"dry_run": {"const": True}, "job": TEXT} | sent_request()
    planned |= {"curl": TEXT | {"description": "The same as a command for a shell"}}
    wrong = shape({"field": one_of(get_args(Field)), "message": TEXT, "hint": TEXT})
    schedule = {
        "valid": FLAG,
        "description": nullable(TEXT),
        "next_runs": listed(INSTANT),
        "problems": listed(wrong),
    }
    health = shape({"status": one_of(("pass", "warn", "fail")), "detail": TEXT})
    return {
        "RequestPlan": shape(
            planned, description="The request that an execution would send, credentials masked. Nothing is sent."
        ),
        "ScheduleRequest": shape(
            {"schedule": SCHEDULE, "timezone": TEXT} | timing_fields(), optional=("timezone", *timing_fields())
        ),
        "ScheduleAnswer": shape(schedule),
        "FileAnswer": shape({"valid": FLAG, "problems": listed(ref("Finding"))}),
        "Health": shape(
            {
                "status": one_of(("pass", "warn", "fail")),
                "version": TEXT,
                "tzdata": TEXT,
                "checks": {"type": "object", "additionalProperties": health},
            },
            optional=("checks",),
        ),
        "Build": shape({"version": TEXT, "python": TEXT, "commit": nullable(TEXT)}),
    }


def _sync() -> dict[str, Schema]:
    revision = {"desired": nullable(TEXT), "attempted": nullable(TEXT), "applied": nullable(TEXT)}
    held = shape({"names": listed(TEXT), "disabled": listed(TEXT), "checksum": TEXT})
    status = {
        "state": one_of(("starting", "synced", "degraded", "failed")),
        "mode": one_of(("worktree", "branch")),
        "branch": nullable(TEXT),
        "repository": TEXT,
        "environment": nullable(TEXT) | {"description": "Environment of the runner; null for one without"},
        "revision": shape(revision),
        "reason": nullable(TEXT),
        "message": TEXT,
        "problems": listed(ref("Finding")) | {"description": "The worst thousand when there are more"},
        "problems_total": COUNT,
        "last_attempt_at": nullable(INSTANT),
        "last_success_at": nullable(INSTANT),
        "applied_at": nullable(INSTANT),
        "committed_at": nullable(INSTANT),
        "next_attempt_at": nullable(INSTANT),
        "held": nullable(held),
        "unverified": listed(shape({"commit": TEXT, "author": TEXT, "why": TEXT}))
        | {
            "description": "Commits without a signature by an allowed signer, because of which the head is "
            "refused; at most 10"
        },
        "vouched": listed(shape({"commit": TEXT, "author": TEXT, "vouched_in": TEXT, "reviewer": TEXT}))
        | {"description": "The last commits that a signed commit (`vouched_in`) vouches for; at most 10"},
        "jobs": COUNT,
        "quarantined": listed(TEXT)
        | {"description": "Invalid files: names of jobs, paths of files without a name, of calendars and of policies"},
        "broken_layers": listed(ref("LayerReach"))
        | {"description": "Layers with an error, and the quarantined jobs that have no error of their own"},
        "pauses": listed(shape({"job": TEXT, **PAUSE})),
        "freezes": listed(shape({"name": TEXT, "jobs": COUNT, "until": nullable(INSTANT)}))
        | {"description": "Freezes that affect jobs now"},
        "reload_ms": nullable({"type": "number"}),
        "history_epoch": NUMBER
        | {"description": "Version numbers are valid within one history; rewriting the history begins another"},
        "history": one_of(("complete", "partial"))
        | {"description": "Partial: the clone is shallow or lacks contents, so versions have no numbers"},
    }
    return {
        "HookAnswer": shape({"status": one_of(("accepted", "duplicate", "ignored", "pong"))}),
        "Sync": shape(status),
        "ApproveRequest": shape({"checksum": TEXT}),
    }


def _events() -> dict[str, Schema]:
    event = {
        "id": NUMBER,
        "at": INSTANT,
        "type": one_of(EventKind),
        "message": TEXT,
        "job": nullable(TEXT),
        "commit": nullable(TEXT),
        "execution": nullable(TEXT)
        | {"description": "The id of the execution that failed, succeeded again, was triggered or cancelled"},
        "replay": nullable(TEXT) | {"description": "The id of the replay that was requested, cancelled, or has ended"},
        "by": nullable(TEXT) | {"description": "The caller"},
        "result": nullable(one_of(AuditResult)),
        "request_id": nullable(TEXT),
        "calendar": nullable(TEXT) | {"description": "The freeze that begins or ends"},
        "added": listed(TEXT) | {"description": "Jobs that an applied commit added"},
        "changed": listed(TEXT),
        "removed": listed(TEXT),
        "layers": listed(ref("LayerReach"))
        | {"description": "Defaults and environments that the event is about: edited, or invalid"},
    }
    reach = {
        "file": TEXT,
        "jobs": NUMBER | {"description": "Number of jobs that inherit it"},
        "job_names": listed(TEXT) | {"description": "The first ten of them"},
    }
    return {
        "Event": shape(event, description="Ids rise, over restarts too."),
        "EventList": page("Event"),
        "LayerReach": shape(reach),
    }


def _problems() -> dict[str, Schema]:
    status = {"type": "integer", "minimum": 400, "maximum": 599}
    finding = {
        "file": TEXT,
        "line": NUMBER,
        "column": NUMBER,
        "severity": one_of(Severity),
        "rule": TEXT,
        "message": TEXT,
        "hint": TEXT,
        "jobs": NUMBER | {"description": "Number of jobs with the value; 1 at a job's own."},
        "job_names": listed(TEXT) | {"description": "The first ten jobs that inherit the value"},
        "environments": nullable(listed(TEXT))
        | {"description": "Environments in which it is a problem; null where none are declared"},
        "policy": nullable(TEXT) | {"description": "The policy and its rule that find it, like payments/owner"},
    }
    problem = {
        "type": {"type": "string", "format": "uri-reference", "enum": [kind.uri for kind in KINDS]},
        "title": TEXT,
        "status": status,
        "detail": TEXT,
        "hint": TEXT,
        "command_hint": TEXT | {"description": "The hint in commands of `chronos-gitops`, where `hint` names calls"},
        "request_id": TEXT,
        "reason": TEXT,
        "parameter": TEXT,
        "did_you_mean": nullable(TEXT),
        "role": TEXT,
        "current_definition": nullable(TEXT),
        "problems": listed(ref("Finding")),
    }
    always = ("type", "title", "status", "detail", "request_id")
    optional = tuple(name for name in problem if name not in always)
    kind = {"type": TEXT, "title": TEXT, "status": status, "remedy": TEXT}
    return {
        "Finding": shape(finding, description="One finding in one job file; lines and columns from 1."),
        "Problem": shape(problem, optional=optional, description="RFC 9457"),
        "ProblemDescription": shape(kind),
        "ProblemDescriptionList": page("ProblemDescription"),
    }
