"""Executions of drafts: which version in git they stand on, and how that is said."""

from typing import TypedDict

from chronos_gitops.engine.model import Execution
from chronos_gitops.jobs.model import JobVersion


class Provenance(TypedDict):
    """Fields of an Execution. A draft has no version and no commit; ``base_version`` and ``base_commit`` name the last
    committed version of its job, None when there is none."""

    version: int | None
    commit: str | None
    draft: bool
    base_version: int | None
    base_commit: str | None


def provenance(version: int | None, commit: str | None, *, draft: bool) -> Provenance:
    """``version`` and ``commit`` are the job's newest committed ones."""
    base = (version, commit) if draft else (None, None)
    own = (None, None) if draft else (version, commit)
    return Provenance(version=own[0], commit=own[1], draft=draft, base_version=base[0], base_commit=base[1])


def provenance_of(definition: JobVersion | None) -> Provenance:
    """None for a job that was deleted while no runner knew it."""
    if definition is None:
        return provenance(None, None, draft=False)
    return provenance(definition.version, definition.commit, draft=definition.runs_draft)


def sentence(execution: Execution) -> str:
    """Of an execution that ran a draft."""
    if execution.base_version is None and execution.base_commit is None:
        return "It ran a draft that was never committed."
    number, commit = execution.base_version, (execution.base_commit or "")[:8]
    return f"It ran a draft, changed since version {commit if number is None else number}."
