"""The status of following git, as each pass changes it: what was tried, what runs, and what is in the way."""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from chronos_gitops.errors import ChronosError
from chronos_gitops.git.log import Commit
from chronos_gitops.git.signatures.errors import VerificationFailed
from chronos_gitops.git.verification.verified_history import Vouch
from chronos_gitops.jobs.model import JobSet
from chronos_gitops.jobs.validation.validate import TreeResult
from chronos_gitops.sync.reconcile import SyncDecision, status_of
from chronos_gitops.sync.source import Source
from chronos_gitops.sync.status import Revision, SyncState, SyncStatus

_log = logging.getLogger(__name__)


class StatusRecorder:
    """Written by the one pass under way; ``current`` is immutable and may be read from any thread."""

    def __init__(self, source: Source, epoch: int, now: Callable[[], datetime], environment: str | None) -> None:
        self._now = now
        self._failures = 0
        self._failure: ChronosError | None = None
        self.current = SyncStatus(
            SyncState.STARTING,
            source.mode,
            source.repository,
            source.branch,
            environment=environment,
            history_epoch=epoch,
        )

    @property
    def trouble(self) -> tuple[int, ChronosError | None]:
        """Number of passes that failed in a row, and the error of the last one."""
        return self._failures, self._failure

    def remembered(self, jobs: JobSet) -> None:
        """These were the last good ones when the runner stopped."""
        self._set(revision=Revision(applied=jobs.revision), jobs=len(jobs), has_job_set=True)

    def started(self, jobs: JobSet) -> None:
        self._set(jobs=len(jobs))

    def began(self) -> None:
        self._set(last_attempt_at=self._now())

    def ended(self) -> None:
        """The pass raised nothing."""
        self._failures, self._failure = 0, None

    def refreshed(self, head: str | None, branch: str | None) -> None:
        self._set(branch=branch, revision=replace(self.current.revision, desired=head))

    def verified(self, vouches: tuple[Vouch, ...]) -> None:
        self._set(unverified=(), vouched=vouches)

    def attempted(self, head: str | None, *, is_partial: bool) -> None:
        revision = replace(self.current.revision, desired=head, attempted=head)
        self._set(is_history_partial=is_partial, revision=revision)

    def swapped(self, reload_ms: float) -> None:
        """Other jobs run from now on."""
        self._set(reload_ms=reload_ms)

    def applied(self, commit: Commit | None) -> None:
        self._set(applied_at=self._now(), committed_at=None if commit is None else commit.committed_at)

    def rewritten(self, epoch: int) -> None:
        self._set(history_epoch=epoch)

    def settled(self, decision: SyncDecision, loaded: TreeResult, jobs: JobSet, *, is_rewritten: bool) -> None:
        self.current = status_of(decision, self.current, is_rewritten=is_rewritten)
        self._set(problems=loaded.problems, last_success_at=self._now(), jobs=len(jobs))

    def failed(self, reason: str, message: str, error: ChronosError | None = None, *, is_stopping: bool) -> None:
        self._failures, self._failure = self._failures + 1, error
        if self._failures == 1 and not is_stopping:
            _log.warning("the repository cannot be followed", extra={"reason": reason, "error": message})
        found = error.unverified if isinstance(error, VerificationFailed) else ()
        self._set(state=SyncState.FAILED, reason=reason, message=message, unverified=found)

    def planned(self, wait: timedelta) -> None:
        self._set(next_attempt_at=self._now() + wait)

    def _set(self, **fields: object) -> None:
        self.current = replace(self.current, **fields)  # type: ignore[arg-type]  # names of SyncStatus's own fields
