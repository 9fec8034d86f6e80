"""Saves the jobs that run when they have changed, and finds them again at the next start."""

import hashlib
import logging
from pathlib import Path

from chronos_gitops.jobs.model import JobSet
from chronos_gitops.jobs.validation.validate import FileResult, TreeResult
from chronos_gitops.sync.persistence.last_good import LastGood
from chronos_gitops.sync.reconcile import SyncDecision
from chronos_gitops.sync.source import Source

_log = logging.getLogger(__name__)


class SavedJobs:
    """A change is noted at once and saved when there is time: no first tick waits for a disk."""

    def __init__(self, data: Path, source: Source, *, judged_by: str | None, environment: str | None) -> None:
        followed = "\n".join((source.mode, source.repository, source.branch or "", source.jobs))
        identity = hashlib.sha256(followed.encode()).hexdigest()
        self._file = LastGood(data / "lastgood.json", identity, judges=judged_by, environment=environment)
        self._unsaved: tuple[SyncDecision, TreeResult] | None = None

    def load(self) -> tuple[JobSet | None, tuple[FileResult, ...]]:
        """The jobs, None where there are none to go on with; and the files that need not be judged again."""
        return self._file.load(), self._file.judged

    def note(self, decision: SyncDecision, loaded: TreeResult) -> None:
        self._unsaved = decision, loaded

    def save(self) -> None:
        """Writes what was noted last. What cannot be written is tried again by the next call."""
        if self._unsaved is None:
            return
        decision, loaded = self._unsaved
        try:
            self._file.save(decision.jobs, loaded.jobs)
            self._unsaved = None
        except (OSError, ValueError) as error:
            _log.warning("the last good state could not be saved", extra={"error": str(error)})
