"""Numbers for Prometheus: counters that the engine feeds as an Observer, gauges read when somebody asks."""

import platform
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram, PlatformCollector, ProcessCollector, exposition
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

import chronos_gitops
from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.model import Execution, Reason, Status, Trigger
from chronos_gitops.errors import ChronosError
from chronos_gitops.jobs.model import Job, JobSet

if TYPE_CHECKING:
    from chronos_gitops.delivery.attempt import Outcome
    from chronos_gitops.repo.follow import Follower, SyncStatus

PER_JOB = 500
"""Series are kept for that many jobs; later ones share the label ``other``, so that the series stay countable."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_DURATIONS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)
_LAGS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600)
_TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8"
_SYNC_STATES = ("starting", "synced", "degraded", "failed")


class Source(Protocol):
    """What the gauges are read from; ``Service`` is one."""

    @property
    def engine(self) -> Engine: ...
    @property
    def follower(self) -> "Follower": ...
    def jobs(self) -> JobSet: ...
    def next_runs(self, name: str, count: int) -> tuple[datetime, ...]: ...


class Metrics:
    """One registry of one runner, and an ``engine.observer.Observer``. Safe from any thread."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._jobs: set[str] = set()
        self._failures: dict[str, int] = {}
        self._last_success: dict[str, float] = {}
        self._counters()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)

    def _counters(self) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"chronos_{name}", text, labels, registry=self.registry)

        def histogram(name: str, text: str, buckets: Sequence[float], *labels: str) -> Histogram:
            return Histogram(f"chronos_{name}", text, labels, buckets=buckets, registry=self.registry)

        self._executions = counter("executions", "Executions that ended.", "job", "status", "trigger")
        self._duration = histogram("execution_duration_seconds", "First attempt to last byte.", _DURATIONS, "job")
        self._lag = histogram("schedule_lag_seconds", "From a tick to the start of its execution.", _LAGS)
        self._skipped = counter("skipped_runs", "Ticks that were not executed.", "job", "reason")
        self._missed = counter("missed_runs", "Ticks that fell while nothing could run them.", "job")
        self._attempts = counter("attempts", "HTTP requests made.", "job", "outcome")
        self._responses = counter("webhook_responses", "Answers by class: 2xx ... 5xx, or none.", "code_class")
        self._rollbacks = counter("rollbacks", "Rollbacks asked for.", "result")
        self._http = counter("http_requests", "API requests.", "method", "route", "status")
        self._http_time = histogram("http_request_duration_seconds", "API request time.", _LAGS, "method", "route")

    def watch(self, source: Source) -> None:
        """Reads the gauges from here on; call once."""
        self.registry.register(_Gauges(source, self))

    def attempt_finished(self, job: Job, outcome: "Outcome") -> None:
        self._attempts.labels(self._label(job.name), outcome.kind.value).inc()
        code = outcome.status_code
        self._responses.labels("none" if code is None else f"{code // 100}xx").inc()

    def execution_finished(self, execution: Execution) -> None:
        job = self._label(execution.job)
        self._executions.labels(job, execution.status.value, execution.trigger.value).inc()
        if execution.status is Status.SKIPPED:
            self._skip(job, execution)
        if execution.duration_ms is not None:
            self._duration.labels(job).observe(execution.duration_ms / 1000)
        if execution.trigger is Trigger.SCHEDULE and execution.started_at is not None:
            self._lag.observe(max(0.0, (execution.started_at - execution.scheduled_time).total_seconds()))
        self._remember(execution)

    def _skip(self, job: str, execution: Execution) -> None:
        self._skipped.labels(job, execution.reason or "none").inc(execution.count)
        if execution.reason == Reason.MISSED:
            self._missed.labels(job).inc(execution.count)

    def _remember(self, execution: Execution) -> None:
        if execution.status is Status.FAILED:
            self._failures[execution.job] = self._failures.get(execution.job, 0) + 1
        if execution.status is Status.SUCCESS:
            self._failures[execution.job] = 0
            if execution.completed_at is not None:
                self._last_success[execution.job] = execution.completed_at.timestamp()

    def rollback(self, result: str) -> None:
        """``result``: committed, proposed (a branch for review), unchanged or refused."""
        self._rollbacks.labels(result).inc()

    def http_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """``route`` is a rule of the URL map, never a path, so that the series stay countable."""
        known = method if method in _METHODS else "other"
        self._http.labels(known, route, str(status)).inc()
        self._http_time.labels(known, route).observe(seconds)

    def exposition(self, accept: str = "") -> tuple[bytes, str]:
        """All series as (content, content type): OpenMetrics when the scraper accepts it, else the text format."""
        if "application/openmetrics-text" in accept:
            content: bytes = openmetrics.generate_latest(self.registry)  # type: ignore[no-untyped-call]  # theirs is not
            return content, openmetrics.CONTENT_TYPE_LATEST
        return exposition.generate_latest(self.registry), _TEXT_FORMAT

    def failures_of(self, job: str) -> int | None:
        return self._failures.get(job)

    def last_success_of(self, job: str) -> float | None:
        return self._last_success.get(job)

    def _label(self, job: str) -> str:
        if job not in self._jobs:
            if len(self._jobs) >= PER_JOB:
                return "other"
            self._jobs.add(job)
        return job


class _Gauges(Collector):
    """Read at scrape time, so that no gauge can be stale."""

    def __init__(self, source: Source, memory: Metrics) -> None:
        self._source = source
        self._memory = memory

    def collect(self) -> Iterator[Metric]:
        jobs = self._source.jobs()
        build = InfoMetricFamily("chronos_build", "What runs here.")
        build.add_metric([], {"version": chronos_gitops.__version__, "python": platform.python_version()})
        yield build
        yield from self._states(jobs)
        yield from self._per_job([definition.job.name for definition in jobs][:PER_JOB])
        yield from _engine(self._source.engine)
        yield from _sync(self._source.follower.status())

    def _states(self, jobs: JobSet) -> Iterator[Metric]:
        pauses = self._source.engine.pauses()
        paused = sum(definition.job.name in pauses for definition in jobs)
        enabled = sum(definition.job.enabled and definition.job.name not in pauses for definition in jobs)
        states = {"enabled": enabled, "paused": paused, "disabled": len(jobs) - enabled - paused}
        yield _labelled("chronos_jobs", "Jobs by state.", "state", states)
        quarantined = sum(bool(definition.quarantined) for definition in jobs)
        yield _gauge("chronos_jobs_quarantined", "Jobs that run their last good version.", quarantined)

    def _per_job(self, names: Sequence[str]) -> Iterator[Metric]:
        try:
            latest = self._source.engine.latest(names)
        except ChronosError:
            latest = {}  # chronos_engine_up tells; a scrape that fails as a whole would tell nothing
        following = {name: self._source.next_runs(name, 1) for name in names}
        next_runs = {name: runs[0].timestamp() for name, runs in following.items() if runs}
        yield _labelled("chronos_job_next_run_timestamp_seconds", "The next tick.", "job", next_runs)
        last_runs = {name: execution.scheduled_time.timestamp() for name, execution in latest.items()}
        yield _labelled("chronos_job_last_run_timestamp_seconds", "The newest execution's tick.", "job", last_runs)
        successes = {name: self._last_success(name, latest.get(name)) for name in names}
        known = {name: moment for name, moment in successes.items() if moment is not None}
        yield _labelled("chronos_job_last_success_timestamp_seconds", "The newest success known.", "job", known)
        failures = {name: count for name in names if (count := self._memory.failures_of(name)) is not None}
        text = "Failures since the last success, since the runner started."
        yield _labelled("chronos_job_consecutive_failures", text, "job", failures)

    def _last_success(self, name: str, latest: Execution | None) -> float | None:
        if latest is not None and latest.status is Status.SUCCESS and latest.completed_at is not None:
            return latest.completed_at.timestamp()
        return self._memory.last_success_of(name)


def _engine(engine: Engine) -> Iterator[Metric]:
    health = engine.health()
    yield _gauge("chronos_engine_up", "1 while executions are recorded and claimed.", float(health.ok))
    yield _gauge("chronos_executions_running", "Executions in flight.", health.running)
    yield from _moment("chronos_scheduler_heartbeat", "The scheduler's last sign of life.", health.heartbeat_at)


def _sync(status: "SyncStatus") -> Iterator[Metric]:
    states = {state: float(status.state == state) for state in _SYNC_STATES}
    yield _labelled("chronos_sync_state", "How following git goes: 1 for the state that holds.", "state", states)
    good = float(status.state in ("synced", "degraded"))
    yield _gauge("chronos_config_last_reload_successful", "Whether the last attempt was applied.", good)
    yield from _moment("chronos_sync_last_attempt", "The last look at git.", status.last_attempt_at)
    yield from _moment("chronos_sync_last_success", "The last good look at git.", status.last_success_at)
    yield _gauge("chronos_sync_problems", "Problems in the job files.", len(status.problems))
    held = 0 if status.held is None else len(status.held.names)
    yield _gauge("chronos_sync_held_deletions", "Deletions that wait for approval.", held)
    if status.reload_ms is not None:
        yield _gauge("chronos_sync_reload_seconds", "The last reload, noticed to applied.", status.reload_ms / 1000)
    info = InfoMetricFamily("chronos_sync", "What is followed and what is applied.")
    applied = status.revision.applied or ""
    info.add_metric([], {"mode": status.mode, "branch": status.branch or "", "commit": applied})
    yield info


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _labelled(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _moment(name: str, text: str, moment: datetime | None) -> Iterator[Metric]:
    if moment is not None:
        yield _gauge(f"{name}_timestamp_seconds", text, moment.timestamp())
