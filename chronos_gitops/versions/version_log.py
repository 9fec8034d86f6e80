"""Which job stands where, and its versions so far, as the commits of a chain unroll."""

from collections.abc import Container
from dataclasses import field
from typing import Final

from chronos_gitops.git.log import Commit
from chronos_gitops.jobs.files.name_owner import Incumbent, owner
from chronos_gitops.jobs.layers.file_roles import FileRole
from chronos_gitops.jobs.layers.tree import Layers
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.versions.job_contents import JobContents, OwnFile
from chronos_gitops.versions.job_names import JobNames
from chronos_gitops.versions.layer_history import NO_LAYERS_YET, LayerEdit, LayerState
from chronos_gitops.versions.version import Reach, Version, VersionChange
from chronos_gitops.versions.version_sequence import InheritedCommits, JobLog

_OF_JOBS: Final = (FileRole.JOB, FileRole.RESERVED)


@dataclass(slots=True)
class VersionLog:
    """The tree of job files as the chronicle unrolls: which name stands where, and which file owns it.

    ``files`` has the name and blob of each file that says a name, and of an owner that cannot be read any more, which
    keeps its name. ``holders`` maps a name to its paths, ``owners`` to the one that is the job. ``ignore`` is the blob
    of the ignore file, ``ignored`` are the files that it excludes, with their blobs.
    ``layer_edits`` are those of all readable layers so far, ``layers`` their state after the newest commit.
    ``grown`` are the jobs with a new version since its reader emptied it.
    ``start`` is the commit before which nothing is known, ``unread`` are paths with a content that is not here; either
    makes the history partial.
    """

    files: dict[str, tuple[str, str]] = field(default_factory=dict)
    holders: dict[str, tuple[str, ...]] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    ignore: str = ""
    ignored: dict[str, str] = field(default_factory=dict)
    numbered: dict[str, JobLog] = field(default_factory=dict)
    grown: set[str] = field(default_factory=set)
    inherited: InheritedCommits = field(default_factory=InheritedCommits)
    layer_edits: list[LayerEdit] = field(default_factory=list)
    layers: LayerState = NO_LAYERS_YET
    start: str | None = None
    unread: set[str] = field(default_factory=set)
    is_partial: bool = False

    def record(self, commit: Commit, names: JobNames, contents: JobContents) -> None:
        edits = self._unignored(_of_jobs(commit, names), names)
        after = {path: self._identity(path, blob, names) for path, blob in edits.items()}
        before = {path: self.files.get(path) for path in edits}
        affected = dict.fromkeys(standing[0] for standing in (*before.values(), *after.values()) if standing)
        owners = {name: self._owner(name) for name in affected}
        was_unread = self.unread & edits.keys()
        self._note_unread(commit, names)
        for path, standing in after.items():
            self._leave(path)
            if standing is not None:
                self._enter(path, *standing)
        numbering = _Numbering(commit, contents, *self._take_layers(commit, names, contents))
        for name in affected:
            was = owners[name]
            self._choose(name, was)
            now = self._owner(name)
            is_known = commit.sha != self.start and (now is None or now.path not in was_unread)
            file_stays = was is not None and bool(edits.get(was.path))
            self._number(numbering, name, was, now, file_stays=file_stays, is_known=is_known)
        if numbering.layers.edited:
            self._inherit(numbering, affected)

    def live_blobs(self) -> set[str]:
        """Contents of the files that are jobs now."""
        return {self.files[path][1] for path in self.owners.values()}

    def _take_layers(self, commit: Commit, names: JobNames, contents: JobContents) -> tuple[Layers, LayerState]:
        """The layers before the commit, and their state after it."""
        before, since = contents.layers, len(self.layer_edits)
        self.layer_edits += contents.take(edit for edit in commit.edits if names.is_layer(edit.path))
        if (self.layers.since, self.layers.upto) != (since, len(self.layer_edits)):
            self.layers = LayerState(self.layer_edits, since, len(self.layer_edits))
        return before, self.layers

    def _inherit(self, numbering: "_Numbering", but: Container[str]) -> None:
        """A version of each job whose content a layer changed while its own file stayed."""
        edits = self.layer_edits[numbering.layers.since :]
        files = {
            name: file
            for name in numbering.contents.below(edits, self.owners)
            if name not in but and (file := self._owner(name)) is not None
        }
        numbering.contents.prepare(files.values())
        for name, file in files.items():
            self._number(numbering, name, file, file)

    def _note_unread(self, commit: Commit, names: JobNames) -> None:
        for edit in commit.edits:
            self.unread.discard(edit.path)
            if names.is_missing(edit.blob):
                self.unread.add(edit.path)
        self.is_partial |= bool(self.unread) or self.start is not None

    def _unignored(self, edits: dict[str, str], names: JobNames) -> dict[str, str]:
        """The edits as if what is ignored were not there; a change of the ignore file is an edit of many."""
        ignore = edits.pop(names.ignore_file, self.ignore)
        if ignore != self.ignore:
            self.ignore = ignore
            names.learn(self.ignored.values())
            left_out = {path: blob for path, (_, blob) in self.files.items() if names.ignores(ignore, path)}
            edits = left_out | self.ignored | edits
        for path, blob in edits.items():
            self.ignored.pop(path, None)
            if blob and names.ignores(ignore, path):
                self.ignored[path] = blob
                edits[path] = ""
        return edits

    def _identity(self, path: str, blob: str, names: JobNames) -> tuple[str, str] | None:
        """An owner that cannot be read keeps its name; any other file has the name that it says."""
        name = names.of(blob) if blob else None
        if name is None and blob and path in self.files and self.owners.get(self.files[path][0]) == path:
            name = self.files[path][0]
        return None if name is None else (name, blob)

    def _leave(self, path: str) -> None:
        if path in self.files:
            name, _ = self.files.pop(path)
            self.holders[name] = tuple(other for other in self.holders[name] if other != path)

    def _enter(self, path: str, name: str, blob: str) -> None:
        self.files[path] = (name, blob)
        self.holders[name] = (*self.holders.get(name, ()), path)

    def _owner(self, name: str) -> OwnFile | None:
        """The file that is the job."""
        path = self.owners.get(name)
        return None if path is None else OwnFile(path, self.files[path][1])

    def _choose(self, name: str, before: OwnFile | None) -> None:
        claims = {path: self.files[path][1] for path in self.holders[name]}
        path = owner(claims, None if before is None else Incumbent(before.path, before.blob))
        if path is None:
            self.owners.pop(name, None)
        else:
            self.owners[name] = path

    def _number(
        self,
        numbering: "_Numbering",
        name: str,
        before: OwnFile | None,
        after: OwnFile | None,
        *,
        file_stays: bool = False,
        is_known: bool = True,
    ) -> None:
        change = _change(before, after)
        if change is None and not (numbering.layers.edited and after is not None):
            return
        reach = numbering.reach(before, after)
        commit, known = numbering.commit, self.numbered.setdefault(name, JobLog(self.inherited))
        if change is None:
            if reach.effective:
                known.inherit(commit, numbering.layers, reach)
                self.grown.add(name)
            return
        self.grown.add(name)
        if change is VersionChange.CREATED and not is_known:
            change = VersionChange.UNKNOWN
        standing = after or before
        known.own.append(
            Version(
                position=len(known) + 1,
                job=name,
                commit=commit.sha,
                blob=after.blob if after is not None else "",
                path=standing.path if standing is not None else "",
                change=change,
                author_name=commit.author_name,
                author_email=commit.author_email,
                committed_at=commit.committed_at,
                subject=commit.subject,
                body=commit.body,
                file_stays=change is VersionChange.DELETED and file_stays,
                reach=reach,
                layers=numbering.layers,
            )
        )


@dataclass(frozen=True, slots=True)
class _Numbering:
    """One commit with the layers ``before`` it, and their state after it."""

    commit: Commit
    contents: JobContents
    before: Layers
    layers: LayerState

    def reach(self, was: OwnFile | None, now: OwnFile | None) -> Reach:
        return self.contents.reach(self.before, was, now)


def _of_jobs(commit: Commit, names: JobNames) -> dict[str, str]:
    """The edits by path, without those of layers, policies and calendars: these are no jobs, and are never ignored."""
    return {edit.path: edit.blob for edit in commit.edits if names.role(edit.path) in _OF_JOBS}


def _change(before: OwnFile | None, after: OwnFile | None) -> VersionChange | None:
    if before == after:
        return None
    if before is None:
        return VersionChange.CREATED
    if after is None:
        return VersionChange.DELETED
    return VersionChange.CHANGED if before.path == after.path else VersionChange.MOVED
