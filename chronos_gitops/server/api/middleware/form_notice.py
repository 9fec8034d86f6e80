"""What a form of the page did, in a sentence, with what happens next and a link. Pure: made of the answer's JSON."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from chronos_gitops.engine.operations.bulk import BulkOutcome
from chronos_gitops.plurals import plural

Said = tuple[str, str, str]
_BULK: Final = {"bulk.pause": "paused", "bulk.resume": "resumed", "bulk.trigger": "triggered"}


def of(endpoint: str, answer: Mapping[str, Any]) -> Said:
    """Text, path and word of the link; the last two are empty where there is none."""
    if endpoint in _BULK:
        return _bulk(_BULK[endpoint], answer)
    write = _SENTENCES.get(endpoint)
    return ("Done.", "", "") if write is None else write(answer)


def _triggered(answer: Mapping[str, Any]) -> Said:
    closed = f" The job is {answer['closed']}; a trigger runs all the same." if answer.get("closed") else ""
    text = f"Triggered {answer['job']}: execution {answer['id'][:8]} is {answer['status']}.{closed}"
    return text, f"/executions/{answer['id']}", "Open the execution"


def _cancelled(answer: Mapping[str, Any]) -> Said:
    text = f"Cancelled execution {answer['id'][:8]} of {answer['job']}; it is {answer['status']}."
    return text, f"/jobs/{answer['job']}", f"Open {answer['job']}"


def _paused(answer: Mapping[str, Any]) -> Said:
    until = (answer["pause"] or {}).get("until")
    ends = f"until {until}" if until else "until it is resumed"
    text = f"Paused {answer['name']} {ends}. Scheduled times missed meanwhile follow {answer['missed_run_policy']}."
    return text, "/changes", "See changes"


def _resumed(answer: Mapping[str, Any]) -> Said:
    return f"Resumed {answer['name']}. {_next(answer['next_run'])}", "/changes", "See changes"


def _rolled_back(answer: Mapping[str, Any]) -> Said:
    job, restored = answer["job"], answer["restored_version"] or "the chosen version"
    versions = f"/jobs/{job}/versions"
    if not answer["changed"]:
        return f"No commit was made: {job} is what it was in version {restored} already.", "", ""
    commit = str(answer["commit"])
    if answer.get("branch"):
        text = f"Proposed as commit {commit[:8]} on branch {answer['branch']}, because this one is protected."
        return f"{text} {job} changes when it is merged.", "", ""
    number = answer["version"]
    text = f"Rolled {job} back to version {restored}: commit {commit[:8]} is version {number or 'the newest'}"
    return f"{text}. It is applied and waits for its first run.", f"{versions}/{number or commit}", "Open the version"


def _synced(answer: Mapping[str, Any]) -> Said:
    applied = answer["revision"]["applied"]
    commit = f"commit {applied[:8]} is applied" if applied else "no commit is applied yet"
    return f"Looked at git: {answer['state']}, {commit}.", "", ""


def _approved(answer: Mapping[str, Any]) -> Said:
    return (
        f"Approved. {plural(answer['jobs'], 'job')} now; the next runs of the others are gone.",
        "/changes",
        "See changes",
    )


def _bulk(did: str, answer: Mapping[str, Any]) -> Said:
    failed = sum(item["outcome"] == BulkOutcome.FAILED for item in answer["items"])
    left = f"; {plural(failed, 'job')} failed" if failed else ""
    return f"{plural(answer['changed'], 'job')} of {len(answer['items'])} {did}{left}.", "/changes", "See changes"


def _next(run: str | None) -> str:
    return f"The next run is at {run}." if run else "No run is due."


_SENTENCES: Final[Mapping[str, Callable[[Mapping[str, Any]], Said]]] = {
    "control.trigger": _triggered,
    "control.pause": _paused,
    "control.resume": _resumed,
    "executions.cancel": _cancelled,
    "rollback.roll_back": _rolled_back,
    "sync.sync_now": _synced,
    "sync.approve": _approved,
}
