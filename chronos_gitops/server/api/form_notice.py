"""The notice after a form of a page: what was done, what happens next, and a link. Pure: made of the answer's JSON.

Each endpoint that takes such a form declares its notice (``Endpoint.notice``)."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

from chronos_gitops.engine.answers.held_sentences import not_held
from chronos_gitops.engine.operations.bulk import BulkOutcome
from chronos_gitops.plurals import plural


class FormNotice(NamedTuple):
    """``path`` and ``word`` are a link; both are empty where there is none."""

    text: str
    path: str = ""
    word: str = ""


DONE: Final = FormNotice("Done.")


def triggered(answer: Mapping[str, Any]) -> FormNotice:
    text = f"Triggered {answer['job']}: execution {answer['id'][:8]} is {answer['status']}.{_closed([answer])}"
    return FormNotice(text, f"/executions/{answer['id']}", "Open the execution")


def cancelled(answer: Mapping[str, Any]) -> FormNotice:
    text = f"Cancelled execution {answer['id'][:8]} of {answer['job']}; it is {answer['status']}."
    return FormNotice(text, f"/jobs/{answer['job']}", f"Open {answer['job']}")


def replay_cancelled(answer: Mapping[str, Any]) -> FormNotice:
    begun = sum(item["execution"] is not None for item in answer["items"])
    text = f"The replay is {answer['state']}: {begun} of {plural(len(answer['items']), 'scheduled time')} were started."
    return FormNotice(text, f"/jobs/{answer['job']}", f"Open {answer['job']}")


def paused(answer: Mapping[str, Any]) -> FormNotice:
    until = (answer["pause"] or {}).get("until")
    ends = f"until {until}" if until else "until it is resumed"
    text = f"Paused {answer['name']} {ends}. Scheduled times missed meanwhile follow {answer['missed_run_policy']}."
    return FormNotice(text, "/changes", "See changes")


def resumed(answer: Mapping[str, Any]) -> FormNotice:
    return FormNotice(f"Resumed {answer['name']}. {_next(answer['next_run'])}", "/changes", "See changes")


def rolled_back(answer: Mapping[str, Any]) -> FormNotice:
    job, restored = answer["job"], answer["restored_version"] or "the chosen version"
    versions = f"/jobs/{job}/versions"
    if not answer["changed"]:
        return FormNotice(f"No commit was created: {job} already equals version {restored}.")
    commit = str(answer["commit"])
    if answer.get("branch"):
        text = (
            f"Proposed as commit {commit[:8]} on branch {answer['branch']}, because the followed branch is protected."
        )
        text = f"{text} {job} changes when it is merged."
        if request := answer.get("request"):
            return FormNotice(f"{text} Review request {request['number']}: {request['url']}")
        failed = f" No request was opened: {answer['request_error']}." if answer.get("request_error") else ""
        return FormNotice(f"{text}{failed}")
    number = answer["version"]
    text = f"Rolled {job} back to version {restored}: commit {commit[:8]} is version {number or 'the newest'}"
    text += ". It is applied and has not run yet."
    return FormNotice(text, f"{versions}/{number or commit}", "Open the version")


def undone(answer: Mapping[str, Any]) -> FormNotice:
    undone, jobs = str(answer["undone_commit"])[:8], plural(len(answer["jobs"]), "job")
    if not answer["changed"]:
        return FormNotice(f"No commit was created: every file already equals its state before commit {undone}.")
    commit = str(answer["commit"])
    if answer.get("branch"):
        text = (
            f"Proposed as commit {commit[:8]} on branch {answer['branch']}, because the followed branch is protected."
        )
        return FormNotice(f"{text} {jobs} change when it is merged.")
    text = f"Undid commit {undone}: commit {commit[:8]} reverts {jobs}. It is applied."
    return FormNotice(text, f"/commits/{commit}", "Open the commit")


def synced(answer: Mapping[str, Any]) -> FormNotice:
    applied = answer["revision"]["applied"]
    commit = f"commit {applied[:8]} is applied" if applied else "no commit is applied yet"
    return FormNotice(f"Sync finished: {answer['state']}, {commit}.")


def approved(answer: Mapping[str, Any]) -> FormNotice:
    text = f"Approved. {plural(answer['jobs'], 'job')} remain; the deleted jobs no longer run."
    return FormNotice(text, "/changes", "See changes")


def bulk(did: str) -> Callable[[Mapping[str, Any]], FormNotice]:
    """For a call on many jobs; ``did`` is a verb in the past: ``paused``."""
    return partial(_bulk, did)


def _bulk(did: str, answer: Mapping[str, Any]) -> FormNotice:
    failed = sum(item["outcome"] == BulkOutcome.FAILED for item in answer["items"])
    left = f"; {plural(failed, 'job')} failed" if failed else ""
    text = f"{plural(answer['changed'], 'job')} of {len(answer['items'])} {did}{left}.{_closed(answer['items'])}"
    return FormNotice(text, "/changes", "See changes")


def _closed(items: Sequence[Mapping[str, Any]]) -> str:
    clauses = not_held((item["closed"] for item in items), "trigger")
    return "".join(f" {clause}." for clause in clauses)


def _next(run: str | None) -> str:
    return f"The next run is at {run}." if run else "No run is due."
