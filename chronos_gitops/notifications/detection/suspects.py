"""The commits that may have made a job fail: its versions since the one that last succeeded. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from chronos_gitops.engine.model import Execution
from chronos_gitops.expectations.other_changes import OtherChange
from chronos_gitops.notifications.message import Past
from chronos_gitops.versions.version import Version, counting


def version_of(execution: Execution, history: Sequence[Version]) -> Version | None:
    """The version that an execution ran: by commit, because numbers hold within one history; else by number."""
    if execution.commit is None:
        if execution.version is None:
            return None
        return next((one for one in history if one.number == execution.version), None)
    return next((one for one in reversed(history) if one.commit == execution.commit), None)


def _stood_on(execution: Execution, history: Sequence[Version]) -> Version | None:
    """The version that it ran, or that its draft was made from."""
    if not execution.draft:
        return version_of(execution, history)
    return version_of(replace(execution, version=execution.base_version, commit=execution.base_commit), history)


def since(history: Sequence[Version], good: Execution | None) -> tuple[Version, ...]:
    """The versions after the one that succeeded, run or not; only the newest where no success is known."""
    stood_on = None if good is None else _stood_on(good, history)
    if stood_on is None:
        return tuple(history[-1:])
    return tuple(one for one in history if one.position > stood_on.position)


def changes(history: Sequence[Version], before: Execution | None, last: Execution) -> tuple[Version, ...]:
    """The versions that came after the one which succeeded, up to the one that failed last, oldest first; only that
    last one where no success is known, and none where the same version succeeded before or a draft failed."""
    failed = version_of(last, history)
    if failed is None:
        return ()
    good = None if before is None else _stood_on(before, history)
    since = failed.position - 1 if good is None else good.position
    return tuple(one for one in history if since < one.position <= failed.position)


def past_of(
    history: Sequence[Version],
    good: Execution | None,
    failed: Execution | None,
    *,
    environment: str | None,
    is_draft: bool = False,
    others: Sequence[OtherChange] | None = None,
) -> Past:
    """Of ``history`` only versions that count in the environment are named: all since the success where no execution
    has ``failed``."""
    commits = counting(since(history, good) if failed is None else changes(history, good, failed), environment)
    made = None if good is None or good.draft else version_of(good, history)
    return Past(good, commits, is_draft, others, made)
