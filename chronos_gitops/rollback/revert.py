"""Rollback: the content of a version becomes a new commit on top of the branch; the follower does the rest."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chronos_gitops.errors import ConflictError, NotFoundError
from chronos_gitops.git.commit import FileEdit, Person, clean, standing
from chronos_gitops.rollback.commit_message import (
    JOB,
    RESTORED_COMMIT,
    RESTORED_VERSION,
    UNDONE,
    rollback_message,
    undo_message,
)
from chronos_gitops.rollback.committer import (
    RUNNER,
    CommitTarget,
    Committer,
    InvalidVersion,
    RequestIdReused,
    diff,
    errors_of,
)
from chronos_gitops.versions.history import Index
from chronos_gitops.versions.version_log import Version, VersionChange

__all__ = ["RollbackPlan", "RollbackRequest", "RollbackResult", "Rollbacks"]


@dataclass(frozen=True, slots=True)
class RollbackRequest:
    """``to`` is a number or the beginning of a commit; a repeated ``request_id`` gets the first answer."""

    job: str
    to: str
    reason: str
    requested_by: Person
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class RollbackPlan:
    """What the commit would be. ``changed`` is False when the job already is what version ``target`` was."""

    job: str
    current: Version
    target: Version
    path: str
    content: bytes
    message: str
    changed: bool
    diff: str

    def document(self) -> dict[str, Any]:
        """What a dry run tells, in the API and on the command line."""
        return {
            "job": self.job,
            "version": None,
            "restored_version": self.target.number,
            "commit": None,
            "changed": self.changed,
            "dry_run": True,
            "path": self.path,
            "message": self.message,
        }


@dataclass(frozen=True, slots=True)
class RollbackResult:
    """``branch`` is set when the followed branch is protected: the commit waits there for review."""

    job: str
    version: int | None
    restored_version: int | None
    commit: str | None
    changed: bool
    branch: str | None = None


class Rollbacks:
    """Plans and performs rollbacks, one after the other. Safe to call from any thread."""

    def __init__(
        self,
        followed: CommitTarget,
        *,
        committer: Person = RUNNER,
        signing_key: Path | None = None,
        must_sign: bool = False,
        turn: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self.workshop = Committer(
            followed, committer=committer, signing_key=signing_key, must_sign=must_sign, turn=turn
        )

    def plan(self, request: RollbackRequest) -> RollbackPlan:
        """Everything but the commit. NotFoundError, ConflictError, InvalidVersion, or a GitError."""
        with self.workshop.alone() as head:
            return self._draft(request, head)[0]

    def perform(self, request: RollbackRequest) -> RollbackResult:
        """One new commit, applied when this returns. Raises what ``plan`` raises."""
        result = self.workshop.retry_on_conflict(lambda head: self._attempt(request, head))
        if result.changed:
            self.workshop.followed.sync(expecting=None if result.branch else result.commit)
        return result

    def _attempt(self, request: RollbackRequest, head: str) -> RollbackResult | None:
        done = self._done_before(request, head)
        if done is not None:
            return done
        plan, files = self._draft(request, head)
        if not plan.changed:
            return RollbackResult(plan.job, plan.current.number, plan.target.number, None, False)
        proposal = f"chronos/rollback/{plan.job}-v{plan.target.label}-{head[:7]}"
        landed = self.workshop.land(files, head, message=plan.message, author=request.requested_by, proposal=proposal)
        if landed is None:
            return None
        number = None
        if landed.branch is None and plan.current.number is not None:
            number = plan.current.number + 1
        return RollbackResult(plan.job, number, plan.target.number, landed.commit, True, landed.branch)

    def _draft(self, request: RollbackRequest, head: str) -> tuple[RollbackPlan, tuple[FileEdit, ...]]:
        index, git = self.workshop.index(head), self.workshop.git
        target = self._target(request, index)
        current = index.versions(request.job)[-1]
        if not target.blob:
            before = index.previous(target)
            hint = "" if before is None else f"roll back to version {before.label} to have it again"
            raise InvalidVersion(f"version {target.label} of {request.job} is its deletion", hint=hint)
        self._refuse_occupied(current, head)
        content = git.read(target.blob)
        files = self.workshop.with_current_blobs([FileEdit(current.path, target.blob, content=content)], head)
        if current.blob != target.blob:
            self._refuse_invalid(current, target, files, head)
        plan = RollbackPlan(
            job=request.job,
            current=current,
            target=target,
            path=current.path,
            content=content,
            message=_message(request, target),
            changed=current.blob != target.blob,
            diff=diff(current.path, git.read(current.blob) if current.blob else b"", content),
        )
        return plan, files

    def _target(self, request: RollbackRequest, index: Index) -> Version:
        """By number or commit; by commit also out of a history that ran here before it was rewritten."""
        try:
            return index.version(request.job, request.to)
        except NotFoundError:
            former = self.workshop.followed.former(request.job, request.to) if index.versions(request.job) else None
            if former is None:
                raise
            return former

    def _refuse_occupied(self, current: Version, head: str) -> None:
        """A deleted job comes back to its last path, unless something else has moved in."""
        if not current.blob and standing(self.workshop.git, head, [current.path]):
            owner = self.workshop.index(head).name_at(current.path)
            what = f'the job "{owner}"' if owner else "something else"
            raise ConflictError(f"{current.path} now holds {what}", hint="move that file away first")

    def _refuse_invalid(self, current: Version, target: Version, files: Sequence[FileEdit], head: str) -> None:
        loaded = self.workshop.judged(files, head)
        problems = errors_of(loaded, [current.path])
        if not current.blob:
            # It would come first in path order and push out a file on disk that has the name by now.
            others = [parsed for parsed in loaded.files if parsed.name == current.job and parsed.path != current.path]
            problems += errors_of(loaded, [parsed.path for parsed in others])
        ours = loaded.jobs.get(current.job)
        if problems or ours is None or ours.path != current.path:
            message = f"version {target.label} of {current.job} does not pass today's validation"
            raise InvalidVersion(message, problems=problems, hint=str(problems[0]) if problems else "")

    def _done_before(self, request: RollbackRequest, head: str) -> RollbackResult | None:
        made = self.workshop.find_by_request_id(request.request_id, head)
        if made is None:
            return None
        commit, said = made
        index = self.workshop.index(head)
        restored = int(said[RESTORED_VERSION]) if RESTORED_VERSION in said else None
        if said.get(JOB) != request.job or self._target(request, index).commit != said.get(RESTORED_COMMIT):
            raise RequestIdReused(f'request id "{clean(request.request_id)}" was used for another rollback')
        version = next((version for version in index.versions(request.job) if version.commit == commit.sha), None)
        return RollbackResult(request.job, version.number if version else None, restored, commit.sha, True)


def _message(request: RollbackRequest, target: Version) -> str:
    return rollback_message(
        job=request.job,
        version=target.number,
        commit=target.commit,
        requested_by=request.requested_by.cleaned(),
        reason=request.reason,
        request_id=request.request_id,
    )


_FEW = 5


@dataclass(frozen=True, slots=True)
class UndoRequest:
    """``commit`` is its id or the beginning of it; a repeated ``request_id`` gets the first answer."""

    commit: str
    reason: str
    requested_by: Person
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class RevertedJob:
    """One job: ``made`` is its version that is undone, ``restored`` the one before, None when there was none."""

    job: str
    made: Version
    restored: Version | None


@dataclass(frozen=True, slots=True)
class UndoPlan:
    """What the commit would be. ``changed`` is False when every job already is what it was before."""

    commit: str
    jobs: tuple[RevertedJob, ...]
    message: str
    changed: bool
    diff: str


@dataclass(frozen=True, slots=True)
class UndoResult:
    """``commit`` is the new one; ``branch`` is set when the followed branch is protected: it waits there for review."""

    undone: str
    jobs: tuple[RevertedJob, ...]
    commit: str | None
    changed: bool
    branch: str | None = None


class Undos:
    """Plans and performs undos, one after the other. Safe to call from any thread."""

    def __init__(self, workshop: Committer) -> None:
        self._workshop = workshop

    def plan(self, request: UndoRequest) -> UndoPlan:
        """Everything but the commit. NotFoundError, ConflictError, InvalidVersion, or a GitError."""
        with self._workshop.alone() as head:
            return self._draft(request, head)[0]

    def perform(self, request: UndoRequest) -> UndoResult:
        """One new commit, applied when this returns. Raises what ``plan`` raises."""
        result = self._workshop.retry_on_conflict(lambda head: self._attempt(request, head))
        if result.changed:
            self._workshop.followed.sync(expecting=None if result.branch else result.commit)
        return result

    def _attempt(self, request: UndoRequest, head: str) -> UndoResult | None:
        done = self._done_before(request, head)
        if done is not None:
            return done
        plan, files = self._draft(request, head)
        if not plan.changed:
            return UndoResult(plan.commit, plan.jobs, None, False)
        proposal = f"chronos/rollback/{plan.commit[:12]}-{head[:7]}"
        landed = self._workshop.land(files, head, message=plan.message, author=request.requested_by, proposal=proposal)
        if landed is None:
            return None
        return UndoResult(plan.commit, plan.jobs, landed.commit, True, landed.branch)

    def _done_before(self, request: UndoRequest, head: str) -> UndoResult | None:
        made = self._workshop.find_by_request_id(request.request_id, head)
        if made is None:
            return None
        commit, said = made
        undone = _touched(self._workshop.index(head), request.commit)
        if said.get(UNDONE) != undone[0].made.commit:
            raise RequestIdReused(f'request id "{clean(request.request_id)}" was used for another rollback')
        return UndoResult(undone[0].made.commit, undone, commit.sha, True)

    def _draft(self, request: UndoRequest, head: str) -> tuple[UndoPlan, tuple[FileEdit, ...]]:
        index = self._workshop.index(head)
        touched = _touched(index, request.commit)
        left = [undone for undone in touched if not _is_back(undone, index)]
        _refuse_changed_since(left, index)
        contents = self._contents(left)
        files = self._workshop.with_current_blobs(_edits(left, contents), head)
        self._refuse_occupied(left, files, head)
        if files:
            self._refuse_invalid(left, files, head)
        commit = touched[0].made.commit
        message = undo_message(
            commit=commit,
            subject=touched[0].made.subject,
            jobs=[undone.job for undone in touched],
            deleted=sum(1 for undone in left if not _blob(undone)),
            requested_by=request.requested_by.cleaned(),
            reason=request.reason,
            request_id=request.request_id,
        )
        unified = "".join(diff(file.path, self._before(file), file.content) for file in files)
        return UndoPlan(commit, touched, message, bool(files), unified), files

    def _contents(self, left: Sequence[RevertedJob]) -> Mapping[str, bytes]:
        return {blob: self._workshop.git.read(blob) for blob in {_blob(undone) for undone in left} if blob}

    def _before(self, file: FileEdit) -> bytes:
        return self._workshop.git.read(file.before) if file.before else b""

    def _refuse_occupied(self, left: Sequence[RevertedJob], files: Sequence[FileEdit], head: str) -> None:
        """A job goes back to where it was, unless something that stays has moved in."""
        ours = {undone.made.path for undone in left if undone.made.blob}
        paths = [file.path for file in files if file.blob and file.path not in ours]
        for path in standing(self._workshop.git, head, paths):
            owner = self._workshop.index(head).name_at(path)
            what = f'the job "{owner}"' if owner else "something else"
            raise ConflictError(f"{path} now holds {what}", hint="move that file away first")

    def _refuse_invalid(self, left: Sequence[RevertedJob], files: Sequence[FileEdit], head: str) -> None:
        loaded = self._workshop.judged(files, head)
        back = {undone.job: undone.restored.path for undone in left if undone.restored and undone.restored.blob}
        named = [parsed.path for parsed in loaded.files if parsed.name in back]
        problems = errors_of(loaded, sorted({*back.values(), *named}))
        lost = [job for job, path in back.items() if job not in loaded.jobs or loaded.jobs[job].path != path]
        if problems or lost:
            message = f"what was before does not pass today's validation: {_named(lost) or 'see the problems'}"
            raise InvalidVersion(message, problems=problems, hint=str(problems[0]) if problems else "")


def _touched(index: Index, commit: str) -> tuple[RevertedJob, ...]:
    """By name. NotFoundError when no commit, or more than one, begins so."""
    found = index.made_by(commit)
    commits = {version.commit for version in found}
    if len(commits) > 1:
        raise NotFoundError(f'"{commit[:40]}" begins {len(commits)} commits', hint="give more digits")
    if not found:
        raise NotFoundError(
            f'no commit "{commit[:40]}" of the followed branch changed a job',
            hint="give four digits or more; a merged branch is undone by its merge commit",
        )
    unknown = [version.job for version in found if version.change is VersionChange.UNKNOWN]
    if unknown:
        raise ConflictError(
            f"what was before that commit is not in this clone: {_named(unknown)}",
            hint="fetch the rest: git fetch --unshallow, git fetch --refetch",
        )
    return tuple(RevertedJob(version.job, version, index.previous(version)) for version in found)


def _blob(undone: RevertedJob) -> str:
    return undone.restored.blob if undone.restored is not None else ""


def _is_back(undone: RevertedJob, index: Index) -> bool:
    current = index.versions(undone.job)[-1]
    return current.blob == _blob(undone) and (
        not current.blob or undone.restored is None or current.path == undone.restored.path
    )


def _refuse_changed_since(left: Sequence[RevertedJob], index: Index) -> None:
    since = [undone.job for undone in left if index.versions(undone.job)[-1].position != undone.made.position]
    if since:
        raise ConflictError(
            f"changed again since that commit: {_named(since)}", hint="roll back the newer commit first, or each job"
        )


def _edits(left: Sequence[RevertedJob], contents: Mapping[str, bytes]) -> list[FileEdit]:
    """What goes away first: two jobs may have changed places."""
    edits = {undone.made.path: FileEdit(undone.made.path, "") for undone in left if undone.made.blob}
    for undone in left:
        blob = _blob(undone)
        if undone.restored is not None and blob:
            edits[undone.restored.path] = FileEdit(undone.restored.path, blob, content=contents[blob])
    return list(edits.values())


def _named(jobs: Sequence[str]) -> str:
    more = f" and {len(jobs) - _FEW} more" if len(jobs) > _FEW else ""
    return ", ".join(jobs[:_FEW]) + more
