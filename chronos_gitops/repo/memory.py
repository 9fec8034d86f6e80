"""The index of versions on disk, so that a restart does not read the whole history again."""

import hashlib
import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from sys import intern
from typing import Any, Final

from chronos_gitops import __version__
from chronos_gitops.durable import write_atomically
from chronos_gitops.repo.ledger import Change, Ledger, Version

_FORMAT: Final = 1
_log = logging.getLogger(__name__)


class Memory:
    """One file. ``identity`` says of what; another identity, program version or format makes it worthless.

    The first line is the SHA-256 of the second, a JSON document in which every commit stands once.
    """

    def __init__(self, path: Path, identity: str) -> None:
        self._path = path
        self._key = [_FORMAT, __version__, identity]

    def save(self, head: str, ledger: Ledger) -> None:
        """Durable when it returns; a disk that does not take it costs time at the next start, and nothing else."""
        document = json.dumps({"key": self._key, "head": head, **_document(ledger)}, ensure_ascii=False).encode()
        try:
            write_atomically(self._path, hashlib.sha256(document).hexdigest().encode() + b"\n" + document)
        except OSError as error:
            _log.warning("the index of versions could not be saved", extra={"error": str(error)})

    def load(self) -> tuple[str, Ledger] | None:
        """The head and what was known there; None when there is nothing that can be used."""
        try:
            digest, _, content = self._path.read_bytes().partition(b"\n")
            if hashlib.sha256(content).hexdigest().encode() != digest:
                raise ValueError("the checksum is wrong")
            document = json.loads(content)
            return (document["head"], _ledger(document)) if document["key"] == self._key else None
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
            _log.warning("the index of versions is made anew", extra={"error": str(error)})
            return None


def _document(ledger: Ledger) -> dict[str, Any]:
    commits: dict[str, int] = {}
    people: list[list[Any]] = []
    versions: dict[str, list[list[Any]]] = {}
    for job, known in ledger.numbered.items():
        rows = versions.setdefault(job, [])
        for one in known:
            if one.commit not in commits:
                commits[one.commit] = len(people)
                when = int(one.committed_at.timestamp())
                people.append([one.commit, one.author_name, one.author_email, when, one.subject, one.body])
            rows.append([commits[one.commit], one.blob, one.path, one.change.value])
    return {
        "commits": people,
        "versions": versions,
        "files": ledger.files,
        "holders": ledger.holders,
        "last_name": ledger.last_name,
    }


def _ledger(document: Mapping[str, Any]) -> Ledger:
    commits = [
        (sha, name, email, datetime.fromtimestamp(when, UTC), subject, body)
        for sha, name, email, when, subject, body in document["commits"]
    ]
    return Ledger(
        files={intern(path): (intern(name), intern(blob)) for path, (name, blob) in document["files"].items()},
        holders=document["holders"],
        last_name=document["last_name"],
        numbered={
            job: [_version(number, job, commits[row[0]], *row[1:]) for number, row in enumerate(rows, 1)]
            for job, rows in document["versions"].items()
        },
    )


def _version(
    number: int, job: str, commit: tuple[str, str, str, datetime, str, str], blob: str, path: str, change: str
) -> Version:
    sha, name, email, when, subject, body = commit
    where = intern(blob), intern(path)
    return Version(number, intern(job), sha, *where, Change(change), name, email, when, subject, body)
