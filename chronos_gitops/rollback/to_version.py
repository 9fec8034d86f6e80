"""Rollback: a job becomes what one of its versions was (CONTRACT 4)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from chronos_gitops.errors import NotFoundError
from chronos_gitops.git.commit import FileEdit, Person
from chronos_gitops.git.log import Commit
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.rollback.changed_calendars import changed_calendars
from chronos_gitops.rollback.commit_message import JOB, RESTORED_COMMIT, RESTORED_VERSION, rollback_message
from chronos_gitops.rollback.committer import InvalidVersion
from chronos_gitops.rollback.publish import PublishedCommit
from chronos_gitops.rollback.restored_file import RestoredFile, file_of, layers_above, restored_file
from chronos_gitops.rollback.revert import FormerContent, HeadHistory, RevertEffect
from chronos_gitops.rollback.written_out import WrittenValue
from chronos_gitops.versions.version import Version


@dataclass(frozen=True, slots=True)
class RollbackPlan:
    """The planned commit. ``changed`` is False when the job is already as it was at version ``target``."""

    job: str
    current: Version
    target: Version
    path: str
    content: bytes
    message: str
    changed: bool
    diff: str
    file: RestoredFile
    warnings: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """The plan as JSON, for the API and the command line."""
        return {
            "job": self.job,
            "version": None,
            "restored_version": self.target.number,
            "commit": None,
            "changed": self.changed,
            "dry_run": True,
            "path": self.path,
            "message": self.message,
            "warnings": list(self.warnings),
            **_told(self.file),
        }


@dataclass(frozen=True, slots=True)
class RollbackResult:
    """``proposed`` is the commit on a branch for review; None where it is on the followed branch."""

    job: str
    version: int | None
    restored_version: int | None
    commit: str | None
    changed: bool
    proposed: PublishedCommit | None = None
    written_out: tuple[WrittenValue, ...] = ()
    rewritten: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def branch(self) -> str | None:
        return None if self.proposed is None else self.proposed.branch

    def document(self) -> dict[str, Any]:
        """The answer of the API and of the command line."""
        done = {
            "job": self.job,
            "version": self.version,
            "restored_version": self.restored_version,
            "commit": self.commit,
            "changed": self.changed,
            "warnings": list(self.warnings),
            **_told(self),
        }
        return done if self.proposed is None else done | self.proposed.document()


@dataclass(frozen=True, slots=True)
class RollbackDraft:
    """The job's file as it was at ``target``, at the path that it has now."""

    job: str
    current: Version
    target: Version
    content: FormerContent
    file: RestoredFile
    history: HeadHistory
    warnings: tuple[str, ...] = ()

    def plan(self, *, changed: bool, diff: str) -> RollbackPlan:
        (file,) = self.content.files
        message = self.content.message
        return RollbackPlan(
            self.job,
            self.current,
            self.target,
            file.path,
            file.content,
            message,
            changed=changed,
            diff=diff,
            file=self.file,
            warnings=self.warnings,
        )

    def judged(self, effect: RevertEffect) -> "RollbackDraft":
        return replace(self, warnings=changed_calendars(self.history, self.target, effect.after))

    def result(self, landed: PublishedCommit | None) -> RollbackResult:
        number, restored = self.current.number, self.target.number
        if landed is None:
            return RollbackResult(self.job, number, restored, None, changed=False)
        made = number + 1 if landed.branch is None and number is not None else None
        written, rewritten = self.file.written_out, self.file.rewritten
        proposed = landed if landed.branch else None
        return RollbackResult(
            self.job, made, restored, landed.commit, True, proposed, written, rewritten, self.warnings
        )

    def refusal(self, lost: Sequence[str]) -> str:  # noqa: ARG002 - it is the one job
        return f"version {self.target.label} of {self.job} does not pass today's validation"


@dataclass(frozen=True, slots=True)
class RollbackRequest:
    """``to`` is a number or the beginning of a commit; a repeated ``request_id`` gets the first answer."""

    job: str
    to: str
    reason: str
    requested_by: Person
    request_id: str = ""

    def draft(self, history: HeadHistory) -> RollbackDraft:
        target = self._target(history)
        current = history.index.versions(self.job)[-1]
        if not target.blob:
            before = history.index.previous(target)
            hint = "" if before is None else f"roll back to version {before.label} to have it again"
            raise InvalidVersion(f"version {target.label} of {self.job} is its deletion", hint=hint)
        file = restored_file(history, target, current)
        content = FormerContent(
            files=(FileEdit(current.path, file.blob, content=file.content, is_stored=file.is_stored),),
            restored={self.job: current.path},
            own=frozenset([current.path] if current.blob else ()),
            message=self._message(target, file),
            proposal=f"chronos/rollback/{self.job}-v{target.label}-{str(history.index.head)[:7]}",
            layers=layers_above(history, current),
        )
        return RollbackDraft(self.job, current, target, content, file, history)

    def repeated(self, history: HeadHistory, commit: Commit, trailers: Mapping[str, str]) -> RollbackResult | None:
        restored = int(trailers[RESTORED_VERSION]) if RESTORED_VERSION in trailers else None
        target = self._target(history)
        if trailers.get(JOB) != self.job or target.commit != trailers.get(RESTORED_COMMIT):
            return None
        made = (version for version in history.index.versions(self.job) if version.commit == commit.sha)
        version = next(made, None)
        number = None if version is None else version.number
        result = RollbackResult(self.job, number, restored, commit.sha, changed=True)
        if version is None:
            return result
        file = file_of(history, target, version)
        return replace(result, written_out=file.written_out, rewritten=file.rewritten)

    def _target(self, history: HeadHistory) -> Version:
        """By number or commit; by commit also out of a history that ran here before it was rewritten."""
        try:
            return history.index.version(self.job, self.to)
        except NotFoundError:
            former = history.followed.former(self.job, self.to) if history.index.versions(self.job) else None
            if former is None:
                raise
            return former

    def _message(self, target: Version, file: RestoredFile) -> str:
        return rollback_message(
            job=self.job,
            version=target.number,
            commit=target.commit,
            requested_by=self.requested_by.cleaned(),
            reason=self.reason,
            request_id=self.request_id,
            written_out=[one.place for one in file.written_out],
        )


def _told(made: RestoredFile | RollbackResult) -> dict[str, Any]:
    return {"written_out": [one.document() for one in made.written_out], "rewritten": list(made.rewritten)}
