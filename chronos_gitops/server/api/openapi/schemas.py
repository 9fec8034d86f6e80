"""The shapes of requests and answers, as the OpenAPI document has them (JSON Schema 2020-12)."""

from typing import Any

from chronos_gitops.engine.callbacks import Told
from chronos_gitops.engine.explain import TickOutcome
from chronos_gitops.engine.model import Status, Trigger
from chronos_gitops.jobs.model import Completion, Concurrency, MissedRunPolicy
from chronos_gitops.jobs.problem import Severity
from chronos_gitops.observability.event_log import EventKind
from chronos_gitops.server.api.problem_types import KINDS

Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
COUNT: Schema = {"type": "integer", "minimum": 0}
NUMBER: Schema = {"type": "integer", "minimum": 1}
INSTANT: Schema = {"type": "string", "format": "date-time", "description": "RFC 3339, UTC"}
DURATION: Schema = {"type": "string", "examples": ["300ms", "30s", "1h30m"]}
TEXT_MAP: Schema = {"type": "object", "additionalProperties": TEXT}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def listed(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def nullable(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def one_of(values: Any) -> Schema:
    return {"type": "string", "enum": [str(value) for value in values]}


def shape(fields: dict[str, Schema], *, optional: tuple[str, ...] = (), description: str = "") -> Schema:
    """An object with exactly these fields, all of them present but the optional ones."""
    found: Schema = {"type": "object", "additionalProperties": False, "properties": fields}
    required = [name for name in fields if name not in optional]
    return found | ({"required": required} if required else {}) | ({"description": description} if description else {})


def page(items: str) -> Schema:
    following = {"type": ["string", "null"], "format": "uri", "description": "The next page, null on the last one"}
    return shape({"items": listed(ref(items)), "next": following})


def components() -> dict[str, Schema]:
    return (
        _jobs() | _upcoming() | _executions() | _versions() | _answers() | _sync() | _audit() | _events() | _problems()
    )


def _jobs() -> dict[str, Schema]:
    fields = _job_fields()
    about = {
        "id": {"type": "string", "format": "uuid", "description": "UUIDv5 of the name"},
        "state": one_of(("enabled", "disabled", "paused")),
        "next_run": nullable(INSTANT),
        "created_at": nullable(INSTANT),
        "updated_at": nullable(INSTANT),
        "version": nullable(NUMBER),
        "commit": nullable(TEXT),
        "path": TEXT,
        "draft": FLAG,
        "last_execution": nullable(ref("Execution")),
        "pause": nullable(ref("Pause")),
        "sync": ref("JobSync"),
    }
    sync = {"state": one_of(("synced", "draft", "quarantined")), "problems": listed(ref("Finding"))}
    pause = {"reason": TEXT, "by": TEXT, "at": INSTANT, "until": nullable(INSTANT)}
    return {
        "JobDefinition": shape(fields, description="A job file with its defaults filled in, credentials masked."),
        "Job": shape(fields | about, description="A job with where it stands."),
        "JobList": page("Job"),
        "JobSync": shape(sync, description="How what runs relates to git."),
        "Pause": shape(pause),
        "NextRuns": shape({"items": listed(INSTANT)}),
    }


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
    return {
        "Tick": shape({"at": INSTANT, "job": TEXT}),
        "TickList": page("Tick"),
        "Bucket": bucket,
        "Load": shape(load, description="How many ticks there are when."),
    }


def _job_fields() -> dict[str, Schema]:
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
        "schedule": TEXT,
        "timezone": TEXT,
        "enabled": FLAG,
        "webhook": shape(webhook),
        "timeout": DURATION,
        "retry_policy": shape(retry | {"max_interval": DURATION}),
        "concurrency": one_of(Concurrency),
        "missed_run_policy": one_of(MissedRunPolicy),
        "catchup_window": DURATION,
        "jitter": DURATION,
        "tags": TEXT_MAP,
    }


def _executions() -> dict[str, Schema]:
    outcome = {"status_code": nullable(NUMBER), "error_class": nullable(TEXT), "error": nullable(TEXT)}
    attempt = {"attempt": NUMBER, "started_at": INSTANT, "duration_ms": COUNT} | outcome
    fields = {
        "id": TEXT,
        "job": TEXT,
        "scheduled_time": INSTANT,
        "trigger": one_of(Trigger),
        "status": one_of(Status),
        "waiting_for": nullable(one_of(("callback",)))
        | {"description": "What a running execution waits for: its target has accepted the work and will call back"},
        "reason": nullable(TEXT),
        "attempts": COUNT | {"description": "How many"},
        "created_at": nullable(INSTANT),
        "started_at": nullable(INSTANT),
        "completed_at": nullable(INSTANT),
        "duration_ms": nullable(COUNT),
        **outcome,
        "callback_deadline": nullable(INSTANT) | {"description": "Until when the callback has to come"},
        "last_heartbeat_at": nullable(INSTANT) | {"description": "When the target said last that it is at it"},
        "message": nullable(TEXT) | {"description": "What the target said last in a callback, at most 4 KiB"},
        "version": nullable(NUMBER),
        "commit": nullable(TEXT),
        "count": NUMBER | {"description": "How many ticks this row stands for, from range_start to scheduled_time"},
        "range_start": nullable(INSTANT),
    }
    why = {
        "at": INSTANT,
        "due": FLAG | {"description": "Whether the instant was a tick that the runner owed"},
        "tick": nullable(INSTANT) | {"description": "The tick nearest to `at`, within a minute"},
        "outcome": one_of(TickOutcome),
        "reason": nullable(TEXT),
        "message": TEXT | {"description": "One sentence"},
        "version": nullable(NUMBER),
        "commit": nullable(TEXT) | {"description": "What made it so"},
        "execution": nullable(ref("Execution")),
    }
    sent = {"request": nullable(ref("SentRequest")), "curl": nullable(TEXT)}
    return {
        "Explanation": shape(why, description="What became of one instant of one job."),
        "Execution": shape(fields),
        "ExecutionList": page("Execution"),
        "CallbackRequest": shape(
            {"status": one_of(Told), "message": TEXT | {"description": "4 KiB of it are kept"}},
            optional=("message",),
            description="`running` is a heartbeat; the others end the execution.",
        ),
        "CallbackAnswer": shape(
            {"id": TEXT, "status": one_of(Status), "deadline": nullable(INSTANT), "completed_at": nullable(INSTANT)},
            description="How the execution stands now.",
        ),
        "ExecutionDetail": shape(
            fields | {"attempts": listed(ref("Attempt"))} | sent,
            description="`request` and `curl` are the newest attempt's, masked; null where nothing is sent.",
        ),
        "SentRequest": shape(_request()),
        "Attempt": shape(
            attempt | {"response": nullable(TEXT), "phases": nullable(_phases())}, description="One HTTP request."
        ),
    }


def _request() -> dict[str, Schema]:
    return {"method": TEXT, "url": TEXT, "headers": TEXT_MAP, "body": nullable(TEXT)}


def _phases() -> Schema:
    milliseconds = nullable({"type": "number", "minimum": 0})
    names = ("dns", "connect", "tls", "first_byte", "read")
    about = "Milliseconds of each phase; null where it did not come so far, or a kept connection needed none."
    return shape(dict.fromkeys(names, milliseconds), description=about)


def _versions() -> dict[str, Schema]:
    version = {
        "version": nullable(NUMBER),
        "commit": TEXT,
        "author": TEXT,
        "author_email": TEXT,
        "committed_at": INSTANT,
        "deployed_at": nullable(INSTANT),
        "message": TEXT,
        "change": one_of(("created", "changed", "moved", "deleted", "unknown")),
        "path": TEXT,
        "current": FLAG,
    }
    content = {"job": nullable(ref("JobDefinition")), "yaml": nullable(TEXT), "problems": listed(ref("Finding"))}
    result = {
        "job": TEXT,
        "version": nullable(NUMBER),
        "restored_version": nullable(NUMBER),
        "commit": nullable(TEXT),
        "changed": FLAG,
    }
    diff = {
        "fields": listed(shape({"field": TEXT, "before": {}, "after": {}})),
        "unified": TEXT,
        "truncated": FLAG | {"description": "Whether `unified` ends after 5,000 lines"},
        "next_runs_before": listed(INSTANT),
        "next_runs_after": listed(INSTANT),
    }
    undone = {"job": TEXT, "version": nullable(NUMBER), "restored_version": nullable(NUMBER), "change": TEXT}
    undo = {"undone_commit": TEXT, "commit": nullable(TEXT), "changed": FLAG, "jobs": listed(shape(undone))}
    planned = result | {"dry_run": {"const": True}, "path": TEXT, "message": TEXT} | diff
    return {
        "Version": shape(version),
        "VersionList": page("Version"),
        "VersionDetail": shape(version | content),
        "Diff": shape({"version": nullable(NUMBER), "against": nullable(NUMBER)} | diff),
        "RollbackRequest": shape({"reason": TEXT, "dry_run": FLAG}, optional=("reason", "dry_run")),
        "Rollback": shape(result | {"branch": TEXT}, optional=("branch",)),
        "UndoRequest": shape({"commit": TEXT, "reason": TEXT, "dry_run": FLAG}, optional=("reason", "dry_run")),
        "Undo": shape(undo | {"branch": TEXT}, optional=("branch",)),
        "UndoPlan": shape(undo | {"dry_run": {"const": True}, "message": TEXT, "unified": TEXT}),
        "RollbackPlan": shape(planned, description="What the commit would be; nothing is written."),
    }


def _answers() -> dict[str, Schema]:
    planned = {"dry_run": {"const": True}, "job": TEXT} | _request()
    planned |= {"curl": TEXT | {"description": "The same as a command for a shell"}}
    wrong = shape({"field": one_of(("schedule", "timezone")), "message": TEXT, "hint": TEXT})
    schedule = {
        "valid": FLAG,
        "description": nullable(TEXT),
        "next_runs": listed(INSTANT),
        "problems": listed(wrong),
    }
    health = shape({"status": one_of(("pass", "warn", "fail")), "detail": TEXT})
    return {
        "TriggerRequest": shape({"dry_run": FLAG}, optional=("dry_run",)),
        "RequestPlan": shape(planned, description="What would be sent; credentials masked, nothing is sent."),
        "PauseRequest": shape({"reason": TEXT, "until": INSTANT}, optional=("until",)),
        "ScheduleRequest": shape({"schedule": TEXT, "timezone": TEXT}, optional=("timezone",)),
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
    held = shape({"names": listed(TEXT), "checksum": TEXT})
    status = {
        "state": one_of(("starting", "synced", "degraded", "failed")),
        "mode": one_of(("worktree", "branch")),
        "branch": nullable(TEXT),
        "repository": TEXT,
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
        "jobs": COUNT,
        "quarantined": listed(TEXT),
        "pauses": listed(shape({"job": TEXT, "reason": TEXT, "by": TEXT, "at": INSTANT, "until": nullable(INSTANT)})),
        "reload_ms": nullable({"type": "number"}),
        "history_epoch": NUMBER
        | {"description": "Version numbers hold within one; a rewritten history begins another"},
        "history": one_of(("complete", "partial"))
        | {"description": "Partial: the clone is shallow or lacks contents, so versions have no numbers"},
    }
    return {
        "HookAnswer": shape({"status": one_of(("accepted", "duplicate", "ignored", "pong"))}),
        "Sync": shape(status),
        "ApproveRequest": shape({"checksum": TEXT}),
    }


def _audit() -> dict[str, Schema]:
    entry = {
        "id": NUMBER,
        "at": INSTANT,
        "action": one_of(("rollback", "undo", "trigger", "pause", "resume", "cancel", "sync", "approve")),
        "job": nullable(TEXT),
        "by": TEXT | {"description": "The name of the token, else anonymous"},
        "result": one_of(("done", "unchanged", "proposed", "refused", "failed")),
        "status": COUNT | {"description": "The HTTP status of the answer"},
        "target": nullable(TEXT) | {"description": "The version, commit, checksum or end that was asked for"},
        "reason": nullable(TEXT) | {"description": "What the caller gave as a reason"},
        "detail": nullable(TEXT) | {"description": "Why it was not done"},
        "commit": nullable(TEXT) | {"description": "The commit it made"},
        "request_id": TEXT,
    }
    return {"AuditEntry": shape(entry), "AuditList": page("AuditEntry")}


def _events() -> dict[str, Schema]:
    event = {
        "id": NUMBER,
        "at": INSTANT,
        "type": one_of(EventKind),
        "message": TEXT,
        "job": nullable(TEXT),
        "commit": nullable(TEXT),
        "execution": nullable(TEXT) | {"description": "The id of the execution that failed, or succeeded again"},
        "by": nullable(TEXT) | {"description": "Who asked for it"},
        "result": nullable(one_of(("done", "unchanged", "proposed", "refused", "failed"))),
        "request_id": nullable(TEXT),
        "added": listed(TEXT) | {"description": "Jobs that an applied commit added"},
        "changed": listed(TEXT),
        "removed": listed(TEXT),
    }
    return {"Event": shape(event, description="Ids rise, over restarts too."), "EventList": page("Event")}


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
    }
    problem = {
        "type": {"type": "string", "format": "uri-reference", "enum": [kind.uri for kind in KINDS]},
        "title": TEXT,
        "status": status,
        "detail": TEXT,
        "hint": TEXT,
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
        "ProblemType": shape(kind),
        "ProblemTypeList": page("ProblemType"),
    }
