"""The shapes of versions, and of the commits that restore them."""

from typing import Final

from chronos_gitops.server.api.openapi.shapes import (
    COUNT,
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
from chronos_gitops.versions.version import VersionChange

_DIFF: Final[dict[str, Schema]] = {
    "fields": listed(shape({"field": TEXT, "before": {}, "after": {}})),
    "unified": TEXT,
    "truncated": FLAG | {"description": "True if `unified` ends after 5,000 lines"},
    "next_runs_before": listed(INSTANT),
    "next_runs_after": listed(INSTANT),
}


def versions() -> dict[str, Schema]:
    version = _version()
    fate = {"executions": nullable(ref("VersionOutcomes"))}
    about_sources = "The place of each value in the files of its commit, by field; built-in values are absent"
    places = {"type": "object", "additionalProperties": ref("Source"), "description": about_sources}
    content = {
        "job": nullable(ref("JobDefinition")),
        "sources": places,
        "yaml": nullable(TEXT),
        "problems": listed(ref("Finding")),
    }
    return {
        "Version": shape(version | fate),
        "VersionOutcomes": shape(
            dict.fromkeys(("success", "failed", "skipped", "cancelled"), COUNT)
            | {"p95_ms": nullable(COUNT) | {"description": "Of successes"}, "first_failure": nullable(INSTANT)}
            | {"since": INSTANT, "until": INSTANT, "complete": FLAG},
            description="Counts of a version's executions by outcome, in the rows that the runner keeps; no drafts.",
        ),
        "VersionList": page("Version"),
        "VersionDetail": shape(version | fate | content),
        "Draft": shape(
            {
                "files": listed(shape({"path": TEXT, "diff": TEXT})),
                "jobs": COUNT | {"description": "Number of jobs that these files make drafts"},
                "fields": _DIFF["fields"],
                "runs_before": listed(INSTANT),
                "runs_after": listed(INSTANT),
                "restore": TEXT | {"description": "The command that discards it, from the top of the checkout"},
            },
            description="Uncommitted changes of a job.",
        ),
        "Diff": shape({"version": nullable(NUMBER), "against": nullable(NUMBER)} | _DIFF),
    } | _reverts(fate)


def _version() -> dict[str, Schema]:
    return {
        "version": nullable(NUMBER),
        "commit": TEXT,
        "author": TEXT,
        "author_email": TEXT,
        "committed_at": INSTANT,
        "deployed_at": nullable(INSTANT),
        "message": TEXT,
        "change": one_of(VersionChange),
        "path": TEXT,
        "current": FLAG,
        "environments": nullable(listed(TEXT))
        | {"description": "Environments in which the content of the job changed; null where none are declared"},
        "effective": nullable(FLAG)
        | {"description": "True if the content changed anywhere; null where it is not known, and for limited callers"},
        "files": listed(TEXT) | {"description": "Files of the commit that made it: its own and the layers above it"},
    }


def _review() -> dict[str, Schema]:
    request = shape({"number": NUMBER, "url": TEXT}, description="The open pull or merge request of the branch")
    return {
        "branch": TEXT | {"description": "The branch that waits for review"},
        "request": nullable(request),
        "request_error": TEXT | {"description": "Reason for the absent request: the forge cannot be reached"},
    }


def _reverts(fate: dict[str, Schema]) -> dict[str, Schema]:
    result, review = _rollback(), _review()
    undone = {"job": TEXT, "version": nullable(NUMBER), "restored_version": nullable(NUMBER), "change": TEXT}
    undo = {"undone_commit": TEXT, "commit": nullable(TEXT), "changed": FLAG, "jobs": listed(shape(undone))}
    undo["layers"] = listed(TEXT) | {"description": "Layers, policies and calendars among the files"}
    planned = result | {"dry_run": {"const": True}, "path": TEXT, "message": TEXT} | _DIFF | fate
    return {
        "RollbackRequest": shape({"reason": TEXT, "dry_run": FLAG}, optional=("reason", "dry_run")),
        "Rollback": shape(result | review, optional=tuple(review)),
        "UndoRequest": shape({"commit": TEXT, "reason": TEXT, "dry_run": FLAG}, optional=("reason", "dry_run")),
        "Undo": shape(undo | review, optional=tuple(review)),
        "UndoPlan": shape(undo | {"dry_run": {"const": True}, "message": TEXT, "unified": TEXT}),
        "RollbackPlan": shape(planned, description="The commit that a rollback would make. Nothing is written."),
    }


def _rollback() -> dict[str, Schema]:
    return {
        "job": TEXT,
        "version": nullable(NUMBER),
        "restored_version": nullable(NUMBER),
        "commit": nullable(TEXT),
        "changed": FLAG,
        "written_out": listed(shape({"field": TEXT, "environment": nullable(TEXT), "value": {}}))
        | {"description": "Values that were inherited then and differ now, written into the job's file; null removes"},
        "warnings": listed(TEXT) | {"description": "Calendars that changed since; a rollback leaves them as they are"},
        "rewritten": listed(TEXT) | {"description": "Top-level fields that were rewritten, without their comments"},
    }
