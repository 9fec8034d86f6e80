"""Composition root: builds concrete objects and connects them."""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from types import TracebackType
from typing import Self

from chronos_gitops.config.settings import Settings
from chronos_gitops.engine.clock import Clock
from chronos_gitops.engine.engine import STALLED_AFTER, Engine, NotRunning
from chronos_gitops.engine.factory import EngineSetup, build_engine_setup, ledger_file
from chronos_gitops.engine.login_sessions import LoginSessions
from chronos_gitops.engine.observer import Observers
from chronos_gitops.errors import ChronosError, UsageError
from chronos_gitops.expectations.events import ExpectationEvents, StoppedEvents
from chronos_gitops.expectations.gauge import ExpectationGauge
from chronos_gitops.expectations.guard_watch import GuardWatch
from chronos_gitops.expectations.preflight.events import PreflightEvents
from chronos_gitops.expectations.preflight.gauges import PreflightGauges
from chronos_gitops.expectations.preflight.service import OnLook, Preflights
from chronos_gitops.expectations.watch import ExpectationWatch
from chronos_gitops.forge.forge import ForgeIntegration
from chronos_gitops.git.log import continues
from chronos_gitops.jobs.model import JobSet
from chronos_gitops.jobs.secrets.binding_lines import binding_lines
from chronos_gitops.notifications.delivery_worker import DeliveryReport
from chronos_gitops.notifications.detection.detector import DetectorInputs
from chronos_gitops.notifications.notifier import Notifier, event_of
from chronos_gitops.notifications.transports.http import NotificationSender
from chronos_gitops.observability import spans as tracing
from chronos_gitops.observability.audit_log import AuditLog, runner_name
from chronos_gitops.observability.event_log import EventLog
from chronos_gitops.observability.event_recorder import AppliedJobs, EventRecorder
from chronos_gitops.observability.execution_log import ExecutionLog
from chronos_gitops.observability.metrics.exposition import Metrics
from chronos_gitops.observability.replay_audit import ReplayAudit
from chronos_gitops.observability.spans import Spans
from chronos_gitops.observability.time_events import TimeEvents
from chronos_gitops.plurals import plural
from chronos_gitops.process import failpoints
from chronos_gitops.rollback.commit_policy import CommitPolicy
from chronos_gitops.rollback.revert import Reverter
from chronos_gitops.state import disk_space
from chronos_gitops.state.atomic_files import make_private
from chronos_gitops.state.data_lock import DataFolderFull, DataLock
from chronos_gitops.sync import factory as sync_factory
from chronos_gitops.sync.controller import SyncController
from chronos_gitops.sync.push_webhooks import Deliveries
from chronos_gitops.sync.status import SyncStatus
from chronos_gitops.webhooks import factory as webhook_factory
from chronos_gitops.webhooks.attempt import Delivery
from chronos_gitops.webhooks.credentials.secret_watch import SecretWatch
from chronos_gitops.webhooks.credentials.secrets import Secrets
from chronos_gitops.webhooks.identity.issuer import Issuer, Workload
from chronos_gitops.webhooks.identity.signing_keys import warn_without_keys
from chronos_gitops.webhooks.transport.egress.own_listener import Listener

log = logging.getLogger(__name__)
_LAST_PASS_S = 0.5
_LAST_LOOK_S = 3.0
_PAUSE_KEPT = timedelta(days=30)
"""So long a deleted job that comes back is still paused."""


@dataclass
class Service:
    """A whole runner: it follows git, claims ticks, and answers questions. Build it with ``build``."""

    settings: Settings
    engine: Engine
    follower: SyncController
    reverter: Reverter
    metrics: Metrics
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
    issuer: Issuer | None = None
    is_desk_shared: bool = True
    deliveries: Deliveries = field(default_factory=Deliveries)
    refusals: list[ChronosError] = field(
        default_factory=list, init=False
    )  # reasons why the runner ends before the first JobSet runs
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


def build(
    settings: Settings,
    *,
    clock: Clock | None = None,
    is_stopping: Callable[[], bool] = lambda: False,
    is_renamed: bool = False,
) -> Service:
    """Builds a runner without starting anything; raises ChronosErrors for what cannot work. A start that waits looks at
    ``is_stopping``. ``is_renamed``: see EnvironmentClaim."""
    lock = _lock_with_room(settings, is_stopping)
    for path in make_private(settings.data):
        log.warning(
            "data_readable", extra={"path": str(path), "hint": "chmod go-rwx it, or give it to the runner's user"}
        )
    try:
        engine = build_engine_setup(settings, clock, loss=lock.loss, is_stopping=is_stopping, is_renamed=is_renamed)
        return _assembled(settings, lock, engine, is_stopping)
    except BaseException:
        lock.release()
        raise


def _lock_with_room(settings: Settings, is_stopping: Callable[[], bool]) -> DataLock:
    """On a disk without room for a folder or an empty file there is nothing yet that could tell of it but the log."""
    found: list[DataLock] = []

    def look() -> str:
        try:
            found.append(DataLock(settings.data))
        except DataFolderFull as error:
            return str(error)
        return ""

    if not disk_space.wait_for_room(look, is_stopping):
        raise NotRunning("the runner was stopped while it waited for room on its disk")
    return found[0]


def _assembled(settings: Settings, lock: DataLock, chosen: EngineSetup, is_stopping: Callable[[], bool]) -> Service:
    clock = chosen.clock
    metrics = Metrics(settings.metrics)
    failpoints.arm(settings.failpoint)
    events = EventLog(settings.data / "events.jsonl")
    time_events = TimeEvents(
        events,
        jobs=lambda: follower.jobs() if follower.status().has_job_set else None,
        now=clock.now,
        zone_data_before=lambda: engine.zone_data_before(),
    )
    audit = AuditLog(settings.data / "audit.jsonl", max_size=settings.audit_max_size, keep=settings.audit_keep)
    replays = ReplayAudit(audit, jobs=lambda: follower.jobs(), runner=lambda: runner_name(listener.port), now=clock.now)
    feed = EventRecorder(
        events, status=lambda: follower.status(), now=clock.now, look_also=time_events.look, on_replay_end=replays.ended
    )
    notifier = Notifier(
        settings,
        NotificationSender.of(settings, clock.now),
        open_store=chosen.notes,
        is_alive=lambda: service.is_alive(),
        hear=partial(_delivered, metrics, events, clock),
    )
    listener = Listener(settings.host, settings.port)
    expectations = _expectation_watch(events, notifier, chosen)
    spans = tracing.of(settings.otel)
    several = metrics, feed, ExecutionLog(), notifier.watcher, expectations, spans
    observers = Observers(several, on_replay_end=feed.replay_ended)
    looked_ahead = (PreflightEvents(events).looked, notifier.preflights.looked)
    requests = _requests(settings, listener, lambda: _workload(settings, follower.status()), looked_ahead, spans)
    engine = chosen.build(requests.delivery, observers, lambda since, head: continues(follower.source.git, since, head))
    signers = sync_factory.signers(settings)
    on_fetch, apply = partial(_fetched, metrics, spans, clock), spans.reload(lambda jobs: service.apply(jobs))
    follower = sync_factory.controller(settings, signers, apply, on_fetch, clock.now)
    forge = ForgeIntegration(
        settings, chosen, follower.status, lambda: runner_name(listener.port), metrics.forge_status
    )
    reverter = Reverter(
        follower,
        signing_key=settings.signing_key,
        signers=signers,
        turn=lambda: engine.alone("rollback"),
        policy=CommitPolicy.of(settings.commits),
        open_request=forge.open_request,
    )
    service = Service(
        settings=settings,
        engine=engine,
        follower=follower,
        reverter=reverter,
        metrics=metrics,
        clock=clock,
        started_at=clock.now(),
        lock=lock,
        audit=audit,
        events=events,
        feed=feed,
        notifier=notifier,
        is_desk_shared=chosen.is_shared,
        listener=listener,
        is_stopping=is_stopping,
        sessions=LoginSessions(chosen.sessions),
        expectations=expectations,
        preflights=requests.preflights,
        secrets=requests.secrets,
        forge=forge,
        issuer=requests.issuer,
    )
    _measure(service)
    return service


@dataclass(frozen=True)
class _Requests:
    """The parts that send or prepare requests of jobs."""

    secrets: SecretWatch
    issuer: Issuer | None
    preflights: Preflights
    delivery: Callable[[], Delivery]


def _requests(
    settings: Settings, listener: Listener, workload: Callable[[], Workload], looked: Sequence[OnLook], spans: Spans
) -> _Requests:
    issuer = webhook_factory.issuer(settings, workload)
    secrets = Secrets(settings.secret_values, settings.secrets_folder, settings.bindings)
    probe = webhook_factory.preflight_probe(settings, listener, secrets, issuer)
    return _Requests(
        SecretWatch(secrets, settings.bindings),
        issuer,
        Preflights(probe, settings.preflight, looked),
        webhook_factory.delivery(settings, listener, secrets, issuer, spans.attempt_ended),
    )


def _measure(service: Service) -> None:
    metrics, per_job = service.metrics, service.settings.metrics.per_job
    metrics.watch(service)
    metrics.add(ExpectationGauge(service.expectations.snapshot, per_job))
    metrics.add(PreflightGauges(service.preflights, per_job))


def _delivered(metrics: Metrics, events: EventLog, clock: Clock, report: DeliveryReport) -> None:
    metrics.notification(report.channel, report.result)
    event = event_of(report, clock.now())
    if event is not None:
        events.add(event)


def _fetched(metrics: Metrics, spans: Spans, clock: Clock, result: str, seconds: float) -> None:
    metrics.git_fetched(result, seconds, clock.now())
    spans.git_fetched(result, seconds)


def _expectation_watch(events: EventLog, notifier: Notifier, chosen: EngineSetup) -> ExpectationWatch:
    looks = (ExpectationEvents(events).looked, notifier.expectations.looked)
    guard = GuardWatch((StoppedEvents(events).stopped, notifier.guard.stopped))
    return ExpectationWatch(looks, chosen.expectations, guard=guard, count_to=notifier.expectations.count_to)


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
    """Paused jobs that git deleted so long ago that nobody is going to bring them back paused."""
    found = []
    for name in pauses:
        newest = follower.index().current(name)
        if name in jobs.definitions or newest is None or newest.blob:
            continue
        deleted_at = follower.deployments.at(name, newest.commit) or newest.committed_at
        if now - deleted_at > _PAUSE_KEPT:
            found.append(name)
    return found


def _workload(settings: Settings, status: SyncStatus) -> Workload:
    """The claims about this runner that identity tokens carry."""
    ref = None if status.branch is None else f"refs/heads/{status.branch}"
    return Workload(status.repository, ref, settings.environment, settings.verify_commits is not None)
