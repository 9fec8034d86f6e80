"""Client credentials against a real token endpoint and a real receiver, both on 127.0.0.1."""

import asyncio
import base64
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
from harness import servers
from harness.servers import Connection, Hostile, Talk, answer, answering

from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.origins.origin import OriginPattern
from chronos_gitops.jobs.secrets.bindings import Bindings, SecretBinding
from chronos_gitops.jobs.webhook import OAuth2Auth
from chronos_gitops.webhooks.attempt import Delivery
from chronos_gitops.webhooks.credentials.oauth2 import parse
from chronos_gitops.webhooks.credentials.secrets import Secrets
from chronos_gitops.webhooks.outcome import ExchangeError, Outcome, OutcomeKind
from chronos_gitops.webhooks.request import AttemptContext
from chronos_gitops.webhooks.transport.egress.egress import EgressPolicy
from chronos_gitops.webhooks.transport.http_response import HttpResponse

NOON = datetime(2026, 1, 30, 12, tzinfo=UTC)
MakeJob = Callable[..., Job]
Deliver = Callable[..., Outcome]
NewDelivery = Callable[..., Delivery]
CallOf = Callable[..., AttemptContext]


def endpoint(**fields: Any) -> Talk:
    """Gives out token-1, token-2 and so on."""
    count = 0

    async def talk(connection: Connection) -> None:
        nonlocal count
        while True:
            await connection.request()
            count += 1
            token = {"access_token": f"token-{count}", "token_type": "Bearer", "expires_in": 3600} | fields
            await connection.send(answer("200 OK", json.dumps(token).encode()))

    return talk


def accepting(*tokens: str) -> Talk:
    async def talk(connection: Connection) -> None:
        while True:
            head = await connection.request()
            good = any(f"Authorization: Bearer {token}\r\n".encode() in head for token in tokens)
            await connection.send(answer("200 OK" if good else "401 Unauthorized", head))

    return talk


def oauth2(server: Hostile, **fields: Any) -> OAuth2Auth:
    return OAuth2Auth(server.url("/token"), "client:1 ä", "${secret:client}", **fields)


def run(delivery: Delivery, job: Job, call: AttemptContext, count: int = 1) -> list[Outcome]:
    async def attempts() -> list[Outcome]:
        async with delivery:
            return [await delivery.attempt(job, call) for _ in range(count)]

    return asyncio.run(attempts())


@pytest.fixture
def receiver() -> Iterator[Hostile]:
    with Hostile(accepting("token-1", "token-2")) as receiver:
        yield receiver


def test_token_is_fetched_as_rfc_6749_says_and_sent(receiver: Hostile, job_to: MakeJob, deliver: Deliver) -> None:
    with Hostile(endpoint()) as server:
        outcome = deliver(job_to(receiver.url(), auth=oauth2(server, scope="a b")), values={"client": "s3cret/+ü"})
    assert outcome.kind is OutcomeKind.SUCCESS
    head = server.heads[0].decode().splitlines()
    assert head[0] == "POST /token HTTP/1.1"
    assert "Content-Type: application/x-www-form-urlencoded" in head
    assert parse_qs(server.bodies[0].decode()) == {"grant_type": ["client_credentials"], "scope": ["a b"]}
    basic = next(line for line in head if line.startswith("Authorization: Basic "))
    assert base64.b64decode(basic.split()[2]) == b"client%3A1+%C3%A4:s3cret%2F%2B%C3%BC"
    assert "X-Chronos-Execution-ID: 0f8fad5b-d9cb-469f-a165-70867728950e" in head, "no runner's API takes it"
    assert not any(b"s3cret" in line for line in server.heads)
    assert "token-1" not in repr(outcome)


def test_token_is_kept_until_shortly_before_it_expires(
    receiver: Hostile, job_to: MakeJob, call_of: CallOf, new_delivery: NewDelivery
) -> None:
    times = [NOON]

    async def scene(server: Hostile) -> None:
        job = job_to(receiver.url(), auth=oauth2(server))
        async with new_delivery(values={"client": "x"}, now=lambda: times[-1]) as delivery:
            for seconds, fetched in ((0, 1), (3500, 1), (3569, 1), (3570, 2), (3571, 2)):
                times.append(NOON + timedelta(seconds=seconds))
                assert (await delivery.attempt(job, call_of())).kind is OutcomeKind.SUCCESS
                assert len(server.heads) == fetched

    with Hostile(endpoint()) as server:
        asyncio.run(scene(server))


def test_crowd_of_attempts_fetches_one_token(
    receiver: Hostile, job_to: MakeJob, call_of: CallOf, new_delivery: NewDelivery
) -> None:
    async def scene(server: Hostile) -> None:
        job = job_to(receiver.url(), auth=oauth2(server))
        async with new_delivery(values={"client": "x"}) as delivery:
            tasks = [asyncio.create_task(delivery.attempt(job, call_of())) for _ in range(30)]
            await asyncio.sleep(0)
            tasks[0].cancel()  # whoever fetches may be cancelled; the next one does it
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
            assert [o.kind for o in outcomes if isinstance(o, Outcome)] == [OutcomeKind.SUCCESS] * 29

    with Hostile(endpoint()) as server:
        asyncio.run(scene(server))
        assert len(server.heads) <= 2
    assert len(receiver.heads) == 29


def test_other_scope_and_rotated_secret_are_other_tokens(
    receiver: Hostile, job_to: MakeJob, call_of: CallOf, new_delivery: NewDelivery
) -> None:
    values = {"client": "old"}

    async def scene(server: Hostile) -> None:
        async with new_delivery(secrets=Secrets(values)) as delivery:
            await delivery.attempt(job_to(receiver.url(), auth=oauth2(server)), call_of())
            await delivery.attempt(job_to(receiver.url(), auth=oauth2(server, scope="s")), call_of())
            values["client"] = "new"
            await delivery.attempt(job_to(receiver.url(), auth=oauth2(server)), call_of())

    with Hostile(endpoint()) as server:
        asyncio.run(scene(server))
    assert len(server.heads) == 3


def test_revoked_token_is_replaced_once(job_to: MakeJob, call_of: CallOf, new_delivery: NewDelivery) -> None:
    revoked: list[str] = []

    async def talk(connection: Connection) -> None:
        while True:
            head = await connection.request()
            is_revoked = any(token.encode() in head for token in revoked)
            await connection.send(answer("401 Unauthorized" if is_revoked else "200 OK"))

    async def scene(server: Hostile, receiver: Hostile) -> None:
        job = job_to(receiver.url(), auth=oauth2(server))
        async with new_delivery(values={"client": "x"}) as delivery:
            assert (await delivery.attempt(job, call_of())).kind is OutcomeKind.SUCCESS
            revoked.append("token-1")
            assert (await delivery.attempt(job, call_of())).kind is OutcomeKind.SUCCESS
            assert (len(server.heads), len(receiver.heads)) == (2, 3)
            revoked.extend(["token-2", "token-3"])
            assert (await delivery.attempt(job, call_of())).status_code == 401
            assert (len(server.heads), len(receiver.heads)) == (3, 5)

    with Hostile(endpoint()) as server, Hostile(talk) as receiver:
        asyncio.run(scene(server, receiver))


def test_new_token_that_is_refused_is_not_fetched_again(job_to: MakeJob, deliver: Deliver) -> None:
    with Hostile(endpoint()) as server, Hostile(accepting()) as receiver:
        outcome = deliver(job_to(receiver.url(), auth=oauth2(server)), values={"client": "x"})
        assert (outcome.kind, outcome.status_code) == (OutcomeKind.FAILED, 401)
        assert outcome.response is not None
        assert "Bearer ***" in outcome.response
        assert (len(server.heads), len(receiver.heads)) == (1, 1)


@pytest.mark.parametrize(
    ("content", "kind", "error"),
    [
        (
            answer("401 Unauthorized", b'{"error": "invalid_client", "error_description": "s3cret"}'),
            OutcomeKind.FAILED,
            "the token endpoint answered 401 Unauthorized (invalid_client)",
        ),
        (
            answer("400 Bad", b'{"error": "<b>s3cret"}'),
            OutcomeKind.FAILED,
            "the token endpoint answered 400 Bad Request",
        ),
        (
            answer("400 Bad", b'{"error": "confidential_state"}'),
            OutcomeKind.FAILED,
            "the token endpoint answered 400 Bad Request",
        ),
        (answer("400 Bad", b"[" * 50_000), OutcomeKind.FAILED, "the token endpoint answered 400 Bad Request"),
        (answer("503 Busy", b"s3cret"), OutcomeKind.RETRY, "the token endpoint answered 503 Service Unavailable"),
        (answer("429 Busy"), OutcomeKind.RETRY, "the token endpoint answered 429 Too Many Requests"),
        (answer("200 OK", b"no json"), OutcomeKind.FAILED, "the token endpoint did not answer with a bearer token"),
        (answer("200 OK", b"[]"), OutcomeKind.FAILED, "the token endpoint did not answer with a bearer token"),
        (
            answer("302 Found", b"", "Location: http://127.0.0.1:1/"),
            OutcomeKind.FAILED,
            "the token endpoint answered 302 Found; redirects are not followed",
        ),
    ],
)
def test_token_endpoint_that_refuses(
    content: bytes, kind: OutcomeKind, error: str, receiver: Hostile, job_to: MakeJob, deliver: Deliver
) -> None:
    with Hostile(answering(content)) as server:
        outcome = deliver(job_to(receiver.url(), auth=oauth2(server)), values={"client": "s3cret"})
    assert (outcome.kind, outcome.error_class, outcome.error) == (kind, "auth", error)
    assert (outcome.status_code, outcome.response) == (None, None)
    assert receiver.heads == []


def test_token_in_a_response_that_is_cut_short_is_asked_for_again(
    receiver: Hostile, job_to: MakeJob, deliver: Deliver
) -> None:
    """The status of the endpoint alone does not decide: its body must be judged."""
    token = b'{"access_token": "token-1", "token_type": "Bearer"}'
    with Hostile(servers.once(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + token)) as server:
        outcome = deliver(job_to(receiver.url(), auth=oauth2(server)), values={"client": "x"})
    assert (outcome.kind, outcome.error_class) == (OutcomeKind.RETRY, "connect")
    assert receiver.heads == []


def test_token_endpoint_shares_the_deadline(receiver: Hostile, job_to: MakeJob, deliver: Deliver) -> None:
    with Hostile(servers.silent) as server:
        outcome = deliver(job_to(receiver.url(), timeout=0.3, auth=oauth2(server)), values={"client": "x"})
    assert (outcome.kind, outcome.error_class) == (OutcomeKind.RETRY, "timeout")
    assert outcome.duration < timedelta(seconds=0.8)


def test_token_endpoint_obeys_egress_and_bindings(receiver: Hostile, job_to: MakeJob, deliver: Deliver) -> None:
    with Hostile(endpoint()) as server:
        job = job_to(receiver.url(), auth=oauth2(server))
        egress = EgressPolicy.parse("public", [f"127.0.0.1:{receiver.port}"])
        assert deliver(job, values={"client": "x"}, egress=egress).error_class == "refused-address"
        elsewhere = (OriginPattern.parse("https://elsewhere.example"),)
        bound = Secrets({"client": "x"}, bindings=Bindings({"client": SecretBinding(origins=elsewhere)}))
        assert deliver(job, secrets=bound).error_class == "secret"
        assert server.heads == []


def test_token_with_a_line_break_is_never_sent(receiver: Hostile, job_to: MakeJob, deliver: Deliver) -> None:
    with Hostile(endpoint(access_token="a\r\nX-Injected: 1")) as server:
        outcome = deliver(job_to(receiver.url(), auth=oauth2(server)), values={"client": "x"})
    assert (outcome.kind, outcome.error_class) == (OutcomeKind.FAILED, "request")
    assert receiver.heads == []


@pytest.mark.parametrize(
    ("expires_in", "seconds"),
    [
        (3600, 3570),
        (60, 30),
        (40, 20),
        (1, 0.5),
        (0, 0),
        (None, 270),
        ("3600", 270),
        (-1, 270),
        (1e12, 270),
        (True, 270),
    ],
)
def test_lifetime_of_a_token(expires_in: object, seconds: float) -> None:
    content = json.dumps({"access_token": "t", "token_type": "bearer", "expires_in": expires_in}).encode()
    assert parse(HttpResponse(200, None, content), NOON).good_until == NOON + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "fields", [{"token_type": "mac"}, {"access_token": ""}, {"access_token": 1}, {"token_type": 1}]
)
def test_only_bearer_tokens_are_taken(fields: dict[str, object]) -> None:
    content = json.dumps({"access_token": "t", "token_type": "bearer"} | fields).encode()
    with pytest.raises(ExchangeError, match="bearer token"):
        parse(HttpResponse(200, None, content), NOON)
