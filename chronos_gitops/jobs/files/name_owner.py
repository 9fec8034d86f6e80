"""Decides which of several files with one name is the job: the incumbent keeps it, whatever comes beside it.

The incumbent is the file that had the name at the parent commit. It keeps the name while it is there and says the name,
or cannot be read. When it leaves the name, a file with its content comes first, then path order. So the owner is a
function of the first-parent chain, and every runner finds the same one.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

from chronos_gitops.process.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Incumbent:
    """The path that had the name at the parent commit, and the blob id of its content there."""

    path: str
    blob: str


class Incumbents(Protocol):
    """The owners of names at the parent commit; in a worktree that is HEAD."""

    def incumbent(self, name: str) -> Incumbent | None: ...

    def name_at(self, path: str) -> str | None:
        """The name whose incumbent may be this path."""

    def from_root(self, path: str) -> str:
        """The path as it is from the root of the repository, whose order decides."""


class PathsFromRoot:
    """Of files that go by their paths from the root already."""

    def from_root(self, path: str) -> str:
        return path


class NoIncumbents(PathsFromRoot):
    """Outside git nothing was there before, so path order decides."""

    def incumbent(self, name: str) -> Incumbent | None:  # noqa: ARG002 - the same for every name
        return None

    def name_at(self, path: str) -> str | None:  # noqa: ARG002 - the same for every path
        return None


def owner(
    claims: Mapping[str, str], incumbent: Incumbent | None, *, from_root: Callable[[str], str] = str
) -> str | None:
    """The path that gets the name. ``claims`` maps the paths that say it, and an incumbent that cannot be read, to
    their blob ids; a command may show other paths than the one ``from_root``, whose order decides."""
    if incumbent is not None and incumbent.path in claims:
        return incumbent.path
    content = None if incumbent is None else incumbent.blob
    return min(claims, key=lambda path: (claims[path] != content, from_root(path)), default=None)
