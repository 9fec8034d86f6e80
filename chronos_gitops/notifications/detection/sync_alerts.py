"""Faults in following git, by topic, as the sync controller reports them."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from chronos_gitops.git.errors import GitError
from chronos_gitops.git.log import commits_of_path, recent
from chronos_gitops.jobs.problem import Severity
from chronos_gitops.notifications.message import Author, Trouble
from chronos_gitops.plurals import plural, some, verb
from chronos_gitops.sync.controller import SyncController
from chronos_gitops.sync.status import BrokenLayer, SyncState, SyncStatus

PATIENCE: Final = timedelta(minutes=1)
"""So long git may be away until that is news: by then it was tried several times."""
_ABOUT_A_COMMIT: Final = ("ValidationFailed", "VerificationFailed")
_PROBLEMS: Final = 3
_STATUS: Final = "See more: chronos-gitops status"
_VALIDATE: Final = "Check the files: chronos-gitops validate"

Faults = Mapping[str, tuple[str, ...]]


class SyncAlerts:
    """Remembers nothing but since when git is away."""

    def __init__(self) -> None:
        self._away_since: datetime | None = None

    def faults(self, status: SyncStatus, now: datetime) -> Faults:
        """Topic to the names of its faults, none where it is well; a topic of unknown state is absent."""
        if status.state is SyncState.STARTING:
            return {}
        is_refused = status.state is SyncState.FAILED and status.reason in _ABOUT_A_COMMIT
        is_away = status.state is SyncState.FAILED and not is_refused and status.reason != "EmptyTree"
        if is_away:
            self._away_since = min(self._away_since or now, now)
            return {"follow": ("away",)} if now - self._away_since >= PATIENCE else {}
        self._away_since = None
        return {
            "follow": (),
            "commit": (_refused(status) or "unknown",) if is_refused else (),
            "files": status.broken_files,
            "deletions": () if status.held is None else (status.held.checksum,),
        }


def trouble(topic: str, status: SyncStatus, follower: SyncController, fresh: tuple[str, ...]) -> Trouble:
    """The message about the topic, with the authors of the commits; ``fresh`` are faults that were not announced
    before."""
    reason = status.reason or ""
    if topic == "files":
        named = fresh or status.broken_files
        layers = tuple(layer for layer in status.broken_layers if layer.file in named)
        sentences = (*map(_reach, layers), *_problems(status))
        authors = _authors_of(named, status, follower)
        return Trouble(topic, reason, sentences, named, authors, _VALIDATE, layers)
    if topic == "deletions" and status.held is not None:
        names = status.held.names
        sentence = f"{status.message or reason}: {', '.join(names[:10])}"
        way = f"Approve with POST /api/v1/sync/approve and the checksum {status.held.checksum}, or revert the commit."
        return Trouble(topic, reason, (sentence, way), names, _authors_of(names, status, follower), _STATUS)
    author = _author(_refused(status), follower) if topic == "commit" else None
    sentences = (f"{reason}: {status.message}", *(_problems(status) if topic == "commit" else ()))
    action = _VALIDATE if topic == "commit" and status.reason == "ValidationFailed" else _STATUS
    return Trouble(topic, reason, sentences, (), () if author is None else (author,), action)


def _reach(layer: BrokenLayer) -> str:
    """``jobs/_defaults.yaml is invalid, so 214 jobs stay as they are: a, b and 212 more``."""
    names = layer.quarantined
    stay = verb(len(names), "stays as it is", "stay as they are")
    return f"{layer.file} is invalid, so {plural(len(names), 'job')} {stay}: {some(names, 10)}"


def _refused(status: SyncStatus) -> str | None:
    """A commit that is not signed was not even looked at."""
    return status.revision.desired if status.reason == "VerificationFailed" else status.revision.attempted


def _problems(status: SyncStatus) -> Iterator[str]:
    errors = [problem for problem in status.problems if problem.severity is Severity.ERROR]
    for problem in errors[:_PROBLEMS]:
        yield f"{problem.file}:{problem.line}:{problem.column}: {problem.message}"
    if len(errors) > _PROBLEMS:
        yield f"and {len(errors) - _PROBLEMS} more"


def _authors_of(names: tuple[str, ...], status: SyncStatus, follower: SyncController) -> tuple[Author, ...]:
    """Of the commits that last changed these jobs, or of the one that was looked at for files without a name."""
    versions = [version for name in names if (version := follower.index().current(name)) is not None]
    found = {version.commit: Author.of(version) for version in versions}
    for layer in status.broken_layers:
        commit = _last_commit(layer.file, status, follower) if layer.file in names else None
        if commit is not None and commit not in found and (author := _author(commit, follower)) is not None:
            found[commit] = author
    if not found and (author := _author(status.revision.attempted, follower)) is not None:
        return (author,)
    return tuple(found.values())


def _last_commit(path: str, status: SyncStatus, follower: SyncController) -> str | None:
    """The newest one that touched the file; None where it was never committed, or git is away."""
    head = status.revision.attempted
    try:
        return None if head is None else next(iter(commits_of_path(follower.source.git, head, path, 1)), None)
    except GitError:
        return None


def _author(commit: str | None, follower: SyncController) -> Author | None:
    if commit is None:
        return None
    try:
        made = recent(follower.source.git, commit, 1)
    except GitError:
        return None
    return (
        Author(made[0].sha, made[0].author_name, made[0].author_email, made[0].committed_at, made[0].subject)
        if made
        else None
    )
