"""Fixtures of delivery tests: a job, a call, and one attempt over a real connection."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from harness.servers import Certificates

from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.webhook import Webhook
from chronos_gitops.schedule.timing import Timing
from chronos_gitops.webhooks.attempt import Delivery
from chronos_gitops.webhooks.credentials.secrets import Secrets
from chronos_gitops.webhooks.outcome import Outcome
from chronos_gitops.webhooks.request import AttemptContext
from chronos_gitops.webhooks.transport.egress.egress import EgressPolicy
from chronos_gitops.webhooks.transport.tls import TlsContexts

TICK = datetime(2026, 1, 30, 7, tzinfo=UTC)
NOON = datetime(2026, 1, 30, 12, tzinfo=UTC)
LOOPBACK = EgressPolicy.parse("internal", loopback_allowed=True)


@pytest.fixture
def job_to() -> Callable[..., Job]:
    """``job_to(url, method="POST", timeout=0.5)``: a job with this webhook."""

    def make(url: str, *, name: str = "daily-backup", timeout: float = 5.0, **webhook: Any) -> Job:
        return Job(
            name, Timing.parse("0 * * * *", key=name), Webhook(url, timeout=timedelta(seconds=timeout), **webhook)
        )

    return make


@pytest.fixture
def call_of() -> Callable[..., AttemptContext]:
    def make(
        attempt: int = 1, *, execution: str = "0f8fad5b-d9cb-469f-a165-70867728950e", **fields: Any
    ) -> AttemptContext:
        return AttemptContext(execution, TICK, attempt, fields.pop("commit", "c0ffee"), **fields)

    return make


@pytest.fixture
def new_delivery() -> Callable[..., Delivery]:
    def make(*, values: dict[str, str] | None = None, **options: Any) -> Delivery:
        options.setdefault("secrets", Secrets(values or {}))
        options.setdefault("egress", LOOPBACK)
        options.setdefault("now", lambda: NOON)
        options.setdefault("trust", TlsContexts(options.pop("ca_file", None), options.pop("hosts", None)))
        return Delivery(user_agent="chronos-gitops/0.1", **options)

    return make


@pytest.fixture
def deliver(new_delivery: Callable[..., Delivery], call_of: Callable[..., AttemptContext]) -> Callable[..., Outcome]:
    """``deliver(job)``: the outcome of one attempt; ``deliver(job, job)`` the last of several, over one Delivery."""

    def run(*jobs: Job, call: AttemptContext | None = None, **options: Any) -> Outcome:
        async def attempts() -> Outcome:
            async with new_delivery(**options) as delivery:
                outcomes = [await delivery.attempt(job, call or call_of()) for job in jobs]
            return outcomes[-1]

        return asyncio.run(attempts())

    return run


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates.make(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def authority(certificates: Certificates) -> Path:
    return certificates.authority
