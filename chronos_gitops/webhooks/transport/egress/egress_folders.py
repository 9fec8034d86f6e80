"""The egress policy of a job by the folder of its file: the runner's own, unless the operator set another one."""

from collections.abc import Iterable, Mapping
from dataclasses import field
from pathlib import PurePosixPath
from types import MappingProxyType

from chronos_gitops.config.groups import Egress
from chronos_gitops.config.model import FolderEgress
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.webhooks.transport.egress.egress import EgressPolicy


@dataclass(frozen=True, slots=True)
class FolderPolicy:
    """``keeps_responses``: whether anything of what a target sends is kept."""

    policy: EgressPolicy
    keeps_responses: bool = True


@dataclass(frozen=True, slots=True)
class EgressPolicies:
    """``folders`` are the exceptions. The deepest folder that holds a file counts; of a file that is not known, and of
    one in none of the folders, ``default``."""

    default: FolderPolicy
    folders: Mapping[str, FolderPolicy] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def parse(cls, egress: Egress, *, loopback_allowed: bool) -> "EgressPolicies":
        """UsageError for an entry of ``allow`` or ``only`` that means nothing."""

        def policy(settings: FolderEgress) -> FolderPolicy:
            found = EgressPolicy.parse(
                settings.level or egress.level,
                egress.allow if settings.allow is None else settings.allow,
                only=egress.only,
                loopback_allowed=loopback_allowed,
            )
            return FolderPolicy(found, (settings.responses or egress.responses) == "excerpt")

        folders = {folder: policy(_inherited(folder, egress.folders)) for folder in egress.folders}
        return cls(policy(FolderEgress()), MappingProxyType(folders))

    def of(self, path: str | None) -> FolderPolicy:
        found = None if path is None or not self.folders else _deepest(path, self.folders)
        return self.default if found is None else self.folders[found]


def _deepest(path: str, folders: Iterable[str]) -> str | None:
    """The deepest folder above a file."""
    known = set(folders)
    return next((str(above) for above in PurePosixPath(path).parents if str(above) in known), None)


def _inherited(folder: str, folders: Mapping[str, FolderEgress]) -> FolderEgress:
    """A key that a folder leaves out is that of the nearest folder above it which has one."""
    levels = [
        folders[str(one)] for one in (PurePosixPath(folder), *PurePosixPath(folder).parents) if str(one) in folders
    ]
    return FolderEgress(
        next((one.level for one in levels if one.level is not None), None),
        next((one.allow for one in levels if one.allow is not None), None),
        next((one.responses for one in levels if one.responses is not None), None),
    )
