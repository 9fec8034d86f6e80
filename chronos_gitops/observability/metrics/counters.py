"""The counters and histograms of a runner, declared in one place."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram

from chronos_gitops.observability.metrics.tallies import CounterTally, HistogramTally

_DURATIONS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)
_LAGS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600)
_PHASES = (0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_FETCHES = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600)
_ATTEMPTS = (1, 2, 3, 4, 5, 10, 20)


class Counters:
    """Names end as Prometheus wants them: ``_total`` is added to counters by prometheus_client."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"chronos_{name}", text, labels, registry=registry)

        def histogram(name: str, text: str, buckets: Sequence[float], *labels: str) -> Histogram:
            return Histogram(f"chronos_{name}", text, labels, buckets=buckets, registry=registry)

        def tally(name: str, text: str, *labels: str) -> CounterTally:
            return CounterTally(registry, f"chronos_{name}", text, *labels)

        def spread(name: str, text: str, bounds: Sequence[float], *labels: str) -> HistogramTally:
            return HistogramTally(registry, f"chronos_{name}", text, bounds, *labels)

        self.executions = tally("executions", "Finished executions.", "job_name", "status", "trigger")
        self.duration = spread(
            "execution_duration_seconds",
            "Duration from the first attempt to the last byte of the response.",
            _DURATIONS,
            "job_name",
        )
        self.execution_attempts = spread("execution_attempts", "Number of attempts per execution.", _ATTEMPTS)
        text = (
            "Time from the scheduled time to the start of the execution, without jitter, requires and waiting in a "
            "queue."
        )
        self.lag = spread("schedule_lag_seconds", text, _LAGS)
        self.skipped = tally("skipped_runs", "Skipped executions.", "job_name", "reason")
        self.missed = tally(
            "missed_runs", "Scheduled times that passed while no runner could execute them.", "job_name"
        )
        self.attempts = tally("attempts", "HTTP requests to targets.", "job_name", "outcome")
        text = (
            "Responses by status class (2xx to 5xx, or none) and host; the 101st and later hosts share the value other."
        )
        self.responses = tally("webhook_responses", text, "code_class", "host")
        text = "Time that requests waited for a free slot of limits.in_flight, in_flight_per_host or rate_per_host."
        self.waits = spread("webhook_wait_seconds", text, _LAGS)
        text = "Time of requests by phase: dns, connect, tls, first_byte, read."
        self.phases = spread("webhook_phase_seconds", text, _PHASES, "phase")
        self.fetches = counter("git_fetch", "Fetches from the remote: updated, unchanged, failed.", "result")
        self.fetch_time = histogram("git_fetch_duration_seconds", "Duration of a fetch, successful or not.", _FETCHES)
        text = "Requested rollbacks: committed, proposed, unchanged, refused."
        self.rollbacks = counter("rollbacks", text, "result")
        text = "Notifications by channel: sent, failed (to be retried), dropped."
        self.notifications = counter("notifications", text, "channel", "result")
        text = "Commit statuses sent to the forge: posted, failed (to be retried), dropped."
        self.forge_statuses = counter("forge_statuses", text, "result")
        self.http = counter("http_requests", "API requests.", "method", "route", "status")
        text = "Refused API calls: 401, 403, 429."
        self.callers_refused = counter("callers_refused", text, "status")
        self.http_time = histogram(
            "http_request_duration_seconds", "Duration of API requests.", _LAGS, "method", "route"
        )

    def forget(self, job: str) -> None:
        """Ends the series of a job that is no more."""
        for family in (self.executions, self.duration, self.skipped, self.missed, self.attempts):
            family.forget("job_name", job)
