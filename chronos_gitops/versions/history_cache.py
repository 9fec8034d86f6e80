"""The index of versions on disk, so that a restart does not read the whole history again."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path
from sys import intern
from typing import Any, Final

from chronos_gitops import __version__
from chronos_gitops.git.incomplete_clone import Depth
from chronos_gitops.git.log import Commit
from chronos_gitops.state.atomic_files import Sealed, write_sealed
from chronos_gitops.versions.layer_history import NO_LAYERS_YET, LayerEdit, LayerState
from chronos_gitops.versions.version import Reach, Version, VersionChange
from chronos_gitops.versions.version_log import VersionLog
from chronos_gitops.versions.version_sequence import JobLog

_FORMAT: Final = 6
_USUAL: Final = [False, None, None, [0, 0]]
"""The columns after the first four of a version without layers."""
_log = logging.getLogger(__name__)


class HistoryCache:
    """One file. ``identity`` says of what; another identity, depth of the clone, program version or format makes it
    worthless.

    Rows of JSON, each with its kind first; every commit stands once, before the versions that it made. Of an inherited
    version there are three numbers.
    """

    def __init__(self, path: Path, identity: str) -> None:
        self._path = path
        self._key = [_FORMAT, __version__, identity]

    def save(self, head: str, ledger: VersionLog, depth: Depth) -> None:
        """Durable when it returns; a disk that does not take it costs time at the next start, and nothing else."""
        try:
            write_sealed(self._path, chain([[*self._key, *depth, head]], _rows(ledger)))
        except OSError as error:
            _log.warning("the index of versions could not be saved", extra={"error": str(error)})

    def load(self, depth: Depth) -> tuple[str, VersionLog] | None:
        """The head and what was known there; None when there is nothing that can be used."""
        try:
            rows = iter(Sealed(self._path))
            *key, head = next(rows)
            return (head, _ledger(rows)) if key == [*self._key, *depth] else None
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, IndexError, StopIteration) as error:
            _log.warning("rebuilding the index of versions", extra={"error": str(error)})
            return None


def _rows(ledger: VersionLog) -> Iterator[list[Any]]:
    yield ["layers", [[edit.path, edit.blob] for edit in ledger.layer_edits], _span(ledger.layers)]
    yield ["reaches", [[one.environments, one.effective] for one in ledger.inherited.reaches]]
    for commit, layers in ledger.inherited.commits:
        yield ["inheriting", _commit_row(commit), _span(layers)]
    commits: dict[str, int] = {}
    for job, known in ledger.numbered.items():
        for one in known.own:
            if one.commit not in commits:
                commits[one.commit] = len(commits)
                yield ["commit", *_commit_row(one)]
        own = [_row(one, commits[one.commit]) for one in known.own]
        inherited = (known.positions, known.commits, known.reaches)
        yield ["versions", job, own, *(list(numbers) for numbers in inherited if numbers)]
    for path, (name, blob) in ledger.files.items():
        yield ["file", path, name, blob]
    for name, paths in ledger.holders.items():
        yield ["holder", name, paths, ledger.owners.get(name)]
    yield ["ignore", ledger.ignore]
    for path, blob in ledger.ignored.items():
        yield ["ignored", path, blob]


def _commit_row(one: Version | Commit) -> list[Any]:
    sha = one.commit if isinstance(one, Version) else one.sha
    return [sha, one.author_name, one.author_email, int(one.committed_at.timestamp()), one.subject, one.body]


def _span(layers: LayerState) -> list[int]:
    return [layers.since, layers.upto]


def _row(version: Version, commit: int) -> list[Any]:
    row = [commit, version.blob, version.path, version.change.value]
    rest = [version.file_stays, version.reach.environments, version.reach.effective, _span(version.layers)]
    return row if rest == _USUAL else row + rest


class _RowReader:
    """Takes the rows one after the other into a log."""

    def __init__(self) -> None:
        self.ledger = VersionLog()
        self._commits: list[Commit] = []
        self._states: dict[tuple[int, int], LayerState] = {(0, 0): NO_LAYERS_YET}
        self._reaches: dict[tuple[Any, ...], Reach] = {}

    def take(self, kind: str, row: list[Any]) -> None:
        match kind, row:
            case "commit", _:
                self._commits.append(_commit(*row))
            case "versions", [job, own, *inherited]:
                self._versions(intern(job), own, *inherited)
            case "file", [path, name, blob]:
                self.ledger.files[intern(path)] = (intern(name), intern(blob))
            case "holder", [name, paths, owner]:
                self.ledger.holders[intern(name)] = tuple(map(intern, paths))
                if owner is not None:
                    self.ledger.owners[intern(name)] = intern(owner)
            case "ignored", [path, blob]:
                self.ledger.ignored[intern(path)] = intern(blob)
            case "ignore", [blob]:
                self.ledger.ignore = blob
            case "layers", [edits, span]:
                self.ledger.layer_edits += [LayerEdit(intern(path), intern(blob)) for path, blob in edits]
                self.ledger.layers = self._state(span)
            case "reaches", [reaches]:
                for environments, effective in reaches:
                    self.ledger.inherited.reach(self._reach(environments, effective))
            case "inheriting", [commit, span]:
                self.ledger.inherited.number(_commit(*commit), self._state(span))
            case _:
                raise ValueError(f"a row of kind {kind}")

    def _versions(self, job: str, own: list[Any], *inherited: list[int]) -> None:
        log = self.ledger.numbered[job] = JobLog(self.ledger.inherited)
        if any(inherited):
            log.extend(*(*inherited, [], [], [])[:3])
        taken = set(log.positions)
        free = (position for position in count(1) if position not in taken)
        log.own += [self._version(position, job, *one) for position, one in zip(free, own, strict=False)]

    def _version(
        self,
        position: int,
        job: str,
        commit: int,
        blob: str,
        path: str,
        change: str,
        file_stays: bool = False,
        environments: list[str] | None = None,
        effective: bool | None = None,
        span: Sequence[int] = (0, 0),
    ) -> Version:
        made = self._commits[commit]
        return Version(
            position,
            job,
            made.sha,
            intern(blob),
            intern(path),
            VersionChange(change),
            made.author_name,
            made.author_email,
            made.committed_at,
            made.subject,
            made.body,
            file_stays,
            reach=self._reach(environments, effective),
            layers=self._state(span),
        )

    def _state(self, span: Sequence[int]) -> LayerState:
        since, upto = span
        return self._states.setdefault((since, upto), LayerState(self.ledger.layer_edits, since, upto))

    def _reach(self, environments: list[str] | None, effective: bool | None) -> Reach:
        names = None if environments is None else tuple(map(intern, environments))
        return self._reaches.setdefault((names, effective), Reach(names, effective))


def _commit(sha: str, name: str, email: str, when: int, subject: str, body: str) -> Commit:
    return Commit(sha, name, email, datetime.fromtimestamp(when, UTC), subject, body)


def _ledger(rows: Iterable[list[Any]]) -> VersionLog:
    reader = _RowReader()
    for kind, *row in rows:
        reader.take(kind, row)
    return reader.ledger
