"""Rollback: the content of a version becomes a new commit on top of the branch; the follower does the rest."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chronos_gitops.errors import ConflictError, NotFoundError
from chronos_gitops.repo.commit import FileEdit, standing
from chronos_gitops.repo.history import Index, Version
from chronos_gitops.repo.message import JOB, RESTORED_COMMIT, RESTORED_VERSION, Person, clean, rollback_message
from chronos_gitops.repo.workshop import (
    RUNNER,
    Followed,
    InvalidVersion,
    RequestIdReused,
    Workshop,
    diff,
    errors_of,
)

__all__ = ["InvalidVersion", "Person", "RollbackPlan", "RollbackRequest", "RollbackResult", "Rollbacks"]


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
        followed: Followed,
        *,
        committer: Person = RUNNER,
        signing_key: Path | None = None,
        must_sign: bool = False,
        turn: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self.workshop = Workshop(followed, committer=committer, signing_key=signing_key, must_sign=must_sign, turn=turn)

    def plan(self, request: RollbackRequest) -> RollbackPlan:
        """Everything but the commit. NotFoundError, ConflictError, InvalidVersion, or a GitError."""
        with self.workshop.alone() as head:
            return self._draft(request, head)[0]

    def perform(self, request: RollbackRequest) -> RollbackResult:
        """One new commit, applied when this returns. Raises what ``plan`` raises."""
        result = self.workshop.tried(lambda head: self._attempt(request, head))
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
        files = self.workshop.prepared([FileEdit(current.path, target.blob, content=content)], head)
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
        made = self.workshop.made_before(request.request_id, head)
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
