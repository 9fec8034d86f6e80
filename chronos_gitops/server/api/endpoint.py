"""What each operation is for, in the words of its reader, and the chapter it stands in."""

from collections.abc import Mapping
from typing import Any

from chronos_gitops.server.api.openapi import examples

CHAPTERS: Mapping[str, str] = {
    "jobs": "What runs now, and what an operator does to it. Files are changed in git, never here.",
    "versions": "Every version of a job is a commit; going back is a commit too.",
    "executions": "What happened: one record for each tick and each manual trigger.",
    "git": "How following the repository goes.",
    "questions": "Text that runs nowhere is looked at.",
    "records": "Who asked for what, and what changed.",
    "runner": "Probes, numbers and this description.",
}
OPERATIONS: Mapping[str, tuple[str, str]] = {
    "listJobs": ("jobs", "By name. Filters add up: several tags mean all of them. A misspelt parameter is refused."),
    "getJob": (
        "jobs",
        "All fields with their defaults, its state, next run, version and last execution. The ETag goes "
        "into If-Match of a rollback; it begins with the job's definition.",
    ),
    "nextRuns": ("jobs", "Empty while the job is disabled; from the end of its pause while it is paused."),
    "allNextRuns": (
        "jobs",
        "Listed in order, page by page, or, with `bucket`, counted: for a load strip and its peak. "
        "The window is [from, until), a year at most.",
    ),
    "triggerJob": (
        "jobs",
        "Also works on a disabled or paused job; obeys its concurrency policy. With `dry_run` the "
        "request is shown and nothing is sent. A repeated Idempotency-Key answers the first execution.",
    ),
    "pauseJob": (
        "jobs",
        "At runtime, never a commit; survives restarts, edits and rollbacks. Ticks that fall in it "
        "follow the job's missed-run policy when it ends.",
    ),
    "resumeJob": ("jobs", "Harmless when the job is not paused."),
    "listVersions": ("versions", "Newest first; also of a deleted job."),
    "getVersion": (
        "versions",
        "The job and its YAML as they were. Literal credentials are masked, so `yaml` is not "
        "byte for byte what git has where one stands in it.",
    ),
    "diffVersions": ("versions", "Field by field, as a unified diff, and the next runs before and after."),
    "rollBack": (
        "versions",
        "Writes the file as it was at `n` as one new commit, which is applied at once. 200 when "
        "nothing would change; 202 with a branch to review where the branch is protected. With `dry_run` "
        "it tells what the commit would be.",
    ),
    "undoCommit": ("versions", "All or nothing: every job that the commit changed goes back to what it was before."),
    "listExecutions": ("executions", "Newest first, over all jobs."),
    "listJobExecutions": (
        "executions",
        "Newest first. With `at` the answer is one sentence instead: what became of "
        "that instant, and which commit made it so.",
    ),
    "getExecution": (
        "executions",
        "With every attempt: when, how long and in which phases, the status and the first "
        "4 KiB of the response, credentials taken out.",
    ),
    "cancelExecution": ("executions", "A request under way is cut off; what its receiver did is not undone."),
    "callBack": (
        "executions",
        "Only for jobs with `webhook.completion: callback`. The whole URL stands in the request's header "
        "X-Chronos-Callback-URL; who has it needs no token. The same outcome again is harmless.",
    ),
    "validateSchedule": ("questions", "In words, with its next runs; or what is wrong with it, still with status 200."),
    "validateFile": ("questions", "The same findings as `chronos-gitops validate`, with line and column."),
    "getSync": (
        "git",
        "The desired, attempted and applied revision, why they differ, and the findings.",
    ),
    "syncNow": ("git", "One pass now; the answer is the status after it."),
    "approveDeletions": ("git", "Exactly those with this checksum, which GET /api/v1/sync tells."),
    "receiveHook": ("git", "Point the forge's webhook here. Nothing of the body is believed before its signature."),
    "listAudit": ("records", "Newest first: every call that changed something or was refused, written down durably."),
    "listEvents": (
        "records",
        "Newest first. With `Accept: text/event-stream` the same as they come; a client that was "
        "away sends Last-Event-ID. Only a few streams may be open at once.",
    ),
    "livez": ("runner", "Fails when the scheduler stands still or cannot write for a lease: restart the runner then."),
    "readyz": ("runner", "A failed sync is a warning, never a failure: the last good jobs keep running."),
    "health": ("runner", "The details are for callers who may read."),
    "metrics": ("runner", "Text format, or OpenMetrics by Accept."),
    "version": ("runner", "The program, its Python, and the commit that is applied."),
    "openapi": ("runner", "What /api/docs is made of."),
    "listProblems": ("runner", "Every `type` that an error can have."),
    "getProblem": ("runner", "What a `type` means and what to do, as JSON, text or a page by Accept."),
}


def finish(document: dict[str, Any]) -> dict[str, Any]:
    """The document with chapters, descriptions and examples on every operation."""
    schemas = document["components"]["schemas"]
    for methods in document["paths"].values():
        for operation in methods.values():
            chapter, description = OPERATIONS[operation["operationId"]]
            operation |= {"tags": [chapter], "description": description}
            for parameter in operation["parameters"]:
                parameter["example"] = examples.of(parameter["schema"], schemas, field=parameter["name"])
            answers = [answer for answer in operation["responses"].values() if "content" in answer]
            for place in [*answers, *([operation["requestBody"]] if "requestBody" in operation else [])]:
                _illustrate(place, schemas)
    for answer in document["components"]["responses"].values():
        _illustrate(answer, schemas)
    tags = [{"name": name, "description": description} for name, description in CHAPTERS.items()]
    return document | {"tags": tags}


def _illustrate(place: dict[str, Any], schemas: dict[str, Any]) -> None:
    for media, content in place["content"].items():
        content["example"] = examples.of_media(media, content["schema"], schemas)
