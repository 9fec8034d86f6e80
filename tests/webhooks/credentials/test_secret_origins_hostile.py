"""An author who may use a secret at one origin tries spellings that lead elsewhere: nothing leaves for another host."""

import asyncio
import itertools
import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from harness.servers import Connection, Hostile, answer

from chronos_gitops.jobs.origins.origin import OriginPattern
from chronos_gitops.jobs.problem import is_error
from chronos_gitops.jobs.secrets.bindings import Bindings, SecretBinding
from chronos_gitops.jobs.validation.validate import validate_file
from chronos_gitops.webhooks.attempt import Delivery
from chronos_gitops.webhooks.credentials.secrets import Secrets
from chronos_gitops.webhooks.request import AttemptContext
from chronos_gitops.webhooks.transport.dns import AddressInfo

VALUE = "s3cret-VALUE-4711"
ALLOWED = {"bank.test", "eu.pay.test"}
URLS = (
    *(
        "http://bank.test:{port}/",
        "http://BANK.test.:{port}/",
        "http://eu.pay.test:{port}/",
        "http://ⓑank.test:{port}/",
    ),
    *("http://evil.test:{port}/", "https://bank.test:{port}/", "http://bank.test/", "http://bank.test:1/"),
    *(
        "http://bank.test:{port}@evil.test:{port}/",
        "http://bank.test\\@evil.test:{port}/",
        "http://bank.test#@evil.test/",
    ),
    *(
        "http://evil.test:{port}\\.bank.test/",
        "http://evil.test:{port}/.bank.test",
        "http://evil.test:{port}?bank.test",
    ),
    *(
        "http://pay.test:{port}/",
        "http://xpay.test:{port}/",
        "http://eu.pay.test.evil.test:{port}/",
        "http://.pay.test:{port}/",
    ),
    *(
        "http://bank.test%2eevil.test:{port}/",
        "http://bank%2etest:{port}/",
        "http://bank。test:{port}/",
        "http://bank.test／:{port}/",
    ),
    *("http://bank.test:{port}:{port}/", "http://bank.test:0{port}/", "http://bank.test:/", "//bank.test:{port}/"),
    *(
        "http:bank.test:{port}",
        "HTTP://bank.test:{port}/",
        "ftp://bank.test:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
    ),
    *(
        "http://127.0.0.1:{port}/",
        "http://2130706433:{port}/",
        "http://xn--bnk-5na.test:{port}/",
        "http://bänk.test:{port}/",
    ),
    *(
        "http://{{{{.JobName}}}}.test:{port}/",
        "http://{{{{.JobName}}}}:{port}/",
        "http://{{{{.ExecutionID}}}}.pay.test:{port}/",
    ),
    *(
        "http://bank.test{{{{.Attempt}}}}:{port}/",
        "http://{{{{.Attempt}}}}.pay.test:{port}/",
        "http://bank.test:{port}/{{{{.JobName}}}}",
    ),
    *(
        "http://bank.test:{port}/../../@evil.test",
        "http://bank.test:{port}/?u=http://evil.test/",
        "http://bank.test:{port}/%0d%0aHost:evil.test",
    ),
)
USES: dict[str, dict[str, Any]] = {
    "header": {"headers": {"X-Key": "${secret:key}"}},
    "body": {"method": "POST", "body": "${secret:key}"},
    "query": {},
    "bearer": {"auth": {"type": "bearer", "token": "${secret:key}"}},
    "hmac": {"auth": {"type": "hmac", "secret": "${secret:key}"}},
    "token": {},
}
FILES = ("jobs/pay/a.yaml", "jobs/pay/../x/a.yaml", "jobs/payments/a.yaml", "jobs/PAY/a.yaml", "jobs/a.yaml")


async def everything(connection: Connection) -> None:
    while True:
        await connection.request()
        token = {"access_token": f"token-of-{VALUE}", "token_type": "Bearer", "expires_in": 3600}
        await connection.send(answer("200 OK", json.dumps(token).encode()))


@pytest.fixture(scope="module")
def server() -> Iterator[Hostile]:
    with Hostile(everything) as server:
        yield server


def webhook_of(use: str, url: str, port: int) -> dict[str, Any]:
    if use == "query":
        return {"url": f"{url}{'&' if '?' in url else '?'}k=${{secret:key}}"}
    if use == "token":
        endpoint = f"http://bank.test:{port}/token"
        auth = {"type": "oauth2", "token_url": endpoint, "client_id": "c", "client_secret": "${secret:key}"}
        return {"url": url, "auth": auth}
    return {"url": url} | USES[use]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("is_warm", [False, True])
def test_no_spelling_sends_a_secret_or_its_token_elsewhere(
    server: Hostile, call_of: Callable[..., AttemptContext], new_delivery: Callable[..., Delivery], is_warm: bool
) -> None:
    origins = tuple(map(OriginPattern.parse, (f"http://bank.test:{server.port}", f"http://*.pay.test:{server.port}")))
    bindings = Bindings({"key": SecretBinding(("jobs/pay",), origins)}, "refuse")
    names: list[str] = []

    async def resolve(host: str) -> list[AddressInfo]:
        names.append(host)
        return [(socket.AF_INET, "127.0.0.1")]

    async def scene() -> dict[str, int]:
        counted = {"tried": 0, "sent": 0, "refused on load": 0, "leaked": 0}
        delivery = new_delivery(secrets=Secrets({"key": VALUE}, bindings=bindings), resolve=resolve)
        async with delivery:
            if is_warm:
                await attempt(
                    delivery, "jobs/pay/a.yaml", webhook_of("token", f"http://bank.test:{server.port}/", server.port)
                )
            for path, (use, url) in itertools.product(FILES, itertools.product(USES, URLS)):
                webhook = webhook_of(use, url.format(port=server.port), server.port)
                names.clear()
                before = len(server.heads)
                refused = await attempt(delivery, path, webhook)
                counted["tried"] += 1
                counted["refused on load"] += refused
                counted["sent"] += len(server.heads) > before
                is_here = path == "jobs/pay/a.yaml"
                hosts = {name.rstrip(".") for name in names}
                leaked = len(server.heads) > before and (not is_here or not all(map(is_allowed, hosts)))
                counted["leaked"] += leaked
                assert not leaked, (path, webhook, names)
                assert not (refused and len(server.heads) > before), ("load refuses what is sent", path, webhook)
        return counted

    async def attempt(delivery: Delivery, path: str, webhook: dict[str, Any]) -> bool:
        content = json.dumps({"name": "evil", "schedule": "@daily", "enabled": True, "webhook": webhook}).encode()
        refused = any(map(is_error, validate_file(path, content, bindings=bindings).problems))
        job = validate_file(path, content).job
        if job is not None:  # as at a first start, where such a job stands
            outcome = await delivery.attempt(job, call_of(path=path))
            assert VALUE not in repr(outcome)
        return refused

    found = asyncio.run(scene())
    print(found)
    assert found["leaked"] == 0
    assert found["sent"] > 50, "what is allowed is sent"


def is_allowed(host: str) -> bool:
    return host in ALLOWED or (host.endswith(".pay.test") and host != ".pay.test")
