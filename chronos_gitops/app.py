"""Composition root: builds concrete objects and connects them."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from chronos_gitops import __version__
from chronos_gitops.config.model import Settings
from chronos_gitops.engine.clock import Clock
from chronos_gitops.engine.engine import STALLED_AFTER, Engine
from chronos_gitops.engine.factory import build_engine_setup
from chronos_gitops.engine.observer import Observers
from chronos_gitops.errors import ChronosError, UsageError
from chronos_gitops.git.remote.credentials import GitCredentials
from chronos_gitops.git.signatures import Signers
from chronos_gitops.jobs.model import JobSet
from chronos_gitops.jobs.unbound_secrets import binding_lines
from chronos_gitops.notifications.delivery_worker import DeliveryReport
from chronos_gitops.notifications.detector import DetectorInputs
from chronos_gitops.notifications.notifier import Notifier, event_of
from chronos_gitops.notifications.transports.http import NotificationSender
from chronos_gitops.observability.audit_log import AuditLog
from chronos_gitops.observability.event_log import EventLog
from chronos_gitops.observability.event_recorder import EventRecorder
from chronos_gitops.observability.execution_log import ExecutionLog
from chronos_gitops.observability.metrics.exposition import Metrics
from chronos_gitops.process import failpoints
from chronos_gitops.rollback.revert import Rollbacks, Undos
from chronos_gitops.state.atomic_files import make_private
from chronos_gitops.state.data_lock import DataLock
from chronos_gitops.sync.controller import SyncController
from chronos_gitops.sync.push_webhooks import Deliveries
from chronos_gitops.sync.source import open_source
from chronos_gitops.sync.status import Mode
from chronos_gitops.webhooks.attempt import Delivery
from chronos_gitops.webhooks.secrets import Secrets
from chronos_gitops.webhooks.transport.egress import EgressPolicy
from chronos_gitops.webhooks.transport.own_listener import Listener
from chronos_gitops.webhooks.transport.tls import TlsContexts

log = logging.getLogger(__name__)
_PAUSE_KEPT = timedelta(days=30)
"""So long a deleted job that comes back is still paused."""


@dataclass
class Service:
    """A whole runner: it follows git, claims ticks, and answers questions. Build it with ``build``."""

    settings: Settings
    engine: Engine
    follower: SyncController
    rollbacks: Rollbacks
    undos: Undos
    metrics: Metrics
    clock: Clock
    started_at: datetime
    lock: DataLock
    audit: AuditLog
    events: EventLog
    feed: EventRecorder
    notifier: Notifier
    listener: Listener
    is_desk_shared: bool = True
    deliveries: Deliveries = field(default_factory=Deliveries)
    refusals: list[ChronosError] = field(
        default_factory=list, init=False
    )  # reasons why a start ends before the first JobSet runs
    is_started: bool = field(default=False, init=False)
    _draining: bool = field(default=False, init=False)

    def start(self) -> None:
        self.feed.start()
        self.engine.start()
        try:
            self.follower.start()
            if self.refusals:
                raise self.refusals[0]
            self.notifier.start(
                DetectorInputs(
                    self.engine, self.follower, self.now, self.settings.public_url, is_shared=self.is_desk_shared
                )
            )
        except BaseException:
            self.stop()
            raise
        self.is_started = True

    def stop(self) -> None:
        """Stops following and claiming at once, drains what runs, frees the data folder."""
        self._draining = True
        self.follower.stop()
        self.notifier.stop()
        self.engine.stop(self.settings.drain.total_seconds())
        self.notifier.join()
        self.feed.stop()
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
        """Whether the scheduler runs and nothing speaks for a restart."""
        return self.engine.health().heartbeat_at is not None and not self.liveness_failure()

    def jobs(self) -> JobSet:
        return self.follower.jobs()

    def next_runs(self, name: str, count: int) -> Sequence[datetime]:
        """What the engine will do; none for a job that git does not name any more."""
        return () if self.jobs().get(name) is None else self.engine.next_runs(name, count)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def build(
    settings: Settings, *, clock: Clock | None = None, is_stopping: Callable[[], bool] = lambda: False
) -> Service:
    """Builds a runner without starting anything; raises ChronosErrors for what cannot work. A start that waits for a
    database looks at ``is_stopping``."""
    lock = DataLock(settings.data)
    for path in make_private(settings.data):
        log.warning(
            "data_readable", extra={"path": str(path), "hint": "chmod go-rwx it, or give it to the runner's user"}
        )
    try:
        return _assembled(settings, lock, clock, is_stopping)
    except BaseException:
        lock.release()
        raise


def _assembled(settings: Settings, lock: DataLock, given: Clock | None, is_stopping: Callable[[], bool]) -> Service:
    chosen = build_engine_setup(settings, given, loss=lock.loss, is_stopping=is_stopping)
    clock = chosen.clock
    metrics = Metrics(settings.metrics)
    failpoints.arm(settings.failpoint)
    events = EventLog(settings.data / "events.jsonl")
    feed = EventRecorder(events, status=lambda: follower.status(), now=clock.now)

    def told(report: DeliveryReport) -> None:
        metrics.notification(report.channel, report.result)
        event = event_of(report, clock.now())
        if event is not None:
            events.add(event)

    notifier = Notifier(
        settings,
        NotificationSender.of(settings, clock.now),
        open_store=chosen.notes,
        is_alive=lambda: service.is_alive(),
        hear=told,
    )
    listener = Listener(settings.host, settings.port)
    observers = Observers((metrics, feed, ExecutionLog(), notifier.watcher))
    engine = chosen.build(_delivery(settings, listener), observers)

    def apply(jobs: JobSet) -> None:
        if refusal := _unbound(settings, jobs, is_first=not service.is_started):
            service.refusals.append(refusal)
            raise refusal
        engine.apply(jobs)
        for name in _outlived(engine.pauses(), jobs, follower, clock.now()):
            engine.resume(name)
        feed.jobs_changed(jobs)

    follower = _follower(settings, apply, metrics, clock)
    must_sign = settings.verify_commits is not None
    rollbacks = Rollbacks(
        follower, signing_key=settings.signing_key, must_sign=must_sign, turn=lambda: engine.alone("rollback")
    )
    service = Service(
        settings=settings,
        engine=engine,
        follower=follower,
        rollbacks=rollbacks,
        undos=Undos(rollbacks.workshop),
        metrics=metrics,
        clock=clock,
        started_at=clock.now(),
        lock=lock,
        audit=AuditLog(settings.data / "audit.jsonl"),
        events=events,
        feed=feed,
        notifier=notifier,
        is_desk_shared=chosen.is_shared,
        listener=listener,
    )
    metrics.watch(service)
    return service


def _unbound(settings: Settings, jobs: JobSet, *, is_first: bool) -> ChronosError | None:
    """Refuses a start after which jobs would begin to fail: tokens exist, nothing says what unbound secrets may do."""
    lines = () if settings.secrets_unbound or not settings.tokens else binding_lines(jobs, settings.bindings)
    if not is_first or not lines:
        return None
    return UsageError(
        f"jobs use {len(lines)} secrets without a binding, which a runner with tokens refuses",
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


def _delivery(settings: Settings, listener: Listener) -> Callable[[], Delivery]:
    egress = EgressPolicy.parse(
        settings.egress.level,
        settings.egress.allow,
        only=settings.egress.only,
        loopback_allowed=settings.listens_on_loopback,
    )
    trust = TlsContexts(settings.egress.ca_file, settings.egress.hosts)
    secrets = Secrets(settings.secret_values, settings.secrets_folder, settings.bindings)
    return lambda: Delivery(
        secrets=secrets,
        egress=egress,
        trust=trust,
        user_agent=f"chronos-gitops/{__version__}",
        at_once=settings.max_in_flight,
        per_host=settings.max_in_flight_per_host,
        rate=settings.rate_per_host,
        breaker_after=settings.breaker_after,
        public_url=lambda: settings.callback_url(listener.port),
        listener=listener,
    )


def _follower(
    settings: Settings, on_change: Callable[[JobSet], None], metrics: Metrics, clock: Clock
) -> SyncController:
    source = open_source(
        settings.repo,
        data=settings.data,
        mode=settings.follow,
        branch=settings.branch,
        jobs=settings.jobs_folder,
        access=GitCredentials(settings.git),
        on_fetch=lambda result, seconds: metrics.git_fetched(result, seconds, clock.now()),
    )
    if settings.verify_commits is not None and source.mode is Mode.WORKTREE:
        raise UsageError("--verify-commits needs --follow branch", hint="what is on disk is signed by nobody")
    return SyncController(
        source,
        on_change=on_change,
        on_invalid=settings.on_invalid,
        interval=settings.interval,
        data=settings.data,
        now=clock.now,
        bindings=settings.bindings,
        signers=None if settings.verify_commits is None else Signers(settings.verify_commits),
    )
