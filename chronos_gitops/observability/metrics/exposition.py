"""Numbers for Prometheus: counters that the engine feeds as an Observer, gauges read at each scrape."""

from datetime import datetime
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, exposition
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from chronos_gitops.config.groups import Series
from chronos_gitops.engine.model import Execution, Reason, Status
from chronos_gitops.engine.ticks.lateness import lateness
from chronos_gitops.jobs.model import Job, JobSet
from chronos_gitops.observability.metrics.counters import Counters
from chronos_gitops.observability.metrics.gauges import Gauges, GaugeSource
from chronos_gitops.observability.metrics.label_limits import Labels
from chronos_gitops.webhooks.url import authority_of

if TYPE_CHECKING:
    from chronos_gitops.webhooks.outcome import Outcome

__all__ = ["Metrics"]

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_MOST_HOSTS = 100
_TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """One registry of one runner. As an ``engine.observer.Observer`` for the engine's thread; else from any thread."""

    def __init__(self, series: Series | None = None) -> None:
        self.registry = CollectorRegistry()
        self._series = series or Series()
        self._count = Counters(self.registry)
        self._jobs = Labels(self._series.per_job)
        self._hosts = Labels(_MOST_HOSTS)
        self._source: GaugeSource | None = None
        self._kept: JobSet | None = None
        self._fetched_at: datetime | None = None
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)

    def watch(self, source: GaugeSource) -> None:
        """Reads the gauges from here on; call once."""
        self._source = source
        self.registry.register(Gauges(source, self._series, lambda: self._fetched_at))

    def add(self, collector: Collector) -> None:
        """Gauges of a higher room."""
        self.registry.register(collector)

    def attempt_finished(self, job: Job, outcome: "Outcome") -> None:
        count, code = self._count, outcome.status_code
        count.attempts.inc(self._job(job.name), outcome.kind.value)
        host = self._hosts.of(authority_of(job.webhook.url))
        count.responses.inc("none" if code is None else f"{code // 100}xx", host)
        count.waits.observe(outcome.waited.total_seconds())
        if outcome.phases is not None:
            for phase, milliseconds in outcome.phases.spent():
                count.phases.observe(milliseconds / 1000, phase)

    def execution_finished(self, execution: Execution) -> None:
        count, job = self._count, self._job(execution.job)
        count.executions.inc(job, execution.status.value, execution.trigger.value)
        if execution.status is Status.SKIPPED:
            self._skip(job, execution)
        if execution.attempts:
            count.execution_attempts.observe(execution.attempts)
        if execution.duration_ms is not None:
            count.duration.observe(execution.duration_ms / 1000, job)
        late = lateness(execution, self._definition(execution.job))
        if late is not None:
            count.lag.observe(late.total_seconds())

    def _definition(self, name: str) -> Job | None:
        found = None if self._source is None else self._source.jobs().get(name)
        return None if found is None else found.job

    def _skip(self, job: str, execution: Execution) -> None:
        self._count.skipped.inc(job, execution.reason or "none", by=execution.count)
        if execution.reason == Reason.MISSED:
            self._count.missed.inc(job, by=execution.count)

    def git_fetched(self, result: str, seconds: float, at: datetime) -> None:
        """``result``: updated, unchanged or failed; ``at`` is when it ended."""
        self._count.fetches.labels(result).inc()
        self._count.fetch_time.observe(seconds)
        if result != "failed":
            self._fetched_at = at

    def rollback(self, result: str) -> None:
        """``result``: committed, proposed (a branch for review), unchanged or refused."""
        self._count.rollbacks.labels(result).inc()

    def notification(self, channel: str, result: str) -> None:
        """``result``: sent, failed (it is tried again) or dropped."""
        self._count.notifications.labels(channel, result).inc()

    def forge_status(self, result: str) -> None:
        """``result``: posted, failed (it is tried again) or dropped."""
        self._count.forge_statuses.labels(result).inc()

    def http_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """``route`` is a rule of the URL map, never a path, so that the series stay countable."""
        known = method if method in _METHODS else "other"
        self._count.http.labels(known, route, str(status)).inc()
        self._count.http_time.labels(known, route).observe(seconds)

    def caller_refused(self, status: int) -> None:
        """``status`` is that of the answer: 401, 403 or 429."""
        self._count.callers_refused.labels(str(status)).inc()

    def exposition(self, accept: str = "") -> tuple[bytes, str]:
        """All series as (content, content type): OpenMetrics when the scraper accepts it, else the text format."""
        if "application/openmetrics-text" in accept:
            content: bytes = openmetrics.generate_latest(self.registry)  # type: ignore[no-untyped-call]  # theirs is not
            return content, openmetrics.CONTENT_TYPE_LATEST
        return exposition.generate_latest(self.registry), _TEXT_FORMAT

    def _job(self, name: str) -> str:
        if self._jobs.is_full_for(name) and self._source is not None:
            self._make_room(self._source.jobs())
        return self._jobs.of(name)

    def _make_room(self, jobs: JobSet) -> None:
        """Once for each JobSet: with more jobs than series nearly every execution asks for it."""
        if jobs is not self._kept:
            self._kept = jobs
            for gone in self._jobs.keep(jobs.definitions):
                self._count.forget(gone)
