"""Versions of every job, from one pass over the first-parent chain of the followed branch."""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Final, Protocol

from chronos_gitops.errors import ConflictError, NotFoundError
from chronos_gitops.git.client import Git
from chronos_gitops.git.errors import Corrupt
from chronos_gitops.git.incomplete_clone import Depth, PresentObjects
from chronos_gitops.git.log import Chronicle, chronicle, continues
from chronos_gitops.jobs.name_owner import Incumbent, Incumbents
from chronos_gitops.jobs.validation.suggestions import did_you_mean
from chronos_gitops.versions.history_cache import HistoryCache
from chronos_gitops.versions.job_names import JobNames
from chronos_gitops.versions.version_log import Version, VersionLog

__all__ = ["History", "Index", "LazyIndex", "Versions"]

_SAVED_AFTER: Final = 500
_PREFIX: Final = re.compile(r"[0-9a-f]{4,64}", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class Index:
    """All versions of all jobs up to ``head`` (None in a repository without a commit). Never changes.

    ``is_partial``: commits or contents that came before are not here, so versions have no numbers.
    """

    head: str | None = None
    _versions: Mapping[str, tuple[Version, ...]] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    is_partial: bool = False
    _names: dict[str, str] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Names by path, made when somebody asks for the first one."""

    def versions(self, job: str) -> tuple[Version, ...]:
        """Oldest first; () for a job that never existed."""
        return self._versions.get(job, ())

    def known(self, job: str) -> tuple[Version, ...]:
        """Oldest first. NotFoundError for a job that never existed."""
        versions = self.versions(job)
        if not versions:
            hint = did_you_mean(job, self._versions) or "a job is known by the name in its file, once it is committed"
            raise NotFoundError(f'no job "{job[:100]}" in the history', hint=hint)
        return versions

    def version(self, job: str, ref: str) -> Version:
        """By number, or by the first four or more hexadecimal digits of the commit. NotFoundError; ConflictError for a
        number where there are none."""
        versions = self.known(job)
        if not self.is_partial and ref.isascii() and ref.isdigit() and 1 <= int(ref[:12]) <= len(versions):
            return versions[int(ref[:12]) - 1]
        found = [version for version in versions if _PREFIX.fullmatch(ref) and version.commit.startswith(ref.lower())]
        if len(found) == 1:
            return found[0]
        if found:
            raise NotFoundError(f'"{ref[:40]}" begins {len(found)} commits of {job}', hint="give more digits")
        if self.is_partial and ref.isascii() and ref.isdigit():
            raise ConflictError(
                "the first commits of this history are missing, so versions have no numbers",
                hint="name the version by its commit, or fetch the rest: git fetch --unshallow, git fetch --refetch",
            )
        hint = "name one by its commit" if self.is_partial else f"it has versions 1 to {len(versions)}"
        raise NotFoundError(f'job "{job}" has no version "{ref[:40]}"', hint=hint)

    def previous(self, version: Version) -> Version | None:
        """The version of the job before this one."""
        return self.versions(version.job)[version.position - 2] if version.position > 1 else None

    def made_by(self, commit: str) -> tuple[Version, ...]:
        """What a commit made of each job, by name; of all commits that begin so (four hexadecimal digits or more)."""
        begins = commit.lower()
        if not _PREFIX.fullmatch(begins):
            return ()
        every = (version for versions in self._versions.values() for version in versions)
        return tuple(sorted((one for one in every if one.commit.startswith(begins)), key=lambda one: one.job))

    def current(self, job: str) -> Version | None:
        """The newest version, also when it is a deletion."""
        return self._versions[job][-1] if job in self._versions else None

    def jobs(self) -> frozenset[str]:
        """Every name that ever existed."""
        return frozenset(self._versions)

    def name_at(self, path: str) -> str | None:
        """The job whose file this path is at the head."""
        if not self._names:
            newest = (versions[-1] for versions in self._versions.values())
            self._names.update({version.path: version.job for version in newest if version.blob})
        return self._names.get(path)

    def incumbent(self, name: str) -> Incumbent | None:
        """The file that has the name at the head."""
        newest = self.current(name)
        return None if newest is None or not newest.blob else Incumbent(newest.path, newest.blob)

    def holding(self, job: str, blob: str) -> Version | None:
        """The newest version of the job with this content."""
        return next((version for version in reversed(self.versions(job)) if version.blob == blob), None)


class Versions(Incumbents, Protocol):
    """What decisions ask about the history of a head: an Index, or one that is built when it is asked."""

    def versions(self, job: str) -> tuple[Version, ...]:
        """Oldest first; () for a job that never existed."""


class LazyIndex:
    """The index of a head, built by the first question: most trees have nothing that needs the history."""

    def __init__(self, history: "History", head: str | None) -> None:
        self._history = history
        self._head = head

    def versions(self, job: str) -> tuple[Version, ...]:
        return self._index.versions(job)

    def incumbent(self, name: str) -> Incumbent | None:
        return self._index.incumbent(name)

    def name_at(self, path: str) -> str | None:
        return self._index.name_at(path)

    @cached_property
    def _index(self) -> Index:
        return self._history.index(self._head)


class History:
    """Builds the index of a head: from the last one when the head continues it, else anew. Safe from any thread."""

    def __init__(self, objects: PresentObjects | Git, jobs: str, memory: HistoryCache | None = None) -> None:
        self._objects = PresentObjects(objects) if isinstance(objects, Git) else objects
        self._jobs = jobs
        self._memory = memory
        self._unsaved = 0
        self._has_asked = False
        self._names: JobNames | None = None
        self._depth: Depth | None = None
        self._lock = threading.Lock()
        self._ledger = VersionLog()
        self._index = Index()

    def index(self, head: str | None) -> Index:
        """Every version up to this commit; cached, so that asking again for the same head costs nothing."""
        with self._lock:
            depth = self._current()
            if self._index.head == head:
                return self._index
            if head is None:
                self._ledger, self._index = VersionLog(), Index()
                return self._index
            since = self._index.head or self._remembered(depth)
            if since is None or not continues(self._objects.git, since, head):
                since, self._ledger = None, VersionLog()
            try:
                self._index = self._extended(since, head)
            except BaseException:
                # Half a chronicle in the ledger would number the rest wrongly for ever.
                self._ledger, self._index = VersionLog(), Index()
                raise
            if self._unsaved >= _SAVED_AFTER:
                self._save()
            return self._index

    def _current(self) -> Depth:
        """What came in since may belong before: a deeper clone has another history of the same head."""
        depth = self._objects.depth()
        if depth != self._depth:
            self._ledger, self._index, self._names = VersionLog(), Index(), None
            self._depth = depth
        return depth

    def save(self) -> None:
        """What a restart need not read again; cheap when there is nothing new."""
        with self._lock:
            if self._unsaved:
                self._save()

    def _save(self) -> None:
        if self._memory is None or self._depth is None or self._index.head is None:
            return
        if not self._ledger.is_partial:
            self._memory.save(self._index.head, self._ledger, self._depth)
        self._unsaved = 0

    def _remembered(self, depth: Depth) -> str | None:
        """The head that the last process knew; asked for once."""
        found = self._memory.load(depth) if self._memory is not None and not self._has_asked else None
        self._has_asked = True
        if found is None:
            return None
        head, self._ledger = found
        return head

    def _extended(self, since: str | None, head: str) -> Index:
        found, since = self._chronicle(since, head)
        if since is None:
            self._ledger = VersionLog(start=found.start)
        if self._names is None:
            self._names = JobNames(self._objects.git, self._jobs)
        self._names.learn(edit.blob for commit in found.commits for edit in commit.edits if edit.blob)
        for commit in found.commits:
            self._ledger.record(commit, self._names)
        self._unsaved += len(found.commits)
        before = self._index if since is not None else Index()
        versions = self._unnumbered() if self._ledger.is_partial else self._numbered(before)
        return Index(head, MappingProxyType(versions), self._ledger.is_partial)

    def _chronicle(self, since: str | None, head: str) -> tuple[Chronicle, str | None]:
        """Of a partial clone what can be read, from the beginning where the commits between are not here."""
        try:
            return chronicle(self._objects, self._jobs, since, head), since
        except Corrupt:
            if since is None or not self._objects.is_partial:
                raise
            return chronicle(self._objects, self._jobs, None, head), None

    def _numbered(self, before: Index) -> dict[str, tuple[Version, ...]]:
        known = {job: before.versions(job) for job in self._ledger.numbered}
        return {
            job: known[job] if len(known[job]) == len(versions) else tuple(versions)
            for job, versions in self._ledger.numbered.items()
        }

    def _unnumbered(self) -> dict[str, tuple[Version, ...]]:
        return {
            job: tuple(replace(version, is_numbered=False) for version in versions)
            for job, versions in self._ledger.numbered.items()
        }
