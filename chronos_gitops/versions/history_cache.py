"""The index of versions on disk, so that a restart does not read the whole history again."""

import logging
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from sys import intern
from typing import Any, Final

from chronos_gitops import __version__
from chronos_gitops.git.incomplete_clone import Depth
from chronos_gitops.state.atomic_files import Sealed, write_sealed
from chronos_gitops.versions.version_log import Version, VersionChange, VersionLog

_FORMAT: Final = 5
_log = logging.getLogger(__name__)


class HistoryCache:
    """One file. ``identity`` says of what; another identity, depth of the clone, program version or format makes it
    worthless.

    Rows of JSON, each with its kind first; every commit stands once, before the versions that it made.
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
            _log.warning("the index of versions is made anew", extra={"error": str(error)})
            return None


def _rows(ledger: VersionLog) -> Iterator[list[Any]]:
    commits: dict[str, int] = {}
    for job, known in ledger.numbered.items():
        for one in known:
            if one.commit not in commits:
                commits[one.commit] = len(commits)
                when = int(one.committed_at.timestamp())
                yield ["commit", one.commit, one.author_name, one.author_email, when, one.subject, one.body]
        yield ["versions", job, [_row(one, commits[one.commit]) for one in known]]
    for path, (name, blob) in ledger.files.items():
        yield ["file", path, name, blob]
    for name, paths in ledger.holders.items():
        yield ["holder", name, paths, ledger.owners.get(name)]
    yield ["ignore", ledger.ignore]
    for path, blob in ledger.ignored.items():
        yield ["ignored", path, blob]


def _row(version: Version, commit: int) -> list[Any]:
    row = [commit, version.blob, version.path, version.change.value]
    return [*row, True] if version.file_stays else row


def _ledger(rows: Iterable[list[Any]]) -> VersionLog:
    ledger, commits = VersionLog(), []
    for kind, *row in rows:
        if kind == "commit":
            sha, name, email, when, subject, body = row
            commits.append((sha, name, email, datetime.fromtimestamp(when, UTC), subject, body))
        elif kind == "versions":
            job = intern(row[0])
            ledger.numbered[job] = [_version(at, job, commits[one[0]], *one[1:]) for at, one in enumerate(row[1], 1)]
        elif kind == "file":
            ledger.files[intern(row[0])] = (intern(row[1]), intern(row[2]))
        elif kind == "holder":
            ledger.holders[intern(row[0])] = tuple(map(intern, row[1]))
            if row[2] is not None:
                ledger.owners[intern(row[0])] = intern(row[2])
        elif kind == "ignore":
            ledger.ignore = row[0]
        else:
            ledger.ignored[intern(row[0])] = intern(row[1])
    return ledger


def _version(
    number: int,
    job: str,
    commit: tuple[str, str, str, datetime, str, str],
    blob: str,
    path: str,
    change: str,
    file_stays: bool = False,
) -> Version:
    sha, name, email, when, subject, body = commit
    where = intern(blob), intern(path)
    return Version(number, job, sha, *where, VersionChange(change), name, email, when, subject, body, file_stays)
