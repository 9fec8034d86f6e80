"""The owners of names at HEAD, for commands that read files by the paths they were given."""

import os
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from chronos_gitops.cli.checkout.local_files import LocalFiles, top_of
from chronos_gitops.errors import ChronosError
from chronos_gitops.jobs.files.name_owner import Incumbent, Incumbents, NoIncumbents

if TYPE_CHECKING:
    from chronos_gitops.git.client import Git


class OwnersAtHead:
    """Asks git when a name is said twice or cannot be read, and not before. Outside git there are no owners.

    Paths are those that the files were asked for by, in a report's form.
    """

    def __init__(self, files: LocalFiles, jobs: str) -> None:
        self._files = files
        self._jobs = jobs
        self._folders: dict[str, str] = {}

    def incumbent(self, name: str) -> Incumbent | None:
        found = self._owners.incumbent(name)
        return None if found is None else Incumbent(self._shown.get(found.path, found.path), found.blob)

    def name_at(self, path: str) -> str | None:
        """By the content at HEAD: the whole history is needed only where that cannot be read either."""
        if self._git is None or path not in self._in_repository:
            return None
        from chronos_gitops.versions.job_names import name_of

        place = self._in_repository[path]
        done = self._git.attempt("cat-file", "blob", f"HEAD:{place}")
        return (name_of(done.stdout) if done.code == 0 else None) or self._owners.name_at(place)

    def day(self) -> date | None:
        """Of the commit at HEAD, in UTC; None where there is none."""
        from chronos_gitops.git.log import day_of

        head = None if self._git is None else self._git.resolve("HEAD")
        return None if self._git is None or head is None else day_of(self._git, head)

    def from_root(self, path: str) -> str:
        """The path of a file as one from the root of the repository; outside git from what holds the jobs folder."""
        folder, _, name = path.rpartition("/")
        known = self._folders.get(folder)
        if known is None:
            file = Path(self._files.named.get(path, path))
            found = self._below_root(file) if self._git else f"{self._jobs}/{self._files.place(path)}"
            known = self._folders[folder] = found.rpartition("/")[0]
        return f"{known}/{name}" if known else name

    @cached_property
    def _git(self) -> "Git | None":
        from chronos_gitops.git.client import Git
        from chronos_gitops.git.discovery import discover

        if not self._files.named:
            return None
        try:
            git = Git(discover(Path(next(iter(self._files.named.values()))).absolute().parent))
        except ChronosError:
            return None
        return None if git.place.root is None else git

    @cached_property
    def _owners(self) -> Incumbents:
        from chronos_gitops.versions.history import History

        if self._git is None:
            return NoIncumbents()
        top = top_of(Path(next(iter(self._files.named.values()))), self._jobs)
        head = self._git.resolve("HEAD")
        return History(self._git, self._below_root(top.absolute())).index(head)

    @cached_property
    def _in_repository(self) -> dict[str, str]:
        return {name: self._below_root(Path(path)) for name, path in self._files.named.items()}

    @cached_property
    def _shown(self) -> dict[str, str]:
        return {place: name for name, place in self._in_repository.items()}

    def _below_root(self, path: Path) -> str:
        assert self._git is not None
        assert self._git.place.root is not None
        return os.path.relpath(path.parent.resolve() / path.name, self._git.place.root.resolve())
