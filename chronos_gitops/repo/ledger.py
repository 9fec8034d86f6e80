"""Which job stands where, and its versions so far, as the commits of a chain unroll. Pure but for its own state."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from chronos_gitops.repo.chronicle import Commit, Edit
from chronos_gitops.repo.identity import Names


class Change(StrEnum):
    CREATED = "created"
    CHANGED = "changed"
    MOVED = "moved"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Version:
    """One commit that changed one job. A deletion has an empty ``blob`` and the path the job had."""

    number: int
    job: str
    commit: str
    blob: str
    path: str
    change: Change
    author_name: str
    author_email: str
    committed_at: datetime
    subject: str
    body: str


@dataclass(slots=True)
class Ledger:
    """The tree of job files as the chronicle unrolls: which name stands where.

    ``holders`` maps a name to its paths. In ``inherited`` are paths whose name was not read, because the content cannot
    be read any more and the path had that name before.
    """

    files: dict[str, tuple[str, str]] = field(default_factory=dict)
    holders: dict[str, tuple[str, ...]] = field(default_factory=dict)
    inherited: set[str] = field(default_factory=set)
    last_name: dict[str, str] = field(default_factory=dict)
    numbered: dict[str, list[Version]] = field(default_factory=dict)

    def record(self, commit: Commit, names: Names) -> None:
        after = {edit.path: self._identity(edit, names) for edit in commit.edits}
        before = {edit.path: self.files.get(edit.path) for edit in commit.edits}
        affected = dict.fromkeys(standing[0] for standing in (*before.values(), *after.values()) if standing)
        owners = {name: self._owner(name) for name in affected}
        for path, standing in after.items():
            self._leave(path)
            if standing is not None:
                self._enter(path, *standing, read=names.of(standing[1]) is not None)
        for name in affected:
            self._number(commit, name, owners[name], self._owner(name))

    def _identity(self, edit: Edit, names: Names) -> tuple[str, str] | None:
        name = (names.of(edit.blob) or self.last_name.get(edit.path)) if edit.blob else None
        return None if name is None else (name, edit.blob)

    def _leave(self, path: str) -> None:
        if path in self.files:
            name, _ = self.files.pop(path)
            self.holders[name] = tuple(other for other in self.holders[name] if other != path)
            self.inherited.discard(path)

    def _enter(self, path: str, name: str, blob: str, *, read: bool) -> None:
        self.files[path] = (name, blob)
        self.holders[name] = (*self.holders.get(name, ()), path)
        if not read:
            self.inherited.add(path)
        self.last_name[path] = name

    def _owner(self, name: str) -> tuple[str, str] | None:
        """Path and blob of the file that is the job: the first in path order, as in ``jobs.load``."""
        paths = self.holders.get(name)
        if not paths:
            return None
        path = min(paths, key=lambda path: (path in self.inherited, path))
        return path, self.files[path][1]

    def _number(self, commit: Commit, name: str, before: tuple[str, str] | None, after: tuple[str, str] | None) -> None:
        change = _change(before, after)
        if change is None:
            return
        path, blob = after or (before[0] if before else "", "")
        known = self.numbered.setdefault(name, [])
        known.append(
            Version(
                number=len(known) + 1,
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
            )
        )


def _change(before: tuple[str, str] | None, after: tuple[str, str] | None) -> Change | None:
    if before == after:
        return None
    if before is None:
        return Change.CREATED
    if after is None:
        return Change.DELETED
    return Change.CHANGED if before[0] == after[0] else Change.MOVED
