"""Tips that ran until the history was rewritten: numbers of versions hold within one epoch, commits for longer."""

import json
import logging
from pathlib import Path
from typing import Final

from chronos_gitops.errors import NotFoundError
from chronos_gitops.git.client import Git
from chronos_gitops.git.errors import GitError
from chronos_gitops.git.incomplete_clone import PresentObjects
from chronos_gitops.git.refs import APPLIED
from chronos_gitops.state.atomic_files import write_atomically
from chronos_gitops.versions.history import History
from chronos_gitops.versions.version import Version

_KEPT: Final = 20
_COMMIT_DIGITS: Final = 7
_log = logging.getLogger(__name__)


class HistoryEpochs:
    """One file, and refs that keep the tips from being collected. ``identity`` says of which repository."""

    def __init__(self, path: Path, identity: str) -> None:
        self._path = path
        self._identity = identity
        self.number, self.tips = self._load()

    def begin(self, git: Git, tip: str | None) -> None:
        """The history was rewritten; ``tip`` is what ran before."""
        if tip is not None and tip not in self.tips:
            self._keep(git, tip)
        self.number += 1
        document = {"identity": self._identity, "number": self.number, "tips": self.tips}
        try:
            write_atomically(self._path, json.dumps(document).encode())
        except OSError as error:
            _log.warning("the epoch could not be saved", extra={"error": str(error)})

    def version(self, git: Git, jobs: str, job: str, commit: str) -> Version | None:
        """The version that a commit (seven digits or more) made of a job in the newest epoch that knows it."""
        if len(commit) < _COMMIT_DIGITS:
            return None
        for tip in reversed(self.tips):
            try:
                return History(PresentObjects(git, is_complete=True), jobs).index(tip).version(job, commit)
            except (GitError, NotFoundError):
                continue
        return None

    def _keep(self, git: Git, tip: str) -> None:
        self.tips = (*self.tips, tip)[-_KEPT:]
        try:
            git.run("update-ref", f"{APPLIED}{self.number}", tip)
            if self.number > _KEPT:
                git.run("update-ref", "-d", f"{APPLIED}{self.number - _KEPT}")
        except GitError as error:
            _log.warning("a former tip could not be kept", extra={"commit": tip, "error": str(error)})

    def _load(self) -> tuple[int, tuple[str, ...]]:
        try:
            document = json.loads(self._path.read_bytes())
            if document["identity"] == self._identity:
                return int(document["number"]), tuple(map(str, document["tips"]))
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, TypeError) as error:
            _log.warning("the epochs cannot be read", extra={"error": str(error)})
        return 1, ()
