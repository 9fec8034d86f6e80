"""Deletions and disablings that a runner holds until they are approved, so that no mistake silences many jobs."""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Final, Protocol

from chronos_gitops.jobs.job_ids import DefinitionId
from chronos_gitops.jobs.model import Job, JobSet

_SAFE_NUMBER: Final = 3
_SAFE_SHARE: Final = 0.3


class Defined(Protocol):
    """A job of a tree, or one that runs."""

    @property
    def job(self) -> Job | None: ...

    @property
    def identity(self) -> DefinitionId: ...


def held_deletions(
    before: JobSet, after: JobSet, disabled: Collection[str] = (), *, allowed: int | None = None
) -> tuple[str, ...]:
    """The names of all deleted and ``disabled`` jobs where they wait for approval, else ().

    They wait when no job would be left, and when they are more than max(3, 30 %) of what there was, unless the commit
    allows exactly this number.
    """
    silenced = tuple(sorted({*(before.definitions.keys() - after.definitions.keys()), *disabled}))
    is_much = not len(after) or len(silenced) > max(_SAFE_NUMBER, _SAFE_SHARE * len(before))
    return silenced if is_much and len(silenced) != allowed else ()


def disabled_by_layers(
    before: Mapping[str, Defined], after: Mapping[str, Defined], now: datetime | None
) -> tuple[str, ...]:
    """Jobs with runs to come that a layer disables or ends, and whose own file is not edited.
    Without ``now`` no job counts as ended."""
    edited = [
        (name, old.job, new.job)
        for name, old in before.items()
        if (new := after.get(name)) is not None
        and new.job is not None
        and new.job is not old.job
        and new.identity.blob == old.identity.blob
    ]
    return tuple(sorted(name for name, old, new in edited if _is_active(old, now) and not _is_active(new, now)))


def _is_active(job: Job | None, now: datetime | None) -> bool:
    return job is not None and job.enabled and not (now is not None and job.timing.ended(now))


def deletion_checksum(names: Iterable[str], disabled: Collection[str] = ()) -> str:
    """The checksum that an operator approves; independent of the order of the names."""
    lines = sorted(f"{name} disabled" if name in disabled else name for name in names)
    return "sha256:" + hashlib.sha256("\n".join(lines).encode()).hexdigest()
