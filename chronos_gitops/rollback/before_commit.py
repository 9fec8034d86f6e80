"""Undo: every job and layer that one commit changed becomes what it was before that commit, all or nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from typing import Any, Final

from chronos_gitops.errors import ConflictError, NotFoundError
from chronos_gitops.git.commit import FileEdit, Person
from chronos_gitops.git.log import Commit, recent
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.rollback.commit_message import UNDONE, undo_message
from chronos_gitops.rollback.publish import PublishedCommit
from chronos_gitops.rollback.revert import FormerContent, HeadHistory, RevertEffect
from chronos_gitops.rollback.undone_layers import UndoneLayer, on_chain, undone_layers
from chronos_gitops.versions.history import Index
from chronos_gitops.versions.version import Version, VersionChange

_MAX_NAMES_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class RevertedJob:
    """One job: ``made`` is its version that is undone, ``restored`` the one before, None when there was none."""

    job: str
    made: Version
    restored: Version | None

    @property
    def blob(self) -> str:
        """The blob to restore; empty when the file did not exist."""
        return self.restored.blob if self.restored is not None else ""

    @property
    def is_inherited(self) -> bool:
        """True if only a layer changed it: then the layer is what goes back."""
        return self.made.change is VersionChange.INHERITED

    def is_back(self, index: Index) -> bool:
        if self.is_inherited:
            return True
        current = index.versions(self.job)[-1]
        return current.blob == self.blob and (
            not current.blob or self.restored is None or current.path == self.restored.path
        )

    def document(self) -> dict[str, Any]:
        """``version`` is the one that is taken back, ``change`` its kind."""
        return {
            "job": self.job,
            "version": self.made.number,
            "restored_version": None if self.restored is None else self.restored.number,
            "change": self.made.change.value,
        }


@dataclass(frozen=True, slots=True)
class UndoneCommit:
    """The files changed by one commit: ``layers`` with policies and calendars, and ``jobs`` with those that only
    inherit from them."""

    sha: str
    subject: str
    jobs: tuple[RevertedJob, ...]
    layers: tuple[UndoneLayer, ...]

    @property
    def paths(self) -> tuple[str, ...]:
        """Of the layers."""
        return tuple(one.path for one in self.layers)


@dataclass(frozen=True, slots=True)
class UndoPlan:
    """The planned commit. ``changed`` is False when every file already has its earlier content."""

    commit: str
    jobs: tuple[RevertedJob, ...]
    layers: tuple[str, ...]
    message: str
    changed: bool
    diff: str

    def document(self) -> dict[str, Any]:
        """The answer to a dry run, in the API and on the command line."""
        answer = _document(self.commit, None, changed=self.changed, jobs=self.jobs, layers=self.layers)
        return answer | {"dry_run": True, "message": self.message}


@dataclass(frozen=True, slots=True)
class UndoResult:
    """``commit`` is the new one; ``proposed`` is it on a branch for review, None where it is on the followed one."""

    undone: str
    jobs: tuple[RevertedJob, ...]
    layers: tuple[str, ...]
    commit: str | None
    changed: bool
    proposed: PublishedCommit | None = None

    @property
    def branch(self) -> str | None:
        return None if self.proposed is None else self.proposed.branch

    def document(self) -> dict[str, Any]:
        """The answer of the API and of the command line."""
        done = _document(self.undone, self.commit, changed=self.changed, jobs=self.jobs, layers=self.layers)
        return done if self.proposed is None else done | self.proposed.document()


def _document(
    undone: str, commit: str | None, *, changed: bool, jobs: Sequence[RevertedJob], layers: Sequence[str]
) -> dict[str, Any]:
    listed = [one.document() for one in jobs]
    return {"undone_commit": undone, "commit": commit, "changed": changed, "jobs": listed, "layers": list(layers)}


@dataclass(frozen=True, slots=True)
class UndoDraft:
    undone: UndoneCommit
    content: FormerContent
    request: "UndoRequest"
    deleted: int

    def judged(self, effect: RevertEffect) -> "UndoDraft":
        message = self.request.message(self.undone, silenced=self.deleted + effect.disabled)
        return replace(self, content=replace(self.content, message=message))

    def plan(self, *, changed: bool, diff: str) -> UndoPlan:
        undone = self.undone
        return UndoPlan(undone.sha, undone.jobs, undone.paths, self.content.message, changed, diff)

    def result(self, landed: PublishedCommit | None) -> UndoResult:
        undone = self.undone
        if landed is None:
            return UndoResult(undone.sha, undone.jobs, undone.paths, None, changed=False)
        proposed = landed if landed.branch else None
        return UndoResult(undone.sha, undone.jobs, undone.paths, landed.commit, changed=True, proposed=proposed)

    def refusal(self, lost: Sequence[str]) -> str:
        return f"the earlier content does not pass today's validation: {_named(lost) or 'see the problems'}"


@dataclass(frozen=True, slots=True)
class UndoRequest:
    """``commit`` is its id or the beginning of it; a repeated ``request_id`` gets the first answer. ``check`` raises
    for a commit that the caller may not undo, before anything else is said of it."""

    commit: str
    reason: str
    requested_by: Person
    request_id: str = ""
    check: Callable[[UndoneCommit], None] = field(default=lambda undone: None, compare=False)  # noqa: ARG005

    def draft(self, history: HeadHistory) -> UndoDraft:
        index = history.index
        undone = _undone(history, self.commit, self.check)
        left = [one for one in undone.jobs if not one.is_back(index)]
        layers = [one for one in undone.layers if not one.is_back]
        _refuse_changed_since(left, layers, index)
        deleted = sum(1 for one in left if not one.blob)
        content = FormerContent(
            files=(*_edits(left, history), *(one.edit(history) for one in layers)),
            restored={one.job: one.restored.path for one in left if one.restored and one.blob},
            own=frozenset((*(one.made.path for one in left if one.made.blob), *(one.path for one in layers))),
            message=self.message(undone, silenced=deleted),
            proposal=f"chronos/rollback/{undone.sha[:12]}-{str(index.head)[:7]}",
            keeps_valid=bool(layers),
        )
        return UndoDraft(undone, content, self, deleted)

    def repeated(self, history: HeadHistory, commit: Commit, trailers: Mapping[str, str]) -> UndoResult | None:
        undone = _undone(history, self.commit, self.check)
        if trailers.get(UNDONE) != undone.sha:
            return None
        return UndoResult(undone.sha, undone.jobs, undone.paths, commit.sha, changed=True)

    def message(self, undone: UndoneCommit, *, silenced: int) -> str:
        """``silenced`` is the number of jobs that the commit deletes or disables."""
        return undo_message(
            commit=undone.sha,
            subject=undone.subject,
            jobs=[*(one.job for one in undone.jobs if not one.is_inherited), *undone.paths],
            silenced=silenced,
            requested_by=self.requested_by.cleaned(),
            reason=self.reason,
            request_id=self.request_id,
        )


def _undone(history: HeadHistory, commit: str, check: Callable[[UndoneCommit], None]) -> UndoneCommit:
    """By job name. NotFoundError when no commit, or more than one, begins so; ``check`` raises its own errors."""
    index, git = history.index, history.followed.source.git
    found = index.made_by(commit)
    commits = {version.commit for version in found}
    if len(commits) > 1:
        raise NotFoundError(f'"{commit[:40]}" begins {len(commits)} commits', hint="give more digits")
    sha = next(iter(commits), None) or on_chain(git, commit, index.head)
    unknown = [version.job for version in found if version.change is VersionChange.UNKNOWN]
    layers = () if sha is None or unknown else undone_layers(history, sha)
    if sha is None or not (found or layers):
        raise no_such_commit(commit)
    jobs = tuple(RevertedJob(version.job, version, index.previous(version)) for version in found)
    undone = UndoneCommit(sha, recent(git, sha, 1)[0].subject, jobs, layers)
    check(undone)
    if unknown:
        raise ConflictError(
            f"the content before that commit is not in this clone: {_named(unknown)}",
            hint="fetch the rest: git fetch --unshallow, git fetch --refetch",
        )
    return undone


def no_such_commit(commit: str) -> NotFoundError:
    """``commit`` is as it was asked for."""
    return NotFoundError(
        f'no commit "{commit[:40]}" of the followed branch changed a job',
        hint="give four digits or more; a merged branch is undone by its merge commit",
    )


def _refuse_changed_since(left: Sequence[RevertedJob], layers: Sequence[UndoneLayer], index: Index) -> None:
    since = [one.job for one in left if index.versions(one.job).newest_own().position != one.made.position]
    since += [one.path for one in layers if one.is_changed_since]
    if since:
        raise ConflictError(
            f"changed again since that commit: {_named(since)}", hint="roll back the newer commit first, or each job"
        )


def _edits(left: Sequence[RevertedJob], history: HeadHistory) -> tuple[FileEdit, ...]:
    """Edits of the undo. Deletions come first, because two jobs may have swapped paths."""
    edits = {undone.made.path: FileEdit(undone.made.path, "") for undone in left if undone.made.blob}
    for undone in left:
        if undone.restored is not None and undone.blob:
            path = undone.restored.path
            edits[path] = FileEdit(path, undone.blob, content=history.read(undone.blob))
    return tuple(edits.values())


def _named(jobs: Sequence[str]) -> str:
    more = f" and {len(jobs) - _MAX_NAMES_SHOWN} more" if len(jobs) > _MAX_NAMES_SHOWN else ""
    return ", ".join(jobs[:_MAX_NAMES_SHOWN]) + more
