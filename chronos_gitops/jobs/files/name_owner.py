"""Decides which of several files with one name is the job: the incumbent keeps it, whatever comes beside it.

The incumbent is the file that had the name at the parent commit. It keeps the name while it is there and says the name,
or cannot be read. When it leaves the name, a file with its content comes first, then path order. So the owner is a
function of the first-parent chain, and every runner finds the same one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


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


class NoIncumbents:
    """Outside git nothing was there before, so path order decides."""

    def incumbent(self, name: str) -> Incumbent | None:  # noqa: ARG002 - the same for every name
        return None

    def name_at(self, path: str) -> str | None:  # noqa: ARG002 - the same for every path
        return None


def owner(claims: Mapping[str, str], incumbent: Incumbent | None) -> str | None:
    """The path that gets the name. ``claims`` maps the paths that say it, and an incumbent that cannot be read, to
    their blob ids."""
    if incumbent is not None and incumbent.path in claims:
        return incumbent.path
    content = None if incumbent is None else incumbent.blob
    return min(claims, key=lambda path: (claims[path] != content, path), default=None)
