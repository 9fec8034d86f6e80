"""Undo: every job that one commit changed goes back to what it was before, as one new commit or not at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chronos_gitops.errors import ConflictError, NotFoundError
from chronos_gitops.repo.commit import FileEdit, standing
from chronos_gitops.repo.history import Change, Index, Version
from chronos_gitops.repo.message import UNDONE, Person, clean, undo_message
from chronos_gitops.repo.workshop import InvalidVersion, RequestIdReused, Workshop, diff, errors_of

_FEW = 5


@dataclass(frozen=True, slots=True)
class UndoRequest:
    """``commit`` is its id or the beginning of it; a repeated ``request_id`` gets the first answer."""

    commit: str
    reason: str
    requested_by: Person
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Undone:
    """One job: ``made`` is its version that is undone, ``restored`` the one before, None when there was none."""

    job: str
    made: Version
    restored: Version | None


@dataclass(frozen=True, slots=True)
class UndoPlan:
    """What the commit would be. ``changed`` is False when every job already is what it was before."""

    commit: str
    jobs: tuple[Undone, ...]
    message: str
    changed: bool
    diff: str


@dataclass(frozen=True, slots=True)
class UndoResult:
    """``commit`` is the new one; ``branch`` is set when the followed branch is protected: it waits there for review."""

    undone: str
    jobs: tuple[Undone, ...]
    commit: str | None
    changed: bool
    branch: str | None = None


class Undos:
    """Plans and performs undos, one after the other. Safe to call from any thread."""

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop

    def plan(self, request: UndoRequest) -> UndoPlan:
        """Everything but the commit. NotFoundError, ConflictError, InvalidVersion, or a GitError."""
        with self._workshop.alone() as head:
            return self._draft(request, head)[0]

    def perform(self, request: UndoRequest) -> UndoResult:
        """One new commit, applied when this returns. Raises what ``plan`` raises."""
        result = self._workshop.tried(lambda head: self._attempt(request, head))
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
        made = self._workshop.made_before(request.request_id, head)
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
        files = self._workshop.prepared(_edits(left, contents), head)
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

    def _contents(self, left: Sequence[Undone]) -> Mapping[str, bytes]:
        return {blob: self._workshop.git.read(blob) for blob in {_blob(undone) for undone in left} if blob}

    def _before(self, file: FileEdit) -> bytes:
        return self._workshop.git.read(file.before) if file.before else b""

    def _refuse_occupied(self, left: Sequence[Undone], files: Sequence[FileEdit], head: str) -> None:
        """A job goes back to where it was, unless something that stays has moved in."""
        ours = {undone.made.path for undone in left if undone.made.blob}
        paths = [file.path for file in files if file.blob and file.path not in ours]
        for path in standing(self._workshop.git, head, paths):
            owner = self._workshop.index(head).name_at(path)
            what = f'the job "{owner}"' if owner else "something else"
            raise ConflictError(f"{path} now holds {what}", hint="move that file away first")

    def _refuse_invalid(self, left: Sequence[Undone], files: Sequence[FileEdit], head: str) -> None:
        loaded = self._workshop.judged(files, head)
        back = {undone.job: undone.restored.path for undone in left if undone.restored and undone.restored.blob}
        named = [parsed.path for parsed in loaded.files if parsed.name in back]
        problems = errors_of(loaded, sorted({*back.values(), *named}))
        lost = [job for job, path in back.items() if job not in loaded.jobs or loaded.jobs[job].path != path]
        if problems or lost:
            message = f"what was before does not pass today's validation: {_named(lost) or 'see the problems'}"
            raise InvalidVersion(message, problems=problems, hint=str(problems[0]) if problems else "")


def _touched(index: Index, commit: str) -> tuple[Undone, ...]:
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
    unknown = [version.job for version in found if version.change is Change.UNKNOWN]
    if unknown:
        raise ConflictError(
            f"what was before that commit is not in this clone: {_named(unknown)}",
            hint="fetch the rest: git fetch --unshallow, git fetch --refetch",
        )
    return tuple(Undone(version.job, version, index.previous(version)) for version in found)


def _blob(undone: Undone) -> str:
    return undone.restored.blob if undone.restored is not None else ""


def _is_back(undone: Undone, index: Index) -> bool:
    current = index.versions(undone.job)[-1]
    return current.blob == _blob(undone) and (
        not current.blob or undone.restored is None or current.path == undone.restored.path
    )


def _refuse_changed_since(left: Sequence[Undone], index: Index) -> None:
    since = [undone.job for undone in left if index.versions(undone.job)[-1].position != undone.made.position]
    if since:
        raise ConflictError(
            f"changed again since that commit: {_named(since)}", hint="roll back the newer commit first, or each job"
        )


def _edits(left: Sequence[Undone], contents: Mapping[str, bytes]) -> list[FileEdit]:
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
