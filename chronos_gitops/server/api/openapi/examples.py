"""Examples of the OpenAPI document: made of its schemas, so that they are whole, with words that read well."""

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]
_COMMIT = "9be1d02c4f6a7e1b0d3c5f8a9e2b4d6f7a8c9e01"
_EXECUTION = "6c7e0c0a-5b0c-5d8f-9f7a-1f2b3c4d5e6f"
_YAML = 'name: daily-backup\nschedule: "0 2 * * *"\nwebhook:\n  url: https://api.example.com/backup\n'
_PLAIN: Mapping[str, Any] = {
    "action": "rollback",
    "added": ["daily-backup"],
    "after": "0 3 * * *",
    "auth": None,
    "author": "Alice",
    "author_email": "alice@example.com",
    "before": "0 2 * * *",
    "body": '{"type": "full"}',
    "branch": "main",
    "by": "ci",
    "catchup_window": "1h",
    "changed": True,
    "checksum": "sha256:5f2c9a",
    "commit": _COMMIT,
    "curl": "curl -X POST https://api.example.com/backup",
    "current_definition": "9be1d02c4f6a7e1b",
    "description": "Backup database to S3",
    "detail": 'There is no job "daily-bakup".',
    "did_you_mean": "daily-backup",
    "dry_run": True,
    "error": None,
    "error_class": None,
    "execution": _EXECUTION,
    "execution_id": _EXECUTION,
    "field": "schedule",
    "file": "jobs/daily-backup.yaml",
    "forge": "github",
    "headers": {"Authorization": "Bearer ${secret:backup-token}"},
    "held": None,
    "hint": 'Did you mean "daily-backup"?',
    "initial_interval": "1s",
    "jitter": "0s",
    "job": "daily-backup",
    "kind": "not-found",
    "max_attempts": 3,
    "max_interval": "1m",
    "message": "Back up at three",
    "method": "POST",
    "mode": "branch",
    "multiplier": 2.0,
    "n": "2",
    "name": "daily-backup",
    "next": None,
    "parameter": "team",
    "path": "jobs/daily-backup.yaml",
    "pause": None,
    "python": "3.13.1",
    "q": "backup",
    "quarantined": [],
    "range_start": None,
    "reason": "the new schedule collides with the export",
    "remedy": "GET /api/v1/jobs lists the jobs.",
    "removed": [],
    "repository": "https://git.example.com/team/jobs.git",
    "request_id": "0b6f3c9e-2d1a-4b57-8d0e-6f1f3f4a5b6c",
    "response": '{"status": "completed"}',
    "restore": "git restore -- jobs/daily-backup.yaml",
    "diff": "--- jobs/daily-backup.yaml@HEAD\n+++ jobs/daily-backup.yaml\n",
    "role": "rollback",
    "rule": "timeout-absent",
    "schedule": "0 2 * * *",
    "session_id": "3f786850e387550fdab836ed7e6dc881de23001b3f786850e387550fdab836ed",
    "status_code": 200,
    "success_codes": ["200-299"],
    "tags": {"team": "backend", "environment": "production"},
    "target": "1",
    "timeout": "30m",
    "timezone": "America/New_York",
    "title": "Not found",
    "tzdata": "2026f",
    "undone_commit": _COMMIT,
    "unified": "--- jobs/daily-backup.yaml@1\n+++ jobs/daily-backup.yaml@2\n",
    "unverified": [],
    "url": "https://api.example.com/backup",
    "vouched": [],
    "yaml": _YAML,
    "against": "1",
    "at": "2026-03-08T07:00:00Z",
    "bucket": "15m",
    "tag.": {"tag.team": "backend"},
    "verbose": "",
    "Idempotency-Key": "5f0c6f0a-6a55-4c7c-8c3b-7a1b2c3d4e5f",
    "If-Match": '"9be1d02c4f6a7e1b-bb978d138b42e1db439a"',
    "Last-Event-ID": "41",
}
_SELECTED: Mapping[str, Any] = {"select": {"tags": {"team": "billing"}}, "reason": "the database moves"}
_WHOLE: Mapping[str, Any] = {
    "ReplayRequest": {
        "from": "2026-03-08T00:00:00Z",
        "until": "2026-03-09T00:00:00Z",
        "reason": "the target was down",
    },
    "BulkPauseRequest": {**_SELECTED, "for": "2h"},
    "BulkResumeRequest": {**_SELECTED, "select": {"bulk": _EXECUTION}},
    "BulkTriggerRequest": {**_SELECTED, "expect_jobs": 12},
    "PreflightRequest": {"jobs": ["daily-backup"], "within": "24h"},
    "PauseRequest": {"reason": "the target moves to another host"},
    "Problem": {
        "type": "/problems/not-found",
        "title": "Not found",
        "status": 404,
        "detail": 'There is no job "daily-bakup".',
        "hint": 'Did you mean "daily-backup"?',
        "request_id": "0b6f3c9e-2d1a-4b57-8d0e-6f1f3f4a5b6c",
    },
}
"""Where fields depend on each other."""
_INSTANTS = {"until": "2026-03-09T07:00:00Z", "completed_at": "2026-03-08T07:00:03.250Z"}
_NUMBERS = {"limit": 100, "duration_ms": 3250, "version": 2, "restored_version": 1, "against": 1, "line": 3, "count": 5}
_MEDIA = {
    "application/octet-stream": _YAML,
    "text/event-stream": "id: 42\nevent: job_failing\ndata: {}\n\n",
    "text/html": "<!doctype html>...",
    "text/plain": "ok\n",
}


def of(schema: Schema, components: Schema, *, field: str = "") -> Any:
    """A value that the schema takes: the words of its field where it takes them, else the least that is whole."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return _WHOLE[name] if name in _WHOLE else of(components[name], components, field=field)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return _PLAIN[field] if _PLAIN.get(field) in schema["enum"] else schema["enum"][0]
    for word in ("oneOf", "anyOf"):
        if word in schema:
            return _PLAIN[field] if _PLAIN.get(field, "") is None else of(schema[word][0], components, field=field)
    if not schema:
        return _PLAIN.get(field, "")
    return _by_type(schema, components, field)


def of_media(media: str, schema: Schema, components: Schema) -> Any:
    return _MEDIA[media] if media in _MEDIA else of(schema, components)


def _by_type(schema: Schema, components: Schema, field: str) -> Any:
    kinds = schema["type"]
    kind = kinds if isinstance(kinds, str) else ("null" if _PLAIN.get(field, "") is None else kinds[0])
    if kind == "object":
        return _object(schema, components, field)
    if kind == "array":
        return _PLAIN[field] if isinstance(_PLAIN.get(field), list) else [of(schema["items"], components, field=field)]
    if kind in ("integer", "number"):
        least: int = schema.get("minimum", 1)
        known = _PLAIN.get(field)
        return known if isinstance(known, int | float) and not isinstance(known, bool) else _NUMBERS.get(field, least)
    if kind == "string":
        return _text(schema, field)
    return True if kind == "boolean" else None


def _object(schema: Schema, components: Schema, field: str) -> Any:
    if "properties" in schema:
        return {name: of(found, components, field=name) for name, found in schema["properties"].items()}
    known = _PLAIN.get(field)
    return (
        known
        if isinstance(known, dict)
        else {"pass": of(schema["additionalProperties"], components)}
        if (schema.get("additionalProperties", {}).get("type") == "object")
        else {}
    )


def _text(schema: Schema, field: str) -> str:
    if schema.get("format") == "date-time":
        return _INSTANTS.get(field, "2026-03-08T07:00:00Z")
    if schema.get("format") in ("uuid",) or field == "id":
        return _EXECUTION
    known = _PLAIN.get(field)
    if isinstance(known, str):
        return known
    return str(schema.get("examples", ["text"])[0])
