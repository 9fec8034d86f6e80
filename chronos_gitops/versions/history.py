"""Versions of every job, from one pass over the first-parent chain of the followed branch."""

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from functools import cached_property
from types import MappingProxyType
from typing import Final, Protocol

from chronos_gitops.errors import ConflictError, NotFoundError
from chronos_gitops.git.client import Git
from chronos_gitops.git.errors import Corrupt
from chronos_gitops.git.incomplete_clone import Depth, PresentObjects
from chronos_gitops.git.log import Chronicle, Commit, chronicle, continues
from chronos_gitops.jobs.files.name_owner import Incumbent, Incumbents, PathsFromRoot
from chronos_gitops.jobs.folders import is_path_in
from chronos_gitops.jobs.job_ids import DefinitionId
from chronos_gitops.jobs.layers.file_roles import DEFAULTS
from chronos_gitops.jobs.model import JobVersion
from chronos_gitops.jobs.validation.suggestions import did_you_mean
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.versions.history_cache import HistoryCache
from chronos_gitops.versions.job_contents import JobContents
from chronos_gitops.versions.job_names import JobNames
from chronos_gitops.versions.layer_history import NO_LAYERS_YET, LayerState
from chronos_gitops.versions.version import Reach, Version, VersionChange
from chronos_gitops.versions.version_log import VersionLog
from chronos_gitops.versions.version_sequence import NO_VERSIONS, VersionSequence, names_by_path

__all__ = ["History", "Index", "LazyIndex", "Versions"]

_SAVED_AFTER: Final = 500
_AT_ONCE: Final = 1000
_PREFIX: Final = re.compile(r"[0-9a-f]{4,64}", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class Index(PathsFromRoot):
    """All versions of all jobs up to ``head`` (None in a repository without a commit). Never changes.

    ``is_partial``: commits or contents that came before are not here, so versions have no numbers. ``layers`` are the
    readable ones at the head.
    """

    head: str | None = None
    by_job: Mapping[str, VersionSequence] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    is_partial: bool = False
    layers: LayerState = NO_LAYERS_YET
    _names: dict[str, str] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Names by path, made at the first question."""

    def versions(self, job: str) -> VersionSequence:
        """Oldest first; none for a job that never existed."""
        return self.by_job.get(job, NO_VERSIONS)

    def known(self, job: str) -> VersionSequence:
        """Oldest first. NotFoundError for a job that never existed."""
        versions = self.versions(job)
        if not versions:
            hint = did_you_mean(job, self.by_job) or "a job is known by the name in its file, once it is committed"
            raise NotFoundError(f'no job "{job[:100]}" in the history', hint=hint)
        return versions

    def version(self, job: str, ref: str) -> Version:
        """By number, or by the first four or more hexadecimal digits of the commit. NotFoundError; ConflictError for a
        number where there are none."""
        versions = self.known(job)
        if not self.is_partial and ref.isascii() and ref.isdigit() and 1 <= int(ref[:12]) <= len(versions):
            return versions[int(ref[:12]) - 1]
        found = list(versions.made_by(ref.lower())) if _PREFIX.fullmatch(ref) else []
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

    @property
    def environments(self) -> tuple[str, ...]:
        """Those that the readable layers at the head declare, sorted."""
        files = (path.rpartition("/")[2] for path in self.layers.blobs)
        return tuple(sorted(file.removesuffix(".yaml") for file in files if file != DEFAULTS))

    def files(self, version: Version) -> tuple[str, ...]:
        """The files of its commit that made the version: its own, also where it stood before, and layers above it."""
        before = self.previous(version) if version.change is VersionChange.MOVED else None
        own = (version.path,) if before is None else (before.path, version.path)
        layers = tuple(path for path in version.layers.edited if _has_say(path, own, version.reach))
        return layers if version.change is VersionChange.INHERITED else tuple(dict.fromkeys((*own, *layers)))

    def layers_of(self, running: JobVersion) -> tuple[str, ...]:
        """The layers whose edit alone made this definition: uncommitted ones of a draft, else those of its commit."""
        if running.draft:
            return () if running.path in running.draft_files else running.draft_files
        version = self.running(running.job.name, running.identity)
        return self.files(version) if version is not None and version.change is VersionChange.INHERITED else ()

    def made_by(self, commit: str) -> tuple[Version, ...]:
        """Versions made by a commit, by job name. A prefix of four hexadecimal digits or more matches every commit with
        it."""
        begins = commit.lower()
        if not _PREFIX.fullmatch(begins):
            return ()
        made = (version for versions in self.by_job.values() for version in versions.made_by(begins))
        return tuple(sorted(made, key=lambda one: one.job))

    def current(self, job: str) -> Version | None:
        """The newest version, also when it is a deletion."""
        return self.by_job[job][-1] if job in self.by_job else None

    def jobs(self) -> frozenset[str]:
        """Every name that ever existed."""
        return frozenset(self.by_job)

    def name_at(self, path: str) -> str | None:
        """The job whose file this path is at the head."""
        if not self._names:
            self._names.update(names_by_path(self.by_job.values()))
        return self._names.get(path)

    def incumbent(self, name: str) -> Incumbent | None:
        """The file that has the name at the head."""
        newest = self.current(name)
        return None if newest is None or not newest.blob else Incumbent(newest.path, newest.blob)

    def running(self, job: str, identity: DefinitionId) -> Version | None:
        """The version of a job that runs with this definition: the newest one with its file that changed the file or
        its content in this environment. An edit of another environment is another version, but not of what runs."""
        return self.versions(job).newest(identity.environment, identity.blob)


class Versions(Incumbents, Protocol):
    """Questions about the history of a head that decisions ask: an Index, or one that is built at the first
    question."""

    def versions(self, job: str) -> VersionSequence:
        """Oldest first; none for a job that never existed."""


class LazyIndex(PathsFromRoot):
    """The index of a head, built by the first question: most trees have nothing that needs the history."""

    def __init__(self, history: "History", head: str | None) -> None:
        self._history = history
        self._head = head

    def versions(self, job: str) -> VersionSequence:
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
        self._contents: JobContents | None = None
        self._depth: Depth | None = None
        self._step: tuple[str, str, bool] | None = None
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
                self._forget()
                return self._index
            since = self._index.head or self._remembered(depth)
            if since is None or not self._continues(since, head):
                since = None
                self._forget()
            try:
                self._index = self._extended(since, head)
            except BaseException:
                # Half a chronicle in the ledger would number the rest wrongly for ever.
                self._forget()
                raise
            if self._unsaved >= _SAVED_AFTER:
                self._save()
            return self._index

    def continues(self, since: str, head: str) -> bool:
        """See ``git.log.continues``; the answer that the last index needed is given again."""
        with self._lock:
            return self._continues(since, head)

    def _continues(self, since: str, head: str) -> bool:
        if self._step is None or self._step[:2] != (since, head):
            self._step = since, head, continues(self._objects.git, since, head)
        return self._step[2]

    def _current(self) -> Depth:
        """The depth of the clone. When it has changed, cached versions are dropped, because the same head has more
        history."""
        depth = self._objects.depth()
        if depth != self._depth:
            self._forget()
            self._names, self._depth = None, depth
        return depth

    def _forget(self) -> None:
        self._ledger, self._index, self._contents = VersionLog(), Index(), None

    def save(self) -> None:
        """Save the history for the next start; cheap when nothing is new."""
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
        before = self._index if since is not None else Index()
        if since is None:
            self._forget()
            self._ledger.start = found.start
        self._record(found.commits)
        self._unsaved += len(found.commits)
        versions = MappingProxyType(self._numbered(before))
        self._ledger.grown.clear()
        return Index(head, versions, self._ledger.is_partial, self._ledger.layers)

    def _record(self, commits: Sequence[Commit]) -> None:
        if self._names is None:
            self._names = JobNames(self._objects.git, self._jobs)
        if self._contents is None:
            self._contents = JobContents(self._objects.git, self._jobs)
            self._contents.restore(self._ledger.layers.blobs)
        for start in range(0, len(commits), _AT_ONCE):
            few = commits[start : start + _AT_ONCE]
            has_layers = self._contents.layers.all or any(self._names.is_layer(path) for path in _paths(few))
            self._names.learn(_blobs(few), self._contents.offer if has_layers else _pass_over)
            for commit in few:
                self._ledger.record(commit, self._names, self._contents)
            self._contents.evict(self._ledger.live_blobs)

    def _chronicle(self, since: str | None, head: str) -> tuple[Chronicle, str | None]:
        """Of a partial clone what can be read, from the beginning where the commits between are not here."""
        try:
            return chronicle(self._objects, self._jobs, since, head), since
        except Corrupt:
            if since is None or not self._objects.is_partial:
                raise
            return chronicle(self._objects, self._jobs, None, head), None

    def _numbered(self, before: Index) -> dict[str, VersionSequence]:
        """The versions of all jobs; of those whose log has not grown, the sequences of the index before."""
        logs, is_numbered = self._ledger.numbered, not self._ledger.is_partial
        is_anew = before.head is None or before.is_partial or not is_numbered
        fresh = logs.keys() if is_anew else self._ledger.grown
        sequences = {job: VersionSequence(logs[job], is_numbered=is_numbered) for job in fresh}
        return sequences if is_anew else {**before.by_job, **sequences}


def _has_say(layer: str, jobs: Sequence[str], reach: Reach) -> bool:
    """True if the layer reaches one of these files, and an environment in which the content changed."""
    folder, _, file = layer.rpartition("/")
    if file != DEFAULTS:
        return reach.environments is None or file.removesuffix(".yaml") in reach.environments
    return reach.effective is not False and any(is_path_in(job, folder or ".") for job in jobs)


def _paths(commits: Sequence[Commit]) -> Iterator[str]:
    return (edit.path for commit in commits for edit in commit.edits)


def _blobs(commits: Sequence[Commit]) -> Iterator[str]:
    return (edit.blob for commit in commits for edit in commit.edits if edit.blob)


def _pass_over(contents: Mapping[str, bytes]) -> None:
    """Nothing asks for contents where there are no layers."""
