"""One version of one job: a commit that changed the job's own file, or what the layers above it make of it."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Final

from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.versions.layer_history import NO_LAYERS_YET, LayerState


class VersionChange(StrEnum):
    CREATED = "created"
    CHANGED = "changed"
    MOVED = "moved"
    DELETED = "deleted"
    INHERITED = "inherited"
    """A layer changed the content of the job; its own file is untouched."""
    UNKNOWN = "unknown"
    """The version before is unknown: the clone is shallow or partial."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Where a commit changed the content of a job. ``environments`` is None where none are declared; ``effective`` says
    that it changed anywhere, None where no layer stood and the files were not compared."""

    environments: tuple[str, ...] | None = None
    effective: bool | None = None

    def includes(self, environment: str | None) -> bool:
        """True if the content changed for a runner of this environment; before any was declared, for all."""
        return self.effective is not False if self.environments is None else environment in self.environments


UNTOLD: Final = Reach()
"""Shared by all versions without layers."""


@dataclass(frozen=True, slots=True)
class Version:
    """One commit that changed one job. A deletion has an empty ``blob`` and the path the job had.

    ``file_stays``: of a deletion, that the file is still there and says another name. ``layers`` are those of its
    commit.

    ``position`` counts the versions that are known from 1; it is the number unless the history is partial.
    """

    position: int
    job: str
    commit: str
    blob: str
    path: str
    change: VersionChange
    author_name: str
    author_email: str
    committed_at: datetime
    subject: str
    body: str
    file_stays: bool = False
    is_numbered: bool = True
    reach: Reach = UNTOLD
    layers: LayerState = NO_LAYERS_YET

    @property
    def number(self) -> int | None:
        """None where the first commits are missing, so that they cannot be counted."""
        return self.position if self.is_numbered else None

    @property
    def label(self) -> str:
        """The number, or the commit where there is none; each names the version in a request."""
        return str(self.position) if self.is_numbered else self.commit[:12]

    def counts_in(self, environment: str | None) -> bool:
        """True if it is another version for a runner of this environment: one of the own file is one everywhere."""
        return self.change is not VersionChange.INHERITED or self.reach.includes(environment)


def counting(versions: Iterable[Version], environment: str | None) -> tuple[Version, ...]:
    """Those that are another version for a runner of this environment, in their order."""
    return tuple(one for one in versions if one.counts_in(environment))
