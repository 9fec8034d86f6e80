"""A new head becomes a new JobSet, swapped once; whatever goes wrong, the last good one keeps running."""

import hashlib
import logging
import threading
from collections.abc import Callable, Hashable, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from chronos_gitops.errors import ChronosError, ConflictError
from chronos_gitops.git.errors import Corrupt, GitError, ObjectMissing, OutputTooLarge, PathMissing
from chronos_gitops.git.log import Commit, contains, continues, recent
from chronos_gitops.git.signatures import Signers
from chronos_gitops.git.tree import NoFiles
from chronos_gitops.jobs.job_set import diff
from chronos_gitops.jobs.model import JobSet
from chronos_gitops.jobs.secret_bindings import Bindings
from chronos_gitops.jobs.validation.validate import Files, TreeResult, ValidationCache, validate_tree
from chronos_gitops.process import engine_priority, failpoints
from chronos_gitops.sync.file_watcher import FileWatcher
from chronos_gitops.sync.last_valid import last_valid_jobs
from chronos_gitops.sync.persistence.deployments import Deployments
from chronos_gitops.sync.persistence.history_epochs import HistoryEpochs
from chronos_gitops.sync.persistence.last_good import LastGood
from chronos_gitops.sync.persistence.validator_fingerprint import validator_fingerprint
from chronos_gitops.sync.poller import SWEEP, Poller, Timer
from chronos_gitops.sync.reconcile import (
    DeletionApproval,
    DesiredState,
    SyncDecision,
    allowed_deletions,
    broken_files,
    reconcile,
    status_of,
)
from chronos_gitops.sync.source import Source, TreeSnapshot
from chronos_gitops.sync.status import Mode, OnInvalid, Revision, SyncState, SyncStatus
from chronos_gitops.sync.version_content import read_content
from chronos_gitops.versions.history import History, Index
from chronos_gitops.versions.history_cache import HistoryCache
from chronos_gitops.versions.version_log import Version

__all__ = ["SyncController"]

_SECOND_LOOK: Final = 0.1
_MOST_LOOKS: Final = 10
_PATIENCE: Final = 15.0
_GIVES_WAY_S: Final = 5.0
"""Seconds by which webhooks may hold a pass up: ten thousand changed files take one second of the processor."""
_log = logging.getLogger(__name__)


class SyncController:
    """Follows one source in its own threads. What it answers is immutable; it may be asked from any thread.

    ``on_change`` is called with every new JobSet, in order and never twice at once, from whichever thread noticed.
    """

    def __init__(
        self,
        source: Source,
        *,
        on_change: Callable[[JobSet], None],
        data: Path,
        now: Callable[[], datetime],
        on_invalid: str = "quarantine",
        interval: timedelta = timedelta(seconds=60),
        signers: Signers | None = None,
        bindings: Bindings | None = None,
        timer: Timer | None = None,
    ) -> None:
        self.source = source
        self._on_change = on_change
        self._on_invalid = OnInvalid(on_invalid)
        interval = min(interval, SWEEP) if source.mode is Mode.WORKTREE else interval
        self._pace = Poller(interval, credentials=source.credentials, timer=timer)
        self._signers = signers
        self._bindings = bindings
        self._verified: str | None = None
        self._data = data
        self.now = now
        identity = f"{source.repository}\n{source.jobs}"
        self._history = History(source.objects, source.jobs, HistoryCache(data / "history.json", identity))
        self._cache = ValidationCache()
        self._passing = threading.RLock()
        self._thread = threading.Thread(target=self._run, name="chronos-follow", daemon=True)
        self._watch = FileWatcher(source, self._pace.notice)
        self._failures = 0
        self._passing_thread: int | None = None
        self._failure: ChronosError | None = None
        self._key: Hashable = None
        self._settled: tuple[SyncDecision, TreeResult] | None = None
        self._unsaved = False
        self._announced = False
        self._jobs = JobSet()
        self._removed: Set[str] = frozenset()
        self._index = Index()
        self._last_head: str | None = None
        self._is_rewritten = False
        self._epochs = HistoryEpochs(data / "epochs.json", identity)
        self.deployments = Deployments(data / "deployed.jsonl", identity)
        self._status = SyncStatus(
            SyncState.STARTING,
            source.mode,
            source.repository,
            source.branch,
            history_epoch=self._epochs.number,
        )

    def start(self) -> None:
        """One pass in the caller's thread, then follows. ConflictError when another process owns the data folder."""
        self.source.open(self._mend_soon)
        with self._passing:
            self._remember()
            self._sync_safely(patient=len(self._jobs) == 0)
            if not self._announced:
                self._announce_at_start()
            self._status = replace(self._status, jobs=len(self._jobs))
        self._thread.start()  # which saves first: nobody's first tick waits for that
        if self.source.is_local:
            self._watch.start()

    def stop(self) -> None:
        """Ends running git commands and both threads. What was answered last stays readable."""
        self._pace.stop()
        self._history.save()
        self.source.git.close()
        if self._thread.ident is not None:
            self._watch.stop()
            self._thread.join(_PATIENCE)
        self.source.close()

    def request_sync(self, *, expecting: str | None = None) -> None:
        """A pass soon, in the follower's own thread: at once when the last one is 2 s ago, and one for many nudges.

        One during a pass gets a pass of its own. ``expecting``, a commit said to be there, is looked for a few times.
        """
        self._pace.expect(expecting)
        self._pace.request_sync()

    def sync(self, *, expecting: str | None = None) -> SyncStatus:
        """One pass now, in the caller's thread; ``expecting`` as for a nudge."""
        self._pace.expect(expecting)
        with self._passing:
            self._sync_safely()
            return self._status

    def approve(self, checksum: str) -> SyncStatus:
        """Lets exactly the held deletions with this checksum happen. ConflictError when others, or none, are held."""
        with self._passing:
            held = self._status.held
            if held is None or held.checksum != checksum:
                raise ConflictError(
                    "no deletions with this checksum are held", hint="GET /api/v1/sync tells the checksum of what is"
                )
            self._sync_safely(consent=checksum, refresh=False)
            return self._status

    def status(self) -> SyncStatus:
        return self._status

    def jobs(self) -> JobSet:
        """What runs now."""
        return self._jobs

    def index(self) -> Index:
        """Versions up to the head that was tried last: a broken tip must be seen to be rolled back."""
        return self._index

    def index_of(self, head: str | None) -> Index:
        """Versions up to another head of the same repository."""
        return self._history.index(head)

    def former(self, job: str, commit: str) -> Version | None:
        """The version that a commit made before the history was rewritten, if that history ever ran here."""
        return self._epochs.version(self.source.git, self.source.jobs, job, commit)

    def refresh(self) -> str | None:
        """The head of the followed branch now, without applying it. A GitError when it cannot be told.

        VerificationFailed where it must be signed and is not: our own signature on top of it would vouch for it.
        """
        with self._passing:
            head = self.source.refresh(patient=True)
            self._verify(head)
            return head

    def files(self, head: str) -> Files:
        """The job files at this head, or on disk over it; none when there is no jobs folder."""
        with self._passing:
            try:
                return self.source.tip(head).files
            except PathMissing:
                return NoFiles()

    def judge(self, files: Files, index: Index) -> TreeResult:
        """Today's validation of a whole tree on top of this history; unchanged files are not read again."""
        with self._passing:
            return self._load(files, index)

    def read(self, blob: str) -> bytes:
        """The content of a version, or of a file on disk that runs without having been committed. ObjectMissing."""
        return read_content(self.source, self._jobs, blob)

    def read_many(self, blobs: Sequence[str]) -> Mapping[str, bytes]:
        """Contents by id; what is missing or too large is left out."""
        contents = {}
        for blob in blobs:
            with suppress(ObjectMissing, OutputTooLarge):
                contents[blob] = self.read(blob)
        return contents

    def _run(self) -> None:
        with self._passing:
            self._save()
        self.source.check()  # which asks for a pass where there is something to mend
        while self._pace.sleep():
            with self._passing, engine_priority.low_priority(_GIVES_WAY_S):
                self._sync_safely()

    def _sync_safely(self, *, patient: bool = True, refresh: bool = True, consent: str | None = None) -> None:
        """The one broad catch of this loop: a pass that fails must not be the last one."""
        began = self._pace.begin()
        self._status = replace(self._status, last_attempt_at=self.now())
        self._passing_thread = threading.get_ident()
        try:
            self._pass_over_damage(began, patient=patient, refresh=refresh, consent=consent)
            self._failures, self._failure = 0, None
        except ChronosError as error:
            self._fail(error.kind, str(error), error)
        except Exception as error:
            _log.exception("a pass over the repository failed", extra={"repository": self.source.repository})
            self._fail("InternalError", f"{type(error).__name__}: {error}")
        self._plan_next()
        self._passing_thread = None

    def _mend_soon(self) -> None:
        """A reader met a damaged object. A pass that meets one mends it, or backs off as after every failure."""
        if self._passing_thread != threading.get_ident():
            self._pace.request_sync()

    def _pass_over_damage(self, began: float, *, patient: bool, refresh: bool, consent: str | None) -> None:
        """Once more when an object cannot be read: the second refresh makes our copy anew."""
        try:
            self._sync_once(began, patient=patient, refresh=refresh, consent=consent)
        except (Corrupt, ObjectMissing):
            if self.source.mode is not Mode.BRANCH:
                raise
            self.source.suspect()
            self._sync_once(began, patient=True, refresh=True, consent=consent)

    def _sync_once(self, began: float, *, patient: bool, refresh: bool, consent: str | None) -> None:
        head = self.source.refresh(patient=patient) if refresh else self._status.revision.desired
        revision = replace(self._status.revision, desired=head)
        self._status = replace(self._status, branch=self.source.branch, revision=revision)
        tip = self.source.tip(head)
        self._verify(tip.head)
        key = (tip.key, self.source.objects.depth())
        if self._settled is not None and key == self._key and consent is None:
            self._report(*self._settled)
            return
        index = self._history.index(tip.head)
        tip, loaded = self._look(tip, index)
        self._note_rewrite(tip.head)
        newest = None if tip.head is None else next(iter(recent(self.source.git, tip.head, 1)), None)
        settlement = self._settle(DesiredState(tip.head, loaded, index, tip.committed), newest, consent)
        self._index = index
        revision = replace(revision, desired=tip.head, attempted=tip.head)
        self._status = replace(self._status, is_history_partial=index.is_partial, revision=revision)
        changes = diff(self._jobs, settlement.jobs)
        is_new = bool(changes) or settlement.jobs.revision != self._jobs.revision or not self._announced
        if is_new:
            failpoints.reach("before-swap")
            self._announce(settlement.jobs)
            self.deployments.note(changes, settlement.jobs, index, self.now())
            self._status = replace(self._status, reload_ms=self._pace.milliseconds_since(began))
            if settlement.applied:
                committed_at = None if newest is None else newest.committed_at
                self._status = replace(self._status, applied_at=self.now(), committed_at=committed_at)
        self._key, self._settled = key, (settlement, loaded)
        self._report(settlement, loaded)
        self._unsaved |= is_new and settlement.applied
        if self._thread.ident is not None:
            self._save()

    def _verify(self, head: str | None) -> None:
        if self._signers is not None and head is not None and head != self._verified:
            self._signers.verify(self.source.git, head)
            self._verified = head

    def _look(self, tip: TreeSnapshot, index: Index) -> tuple[TreeSnapshot, TreeResult]:
        """A file may be half written, a checkout half done: what looks worse than before is looked at again."""
        loaded = self._load(tip.files, index)
        if self.source.mode is not Mode.WORKTREE or not self._announced or not self._looks_worse(loaded):
            return tip, loaded
        for _ in range(_MOST_LOOKS):
            self._pace.stopping.wait(_SECOND_LOOK)
            if not self.source.is_busy():
                break
        tip = self.source.tip(tip.head)
        return tip, self._load(tip.files, index)

    def _load(self, files: Files, index: Index) -> TreeResult:
        return validate_tree(
            files, self._cache, bindings=self._bindings, incumbents=index, on_file=engine_priority.yield_to_engine
        )

    def _looks_worse(self, loaded: TreeResult) -> bool:
        known = broken_files(self._settled[1]) if self._settled else ()
        broken = {(parsed.path, parsed.blob) for parsed in broken_files(loaded)}
        return bool(broken - {(parsed.path, parsed.blob) for parsed in known}) or any(
            name not in loaded.jobs for name in self._jobs.definitions
        )

    def _settle(self, tree: DesiredState, newest: Commit | None, consent: str | None) -> SyncDecision:
        count = allowed_deletions(f"{newest.subject}\n\n{newest.body}") if newest is not None and newest.body else None
        return reconcile(
            tree,
            self._jobs,
            on_invalid=self._on_invalid,
            consent=DeletionApproval(consent, count),
            last_good=last_valid_jobs(
                tree.loaded, self._jobs, tree.index, self.source.git.read_many, removed=self._removed
            ),
        )

    def _save(self) -> None:
        if self._settled is None or not self._unsaved:
            return
        settlement, loaded = self._settled
        try:
            self._last_good.save(settlement.jobs, loaded.jobs)
            self._unsaved = False
        except (OSError, ValueError) as error:
            _log.warning("the last good state could not be saved", extra={"error": str(error)})

    def _announce(self, jobs: JobSet) -> None:
        self._on_change(jobs)
        self._removed = (self._removed | {*diff(self._jobs, jobs).removed}) - jobs.definitions.keys()
        self._jobs, self._announced = jobs, True

    def _announce_at_start(self) -> None:
        """What is known from the last time, if anything; an engine that cannot take it now gets it by the next pass."""
        try:
            self._announce(self._jobs)
        except ChronosError as error:
            self._fail(error.kind, str(error))

    def _report(self, settlement: SyncDecision, loaded: TreeResult) -> None:
        status = status_of(settlement, self._status, is_rewritten=self._is_rewritten)
        now, jobs = self.now(), len(self._jobs)
        self._status = replace(status, problems=loaded.problems, last_success_at=now, jobs=jobs)

    def _fail(self, reason: str, message: str, error: ChronosError | None = None) -> None:
        self._failures, self._failure = self._failures + 1, error
        if self._failures == 1 and not self._pace.stopping.is_set():
            _log.warning("the repository cannot be followed", extra={"reason": reason, "error": message})
        self._status = replace(self._status, state=SyncState.FAILED, reason=reason, message=message)
        if self._index.head is None and self._jobs.revision is not None:
            self._recover_index(self._jobs.revision)

    def _recover_index(self, revision: str) -> None:
        """The remote is away, but what it once said is in the mirror."""
        try:
            self._index = self._history.index(revision)
        except GitError as error:
            _log.info("no history without the repository", extra={"error": str(error)})

    def _note_rewrite(self, head: str | None) -> None:
        if head is None or head == self._last_head or self.source.mode is not Mode.BRANCH:
            return
        before, self._last_head = self._last_head, head
        self._is_rewritten = before is not None and not continues(self.source.git, before, head)
        if self._is_rewritten:
            _log.warning("the history was rewritten", extra={"before": before, "commit": head})
            self._epochs.begin(self.source.git, self._status.revision.applied)
            self._status = replace(self._status, history_epoch=self._epochs.number)

    def _remember(self) -> None:
        source = self.source
        what = "\n".join((source.mode, source.repository, source.branch or "", source.jobs))
        identity = hashlib.sha256(what.encode()).hexdigest()
        self._last_good = LastGood(self._data / "lastgood.json", identity, judges=validator_fingerprint(self._bindings))
        remembered = self._last_good.load()
        for parsed in self._last_good.judged:
            self._cache.put(parsed, None)
        self._cache.evict_unused()
        if remembered is not None:
            self._jobs, self._last_head = remembered, remembered.revision
            applied, jobs = Revision(applied=remembered.revision), len(remembered)
            self._status = replace(self._status, revision=applied, jobs=jobs, has_job_set=True)

    def _plan_next(self) -> None:
        head = self._status.revision.desired
        wait = self._pace.end(self._failures, self._failure, lambda commit: contains(self.source.git, head, commit))
        self._status = replace(self._status, next_attempt_at=self.now() + wait)
