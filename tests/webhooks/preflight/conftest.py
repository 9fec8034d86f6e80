"""A preflight over real connections, and receivers that count what reaches them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chronos_gitops.jobs.job_ids import DefinitionId
from chronos_gitops.jobs.model import Job, JobVersion
from chronos_gitops.jobs.webhook import Webhook
from chronos_gitops.schedule.timing import Timing
from chronos_gitops.webhooks.credentials.secrets import Secrets
from chronos_gitops.webhooks.preflight.checks import PlannedJob
from chronos_gitops.webhooks.preflight.preflight_run import PreflightProbe
from chronos_gitops.webhooks.request_factory import RequestFactory
from chronos_gitops.webhooks.transport.egress.egress import EgressPolicy
from chronos_gitops.webhooks.transport.egress.egress_folders import EgressPolicies, FolderPolicy
from chronos_gitops.webhooks.transport.tls import TlsContexts

Plan = Callable[..., PlannedJob]


@pytest.fixture
def plan() -> Plan:
    """``plan(url, count=3)``: a job that is due at the next full hours."""

    def make(url: str, *, name: str = "daily-backup", count: int = 1, end: str = "", **webhook: Any) -> PlannedJob:
        times = webhook.pop("times", ())
        timing = Timing.parse("0 * * * *", key=name, end=end)
        job = Job(name, timing, Webhook(url, timeout=timedelta(seconds=60), **webhook))
        job = replace(job, enabled=True, times=times, retry_policy=replace(job.retry_policy, max_attempts=1))
        ticks = timing.upcoming(datetime.now(UTC), count)
        definition = JobVersion(job, f"jobs/{name}.yaml", DefinitionId("0", "0", None))
        return PlannedJob(definition, ticks[0], ticks[-1], "0f8fad5b-d9cb-469f-a165-70867728950e")

    return make


@pytest.fixture
def probe() -> Callable[..., PreflightProbe]:
    def make(*, secrets: Secrets | None = None, egress: EgressPolicies | None = None, **options: Any) -> PreflightProbe:
        level = EgressPolicy.parse("internal", loopback_allowed=True)
        trust = TlsContexts(options.pop("ca_file", None), options.pop("hosts", None))
        public_url, issuer = options.pop("public_url", ""), options.pop("issuer", None)
        requests = RequestFactory(
            secrets or Secrets({}), "chronos-gitops/0.1", lambda: datetime.now(UTC), lambda: public_url, issuer
        )
        return PreflightProbe(requests, egress or EgressPolicies(FolderPolicy(level)), trust, **options)

    return make
