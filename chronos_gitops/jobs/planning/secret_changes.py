"""Uses of secrets that a change adds and removes. Pure."""

from collections.abc import Iterable
from typing import NamedTuple

from chronos_gitops.jobs.model import JobSet, JobVersion
from chronos_gitops.jobs.secrets.bindings import Bindings
from chronos_gitops.jobs.secrets.usage import uses
from chronos_gitops.process.lazy_dataclass import dataclass


class PlannedUse(NamedTuple):
    """One reference and one origin that it is sent to, as ``SecretUse`` has it; the path counts for bindings."""

    name: str
    job: str
    path: str
    field: str
    origin: str | None


@dataclass(frozen=True, slots=True)
class SecretChanges:
    added: tuple[PlannedUse, ...] = ()
    removed: tuple[PlannedUse, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed)


def secret_changes(before: JobSet, after: JobSet, names: Iterable[str]) -> SecretChanges:
    """Of the jobs with these names, in the order of the secrets' names."""
    old, new = (_uses(filter(None, map(side.get, names))) for side in (before, after))
    return SecretChanges(tuple(use for use in new if use not in old), tuple(use for use in old if use not in new))


def _uses(definitions: Iterable[JobVersion]) -> dict[PlannedUse, None]:
    found = uses(definitions, Bindings())
    return dict.fromkeys(PlannedUse(use.name, use.job, use.path, use.label, use.target) for use in found)
