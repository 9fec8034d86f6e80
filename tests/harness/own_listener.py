"""Jobs that call the runner itself: every way to listen, every spelling of the address, every egress level.

``python -m harness.own_listener`` prints one JSON object; it is run inside a network namespace without a route out,
with two addresses of one network on the loopback interface, the second of which is a secondary one.
"""

import asyncio
import json
import socket
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.webhook import Webhook
from chronos_gitops.schedule.timing import Timing
from chronos_gitops.webhooks.attempt import Delivery
from chronos_gitops.webhooks.credentials.secrets import Secrets
from chronos_gitops.webhooks.outcome import Outcome
from chronos_gitops.webhooks.request import AttemptContext
from chronos_gitops.webhooks.transport.egress.egress import EgressPolicy
from chronos_gitops.webhooks.transport.egress.own_listener import Listener
from chronos_gitops.webhooks.transport.tls import TlsContexts

LOOPBACK = ("127.0.0.1", "::1", "0.0.0.0", "::")
PRIMARY, SECONDARY = "10.0.0.1", "10.0.0.2"
SPELLINGS = ("127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "[0:0:0:0:0:ffff:7f00:1]", "0.0.0.0", "[::]")
OTHERS = ("127.9.9.9", "LOCALHOST", "[0:0::1]", "[::ffff:7f09:909]")


TRUST = TlsContexts()
"""Read once: the authorities of the system take 50 ms."""


class Ears:
    """A listener that counts connections and bytes; nothing is answered."""

    def __init__(self) -> None:
        self.opened = 0
        self.heard = b""

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        self.heard += await reader.read(65536)
        writer.close()


@contextmanager
def listening(host: str) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family, dualstack_ipv6=host == "::") as sock:
        yield sock


async def attempt(url: str, listener: Listener, level: str) -> Outcome:
    """``egress.allow`` names the address, too: no setting opens this door."""
    allow = (f"127.0.0.1:{listener.port}", "127.0.0.0/8", "10.0.0.0/8", f"localhost:{listener.port}")
    policy = EgressPolicy.parse(level, allow, loopback_allowed=True)
    job = Job("probe", Timing.parse("@hourly"), Webhook(url, timeout=timedelta(seconds=2)))
    made = Delivery(secrets=Secrets({}), egress=policy, user_agent="probe", listener=listener, trust=TRUST)
    async with made as delivery:
        return await delivery.attempt(job, AttemptContext("id", datetime(2026, 1, 1, tzinfo=UTC), 1, None))


async def tried(host: str, spellings: Sequence[str]) -> Counter[str]:
    """The outcome of a job to each spelling, over http and https, at each level, and how many bytes arrived."""
    ends: Counter[str] = Counter()
    ears = Ears()
    with listening(host) as sock:
        server = await asyncio.start_server(ears.talk, sock=sock)
        listener = Listener(*sock.getsockname()[:2])
        for spelling in spellings:
            for scheme in ("http", "https"):
                for level in ("public", "internal", "any"):
                    outcome = await attempt(f"{scheme}://{spelling}:{listener.port}/", listener, level)
                    ends[f"{outcome.error_class}"] += 1
                    ends["tried"] += 1
                    ends["itself"] += (outcome.error or "").startswith("this is the runner itself")
        server.close()
    ends["bytes"] = len(ears.heard)
    return ends


async def main() -> dict[str, Counter[str]]:
    own = (PRIMARY, SECONDARY, f"[::ffff:{SECONDARY}]", *SPELLINGS, *OTHERS)
    return {host: await tried(host, own) for host in (*LOOPBACK, PRIMARY, SECONDARY)}


if __name__ == "__main__":
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for address in (PRIMARY, SECONDARY):
        subprocess.run(["ip", "addr", "add", f"{address}/24", "dev", "lo"], check=True)
    print(json.dumps(asyncio.run(main())))
