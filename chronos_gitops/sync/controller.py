"""A new head becomes a new JobSet, swapped once; whatever goes wrong, the last good one keeps running."""

import logging
import threading
from collections.abc import Callable, Hashable, Mapping, Sequence, Set
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from chronos_gitops.errors import ChronosError, ConflictError
from chronos_gitops.git.errors import Corrupt, GitError, ObjectMissing, PathMissing, Stopped
from chronos_gitops.git.log import Commit, contains, recent
from chronos_gitops.git.tree import NoFiles
from chronos_gitops.git.verification.commit_verifier import CommitVerifier
from chronos_gitops.jobs.job_set import diff
from chronos_gitops.jobs.layers.effective import EffectiveJob
from chronos_gitops.jobs.layers.tree import Layers
from chronos_gitops.jobs.model import Job, JobSet, JobVersion
from chronos_gitops.jobs.origins.private_hosts import PrivateHosts
from chronos_gitops.jobs.secrets.bindings import Bindings
from chronos_gitops.jobs.validation.validate import FileResult, Files, TreeResult
from chronos_gitops.process import engine_priority, failpoints
from chronos_gitops.process.background_thread import BackgroundThread
from chronos_gitops.sync.content.definitions import DesiredState
from chronos_gitops.sync.content.tree_judge import TreeJudge
from chronos_gitops.sync.content.version_content import read_content, read_contents
from chronos_gitops.sync.file_watcher import FileWatcher
from chronos_gitops.sync.persistence.deployments import Deployments
from chronos_gitops.sync.persistence.history_epochs import HistoryEpochs
from chronos_gitops.sync.persistence.saved_jobs import SavedJobs
from chronos_gitops.sync.poller import SWEEP, Poller, Timer
from chronos_gitops.sync.reconcile import (
    DeletionApproval,
    SyncDecision,
    allowed_deletions,
    looks_worse,
    reconcile,
)
from chronos_gitops.sync.source import Source, TreeSnapshot
from chronos_gitops.sync.status import HeldDeletions, Mode, OnInvalid, SyncStatus
from chronos_gitops.sync.status_recorder import StatusRecorder
from chronos_gitops.versions.history import History, Index
from chronos_gitops.versions.history_cache import HistoryCache
from chronos_gitops.versions.version import Version

__all__ = ["SyncController"]

_SECOND_LOOK: Final = 0.1
_MOST_LOOKS: Final = 10
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
        environment: str | None = None,
        interval: timedelta = timedelta(seconds=60),
        verifier: CommitVerifier | None = None,
        bindings: Bindings | None = None,
        private_hosts: PrivateHosts | None = None,
        timer: Timer | None = None,
    ) -> None:
        self.source = source
        self._on_change = on_change
        self._on_invalid = OnInvalid(on_invalid)
        interval = min(interval, SWEEP) if source.mode is Mode.WORKTREE else interval
        self._pace = Poller(interval, credentials=source.credentials, timer=timer)
        self._verifier = verifier
        self._judge = TreeJudge(source, bindings, environment, self.jobs, private_hosts)
        self._data = data
        self.now = now
        identity = f"{source.repository}\n{source.jobs}"
        self._history = History(source.objects, source.jobs, HistoryCache(data / "history.json", identity))
        self._passing = threading.RLock()
        self._thread = BackgroundThread("chronos-follow", self._run)
        self._watch = FileWatcher(source, self._pace.notice)
        self._passing_thread: int | None = None
        self._key: Hashable = None
        self._saved: SavedJobs | None = None
        self._settled: tuple[SyncDecision, TreeResult] | None = None
        self._announced = self._is_rewritten = False
        self._jobs = JobSet()
        self._removed: Set[str] = frozenset()
        self._index = Index()
        self._last_head: str | None = None
        self._epochs = HistoryEpochs(data / "epochs.json", identity)
        self.deployments = Deployments(data / "deployed.jsonl", identity)
        self._recorder = StatusRecorder(source, self._epochs.number, now, environment)

    def start(self) -> None:
        """One pass in the caller's thread, then follows. ConflictError when another process owns the data folder."""
        with self._passing:
            self._open()
            self._sync_safely(patient=len(self._jobs) == 0)
            if not self._announced:
                self._announce_at_start()
            self._recorder.started(self._jobs)
        self._thread.launch()  # which saves first: no first tick waits for that
        if self.source.is_local:
            self._watch.start()

    def stop(self) -> None:
        """Ends both threads. What was answered last stays readable."""
        self.begin_stop()
        self.join()

    def begin_stop(self) -> None:
        """Ends running git commands, and begins nothing more; returns at once."""
        self._pace.stop()
        self.source.git.close()

    def join(self, seconds: float = 15.0) -> None:
        """Waits for the threads. A pass that does not end announces nothing any more."""
        self._watch.stop()
        self._thread.join(seconds)
        if not self._thread.is_alive():
            self._history.save()
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
            return self.status()

    def approve(
        self,
        checksum: str,
        check: Callable[[HeldDeletions], None] = lambda held: None,  # noqa: ARG005 - everything is allowed
    ) -> SyncStatus:
        """Lets exactly the held deletions with this checksum happen, unless ``check`` raises. ConflictError when
        others, or none, are held."""
        with self._passing:
            held = self.status().held
            if held is None or held.checksum != checksum:
                raise ConflictError(
                    "no deletions with this checksum are held",
                    hint="GET /api/v1/sync tells the checksum of what is",
                    command_hint="`chronos-gitops status` tells the checksum of what is",
                )
            check(held)
            self._sync_safely(consent=checksum, refresh=False)
            return self.status()

    @property
    def environment(self) -> str | None:
        """Whose jobs run."""
        return self._judge.environment

    @property
    def layers(self) -> Layers:
        """Those of the tree that was judged last, and the policies over it."""
        return self._judge.layers

    def status(self) -> SyncStatus:
        return self._recorder.current

    def jobs(self) -> JobSet:
        """The running job set."""
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

        VerificationFailed where its commits must be signed and are not: ours on top would be refused as well.
        """
        with self._passing:
            self._open()
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
            return self._judge.tree(files, index)

    def judge_version(self, version: Version, content: bytes, environment: str | None = None) -> FileResult:
        """By today's rules, with the layers of its own commit; in this runner's environment unless one is named."""
        return self._judge.version(version, content, environment)

    def effective_version(self, version: Version, content: bytes, environment: str | None = None) -> EffectiveJob:
        """A version with the places of its values."""
        return self._judge.effective_version(version, content, environment)

    def effective(self, running: JobVersion) -> EffectiveJob | None:
        return self._judge.effective(running, self.read(running.identity.blob))

    def triggered(self, running: JobVersion, given: Mapping[str, str]) -> Job:
        """A running job with the texts that a manual trigger gives to its variables."""
        return self._judge.triggered(running, self.read(running.identity.blob), given)

    def read(self, blob: str) -> bytes:
        """The content of a version, or of a file on disk that runs without having been committed. ObjectMissing."""
        return read_content(self.source, self._jobs, blob)

    def read_many(self, blobs: Sequence[str]) -> Mapping[str, bytes]:
        """Contents by id; what is missing or too large is left out."""
        return read_contents(self.source, self._jobs, blobs)

    def _run(self) -> None:
        with self._passing:
            self._open().save()
        self.source.check()  # which asks for a pass where there is something to mend
        while self._pace.sleep():
            with self._passing, engine_priority.low_priority(_GIVES_WAY_S):
                self._sync_safely()

    def _sync_safely(self, *, patient: bool = True, refresh: bool = True, consent: str | None = None) -> None:
        """The one broad catch of this loop: a pass that fails must not be the last one."""
        began = self._pace.begin()
        self._recorder.began()
        self._passing_thread = threading.get_ident()
        try:
            self._pass_over_damage(began, patient=patient, refresh=refresh, consent=consent)
            self._recorder.ended()
        except ChronosError as error:
            self._fail(error.kind, str(error), error)
        except Exception as error:
            _log.exception("a sync attempt failed", extra={"repository": self.source.repository})
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
        saved = self._open()
        head = self.source.refresh(patient=patient) if refresh else self.status().revision.desired
        self._recorder.refreshed(head, self.source.branch)
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
        settlement = self._settle(self._judge.desired(tip, loaded, index), newest, consent)
        self._index = index
        self._recorder.attempted(tip.head, is_partial=index.is_partial)
        changes = diff(self._jobs, settlement.jobs)
        if bool(changes) or settlement.jobs.revision != self._jobs.revision or not self._announced:
            failpoints.reach("before-swap")
            self._announce(settlement.jobs)
            self.deployments.note(changes, settlement.jobs, index, self.now())
            self._recorder.swapped(self._pace.milliseconds_since(began))
            if settlement.applied:
                self._recorder.applied(newest)
                saved.note(settlement, loaded)
        self._key, self._settled = key, (settlement, loaded)
        self._report(settlement, loaded)
        if self._thread.is_launched:
            saved.save()

    def _verify(self, head: str | None) -> None:
        if self._verifier is not None and head is not None:
            self._verifier.verify(self.source.git, head)
            self._recorder.verified(self._verifier.vouches)

    def _look(self, tip: TreeSnapshot, index: Index) -> tuple[TreeSnapshot, TreeResult]:
        """A file may be half written, a checkout half done: what looks worse than before is looked at again."""
        loaded = self._judge.tree(tip.files, index)
        before = self._settled[1] if self._settled else None
        if self.source.mode is not Mode.WORKTREE or not self._announced or not looks_worse(loaded, before, self._jobs):
            return tip, loaded
        for _ in range(_MOST_LOOKS):
            self._pace.stopping.wait(_SECOND_LOOK)
            if not self.source.is_busy():
                break
        tip = self.source.tip(tip.head)
        return tip, self._judge.tree(tip.files, index)

    def _settle(self, tree: DesiredState, newest: Commit | None, consent: str | None) -> SyncDecision:
        counts = self._verifier is None or self._verifier.is_message_signed
        count = None if newest is None or not newest.body or not counts else allowed_deletions(newest.message)
        return reconcile(
            tree,
            self._jobs,
            on_invalid=self._on_invalid,
            consent=DeletionApproval(consent, count),
            last_good=self._judge.last_good(tree, self._jobs, self._removed),
            now=self.now(),
            defined=self._judge.defined,
        )

    def _announce(self, jobs: JobSet) -> None:
        if self._pace.stopping.is_set():
            raise Stopped("the runner is stopping")
        self._on_change(jobs)
        self._removed = (self._removed | {*diff(self._jobs, jobs).removed}) - jobs.definitions.keys()
        self._jobs, self._announced = jobs, True

    def _announce_at_start(self) -> None:
        """Announce the job set of the last run, if any. An engine that cannot take it now gets it in the next pass."""
        try:
            self._announce(self._jobs)
        except ChronosError as error:
            self._fail(error.kind, str(error))

    def _report(self, settlement: SyncDecision, loaded: TreeResult) -> None:
        self._recorder.settled(settlement, loaded, self._jobs, is_rewritten=self._is_rewritten)

    def _fail(self, reason: str, message: str, error: ChronosError | None = None) -> None:
        self._recorder.failed(reason, message, error, is_stopping=self._pace.stopping.is_set())
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
        self._is_rewritten = before is not None and not self._history.continues(before, head)
        if self._is_rewritten:
            _log.warning("the history was rewritten", extra={"before": before, "commit": head})
            self._epochs.begin(self.source.git, self.status().revision.applied)
            self._recorder.rewritten(self._epochs.number)

    def _open(self) -> SavedJobs:
        """Once, by whichever comes first: ``start``, or a pass that is asked for before it."""
        if self._saved is not None:
            return self._saved
        self.source.open(self._mend_soon)
        judge = self._judge
        saved = SavedJobs(self._data, self.source, judged_by=judge.fingerprint(), environment=judge.environment)
        remembered, judged = saved.load()
        judge.remember(judged)
        if remembered is not None:
            self._jobs, self._last_head = remembered, remembered.revision
            self._recorder.remembered(remembered)
        self._saved = saved
        return saved

    def _plan_next(self) -> None:
        head, trouble = self.status().revision.desired, self._recorder.trouble
        self._recorder.planned(self._pace.end(*trouble, lambda commit: contains(self.source.git, head, commit)))
