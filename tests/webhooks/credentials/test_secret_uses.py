"""A secret, and a token obtained with one, goes only where it may (TEAMS 1): load and send agree on every use.

All of file x secret x form x origin, and for oauth2 x token endpoint x (cold or warm) cache, over real connections.
"""

import asyncio
import itertools
import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from harness.servers import Connection, Hostile, answer

from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.origins.origin import OriginPattern
from chronos_gitops.jobs.secrets.bindings import Bindings, SecretBinding
from chronos_gitops.jobs.validation.validate import validate_file
from chronos_gitops.webhooks.attempt import Delivery
from chronos_gitops.webhooks.credentials.secrets import Secrets
from chronos_gitops.webhooks.outcome import Outcome
from chronos_gitops.webhooks.request import AttemptContext
from chronos_gitops.webhooks.transport.dns import AddressInfo

VALUE = "s3cret-VALUE"
FILES = ("jobs/pay/a.yaml", "jobs/pay/eu/b.yaml", "jobs/pay2/c.yaml", "jobs/x.yaml")
HOSTS = ("http://bank.test:{port}", "http://eu.bank.test:{port}", "http://BANK.test.:{port}", "http://evil.test:{port}")
OTHERS = ("https://bank.test:{tls}", "http://bank.test:1", "http://bank.test.evil.test:{port}")
JOB_NAMED = "http://{{{{.JobName}}}}.test:{port}"
TOKENS = ("http://login.bank.test:{port}/token", "http://evil.test:{port}/token")
FORMS: dict[str, Any] = {
    "header": {"headers": {"X-Key": "${secret:key}"}},
    "body": {"method": "POST", "body": "k=${secret:key}"},
    "path": {},
    "bearer": {"auth": {"type": "bearer", "token": "${secret:key}"}},
    "basic": {"auth": {"type": "basic", "username": "u", "password": "${secret:key}"}},
    "api-key": {"auth": {"type": "api_key", "api_key": "${secret:key}"}},
    "hmac": {"auth": {"type": "hmac", "secret": "${secret:key}"}},
}
NewDelivery = Callable[..., Delivery]
CallOf = Callable[..., AttemptContext]


async def everything(connection: Connection) -> None:
    """Token endpoint and receiver in one."""
    while True:
        await connection.request()
        token = {"access_token": f"token-of-{VALUE}", "token_type": "Bearer", "expires_in": 3600}
        await connection.send(answer("200 OK", json.dumps(token).encode()))


@pytest.fixture(scope="module")
def server() -> Iterator[Hostile]:
    with Hostile(everything) as server:
        yield server


def binding_of(kind: str, port: int) -> SecretBinding | None:
    origins = tuple(map(OriginPattern.parse, (f"http://bank.test:{port}", f"http://*.bank.test:{port}")))
    return {
        "folder": SecretBinding(folders=("jobs/pay",)),
        "origins": SecretBinding(origins=origins),
        "both": SecretBinding(("jobs/pay",), origins),
        "one host": SecretBinding(origins=(OriginPattern.parse(f"http://BANK.test.:{port}"),)),
        "unbound": None,
    }[kind]


class Scene:
    """One delivery whose bindings may be tightened, as a warm cache needs it, and what it looked up and sent."""

    def __init__(self, new_delivery: NewDelivery, call_of: CallOf, server: Hostile, kind: str) -> None:
        self.names: list[str] = []
        self.server, self.call_of = server, call_of
        binding = binding_of(kind, server.port)
        self.bound = {} if binding is None else {"key": binding}
        self.bindings = Bindings(self.bound, "refuse")
        self.open = Bindings()
        self.secrets = Secrets({"key": VALUE}, bindings=self.bindings)
        self.delivery = new_delivery(secrets=self.secrets, resolve=self.resolve)

    async def resolve(self, host: str) -> list[AddressInfo]:
        self.names.append(host)
        return [(socket.AF_INET, "127.0.0.1")]

    def document(self, url: str, **webhook: Any) -> bytes:
        job = {"name": "daily-payout", "schedule": "@daily", "enabled": True}
        return json.dumps(job | {"webhook": {"url": url} | webhook}).encode()

    async def warm(self, path: str, content: bytes) -> None:
        """As another job would, whose use is allowed."""
        self.secrets._bindings = self.open
        await self.attempt(path, content)
        self.secrets._bindings = self.bindings

    async def attempt(self, path: str, content: bytes) -> Outcome:
        job = validate_file(path, content).job
        assert isinstance(job, Job)
        return await self.delivery.attempt(job, self.call_of(path=path))

    async def agrees(self, path: str, content: bytes) -> bool:
        """True if it was refused; asserts that load and send say the same, and that nothing left when refused."""
        on_load = [
            one for one in validate_file(path, content, bindings=self.bindings).problems if one.severity == "error"
        ]
        assert {one.rule for one in on_load} <= {"secret-binding", "secret-unbound"}
        before = len(self.server.heads), len(self.names)
        outcome = await self.attempt(path, content)
        refused = outcome.error_class == "secret"
        assert refused == bool(on_load), (path, content, outcome.error, on_load)
        assert VALUE not in f"{outcome.error}"
        if refused:
            assert (len(self.server.heads), len(self.names)) == before, "judged before DNS, and nothing was sent"
            assert on_load[0].message in f"{outcome.error}"
        return refused


@pytest.mark.timeout(120)
@pytest.mark.parametrize("kind", ["folder", "origins", "both", "one host", "unbound"])
def test_load_and_send_agree_on_every_use(
    server: Hostile, new_delivery: NewDelivery, call_of: CallOf, kind: str
) -> None:
    # Where folders alone decide, https may be sent: to a port where nobody listens.
    tls = 1 if kind == "folder" else server.port
    origins = [text.format(port=server.port, tls=tls) for text in (*HOSTS, *OTHERS, JOB_NAMED)]
    endpoints = [text.format(port=server.port) for text in TOKENS]
    uses = {True: 0, False: 0}

    async def scene() -> None:
        one = Scene(new_delivery, call_of, server, kind)
        async with one.delivery:
            for path, origin, (form, webhook) in itertools.product(FILES, origins, FORMS.items()):
                url = f"{origin}/${{secret:key}}" if form == "path" else f"{origin}/"
                uses[await one.agrees(path, one.document(url, **webhook))] += 1
        for is_warm, path, origin, endpoint in itertools.product((False, True), FILES, origins, endpoints):
            one = Scene(new_delivery, call_of, server, kind)
            auth = {"type": "oauth2", "token_url": endpoint, "client_id": "c", "client_secret": "${secret:key}"}
            content = one.document(f"{origin}/", auth=auth)
            async with one.delivery:
                if is_warm:
                    await one.warm("jobs/pay/a.yaml", one.document(f"http://bank.test:{server.port}/", auth=auth))
                    one.names.clear()
                uses[await one.agrees(path, content)] += 1

    asyncio.run(scene())
    print(kind, uses)
    assert sum(uses.values()) == 4 * 8 * 7 + 2 * 4 * 8 * 2
    assert uses[True] > 0
    assert (uses[False] > 0) == (kind != "unbound")


@pytest.mark.parametrize(
    ("address", "class_", "message"),
    [
        ("https://othersecretabc77.invalid/x", "secret", "sent to the address that ${secret:chat} holds"),
        ("http://othersecretabc77.invalid/x", "dns", "${secret:chat} could not be resolved"),
        ("http://127.0.0.1:1/x", "connect", "no connection to ${secret:chat}"),
        ("http://169.254.169.254/x", "refused-address", "${secret:chat} leads to a cloud metadata address"),
        ("http://othersecretabc77.invalid:99999/x", "request", "the url has a port that is not"),
        ("othersecretabc77.invalid", "request", "the url is not absolute"),
    ],
)
def test_no_error_shows_an_address_that_is_a_secret(
    deliver: Callable[..., Outcome], job_to: Callable[..., Job], address: str, class_: str, message: str
) -> None:
    async def unknown(_: str) -> list[AddressInfo]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    hosts = ("othersecretabc77.invalid", "169.254.169.254", "127.0.0.1:1")
    bound = SecretBinding(origins=tuple(OriginPattern.parse(f"http://{host}") for host in hosts))
    secrets = Secrets({"chat": address}, bindings=Bindings({"chat": bound}))
    outcome = deliver(job_to("${secret:chat}"), secrets=secrets, resolve=unknown)
    assert outcome.error_class == class_
    assert message in f"{outcome.error}"
    for part in ("othersecretabc77", "169.254", "127.0.0.1", "99999"):
        assert part not in repr(outcome)


def test_a_url_has_no_secret_in_its_host_part(deliver: Callable[..., Outcome], job_to: Callable[..., Job]) -> None:
    for url in (
        "https://${secret:k}.example.com/",
        "http://a.test:${secret:k}/",
        "${secret:k}/x",
        "${secret:k}${secret:k}",
    ):
        outcome = deliver(job_to(url), values={"k": "8080"})
        assert (outcome.error_class, "host part" in f"{outcome.error}") == ("secret", True), url
        text = json.dumps({"name": "daily-payout", "schedule": "@daily", "enabled": True, "webhook": {"url": url}})
        assert "secret-in-host" in {one.rule for one in validate_file("jobs/daily-payout.yaml", text.encode()).problems}
