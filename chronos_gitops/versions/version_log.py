"""Which job stands where, and its versions so far, as the commits of a chain unroll. Pure but for its own state."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from chronos_gitops.git.log import Commit
from chronos_gitops.jobs.name_owner import Incumbent, owner
from chronos_gitops.versions.job_names import JobNames


class VersionChange(StrEnum):
    CREATED = "created"
    CHANGED = "changed"
    MOVED = "moved"
    DELETED = "deleted"
    UNKNOWN = "unknown"
    """What was before is not here: the clone is shallow or partial."""


@dataclass(frozen=True, slots=True)
class Version:
    """One commit that changed one job. A deletion has an empty ``blob`` and the path the job had.

    ``file_stays``: of a deletion, that the file is still there and says another name.

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

    @property
    def number(self) -> int | None:
        """None where the first commits are missing, so that nobody can count."""
        return self.position if self.is_numbered else None

    @property
    def label(self) -> str:
        """The number, or the commit where there is none; each names the version in a request."""
        return str(self.position) if self.is_numbered else self.commit[:12]


@dataclass(slots=True)
class VersionLog:
    """The tree of job files as the chronicle unrolls: which name stands where, and which file owns it.

    ``files`` has the name and blob of each file that says a name, and of an owner that cannot be read any more, which
    keeps its name. ``holders`` maps a name to its paths, ``owners`` to the one that is the job. ``ignore`` is the blob
    of the ignore file, ``ignored`` are the files that it excludes, with their blobs.
    ``start`` is the commit before which nothing is known, ``unread`` are paths with a content that is not here; either
    makes the history partial.
    """

    files: dict[str, tuple[str, str]] = field(default_factory=dict)
    holders: dict[str, tuple[str, ...]] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    ignore: str = ""
    ignored: dict[str, str] = field(default_factory=dict)
    numbered: dict[str, list[Version]] = field(default_factory=dict)
    start: str | None = None
    unread: set[str] = field(default_factory=set)
    is_partial: bool = False

    def record(self, commit: Commit, names: JobNames) -> None:
        edits = self._unignored(commit, names)
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
        for name in affected:
            was = owners[name]
            self._choose(name, was)
            now = self._owner(name)
            is_known = commit.sha != self.start and (now is None or now[0] not in was_unread)
            file_stays = was is not None and bool(edits.get(was[0]))
            self._number(commit, name, was, now, file_stays=file_stays, is_known=is_known)

    def _note_unread(self, commit: Commit, names: JobNames) -> None:
        for edit in commit.edits:
            self.unread.discard(edit.path)
            if names.is_missing(edit.blob):
                self.unread.add(edit.path)
        self.is_partial |= bool(self.unread) or self.start is not None

    def _unignored(self, commit: Commit, names: JobNames) -> dict[str, str]:
        """The edits by path, as if what is ignored were not there; a change of the ignore file is an edit of many."""
        edits = {edit.path: edit.blob for edit in commit.edits}
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

    def _owner(self, name: str) -> tuple[str, str] | None:
        """Path and blob of the file that is the job."""
        path = self.owners.get(name)
        return None if path is None else (path, self.files[path][1])

    def _choose(self, name: str, before: tuple[str, str] | None) -> None:
        claims = {path: self.files[path][1] for path in self.holders[name]}
        path = owner(claims, None if before is None else Incumbent(*before))
        if path is None:
            self.owners.pop(name, None)
        else:
            self.owners[name] = path

    def _number(
        self,
        commit: Commit,
        name: str,
        before: tuple[str, str] | None,
        after: tuple[str, str] | None,
        *,
        file_stays: bool,
        is_known: bool,
    ) -> None:
        change = _change(before, after)
        if change is None:
            return
        if change is VersionChange.CREATED and not is_known:
            change = VersionChange.UNKNOWN
        path, blob = after or (before[0] if before else "", "")
        known = self.numbered.setdefault(name, [])
        known.append(
            Version(
                position=len(known) + 1,
                job=name,
                commit=commit.sha,
                blob=blob,
                path=path,
                change=change,
                author_name=commit.author_name,
                author_email=commit.author_email,
                committed_at=commit.committed_at,
                subject=commit.subject,
                body=commit.body,
                file_stays=change is VersionChange.DELETED and file_stays,
            )
        )


def _change(before: tuple[str, str] | None, after: tuple[str, str] | None) -> VersionChange | None:
    if before == after:
        return None
    if before is None:
        return VersionChange.CREATED
    if after is None:
        return VersionChange.DELETED
    return VersionChange.CHANGED if before[0] == after[0] else VersionChange.MOVED
