"""The sentence of the followed head's commit status: where it stands on its way to the runners. Pure."""

from collections.abc import Sequence
from typing import Final

from chronos_gitops.forge.calls import CommitStatus, StatusState
from chronos_gitops.jobs.problem import Problem, Severity
from chronos_gitops.jobs.validation.quoting import cut
from chronos_gitops.plurals import plural
from chronos_gitops.schedule.timestamps import rfc3339
from chronos_gitops.sync.status import SyncState, SyncStatus

LONGEST: Final = 140
"""GitHub refuses longer ones."""


def commit_status(
    sync: SyncStatus, applied: Sequence[str | None], *, context: str, public_url: str
) -> CommitStatus | None:
    """None while there is no head that was looked at. ``applied`` has the commit of each runner. No text of a file is
    in it: only paths, rules and counts."""
    head = sync.revision.desired
    if head is None or sync.state is SyncState.STARTING:
        return None
    state, text = _found(sync, head, applied)
    link = f"{public_url}/changes" if public_url else ""
    return CommitStatus(head, state, _short(text), context, link)


def _found(sync: SyncStatus, head: str, applied: Sequence[str | None]) -> tuple[StatusState, str]:
    if sync.unverified:
        first, more = sync.unverified[0], len(sync.unverified) - 1
        return StatusState.FAILURE, f"commit {first.commit[:8]} {first.why}{_more(more)}"
    if sync.revision.attempted != head:
        return StatusState.PENDING, "seen"
    errors = [problem for problem in sync.problems if problem.severity is Severity.ERROR]
    if errors:
        return StatusState.FAILURE, f"{_place(errors[0])}{_more(len(errors) - 1)}"
    if sync.held is not None:
        return StatusState.PENDING, f"held: {_held(len(sync.held.names), len(sync.held.disabled))}"
    if sync.revision.applied != head or sync.applied_at is None:
        return StatusState.PENDING, "seen"
    there, all_of_them = sum(one == head for one in applied), len(applied)
    at = rfc3339(sync.applied_at.replace(microsecond=0)).partition("T")[2]
    runners = plural(all_of_them, "runner")
    text = f"applied {at} on {there} of {runners}, {plural(sync.jobs, 'job')}"
    return StatusState.SUCCESS if there == all_of_them else StatusState.PENDING, text


def _place(problem: Problem) -> str:
    return f"{problem.file}:{problem.line} {problem.rule}"


def _held(deletions: int, disablings: int) -> str:
    counted = (deletions, "deletion"), (disablings, "disabling")
    return ", ".join(plural(number, noun) for number, noun in counted if number)


def _more(number: int) -> str:
    return f" (+{number:,})" if number > 0 else ""


def _short(text: str) -> str:
    shown = "".join(one if one.isprintable() else "?" for one in text)
    return cut(shown, LONGEST)
