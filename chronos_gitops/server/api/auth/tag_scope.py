"""What a token with tags sees: the jobs that have all of them, and nothing of any other job, not even its name."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar, cast

from flask import g

from chronos_gitops.git.errors import GitError
from chronos_gitops.jobs.model import Job, JobSet
from chronos_gitops.server.api.problems import ApiError
from chronos_gitops.server.api.request_context import service
from chronos_gitops.sync.last_valid import last_valid_version
from chronos_gitops.sync.status import SyncStatus

Row = TypeVar("Row")
ENDPOINTS = frozenset(
    {
        "jobs.list_jobs",
        "jobs.one_job",
        "jobs.next_runs",
        "upcoming.next_runs",
        "versions.list_versions",
        "versions.one_version",
        "versions.diff",
        "rollback.roll_back",
        "executions.list_all",
        "executions.list_of_job",
        "executions.one_execution",
        "control.trigger",
        "control.pause",
        "control.resume",
        "executions.cancel",
        "validate.schedule",
        "validate.job_file",
        "sync.status",
        "sync.sync_now",
        "audit.list_entries",
        "events.list_events",
        "health.version",
        "pages.jobs",
        "pages.job",
        "pages.version",
        "pages.rollback",
        "pages.outlook",
        "pages.execution",
        "pages.changes",
        "pages.status",
    }
)
"""What answers within a scope. Every other endpoint tells of all jobs, and refuses a token that sees only some."""
_CHUNK = 1000
_MOST_CHUNKS = 20


class OutOfScope(ApiError):
    kind = "forbidden"


def tags() -> Mapping[str, str]:
    """What the caller is limited to; nothing for a caller who sees every job."""
    token = g.get("token")
    return {} if token is None else dict(token.tags)


def is_limited() -> bool:
    return bool(tags())


def check(endpoint: str) -> None:
    """OutOfScope where an answer would tell of jobs that the caller does not see."""
    if is_limited() and endpoint not in ENDPOINTS:
        seen = ", ".join(f"tag.{key}={value}" for key, value in tags().items())
        raise OutOfScope(
            f'The token "{g.token.name}" sees only jobs with {seen}; this call is about all of them.',
            hint="Use a token without tags.",
        )


def jobs() -> JobSet:
    """The jobs that run now, as far as the caller sees them."""
    everything = service().jobs()
    if not is_limited():
        return everything
    if g.get("scoped_from") is not everything:
        g.scoped_from = everything
        g.scoped = JobSet.of(everything.revision, (found for found in everything if _has_tags(found.job)))
    return cast(JobSet, g.scoped)


def sees(name: str) -> bool:
    """Whether the caller sees the job, by its tags as they run, or as they were last when it was deleted."""
    if not is_limited():
        return True
    running = service().jobs().get(name)
    if running is not None:
        return _has_tags(running.job)
    if "scoped_past" not in g:
        g.scoped_past = {}
    past = cast("dict[str, bool]", g.scoped_past)
    if name not in past:
        last = _last(name)
        past[name] = last is not None and _has_tags(last)
    return past[name]


def page(
    read: Callable[[int, Row | None], Sequence[Row]], job_of: Callable[[Row], str | None], size: int
) -> tuple[list[Row], Row | None]:
    """One page of the rows whose job the caller sees, and the row that the next page starts after, if one follows.

    ``read`` answers that many rows after a row. Who sees little of much may get a short page with a next one: each
    page looks at a bounded number of rows.
    """
    if not is_limited():
        rows = list(read(size + 1, None))
        return rows[:size], rows[size - 1] if len(rows) > size else None
    seen: list[Row] = []
    last: Row | None = None
    for _ in range(_MOST_CHUNKS):
        rows = list(read(_CHUNK, last))
        for row in rows:
            if len(seen) == size:
                return seen, last
            last = row
            if (job := job_of(row)) is not None and sees(job):
                seen.append(row)
        if len(rows) < _CHUNK:
            return seen, None
    return seen, last


def status(found: SyncStatus) -> SyncStatus:
    """The sync status without the other jobs: their findings, their names, and messages that may hold either."""
    if not is_limited():
        return found
    visible = jobs()
    paths = {definition.path for definition in visible}
    held = found.held and replace(found.held, names=_seen(found.held.names))
    return replace(
        found,
        message="",
        problems=tuple(problem for problem in found.problems if problem.file in paths),
        held=held if held and held.names else None,
        jobs=len(visible),
        quarantined=_seen(found.quarantined),
    )


def _seen(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for name in names if sees(name))


def _has_tags(job: Job) -> bool:
    return tags().items() <= dict(job.tags).items()


def _last(name: str) -> Job | None:
    """The last valid version, of a deleted job the one before its deletion."""
    versions = service().follower.index().versions(name)
    lived = versions if versions and versions[-1].blob else versions[:-1]
    try:
        valid = last_valid_version(lived, service().follower.read_many)
    except GitError:
        return None
    return None if valid is None else valid[1]
