"""Spans to an OpenTelemetry collector, as OTLP over HTTP. Knows the packages of the extra ``otel``.

Spans are made when they end, with ids that the execution's id gives: the same on every runner, after restarts, and in
the ``traceparent`` of requests. A thread of the SDK sends them; while the collector is away, the newest 2,048 wait.
"""

import atexit
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from chronos_gitops import __version__
from chronos_gitops.engine.model import Execution
from chronos_gitops.engine.model import Status as ExecutionStatus
from chronos_gitops.jobs.model import Job, JobSet
from chronos_gitops.schedule.timestamps import rfc3339
from chronos_gitops.webhooks.outcome import Outcome, OutcomeKind
from chronos_gitops.webhooks.request import AttemptContext, span_id_of, trace_id_of, traceparent
from chronos_gitops.webhooks.url import authority_of

_SCOPE = InstrumentationScope("chronos_gitops", __version__)
_EVERY_MS = 1000
_NANOSECONDS = 1_000_000_000

Attributes = dict[str, str | int | None]


class OtlpSpans:
    """``endpoint`` is the collector's address without ``/v1/traces``."""

    def __init__(self, endpoint: str, service: str) -> None:
        self._resource = Resource.create({"service.name": service, "service.version": __version__})
        self._ids = RandomIdGenerator()
        self._sender = BatchSpanProcessor(
            OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces"), schedule_delay_millis=_EVERY_MS
        )
        atexit.register(self._sender.shutdown)

    def attempt_ended(self, job: Job, call: AttemptContext, outcome: Outcome) -> None:
        _, trace_id, span_id, _ = traceparent(call).split("-")
        end = time.time_ns()
        host, port = _server(job)
        attributes: Attributes = {
            "http.request.method": job.webhook.method,
            "http.request.resend_count": call.attempt - 1 or None,
            "http.response.status_code": outcome.status_code,
            "server.address": host,
            "server.port": port,
            "error.type": outcome.error_class,
            "chronos.job.name": job.name,
            "chronos.execution.id": call.execution_id,
            "chronos.attempt": call.attempt,
        }
        self._send(
            job.webhook.method,
            _context(trace_id, span_id),
            (end - _nanoseconds(outcome.duration), end),
            attributes,
            parent=_context(trace_id, span_id_of(call.execution_id)),
            kind=SpanKind.CLIENT,
            error=outcome.error_class if outcome.kind is not OutcomeKind.SUCCESS else None,
        )

    def attempt_finished(self, job: Job, outcome: Outcome) -> None:
        pass

    def execution_finished(self, execution: Execution) -> None:
        if execution.started_at is None or execution.completed_at is None:
            return
        attributes: Attributes = {
            "chronos.job.name": execution.job,
            "chronos.execution.id": execution.id,
            "chronos.status": str(execution.status),
            "chronos.reason": execution.reason,
            "chronos.trigger": str(execution.trigger),
            "chronos.scheduled_time": rfc3339(execution.scheduled_time),
            "chronos.attempts": execution.attempts,
            "chronos.version": execution.version,
            "vcs.ref.head.revision": execution.commit,
            "error.type": execution.error_class,
        }
        failed = execution.status is ExecutionStatus.FAILED
        self._send(
            f"execute {execution.job}",
            _context(trace_id_of(execution.id), span_id_of(execution.id)),
            (_instant(execution.started_at), _instant(execution.completed_at)),
            attributes,
            error=execution.error_class or "failed" if failed else None,
        )

    def git_fetched(self, result: str, seconds: float) -> None:
        end = time.time_ns()
        error = "failed" if result == "failed" else None
        times = (end - round(seconds * _NANOSECONDS), end)
        self._send("git fetch", self._root(), times, {"chronos.result": result}, error=error)

    def reload(self, apply: Callable[[JobSet], None]) -> Callable[[JobSet], None]:
        def applied(jobs: JobSet) -> None:
            start, error = time.time_ns(), None
            try:
                apply(jobs)
            except BaseException as raised:
                error = type(raised).__name__
                raise
            finally:
                attributes: Attributes = {"chronos.jobs": len(jobs.definitions)}
                self._send("reload", self._root(), (start, time.time_ns()), attributes, error=error)

        return applied

    def _root(self) -> SpanContext:
        trace_id, span_id = self._ids.generate_trace_id(), self._ids.generate_span_id()
        return SpanContext(trace_id, span_id, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))

    def _send(
        self,
        name: str,
        context: SpanContext,
        times: tuple[int, int],
        attributes: Attributes,
        *,
        parent: SpanContext | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        error: str | None = None,
    ) -> None:
        """``times`` are nanoseconds since 1970."""
        span = ReadableSpan(
            name,
            context,
            parent=parent,
            resource=self._resource,
            attributes={key: value for key, value in attributes.items() if value is not None},
            kind=kind,
            status=Status(StatusCode.UNSET) if error is None else Status(StatusCode.ERROR, error),
            start_time=times[0],
            end_time=times[1],
            instrumentation_scope=_SCOPE,
        )
        self._sender.on_end(span)


def _server(job: Job) -> tuple[str, int | None]:
    """The port only where the job names one."""
    authority = authority_of(job.webhook.url)
    host, _, port = authority.rpartition(":")
    return (host, int(port)) if port.isdecimal() else (authority, None)


def _context(trace_id: str, span_id: str) -> SpanContext:
    flags = TraceFlags(TraceFlags.SAMPLED)
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=False, trace_flags=flags)


def _instant(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000) * 1000


def _nanoseconds(duration: timedelta) -> int:
    return round(duration.total_seconds() * _NANOSECONDS)
