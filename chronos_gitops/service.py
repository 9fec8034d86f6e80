"""A whole runner: its parts started, asked and stopped in order."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import field
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from chronos_gitops.config.settings import Settings
from chronos_gitops.engine.answers.last_outcomes import LastOutcomes
from chronos_gitops.engine.clock import Clock
from chronos_gitops.engine.engine import STALLED_AFTER, Engine, NotRunning
from chronos_gitops.engine.factory import ledger_file
from chronos_gitops.engine.login_sessions import LoginSessions
from chronos_gitops.errors import ChronosError, UsageError
from chronos_gitops.expectations.preflight.service import Preflights
from chronos_gitops.expectations.watch import ExpectationWatch
from chronos_gitops.forge.forge import ForgeIntegration
from chronos_gitops.jobs.model import JobSet
from chronos_gitops.jobs.secrets.binding_lines import binding_lines
from chronos_gitops.notifications.detection.detector import DetectorInputs
from chronos_gitops.notifications.notifier import Notifier
from chronos_gitops.observability.audit_log import AuditLog
from chronos_gitops.observability.event_log import EventLog
from chronos_gitops.observability.event_recorder import AppliedJobs, EventRecorder
from chronos_gitops.observability.metrics.lazy_metrics import LazyMetrics
from chronos_gitops.plurals import plural
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.rollback.revert import Reverter
from chronos_gitops.state import disk_space
from chronos_gitops.state.data_lock import DataLock
from chronos_gitops.sync.controller import SyncController
from chronos_gitops.sync.push_webhooks import Deliveries
from chronos_gitops.webhooks.credentials.secret_watch import SecretWatch
from chronos_gitops.webhooks.identity.issuer import Issuer
from chronos_gitops.webhooks.identity.signing_keys import warn_without_keys
from chronos_gitops.webhooks.transport.egress.own_listener import Listener
from chronos_gitops.webhooks.warm_up import WarmUp

_LAST_PASS_S = 0.5
_LAST_LOOK_S = 3.0
_PAUSE_KEPT = timedelta(days=30)
"""A deleted job that comes back within this time is still paused."""


@dataclass
class Service:
    """A whole runner: it follows git, claims ticks, and answers questions. Build it with ``build``."""

    settings: Settings
    engine: Engine
    follower: SyncController
    reverter: Reverter
    metrics: LazyMetrics
    clock: Clock
    started_at: datetime
    lock: DataLock
    audit: AuditLog
    events: EventLog
    feed: EventRecorder
    notifier: Notifier
    listener: Listener
    sessions: LoginSessions
    expectations: ExpectationWatch
    preflights: Preflights
    secrets: SecretWatch
    forge: ForgeIntegration
    warm_up: WarmUp
    """To be launched when the runner has said that it is ready; ``stop`` ends it."""
    issuer: Issuer | None = None
    is_desk_shared: bool = True
    deliveries: Deliveries = field(default_factory=Deliveries)
    last_outcomes: LastOutcomes = field(default_factory=LastOutcomes)
    refusals: list[ChronosError] = field(default_factory=list, init=False)
    """Reasons why the runner ends before the first JobSet runs."""
    is_stopping: Callable[[], bool] = lambda: False
    shortage: str = field(default="", init=False)
    """The disk that has no room for a start; empty when it has."""
    is_started: bool = field(default=False, init=False)
    on_refusal: Callable[[], None] = field(default=lambda: None, init=False)  # asks a started runner to end
    _draining: bool = field(default=False, init=False)

    def start(self) -> None:
        """NotRunning when the runner was to stop while it waited."""
        if not disk_space.wait_for_room(self._shortage, self.is_stopping, self._report_shortage):
            raise NotRunning("the runner was stopped while it waited for room on its disk")
        self.feed.start()
        self.engine.start()
        try:
            self.sessions.open(self.engine)
            self.follower.start()
            if self.refusals:
                raise self.refusals[0]
            self.expectations.open(self.engine, self.jobs, self.now)
            self.preflights.open(self.engine, self.expectations.store, self.jobs, self.now)
            self.notifier.start(
                DetectorInputs(
                    self.engine, self.follower, self.now, self.settings.public_url, is_shared=self.is_desk_shared
                )
            )
        except BaseException:
            self.stop()
            raise
        self.secrets.launch()
        self.expectations.launch()
        self.preflights.launch()
        self.forge.start(self.engine)
        self.is_started = True

    def stop(self) -> None:
        """Stops following and claiming at once, drains what runs, frees the data folder. A pass over git that does not
        end has as long as the drain takes, and no longer."""
        self._draining = True
        drain = self.settings.drain.total_seconds()
        deadline = time.monotonic() + drain
        self.warm_up.stop()
        self.follower.begin_stop()
        self.notifier.stop()
        self.forge.stop()
        self.expectations.stop()
        self.preflights.stop()
        self.forge.join()
        self.engine.stop(drain)
        self.secrets.stop()
        self.follower.join(max(_LAST_PASS_S, deadline - time.monotonic()))
        self.sessions.close()
        self.preflights.join(_LAST_LOOK_S)
        self.expectations.close()
        self.notifier.join()
        self.feed.stop()
        self.audit.close()
        self.lock.release()

    def now(self) -> datetime:
        return self.clock.now()

    def draining(self) -> bool:
        return self._draining

    def liveness_failure(self) -> str:
        """Why a supervisor should restart this runner; empty while it is alive. /livez, systemd's watchdog and the
        heartbeat all go by this."""
        health = self.engine.health()
        if loss := self.lock.loss():
            return loss
        if health.heartbeat_age > STALLED_AFTER:
            return f"no heartbeat for {health.heartbeat_age.total_seconds():.0f} s"
        return health.liveness_failure

    def is_alive(self) -> bool:
        """True if the scheduler runs and nothing speaks for a restart."""
        return self.engine.health().heartbeat_at is not None and not self.liveness_failure()

    def _shortage(self) -> str:
        ledger = ledger_file(self.settings)
        folders = {self.settings.data, *(() if ledger is None else (ledger.parent,))}
        return next(filter(None, map(disk_space.shortage, sorted(folders))), "")

    def _report_shortage(self, shortage: str) -> None:
        self.shortage = shortage

    def jobs(self) -> JobSet:
        return self.follower.jobs()

    def apply(self, jobs: JobSet) -> None:
        """Take over the job set that sync has built. UsageError if it is the first one and must not run."""
        is_first = not self.is_started or not self.follower.status().has_job_set
        if is_first and (refusal := _unbound(self.settings, jobs)):
            self.refusals.append(refusal)
            self.on_refusal()
            raise refusal
        self.secrets.jobs_changed(jobs)
        warn_without_keys(self.settings.identity.key_files, jobs)
        before = self.jobs()  # at a start the last good state
        self.engine.apply(jobs)
        self.warm_up.wake()
        for name in _outlived(self.engine.pauses(), jobs, self.follower, self.now()):
            self.engine.resume(name)
        self.feed.jobs_changed(AppliedJobs(jobs, before, self.follower.index().layers_of))

    def next_runs(self, name: str, count: int) -> Sequence[datetime]:
        """The next scheduled times of a job; none for a job that is no longer in git."""
        return () if self.jobs().get(name) is None else self.engine.next_runs(name, count)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _unbound(settings: Settings, jobs: JobSet) -> ChronosError | None:
    """Refuses a first JobSet whose jobs would fail: tokens exist, nothing says what unbound secrets may do."""
    if settings.secrets_unbound or not settings.has_callers:
        return None
    lines = binding_lines(jobs, settings.bindings, settings.jobs_folder)
    if not lines:
        return None
    return UsageError(
        f"jobs use {plural(len(lines), 'secret')} without a binding, which a runner with tokens refuses",
        hint='paste these lines into chronos.toml, or set secrets.unbound = "anywhere" there:\n' + "\n".join(lines),
    )


def _outlived(pauses: Iterable[str], jobs: JobSet, follower: SyncController, now: datetime) -> list[str]:
    """Paused jobs that git deleted longer than _PAUSE_KEPT ago: one that comes back is not paused any more."""
    found = []
    for name in pauses:
        newest = follower.index().current(name)
        if name in jobs.definitions or newest is None or newest.blob:
            continue
        deleted_at = follower.deployments.at(name, newest.commit) or newest.committed_at
        if now - deleted_at > _PAUSE_KEPT:
            found.append(name)
    return found
