"""The layers that a commit changed, with policies and calendars: what they were before it, and what they are now."""

from typing import Final

from chronos_gitops.git.client import Git
from chronos_gitops.git.commit import FileEdit, standing
from chronos_gitops.git.errors import GitError
from chronos_gitops.git.log import commits, continues
from chronos_gitops.jobs.folders import inside
from chronos_gitops.jobs.layers.file_roles import FileRole, place_of
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.rollback.revert import HeadHistory

_ROLES: Final = (FileRole.DEFAULTS, FileRole.ENVIRONMENT, FileRole.POLICY, FileRole.CALENDAR)


@dataclass(frozen=True, slots=True)
class UndoneLayer:
    """Blob ids before the commit, after it and at the head, empty where nothing stands."""

    path: str
    before: str
    after: str
    now: str

    @property
    def is_back(self) -> bool:
        return self.now == self.before

    @property
    def is_changed_since(self) -> bool:
        return self.now != self.after

    def edit(self, history: HeadHistory) -> FileEdit:
        """The edit that restores the earlier content."""
        return FileEdit(self.path, self.before, content=history.read(self.before) if self.before else b"")


def on_chain(git: Git, commit: str, head: str | None) -> str | None:
    """The whole id of a commit that stands on the first-parent chain of the head."""
    if head is None or len(commit) < 4 or not all(digit in "0123456789abcdef" for digit in commit.lower()):
        return None
    try:
        found = git.resolve(commit)
    except GitError:
        return None
    return found if found is not None and continues(git, found, head) else None


def undone_layers(history: HeadHistory, sha: str) -> tuple[UndoneLayer, ...]:
    """Sorted by path; none where the commit before it is not here, or where it is the first one and its files are."""
    source = history.followed.source
    git, parent = source.git, source.git.resolve(f"{sha}^")
    (made,) = commits(git, source.jobs, parent, sha) or (None,)
    edits = {} if made is None else {edit.path: edit.blob for edit in made.edits}
    paths = sorted(path for path in edits if place_of(inside(path, source.jobs)).role in _ROLES)
    if not paths:
        return ()
    before = {} if parent is None else standing(git, parent, paths)
    now = standing(git, str(history.index.head), paths)
    return tuple(
        UndoneLayer(path, before.get(path, ("", ""))[1], edits[path], now.get(path, ("", ""))[1]) for path in paths
    )
