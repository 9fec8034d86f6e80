"""Spans of executions, attempts, fetches and reloads; sent by ``otlp_spans`` where an endpoint is set."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from chronos_gitops.engine.model import Execution
from chronos_gitops.errors import UsageError
from chronos_gitops.jobs.model import Job, JobSet
from chronos_gitops.webhooks.outcome import Outcome
from chronos_gitops.webhooks.request import AttemptContext

if TYPE_CHECKING:
    from chronos_gitops.config.groups import OpenTelemetry


class Spans(Protocol):
    """Called in the threads of the engine and of sync; neither blocks nor raises."""

    def attempt_ended(self, job: Job, call: AttemptContext, outcome: Outcome) -> None:
        """One request is over: its span has the ids of the ``traceparent`` that was sent."""

    def attempt_finished(self, job: Job, outcome: Outcome) -> None:
        """As the engine tells it, without the execution: ``attempt_ended`` had it."""

    def execution_finished(self, execution: Execution) -> None:
        """The parent of its attempts' spans. One that sent nothing has no span."""

    def git_fetched(self, result: str, seconds: float) -> None:
        """``result``: updated, unchanged or failed."""

    def reload(self, apply: Callable[[JobSet], None]) -> Callable[[JobSet], None]:
        """``apply``, with a span for each call."""


class NoSpans:
    def attempt_ended(self, job: Job, call: AttemptContext, outcome: Outcome) -> None:
        pass

    def attempt_finished(self, job: Job, outcome: Outcome) -> None:
        pass

    def execution_finished(self, execution: Execution) -> None:
        pass

    def git_fetched(self, result: str, seconds: float) -> None:
        pass

    def reload(self, apply: Callable[[JobSet], None]) -> Callable[[JobSet], None]:
        return apply


def of(settings: "OpenTelemetry") -> Spans:
    """UsageError when an endpoint is set and the extra is not installed."""
    if not settings.endpoint:
        return NoSpans()
    try:
        from chronos_gitops.observability.otlp_spans import OtlpSpans
    except ModuleNotFoundError as error:
        raise UsageError(
            f"otel.endpoint needs the package {error.name}, which is not installed",
            hint="pip install 'chronos-gitops[otel]'",
        ) from None
    return OtlpSpans(settings.endpoint, settings.service)
