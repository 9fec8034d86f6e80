"""Composition root: builds concrete objects and connects them."""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from chronos_gitops.config.settings import Settings
from chronos_gitops.engine.clock import Clock
from chronos_gitops.engine.engine import Engine, NotRunning
from chronos_gitops.engine.factory import EngineSetup, build_engine_setup
from chronos_gitops.engine.login_sessions import LoginSessions
from chronos_gitops.engine.observer import Observers
from chronos_gitops.expectations.events import ExpectationEvents, StoppedEvents
from chronos_gitops.expectations.guard_watch import GuardWatch
from chronos_gitops.expectations.preflight.events import PreflightEvents
from chronos_gitops.expectations.preflight.service import OnLook, Preflights
from chronos_gitops.expectations.watch import ExpectationWatch
from chronos_gitops.forge.forge import ForgeIntegration
from chronos_gitops.git.log import continues
from chronos_gitops.git.signatures.signers import Signers
from chronos_gitops.notifications.delivery_worker import DeliveryReport
from chronos_gitops.notifications.notifier import Notifier, event_of
from chronos_gitops.notifications.transports.http import NotificationSender
from chronos_gitops.observability import spans as tracing
from chronos_gitops.observability.audit_log import AuditLog, runner_name
from chronos_gitops.observability.event_log import EventLog
from chronos_gitops.observability.event_recorder import EventRecorder
from chronos_gitops.observability.execution_log import ExecutionLog
from chronos_gitops.observability.metrics.lazy_metrics import LazyMetrics
from chronos_gitops.observability.replay_audit import ReplayAudit
from chronos_gitops.observability.spans import Spans
from chronos_gitops.observability.time_events import TimeEvents
from chronos_gitops.process import failpoints
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.rollback.commit_policy import CommitPolicy
from chronos_gitops.rollback.revert import Reverter
from chronos_gitops.service import Service
from chronos_gitops.state import disk_space
from chronos_gitops.state.atomic_files import make_private
from chronos_gitops.state.data_lock import DataFolderFull, DataLock
from chronos_gitops.sync import factory as sync_factory
from chronos_gitops.sync.controller import SyncController
from chronos_gitops.sync.status import SyncStatus
from chronos_gitops.webhooks import factory as webhook_factory
from chronos_gitops.webhooks.attempt import Delivery
from chronos_gitops.webhooks.credentials.secret_watch import SecretWatch
from chronos_gitops.webhooks.credentials.secrets import Secrets
from chronos_gitops.webhooks.identity.issuer import Issuer, Workload
from chronos_gitops.webhooks.transport.egress.own_listener import Listener
from chronos_gitops.webhooks.warm_up import WarmUp, load_client

if TYPE_CHECKING:
    from chronos_gitops.observability.metrics.exposition import Metrics

log = logging.getLogger(__name__)


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
    metrics = LazyMetrics(lambda: _metrics_of(service))
    failpoints.arm(settings.failpoint)
    events = EventLog(settings.data / "events.jsonl", path_of=lambda job: _path_of(follower, job))
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
    sender, hear = NotificationSender.of(settings, clock.now), partial(_delivered, metrics, events, clock)
    notifier = Notifier(settings, sender, open_store=chosen.notes, is_alive=lambda: service.is_alive(), hear=hear)
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
    service = Service(
        settings=settings,
        engine=engine,
        follower=follower,
        reverter=_reverter(settings, follower, signers, engine, forge),
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
        warm_up=WarmUp(engine.next_due, clock.now, (requests.load, metrics.load)),
    )
    return service


def _reverter(
    settings: Settings,
    follower: SyncController,
    signers: Signers | None,
    engine: Engine,
    forge: ForgeIntegration,
) -> Reverter:
    return Reverter(
        follower,
        signing_key=settings.signing_key,
        signers=signers,
        turn=lambda: engine.alone("rollback"),
        policy=CommitPolicy.of(settings.commits),
        open_request=forge.open_request,
    )


def _path_of(follower: SyncController, job: str) -> str | None:
    """The file of a job that runs now."""
    running = follower.jobs().get(job) if follower.status().has_job_set else None
    return None if running is None else running.path


@dataclass(frozen=True)
class _Requests:
    """The parts that send or prepare requests of jobs."""

    secrets: SecretWatch
    issuer: Issuer | None
    preflights: Preflights
    delivery: Callable[[], Delivery]
    load: Callable[[], None]
    """Imports what the first request needs."""


def _requests(
    settings: Settings, listener: Listener, workload: Callable[[], Workload], looked: Sequence[OnLook], spans: Spans
) -> _Requests:
    issuer = webhook_factory.issuer(settings, workload)
    secrets = Secrets(settings.secret_values, settings.secrets_folder, settings.bindings)
    trust = webhook_factory.trust_of(settings)
    probe = webhook_factory.preflight_probe(settings, trust, listener, secrets, issuer)
    return _Requests(
        SecretWatch(secrets, settings.bindings),
        issuer,
        Preflights(probe, settings.preflight, looked),
        webhook_factory.delivery(settings, trust, listener, secrets, issuer, spans.attempt_ended),
        partial(load_client, trust),
    )


def _metrics_of(service: Service) -> "Metrics":
    from chronos_gitops.expectations.gauge import ExpectationGauge
    from chronos_gitops.expectations.preflight.gauges import PreflightGauges
    from chronos_gitops.observability.metrics.exposition import Metrics

    metrics, per_job = Metrics(service.settings.metrics), service.settings.metrics.per_job
    metrics.watch(service)
    metrics.add(ExpectationGauge(service.expectations.snapshot, per_job))
    metrics.add(PreflightGauges(service.preflights, per_job))
    return metrics


def _delivered(metrics: LazyMetrics, events: EventLog, clock: Clock, report: DeliveryReport) -> None:
    metrics.notification(report.channel, report.result)
    event = event_of(report, clock.now())
    if event is not None:
        events.add(event)


def _fetched(metrics: LazyMetrics, spans: Spans, clock: Clock, result: str, seconds: float) -> None:
    metrics.git_fetched(result, seconds, clock.now())
    spans.git_fetched(result, seconds)


def _expectation_watch(events: EventLog, notifier: Notifier, chosen: EngineSetup) -> ExpectationWatch:
    looks = (ExpectationEvents(events).looked, notifier.expectations.looked)
    guard = GuardWatch((StoppedEvents(events).stopped, notifier.guard.stopped))
    return ExpectationWatch(looks, chosen.expectations, guard=guard, count_to=notifier.expectations.count_to)


def _workload(settings: Settings, status: SyncStatus) -> Workload:
    """The claims about this runner that identity tokens carry."""
    ref = None if status.branch is None else f"refs/heads/{status.branch}"
    return Workload(status.repository, ref, settings.environment, settings.verify_commits is not None)
