"""The versions of one job. An inherited one is three numbers until it is asked for: one commit may make thousands."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field, replace
from typing import Final, overload

from chronos_gitops.git.log import Commit
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.versions.layer_history import LayerState
from chronos_gitops.versions.version import Reach, Version, VersionChange


@dataclass(slots=True)
class InheritedCommits:
    """The commits that made inherited versions, and the different reaches of these; shared by all jobs."""

    commits: list[tuple[Commit, LayerState]] = field(default_factory=list)
    reaches: list[Reach] = field(default_factory=list)
    _numbers: dict[Reach, int] = field(default_factory=dict)

    def number(self, commit: Commit, layers: LayerState) -> int:
        """Of the commit that is being recorded."""
        if not self.commits or self.commits[-1][0].sha != commit.sha:
            self.commits.append((replace(commit, edits=()), layers))
        return len(self.commits) - 1

    def reach(self, reach: Reach) -> int:
        if reach not in self._numbers:
            self._numbers[reach] = len(self.reaches)
            self.reaches.append(reach)
        return self._numbers[reach]


_NO_NUMBERS: Final = array("I")


@dataclass(slots=True)
class JobLog:
    """The versions of one job so far; it only ever gets longer. Of the inherited ones ``positions``, and the numbers
    of their commits and reaches."""

    shared: InheritedCommits
    own: list[Version] = field(default_factory=list)
    positions: "array[int]" = field(default_factory=lambda: _NO_NUMBERS)
    commits: "array[int]" = field(default_factory=lambda: _NO_NUMBERS)
    reaches: "array[int]" = field(default_factory=lambda: _NO_NUMBERS)

    def __len__(self) -> int:
        return len(self.own) + len(self.positions)

    def inherit(self, commit: Commit, layers: LayerState, reach: Reach) -> None:
        """One more, which the layers of this commit made."""
        self.extend([len(self) + 1], [self.shared.number(commit, layers)], [self.shared.reach(reach)])

    def extend(self, positions: Iterable[int], commits: Iterable[int], reaches: Iterable[int]) -> None:
        """More inherited ones. Most jobs have none, and the three columns would take 2.4 MB of 10,000 jobs."""
        if self.positions is _NO_NUMBERS:
            self.positions, self.commits, self.reaches = array("I"), array("I"), array("I")
        self.positions.extend(positions)
        self.commits.extend(commits)
        self.reaches.extend(reaches)


class VersionSequence(Sequence[Version]):
    """The versions that a log had at one head, oldest first. Never changes."""

    __slots__ = ("_inherited", "_is_numbered", "_log", "_own")

    def __init__(self, log: JobLog, *, is_numbered: bool = True) -> None:
        self._log = log
        self._own = len(log.own)
        self._inherited = len(log.positions)
        self._is_numbered = is_numbered

    def __len__(self) -> int:
        return self._own + self._inherited

    @overload
    def __getitem__(self, at: int) -> Version: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Version, ...]: ...
    def __getitem__(self, at: int | slice) -> Version | tuple[Version, ...]:
        if isinstance(at, slice):
            return tuple(self._version(one) for one in range(*at.indices(len(self))))
        if not -len(self) <= at < len(self):
            raise IndexError(at)
        return self._version(at % len(self))

    def __iter__(self) -> Iterator[Version]:
        return map(self._version, range(len(self)))

    def __eq__(self, other: object) -> bool:
        return tuple(self) == tuple(other) if isinstance(other, (VersionSequence, tuple)) else NotImplemented

    def __hash__(self) -> int:
        return hash((len(self), self[-1].commit if len(self) else ""))

    def __repr__(self) -> str:
        return f"VersionSequence({list(self)!r})"

    def newest(self, environment: str | None, blob: str | None = None) -> Version | None:
        """The newest one that counts in the environment, of those with this content of the job's own file; with None,
        of those that are no deletion."""
        for at in range(len(self) - 1, -1, -1):
            own, inherited = self._place(at)
            version = self._log.own[own]
            if not (version.blob if blob is None else version.blob == blob):
                continue
            reach = None if inherited is None else self._log.shared.reaches[self._log.reaches[inherited]]
            if reach is None or reach.includes(environment):
                return self._version(at)
        return None

    def newest_own(self) -> Version:
        """The newest one of the job's own file."""
        return self._told(self._log.own[self._own - 1])

    def own_after(self, commit: str | None) -> Sequence[Version]:
        """The versions of the job's own file that came after the version of this commit; none where it is unknown."""
        at = self._position_of(commit)
        if at is None:
            return ()
        return [self._told(one) for one in self._log.own[: self._own] if one.position > at]

    def made_by(self, begins: str) -> Iterator[Version]:
        """Those whose commit begins so."""
        for one in self._log.own[: self._own]:
            if one.commit.startswith(begins):
                yield self._told(one)
        commits = self._log.shared.commits
        for at in range(self._inherited):
            if commits[self._log.commits[at]][0].sha.startswith(begins):
                yield self._version(self._log.positions[at] - 1)

    def _position_of(self, commit: str | None) -> int | None:
        if commit is None:
            return None
        for one in self._log.own[: self._own]:
            if one.commit == commit:
                return one.position
        commits = self._log.shared.commits
        for at in range(self._inherited):
            if commits[self._log.commits[at]][0].sha == commit:
                return self._log.positions[at]
        return None

    def _place(self, at: int) -> tuple[int, int | None]:
        """The version of the own file that holds there, and which inherited one it is, if it is one."""
        before = bisect_left(self._log.positions, at + 1, 0, self._inherited)
        if before < self._inherited and self._log.positions[before] == at + 1:
            return at - before - 1, before
        return at - before, None

    def _version(self, at: int) -> Version:
        own, inherited = self._place(at)
        version = self._told(self._log.own[own])
        if inherited is None:
            return version
        commit, layers = self._log.shared.commits[self._log.commits[inherited]]
        return replace(
            version,
            position=at + 1,
            commit=commit.sha,
            change=VersionChange.INHERITED,
            author_name=commit.author_name,
            author_email=commit.author_email,
            committed_at=commit.committed_at,
            subject=commit.subject,
            body=commit.body,
            reach=self._log.shared.reaches[self._log.reaches[inherited]],
            layers=layers,
        )

    def _told(self, version: Version) -> Version:
        return version if self._is_numbered else replace(version, is_numbered=False)


NO_VERSIONS: Final = VersionSequence(JobLog(InheritedCommits()))


def names_by_path(sequences: Iterable[VersionSequence]) -> dict[str, str]:
    """The job whose file each path is, by the newest versions of the jobs' own files."""
    newest = [one._log.own[one._own - 1] for one in sequences]
    return {version.path: version.job for version in newest if version.blob}
