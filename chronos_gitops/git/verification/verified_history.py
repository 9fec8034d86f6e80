"""The last verified head on disk, and how far verification has come since: a restart goes on from there."""

import json
import logging
from collections.abc import Collection, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.state.atomic_files import append_line, read_lines, write_atomically

_MOST_VOUCHES: Final = 10
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Vouch:
    """``commit`` by ``author`` counts as signed, for ``reviewer`` names it in the signed commit ``vouched_in``."""

    commit: str
    author: str
    vouched_in: str
    reviewer: str


class VerifiedHistory:
    """One file: first a line with the anchor, then lines with commits that passed since.

    ``anchor`` is the head that was verified last. ``bases`` are the commits that verification began at: what the
    anchor reaches and no base does was verified. ``passed`` counts while the signer files have this ``fingerprint``.
    """

    def __init__(self, path: Path, repository: str) -> None:
        self._path = path
        self._repository = repository
        self.anchor: str | None = None
        self.bases: tuple[str, ...] = ()
        self.vouches: tuple[Vouch, ...] = ()
        self.passed: set[str] = set()
        self._fingerprint = ""
        self._has_file = False
        self._load()

    def advance(self, head: str, *, bases: tuple[str, ...], vouches: tuple[Vouch, ...] = ()) -> None:
        """The head was verified. It counts from now on, also where it cannot be saved; then that is logged."""
        known = {vouch.commit for vouch in vouches}
        rest = tuple(vouch for vouch in self.vouches if vouch.commit not in known)
        self.anchor, self.bases, self.vouches = head, bases, (*vouches, *rest)[:_MOST_VOUCHES]
        self.passed = set()
        self._write(self._header())

    def note(self, commits: Collection[str], fingerprint: str) -> None:
        """These passed, judged by signer files with this fingerprint."""
        if fingerprint != self._fingerprint:
            self.passed, self._fingerprint = set(), fingerprint
        fresh = sorted(set(commits) - self.passed)
        self.passed.update(fresh)
        if not fresh:
            return
        try:
            if not self._has_file:
                self._write(self._header())
            append_line(self._path, {"passed": fresh, "signers": fingerprint})
        except OSError as error:
            self._warn(error)

    def passed_by(self, fingerprint: str) -> Collection[str]:
        return self.passed if fingerprint == self._fingerprint else ()

    def _header(self) -> Mapping[str, Any]:
        vouches = [asdict(vouch) for vouch in self.vouches]
        return {"repository": self._repository, "anchor": self.anchor, "bases": self.bases, "vouches": vouches}

    def _write(self, header: Mapping[str, Any]) -> None:
        try:
            write_atomically(self._path, json.dumps(header).encode() + b"\n")
            self._has_file = True
        except OSError as error:
            self._warn(error)

    def _warn(self, error: OSError) -> None:
        _log.warning("the verified history could not be saved", extra={"path": str(self._path), "error": str(error)})

    def _load(self) -> None:
        try:
            lines = list(read_lines(self._path))
            if not lines:
                return
            header, *rest = lines
            if header["repository"] != self._repository:
                return
            vouches = tuple(Vouch(**vouch) for vouch in header["vouches"])
            self.anchor, self.bases, self.vouches = header["anchor"], tuple(header["bases"]), vouches
            self._fingerprint = rest[-1]["signers"] if rest else ""
            self.passed = {commit for line in rest if line["signers"] == self._fingerprint for commit in line["passed"]}
            self._has_file = True
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, TypeError) as error:
            _log.warning("the verified history cannot be read", extra={"path": str(self._path), "error": str(error)})
