"""Run inside a network namespace without a route out: jobs of folders with different egress policies share one
``Delivery``, its kept connections and its DNS cache; a server that keeps connections counts requests by job.

``python -m harness.processes.egress_folder_probe`` prints one JSON object: the targets that each folder reached.
"""

import asyncio
import itertools
import json
import socket
from collections import Counter
from datetime import UTC, datetime, timedelta

from harness.processes.egress_probe import FRIEND, METADATA, METADATA_6, prepare

from chronos_gitops.config.groups import Egress
from chronos_gitops.config.model import FolderEgress
from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.webhook import Webhook
from chronos_gitops.schedule.timing import Timing
from chronos_gitops.webhooks.attempt import Delivery
from chronos_gitops.webhooks.credentials.secrets import Secrets
from chronos_gitops.webhooks.request import AttemptContext
from chronos_gitops.webhooks.transport.dns import AddressInfo
from chronos_gitops.webhooks.transport.egress.egress_folders import EgressPolicies

EGRESS = Egress(
    "public",
    folders={
        "jobs/ops": FolderEgress("any"),
        "jobs/ops/strict": FolderEgress("public"),
        "jobs/cloud": FolderEgress(allow=(f"{METADATA[0]}:80",)),
        "jobs/inside": FolderEgress("internal", responses="none"),
    },
)
FOLDERS = ("jobs", "jobs/ops", "jobs/ops/eu", "jobs/ops/strict", "jobs/ops2", "jobs/cloud", "jobs/inside")
TARGETS = {
    "metadata": f"http://{METADATA[0]}/",
    "metadata-6": f"http://[{METADATA_6[0]}]/",
    "private": f"http://{FRIEND}/",
    "loopback": "http://127.0.0.1/",
    "name of metadata": "http://metadata.test/",
    "name of private": "http://private.test/",
}
NAMES = {"metadata.test": METADATA[0], "private.test": FRIEND}


async def resolve(host: str) -> list[AddressInfo]:
    return [(socket.AF_INET, NAMES[host])]


class Server:
    """Answers every request of a connection, and counts them by the job that its header names."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.connections = 0

    async def start(self) -> None:
        for family, host in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
            await asyncio.start_server(self._talk, host, 80, family=family)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while head := await _head(reader):
            name = next(line for line in head.splitlines() if line.lower().startswith("x-chronos-job-name:"))
            self.requests[name.partition(":")[2].strip()] += 1
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nconfident")


async def _head(reader: asyncio.StreamReader) -> str:
    try:
        return (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return ""


async def main() -> dict[str, object]:
    server = Server()
    await server.start()
    policies = EgressPolicies.parse(EGRESS, loopback_allowed=False)
    ends: Counter[str] = Counter()
    kept: set[str] = set()
    uses = list(itertools.product(FOLDERS, TARGETS)) * 3
    names = {use: f"job-{number}" for number, use in enumerate(dict.fromkeys(uses))}
    async with Delivery(secrets=Secrets({}), egress=policies, user_agent="probe", resolve=resolve) as delivery:

        async def attempt(folder: str, target: str) -> None:
            webhook = Webhook(TARGETS[target], timeout=timedelta(seconds=9))
            job = Job(names[folder, target], Timing.parse("@hourly"), webhook)
            call = AttemptContext("id", datetime(2026, 1, 1, tzinfo=UTC), 1, None, path=f"{folder}/a.yaml")
            outcome = await delivery.attempt(job, call)
            ends[str(outcome.status_code or outcome.error_class)] += 1
            if outcome.response:
                kept.add(folder)

        for use in uses:
            await attempt(*use)
        await asyncio.gather(*(attempt(*use) for use in uses))
    reached: dict[str, list[str]] = {folder: [] for folder in FOLDERS}
    for (folder, target), name in names.items():
        if server.requests[name]:
            reached[folder].append(target)
    requests = sum(server.requests.values())
    return {
        "attempts": 2 * len(uses),
        "requests": requests,
        "connections": server.connections,
        "reached": reached,
        "kept": sorted(kept),
        "ends": ends,
    }


if __name__ == "__main__":
    prepare()
    print(json.dumps(asyncio.run(main())))
