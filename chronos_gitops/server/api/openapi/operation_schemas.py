"""The shapes of what operators do to jobs at runtime: triggers, pauses, and calls about many jobs at once."""

from chronos_gitops.engine.operations.bulk import BulkOutcome
from chronos_gitops.server.api.openapi.shapes import (
    CLOSED_NOW,
    COUNT,
    DURATION,
    FLAG,
    INSTANT,
    NUMBER,
    REASON,
    TEXT,
    TEXT_MAP,
    Schema,
    listed,
    nullable,
    one_of,
    shape,
)
from chronos_gitops.webhooks.preflight.checks import CheckResult, PreflightCheck

_JOBS = listed(TEXT) | {"minItems": 1, "maxItems": 10_000, "description": "Names of jobs"}
_ALL: Schema = {"type": "boolean", "description": "Every job; alone"}
_FOLDER = TEXT | {"description": "Jobs whose file is in this folder, given from the repository root: `jobs/billing`"}
_INPUTS = TEXT_MAP | {"description": "Texts for inputs of the job, by the names of variables"}
_TAGS = TEXT_MAP | {"minProperties": 1, "description": "Jobs with all of these tags"}
_EXPECTED = COUNT | {"description": "409 unless the selection has exactly this number of jobs"}
_SHOWN = REASON | {"description": "The reason; it is shown while the job is paused"}
_FOR = DURATION | {"description": "Length of the pause, by the runner's clock; not with `until`"}


PAUSE: dict[str, Schema] = {
    "reason": TEXT,
    "by": TEXT,
    "at": INSTANT,
    "until": nullable(INSTANT),
    "bulk": nullable(TEXT) | {"description": "The id of the bulk call that paused the job"},
    "version": nullable(NUMBER) | {"description": "The version that `guard` has stopped"},
}


def operations() -> dict[str, Schema]:
    return (
        {
            "TriggerRequest": shape({"dry_run": FLAG, "variables": _INPUTS}, optional=("dry_run", "variables")),
            "Pause": shape(PAUSE),
            "PauseRequest": shape({"reason": _SHOWN, "for": _FOR, "until": INSTANT}, optional=("for", "until")),
        }
        | _bulk()
        | _preflight()
    )


def _preflight() -> dict[str, Schema]:
    asked = {"jobs": _JOBS, "within": DURATION | {"description": "Period ahead, 1m to 168h; default 24h"}}
    item = {
        "job": TEXT,
        "scheduled_time": INSTANT | {"description": "The first scheduled time that the result is about"},
        "check": one_of(PreflightCheck),
        "result": one_of(CheckResult),
        "host": nullable(TEXT) | {"description": "Null where the url is a secret, and for `secret`"},
        "message": TEXT | {"description": "Reason of a failure, or of a check that was not run"},
    }
    return {
        "PreflightRequest": shape(asked, optional=("jobs", "within")),
        "Preflight": shape({"items": listed(shape(item))}, description="No items: no job is due in the window."),
    }


def _bulk() -> dict[str, Schema]:
    reason: dict[str, Schema] = {"reason": REASON}
    more = {"expect_jobs": _EXPECTED, "dry_run": FLAG}
    paused = {"select": _select()} | reason | {"for": _FOR, "until": INSTANT} | more
    call = TEXT | {"description": "The id of a bulk pause: only pauses that it began and that have not changed since"}
    resumed = {"select": _select({"bulk": call})} | reason | more
    triggered = {"select": _select()} | reason | more
    item = {"job": TEXT, "outcome": one_of(BulkOutcome), "until": nullable(INSTANT), "execution": nullable(TEXT)}
    answer = {
        "id": nullable(TEXT) | {"description": "Of the call, for `select.bulk` of a resume; null for a dry run"},
        "items": listed(shape(item | {"error": nullable(TEXT), "closed": CLOSED_NOW})),
        "changed": COUNT | {"description": "Number of jobs that the call paused, resumed or triggered"},
    }
    optional = ("for", "until", "expect_jobs", "dry_run")
    return {
        "BulkPauseRequest": shape(paused, optional=optional),
        "BulkResumeRequest": shape(resumed, optional=optional),
        "BulkTriggerRequest": shape(triggered, optional=optional, description="`expect_jobs` unless it is a dry run."),
        "BulkAnswer": shape(answer, description="An outcome for each job; `kept`: a longer pause stays as it is."),
    }


def _select(more: dict[str, Schema] | None = None) -> Schema:
    fields = {"jobs": _JOBS, "tags": _TAGS, "folder": _FOLDER, "all": _ALL} | (more or {})
    found = shape(fields, optional=tuple(fields), description="Selectors combine by `and`.")
    return found | {"minProperties": 1}
