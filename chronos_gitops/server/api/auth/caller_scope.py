"""The scope of a caller: the jobs in the folders of its grants, and nothing of others, not even their names."""

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import replace
from functools import partial
from typing import TypeVar, cast

from flask import g

from chronos_gitops.config.model import Grant
from chronos_gitops.git.errors import GitError
from chronos_gitops.jobs.model import Job, JobSet
from chronos_gitops.jobs.problem import Problem
from chronos_gitops.server.api import endpoint, request_context
from chronos_gitops.server.api.auth import tokens
from chronos_gitops.server.api.endpoint import Endpoint
from chronos_gitops.server.api.problems import ApiError
from chronos_gitops.server.api.request_context import service
from chronos_gitops.sync.content.last_valid import last_valid_version
from chronos_gitops.sync.status import SyncState, SyncStatus

Row = TypeVar("Row")
_CHUNK = 1000
_MOST_CHUNKS = 20


class OutOfScope(ApiError):
    kind = "forbidden"


def grants() -> tuple[Grant, ...]:
    """Those of the caller with a role that this call needs; () for a caller who sees every job."""
    caller, declared = tokens.known(), endpoint.current()
    if caller is None:
        return ()
    found = caller.grants if declared is None else caller.with_role(declared.role, declared.narrow_role)
    return found if all(grant.is_limited for grant in found) else ()


def is_limited() -> bool:
    return bool(grants())


class OutsideFolders(ApiError):
    """The call is about more than the caller's jobs; the message has counts, no names."""

    kind = "outside-folders"

    def __init__(self, verb: str, others: str) -> None:
        super().__init__(
            f"it {verb} {others} outside {_reach(grants())}",
            hint="Ask a caller whose folders hold all of it, or one without folders.",
        )


def check(declared: Endpoint) -> None:
    """OutOfScope where an answer would tell of jobs that the caller does not see."""
    if is_limited() and not declared.is_scoped:
        raise OutOfScope(
            f'The caller "{request_context.caller()}" reaches only jobs in {_reach(grants())}; '
            "this call is about all of them.",
            hint="Ask the operator for a token without folders.",
        )


def jobs() -> JobSet:
    """The jobs that run now, as far as the caller's role reaches them."""
    everything = service().jobs()
    if not is_limited():
        return everything
    if g.get("scoped_from") is not everything:
        g.scoped_from = everything
        found = (one for one in everything if _reaches(grants(), one.path, one.job))
        g.scoped = JobSet.of(everything.revision, found, everything.calendars)
    return cast(JobSet, g.scoped)


def refuse_known(reference: str) -> None:
    """OutOfScope for a job that the caller sees by another role than the one that this call needs."""
    caller, found = tokens.known(), service().jobs().find(reference)
    if caller is None or found is None or not _reaches(caller.grants, found.path, found.job):
        return
    role = getattr(endpoint.current(), "role", None)
    raise OutOfScope(
        f'The caller "{caller.name}" has the role {role} only in {_reach(grants())}, and {found.path} is not there.',
        hint=f"Ask the operator for the role {role} in that folder.",
    )


def sees(name: str) -> bool:
    """True if the caller sees the job, by its file and tags as they run, or as they were last when it was deleted."""
    return _sees_job(name, ())


def sees_row(name: str, path: str | None) -> bool:
    """True if the caller sees a row of the job: by the path of its own, for the job may have moved since."""
    return _sees_job(name, (), lambda: path)


def path_now(name: str) -> str | None:
    """The file of a job that runs, or that of a deleted one before it went."""
    running = service().jobs().get(name)
    return _last_path(name) if running is None else running.path


def sees_path(path: str) -> bool:
    """True if a file lies in the folders of the caller."""
    found = grants()
    return not found or any(grant.covers(path) for grant in found)


def sees_layer(path: str) -> bool:
    """True if the caller may change a layer, policy or calendar there: tags narrow a grant to jobs."""
    found = grants()
    return not found or any(grant.covers(path) and not grant.tags for grant in found)


def may(role: str, name: str) -> bool:
    """True if the caller has the role for the job, by its file as it runs, or as it was before it was deleted."""
    caller, running = tokens.known(), service().jobs().get(name)
    if caller is None:
        return True
    path, tags = path_now(name), None if running is None else set(running.job.tags)
    return any(grant.covers(path) and (tags is None or set(grant.tags) <= tags) for grant in caller.with_role(role))


def may_change(role: str, paths: Iterable[str]) -> bool:
    """True if the caller has the role for every one of these files."""
    caller = tokens.known()
    if caller is None:
        return True
    found = [grant for grant in caller.with_role(role) if not grant.tags]
    return bool(found) and all(any(grant.covers(path) for grant in found) for path in paths)


def hidden(names: Iterable[str]) -> int:
    """The number of these jobs that the caller does not see."""
    return sum(not sees(name) for name in names)


def check_path(path: str) -> None:
    """OutOfScope for a file outside of the caller's folders."""
    if not sees_path(path):
        raise OutOfScope(
            f'The caller "{request_context.caller()}" reaches only {_reach(grants())}, and {path} is not there.',
            hint="Name a file in one of these folders.",
        )


def page(
    read: Callable[[int, Row | None], Sequence[Row]],
    job_of: Callable[[Row], str | None],
    size: int,
    *,
    path_of: Callable[[Row], str | None] | None = None,
    asked: Mapping[str, str] | None = None,
    wanted: Callable[[Row], bool] | None = None,
) -> tuple[list[Row], Row | None]:
    """One page of the rows whose job the caller sees, and the row that the next page starts after, if one follows.

    ``read`` answers that many rows after a row; ``path_of`` says where the file of a row's job was then; ``asked`` are
    tags that the job must have, ``wanted`` is any other filter.
    Each page looks at a bounded number of rows, so it may be short and still have a next one. Rows of others that
    follow within that bound make no next page, so the answer does not reveal them.
    """
    needed = tuple((asked or {}).items())
    is_any = not needed and not is_limited()
    if is_any and wanted is None:
        rows = list(read(size + 1, None))
        return rows[:size], rows[size - 1] if len(rows) > size else None
    seen: list[Row] = []
    last: Row | None = None
    for _ in range(_MOST_CHUNKS):
        rows = list(read(_CHUNK, last))
        for row in rows:
            last = row
            if wanted is not None and not wanted(row):
                continue
            own_path = None if path_of is None else partial(path_of, row)
            found = job_of(row)
            if is_any or (found is not None and _sees_job(found, needed, own_path)):
                if len(seen) == size:
                    return seen, seen[-1]
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
    held = found.held and replace(found.held, names=_seen(found.held.names), disabled=_seen(found.held.disabled))

    def quarantined(names: Iterable[str]) -> tuple[str, ...]:
        """By their files, too: a job that never ran has no other path."""
        files = found.quarantined_paths
        return tuple(name for name in names if sees(name) or (name in files and sees_row(name, files[name])))

    return _without_degradation_of_others(
        replace(
            found,
            message="",
            unverified=(),
            vouched=(),
            problems=tuple(
                without_other_jobs(_without_owner(problem, paths))
                for problem in found.problems
                if problem.file in paths or sees_layer(problem.file)
            ),
            held=held if held and (held.names or held.disabled) else None,
            jobs=len(visible),
            quarantined=quarantined(found.quarantined),
            not_running=quarantined(found.not_running),
            broken_layers=tuple(
                replace(layer, quarantined=names)
                for layer in found.broken_layers
                if (names := quarantined(layer.quarantined))
            ),
        )
    )


def _without_degradation_of_others(seen: SyncStatus) -> SyncStatus:
    """Faults that only others can mend do not degrade the state of the caller's jobs."""
    if seen.state is not SyncState.DEGRADED or seen.quarantined or seen.not_running or seen.held is not None:
        return seen
    return replace(seen, state=SyncState.SYNCED, reason=None)


def _seen(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for name in names if sees(name))


def without_other_jobs(problem: Problem) -> Problem:
    """A finding about a gate without the names of jobs that the caller may not see."""
    if is_limited() and problem.rule == "requires-unknown":
        return replace(problem, hint="name a job of this repository, or remove requires")
    if is_limited() and problem.rule == "requires-cycle":
        return replace(problem, message="jobs wait for each other in a ring")
    return problem


def _without_owner(problem: Problem, paths: Set[str]) -> Problem:
    """The finding without the file that a name belongs to, where the caller does not see that file."""
    if problem.rule != "duplicate-name":
        return problem
    words, _, owner = problem.message.rpartition(" belongs to ")
    is_seen = owner.rpartition(":")[0] in paths
    return problem if is_seen else replace(problem, message=f"{words} belongs to another file")


def _reach(found: Sequence[Grant]) -> str:
    return ", ".join(sorted({folder for grant in found for folder in grant.folders})) or "no folder"


def _reaches(found: Sequence[Grant], path: str | None, job: Job) -> bool:
    return any(grant.covers(path) and set(grant.tags) <= set(job.tags) for grant in found)


def _sees_job(name: str, needed: Iterable[tuple[str, str]], own_path: Callable[[], str | None] | None = None) -> bool:
    """True if the caller sees the job and it has these tags, as it runs, or as it was last when it was deleted."""
    found, needed = grants(), set(needed)
    if not found and not needed:
        return True
    running = service().jobs().get(name)
    if running is None and not needed and not any(grant.tags for grant in found):
        path = _last_path(name) if own_path is None else own_path()
        return any(grant.covers(path) for grant in found)
    last = (running.path, running.job) if running is not None else _deleted(name)
    if last is None or not needed <= set(last[1].tags):
        return False
    path = last[0] if own_path is None else own_path()
    return not found or _reaches(found, path, last[1])


def _last_path(name: str) -> str | None:
    """Where the file of a deleted job was last: no content is read, for there may be many deleted jobs."""
    versions = service().follower.index().versions(name)
    return next((version.path for version in reversed(versions) if version.blob), None)


def _deleted(name: str) -> tuple[str, Job] | None:
    if "scoped_past" not in g:
        g.scoped_past = {}
    past = cast("dict[str, tuple[str, Job] | None]", g.scoped_past)
    if name not in past:
        past[name] = _last(name)
    return past[name]


def _last(name: str) -> tuple[str, Job] | None:
    """Path and job of the last valid version, of a deleted job the one before its deletion."""
    versions = service().follower.index().versions(name)
    lived = versions if versions and versions[-1].blob else versions[:-1]
    try:
        valid = last_valid_version(lived, service().follower.read_many, service().follower.judge_version)
    except GitError:
        return None
    return None if valid is None else (valid[0].path, valid[1])
