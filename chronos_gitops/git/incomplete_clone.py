"""A clone that lacks objects or commits: what is here is read, and what is not is never asked of a server.

Git asks for a promised object that is not here (partial-clone in git's technical documentation), and where it may not,
the whole command dies. In a repository that borrows the objects and knows of no promise they are simply missing.
"""

import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Final, TypeAlias

from chronos_gitops.git.client import Git
from chronos_gitops.git.discovery import RepositoryPaths
from chronos_gitops.git.remote.partial_clone import is_partial

Depth: TypeAlias = tuple[str, str, str]
"""Object format, shallow boundary, and of a partial clone how many objects it has."""

_CONFIG: Final = "[core]\n\trepositoryformatversion = 1\n\tbare = true\n[extensions]\n\tobjectformat = {}\n"


class PresentObjects:
    """The gateway to read contents and history with: of a partial clone one that knows no promises, else the same.

    ``is_complete`` says that nothing may be missing here, whatever was promised: our own mirror. ``lender`` is the
    repository that a mirror of it borrows from when it is a partial clone itself; the mirror knows no promises.
    """

    def __init__(self, git: Git, *, is_complete: bool = False, lender: Git | None = None) -> None:
        self._git = git
        self.lender = lender
        self._is_complete = is_complete
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._view: Git | None = None
        self._asked: int | None = None
        self._is_partial = False

    @property
    def git(self) -> Git:
        if self.lender is not None or not self.is_partial:
            return self._git
        if self._view is None:
            self._folder = tempfile.TemporaryDirectory(prefix="chronos-objects-")
            folder = Path(self._folder.name)
            _borrow(self._git, folder)
            self._view = Git(RepositoryPaths(folder, folder, None))
        return self._view

    @property
    def is_partial(self) -> bool:
        """True if a server promised what is not here; asked again when the repository's settings change."""
        if self._is_complete and self.lender is None:
            return False
        promised = self.lender or self._git
        stamp = _modified(promised.place.common / "config")
        if stamp != self._asked:
            self._is_partial = is_partial(promised)
            self._asked = stamp
        return self._is_partial

    def depth(self) -> Depth:
        """Equal depths of one head mean the same history: what arrives later changes it."""
        objects = (self.lender or self._git).run("count-objects", "-v").decode() if self.is_partial else ""
        return self._git.object_format, " ".join(sorted(boundary(self._git))), objects

    def close(self) -> None:
        if self._view is not None:
            self._view.close()
            self._view = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None


def boundary(git: Git) -> Collection[str]:
    """The commits of a shallow clone whose parents are not here; one to a line, see gitrepository-layout(5)."""
    try:
        return (git.place.common / "shallow").read_text().split()
    except OSError:
        return ()


def _borrow(git: Git, folder: Path) -> None:
    (folder / "refs").mkdir()
    (folder / "objects" / "info").mkdir(parents=True)
    (folder / "objects" / "info" / "alternates").write_text(f"{git.place.common / 'objects'}\n")
    (folder / "HEAD").write_text("ref: refs/heads/none\n")
    (folder / "config").write_text(_CONFIG.format(git.object_format))
    (folder / "shallow").symlink_to(git.place.common / "shallow")


def _modified(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
