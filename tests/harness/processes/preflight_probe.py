"""Run inside a network namespace without a route out: a preflight of every spelling of a forbidden address.

``python -m harness.processes.preflight_probe`` prints one JSON object: arrivals at forbidden addresses, and the
spellings about which a preflight and a webhook disagree.
"""

import asyncio
import json
from datetime import UTC, datetime, timedelta

from harness.processes.egress_probe import FRIEND, HOSTS, METADATA, Sentinel, answering, attempt, prepare

from chronos_gitops.jobs.job_ids import DefinitionId
from chronos_gitops.jobs.model import Job, JobVersion
from chronos_gitops.jobs.webhook import Webhook
from chronos_gitops.schedule.timing import Timing
from chronos_gitops.webhooks.credentials.secrets import Secrets
from chronos_gitops.webhooks.preflight.checks import CheckResult, PlannedJob
from chronos_gitops.webhooks.preflight.preflight_run import PreflightProbe
from chronos_gitops.webhooks.request_factory import RequestFactory
from chronos_gitops.webhooks.transport.dns import Resolve
from chronos_gitops.webhooks.transport.egress.egress import EgressPolicy
from chronos_gitops.webhooks.transport.egress.egress_folders import EgressPolicies, FolderPolicy
from chronos_gitops.webhooks.transport.tls import TlsContexts

_TICK = datetime(2026, 1, 1, tzinfo=UTC)


async def preflight(policy: EgressPolicy, url: str, resolve: Resolve | None = None) -> str:
    """The check that failed; ``pass`` when none did."""
    job = Job("probe", Timing.parse("@hourly"), Webhook(url, timeout=timedelta(seconds=2)))
    planned = PlannedJob(JobVersion(job, "jobs/probe.yaml", DefinitionId("0")), _TICK, _TICK, "id")
    requests = RequestFactory(Secrets({}), "probe", lambda: _TICK)
    probe = PreflightProbe(requests, EgressPolicies(FolderPolicy(policy)), TlsContexts(), resolve=resolve)
    items = await asyncio.to_thread(probe.run, [planned])
    return next((item.check.value for item in items if item.result is CheckResult.FAIL), "pass")


async def main() -> dict[str, object]:
    sentinel = Sentinel()
    await sentinel.start()
    differ = []
    for level in ("public", "internal"):
        policy = EgressPolicy.parse(level, loopback_allowed=False)
        for host in HOSTS:
            url = f"http://{host}/latest/meta-data/"
            found, sent = await preflight(policy, url), await attempt(policy, url)
            if (found == "pass") != sent.isdecimal():
                differ.append((level, host, found, sent))
    forbidden = sentinel.unwanted()
    policy = EgressPolicy.parse("internal", loopback_allowed=False)
    both = await preflight(policy, "http://two.example/", answering([[FRIEND, METADATA[0]]]))
    friend = await preflight(policy, "http://friend.example/", answering([[FRIEND]]))
    return {"hosts": len(HOSTS), "differ": differ, "unwanted": forbidden, "both": both, "friend": friend}


if __name__ == "__main__":
    prepare()
    print(json.dumps(asyncio.run(main())))
