"""The status of the sync controller (CONTRACT 3, ``GET /api/v1/sync``)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from typing import Final

from chronos_gitops.git.signatures.errors import UnverifiedCommit
from chronos_gitops.git.verification.verified_history import Vouch
from chronos_gitops.jobs.layers.file_roles import FileRole
from chronos_gitops.jobs.problem import Problem
from chronos_gitops.plurals import verb
from chronos_gitops.process.lazy_dataclass import dataclass


class Mode(StrEnum):
    WORKTREE = "worktree"
    BRANCH = "branch"


class OnInvalid(StrEnum):
    QUARANTINE = "quarantine"
    REJECT = "reject"


class SyncState(StrEnum):
    """``degraded``: applied, but some files are quarantined or deletions held; ``failed``: nothing new was applied."""

    STARTING = "starting"
    SYNCED = "synced"
    DEGRADED = "degraded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Revision:
    """Commits: what the branch says, what was tried last, what runs."""

    desired: str | None = None
    attempted: str | None = None
    applied: str | None = None


@dataclass(frozen=True, slots=True)
class HeldDeletions:
    """Too many deletions at once, and jobs that layers disable; ``checksum`` ("sha256:...") approves exactly these."""

    names: tuple[str, ...]
    checksum: str
    disabled: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BrokenLayer:
    """A layer with an error, and those of ``SyncStatus.quarantined`` that nothing else is wrong with, sorted."""

    file: str
    quarantined: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SyncStatus:
    """``has_job_set``: jobs were applied from git, or are the last good ones; without them a runner is not ready.

    ``repository`` holds no credentials; ``quarantined`` are names of jobs, or paths of files without one;
    ``not_running`` are those of them of which there is no last good version. ``broken_layers`` say which of them are
    quarantined by a layer alone; each stands in one of these. ``quarantined_paths`` has the files of the names.
    ``other_kinds``: the role of those of ``quarantined`` that are no jobs but calendars or policies, by path.

    ``reload_ms`` is the time from noticing the last applied change to the JobSet swapped. ``history_epoch`` counts the
    histories seen: numbers of versions hold within one. ``applied_at`` is when what runs last changed, and
    ``committed_at`` the time that its commit claims. ``unverified`` are up to ten commits that are not signed, while
    the head is refused for it, and ``vouched`` the last ones that a signed commit vouches for.
    """

    state: SyncState
    mode: Mode
    repository: str
    branch: str | None = None
    revision: Revision = Revision()
    environment: str | None = None
    reason: str | None = None
    message: str = ""
    problems: tuple[Problem, ...] = ()
    last_attempt_at: datetime | None = None
    last_success_at: datetime | None = None
    applied_at: datetime | None = None
    committed_at: datetime | None = None
    next_attempt_at: datetime | None = None
    held: HeldDeletions | None = None
    jobs: int = 0
    quarantined: tuple[str, ...] = ()
    not_running: tuple[str, ...] = ()
    broken_layers: tuple[BrokenLayer, ...] = ()
    quarantined_paths: Mapping[str, str] = field(default_factory=dict, hash=False)
    other_kinds: Mapping[str, FileRole] = field(default_factory=dict, hash=False)
    reload_ms: float | None = None
    history_epoch: int = 1
    is_history_partial: bool = False
    has_job_set: bool = False
    unverified: tuple[UnverifiedCommit, ...] = ()
    vouched: tuple[Vouch, ...] = ()

    @property
    def broken_files(self) -> tuple[str, ...]:
        """One entry for each file to mend: layers, then jobs that have an error of their own, as in ``quarantined``."""
        return (*(layer.file for layer in self.broken_layers), *self.without_layers)

    @property
    def without_layers(self) -> tuple[str, ...]:
        """Those of ``quarantined`` that have an error of their own."""
        inherited = {name for layer in self.broken_layers for name in layer.quarantined}
        return tuple(name for name in self.quarantined if name not in inherited)

    @property
    def invalid_counts(self) -> str:
        """``2 jobs, 1 calendar``: those of ``without_layers`` by kind."""
        return counted(self.without_layers, self.other_kinds)


def counted(names: Sequence[str], other_kinds: Mapping[str, FileRole], word: str = "") -> str:
    """``2 jobs, 1 calendar``, with the ``word`` before each kind; jobs come first."""
    roles = Counter(other_kinds.get(name, FileRole.JOB) for name in names)
    ordered = sorted(roles.items(), key=lambda item: (item[0] is not FileRole.JOB, item[0]))
    return ", ".join(f"{number:,} {word}{verb(number, role, _SEVERAL[role])}" for role, number in ordered)


_SEVERAL: Final = {FileRole.JOB: "jobs", FileRole.CALENDAR: "calendars", FileRole.POLICY: "policies"}
