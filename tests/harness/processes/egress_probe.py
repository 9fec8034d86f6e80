"""Run inside a network namespace without a route out: tries to reach metadata addresses, and counts who arrived.

``python -m harness.processes.egress_probe`` prints one JSON object. Every forbidden address is bound on the loopback
interface, so that a request which slips through arrives at the sentinel instead of anywhere else.
"""

import asyncio
import errno
import itertools
import json
import socket
import subprocess
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.webhook import Webhook
from chronos_gitops.schedule.timing import Timing
from chronos_gitops.webhooks.attempt import Delivery
from chronos_gitops.webhooks.credentials.secrets import Secrets
from chronos_gitops.webhooks.request import AttemptContext
from chronos_gitops.webhooks.transport.dns import AddressInfo, Resolve
from chronos_gitops.webhooks.transport.egress.egress import EgressPolicy

FRIEND = "10.0.0.1"
METADATA = ("169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192")
METADATA_6 = ("fd00:ec2::254", "fd20:ce::254")
HOSTS = (
    *METADATA,
    *(f"[{address}]" for address in METADATA_6),
    # Spellings of 169.254.169.254 that C libraries, browsers or proxies have read as that address.
    *("2852039166", "0xa9fea9fe", "0xA9.0xFE.0xA9.0xFE", "0251.0376.0251.0376", "025177524776", "169.254.43518"),
    *("169.16689662", "0xa9.254.0251.254", "169.254.169.254.", "0169.254.169.254", "00000251.0376.0251.0376"),
    *("4294967295.169.254.169.254", "169.254.169.254%00", "169%2E254%2E169%2E254", "%31%36%39.254.169.254"),
    *("１６９.２５４.１６９.２５４", "①⑥⑨.②⑤④.①⑥⑨.②⑤④", "169。254。169。254", "169.254.169.254\t", "169.254.169.254 "),
    *("[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[0:0:0:0:0:ffff:a9fe:a9fe]", "[0000::FFFF:A9FE:A9FE]"),
    *("[::169.254.169.254]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b::169.254.169.254]", "[2002:a9fe:a9fe::]"),
    *("[::ffff:169.254.169.254%25lo]", "[fd00:ec2:0:0:0:0:0:254]", "[FD00:EC2::254]", "[fe80::a9fe:a9fe]"),
    # Who is the host here?
    *(
        "10.0.0.1@169.254.169.254",
        "10.0.0.1:80@169.254.169.254",
        "169.254.169.254#@10.0.0.1",
        "10.0.0.1\\@169.254.169.254",
    ),
    *("169.254.169.254\\.10.0.0.1", "169.254.169.254:80", "169.254.169.254:0080", "169.254.169.254:00000000080"),
    # This machine, where the runner does not listen on loopback only.
    *(
        "localhost",
        "LOCALHOST.",
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "127.127.127.127",
        "2130706433",
        "0x7f000001",
        "017700000001",
    ),
    *("0", "0.0.0.0", "[::]", "[::1]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]"),
)
NAMES = ("metadata.google.internal", "localtest.example", "xn--metadata-9za.example")
FLIPS = 50


class Sentinel:
    """Listens on port 80 of every address and counts arrivals by the address that was reached; redirects visitors."""

    def __init__(self) -> None:
        self.hits: Counter[str] = Counter()

    async def start(self) -> None:
        for family, host in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
            await asyncio.start_server(self._talk, host, 80, family=family)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.hits[str(writer.get_extra_info("sockname")[0])] += 1
        await reader.read(65536)
        place = f"http://{METADATA[0]}/latest/meta-data/"
        writer.write(f"HTTP/1.1 307 Moved\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n".encode())
        writer.close()

    def unwanted(self) -> dict[str, int]:
        return {address: count for address, count in self.hits.items() if address != FRIEND}


def prepare() -> None:
    """The loopback interface with every address on it; refuses to go on where there is a way out."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for address in (FRIEND, *METADATA, *METADATA_6):
        length, extra = ("32", []) if "." in address else ("128", ["nodad"])
        subprocess.run(["ip", "addr", "add", f"{address}/{length}", "dev", "lo", *extra], check=True)
    with socket.socket() as out:
        out.settimeout(1)
        assert out.connect_ex(("192.0.2.1", 80)) == errno.ENETUNREACH, "this namespace has a way out"


async def attempt(policy: EgressPolicy, url: str, resolve: Resolve | None = None) -> str:
    job = Job("probe", Timing.parse("@hourly"), Webhook(url, timeout=timedelta(seconds=2)))
    async with Delivery(secrets=Secrets({}), egress=policy, user_agent="probe", resolve=resolve) as delivery:
        outcome = await delivery.attempt(job, AttemptContext("id", datetime(2026, 1, 1, tzinfo=UTC), 1, None))
    return str(outcome.status_code or outcome.error_class)


def answering(answers: Iterable[list[str]]) -> Resolve:
    """A name server that says something else each time."""
    following = itertools.cycle(answers)

    async def resolve(host: str) -> list[AddressInfo]:
        families = {4: socket.AF_INET, 6: socket.AF_INET6}
        return [(families[ip_address(address).version], address) for address in next(following)]

    return resolve


async def main() -> dict[str, object]:
    sentinel = Sentinel()
    await sentinel.start()
    ends: Counter[str] = Counter()
    tried = 0
    for level in ("public", "internal"):
        policy = EgressPolicy.parse(level, loopback_allowed=False)
        for host in HOSTS:
            ends[await attempt(policy, f"http://{host}/latest/meta-data/")] += 1
            tried += 1
        for name, address in itertools.product(NAMES, (*METADATA, *METADATA_6, "127.0.0.1", "::1", "::ffff:127.0.0.1")):
            ends[await attempt(policy, f"http://{name}/", answering([[address]]))] += 1
            tried += 1
    policy = EgressPolicy.parse("internal", loopback_allowed=False)
    flip = answering([[FRIEND], [METADATA[0]], [FRIEND, METADATA[0]], [METADATA[0], FRIEND], [FRIEND, "127.0.0.1"]])
    for _ in range(FLIPS):
        ends[await attempt(policy, "http://rebind.example/", flip)] += 1
    unwanted, friend = sentinel.unwanted(), sentinel.hits[FRIEND]
    for host in (METADATA[0], f"[{METADATA_6[0]}]", "127.0.0.1"):
        await attempt(EgressPolicy.parse("any"), f"http://{host}/")
    return {
        "spellings": len(set(HOSTS)),
        "requests": tried + FLIPS,
        "unwanted": unwanted,
        "friend": friend,
        "control": sum(sentinel.unwanted().values()),
        "ends": ends,
    }


if __name__ == "__main__":
    prepare()
    print(json.dumps(asyncio.run(main())))
