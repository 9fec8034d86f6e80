"""The callback URL of a request: sent to the target, shown to nobody else, and kept of nothing that comes back."""

import asyncio
from collections.abc import Callable, Iterator

import pytest
from harness.servers import Connection, Hostile, answer

from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.webhook import Completion, OAuth2Auth
from chronos_gitops.webhooks.attempt import Delivery
from chronos_gitops.webhooks.curl_command import curl
from chronos_gitops.webhooks.outcome import Outcome, OutcomeKind
from chronos_gitops.webhooks.request import AttemptContext, masked

MakeJob = Callable[..., Job]
Deliver = Callable[..., Outcome]
NewDelivery = Callable[..., Delivery]
CallOf = Callable[..., AttemptContext]
SIGNATURE = "Wm9uZXMtb2YtdGltZS1hbmQtb3RoZXItc2VjcmV0cy0"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def public_url() -> str:
    return "https://chronos.example.com/base"


async def echo(connection: Connection) -> None:
    """Sends the head of the request back."""
    head = await connection.request()
    await connection.send(answer("202 Accepted", head))


def test_the_target_gets_it_and_what_it_echoes_is_kept_without_it(
    job_to: MakeJob, call_of: CallOf, deliver: Deliver
) -> None:
    with Hostile(echo) as server:
        job = job_to(server.url("/"), completion=Completion.CALLBACK)
        outcome = deliver(job, call=call_of(signature=SIGNATURE), public_url=public_url)
    assert (outcome.kind, outcome.status_code) == (OutcomeKind.SUCCESS, 202)
    path = "/base/api/v1/executions/0f8fad5b-d9cb-469f-a165-70867728950e/callback?signature="
    assert f"X-Chronos-Callback-URL: https://chronos.example.com{path}***" in (outcome.response or "")
    assert SIGNATURE not in (outcome.response or "")


def test_nothing_is_sent_when_nobody_knows_where_a_callback_would_go(
    receiver: Receiver, job_to: MakeJob, call_of: CallOf, deliver: Deliver
) -> None:
    outcome = deliver(job_to(receiver.url(), completion=Completion.CALLBACK), call=call_of(signature=SIGNATURE))
    assert (outcome.kind, outcome.error_class) == (OutcomeKind.FAILED, "request")
    assert "set public_url in chronos.toml" in (outcome.error or "")
    assert receiver.requests == ()


def test_a_job_that_awaits_none_has_no_such_header(
    receiver: Receiver, job_to: MakeJob, call_of: CallOf, deliver: Deliver
) -> None:
    deliver(job_to(receiver.url()), call=call_of(signature=SIGNATURE), public_url=public_url)
    [request] = receiver.requests
    assert request.header("X-Chronos-Callback-URL") is None


def test_a_file_cannot_set_it(receiver: Receiver, job_to: MakeJob, call_of: CallOf, deliver: Deliver) -> None:
    given = (("X-Chronos-Callback-URL", "https://elsewhere.example.com/"),)
    job = job_to(receiver.url(), completion=Completion.CALLBACK, headers=given)
    deliver(job, call=call_of(signature=SIGNATURE), public_url=public_url)
    [request] = receiver.requests
    values = [value for name, value in request.headers if name == "X-Chronos-Callback-URL"]
    assert len(values) == 1
    assert values[0].startswith("https://chronos.example.com/base/")


def test_it_is_shown_as_three_stars(job_to: MakeJob, call_of: CallOf) -> None:
    job = job_to("https://a.example.com/", completion=Completion.CALLBACK)
    shown = masked(job, call_of(signature=SIGNATURE), user_agent="chronos-gitops/0.1")
    assert dict(shown.headers)["X-Chronos-Callback-URL"] == "***"
    assert SIGNATURE not in curl(shown) + repr(call_of(signature=SIGNATURE))


def test_a_message_is_scrubbed_of_what_the_job_sends(
    job_to: MakeJob, call_of: CallOf, new_delivery: NewDelivery
) -> None:
    job = job_to("https://a.example.com/${secret:key}", completion=Completion.CALLBACK)
    call = call_of(signature=SIGNATURE)

    async def kept(**options: object) -> str:
        async with new_delivery(public_url=public_url, **options) as delivery:
            return delivery.excerpt(job, call, f"with s3cret-key at ?signature={SIGNATURE}")

    assert asyncio.run(kept(values={"key": "s3cret-key"})) == "with ${secret:key} at ?signature=***"
    # A secret that is gone cannot be looked for, so nothing is kept.
    assert asyncio.run(kept()).startswith("(not kept, because")


def test_a_message_is_scrubbed_of_an_access_token(job_to: MakeJob, call_of: CallOf, new_delivery: NewDelivery) -> None:
    async def endpoint(connection: Connection) -> None:
        await connection.request()
        await connection.send(answer("200 OK", b'{"access_token": "t0ken-of-an-hour", "expires_in": 3600}'))

    async def kept(url: str) -> str:
        auth = OAuth2Auth(url, "me", "cl1ent-secret")
        job = job_to(url, completion=Completion.CALLBACK, auth=auth)
        async with new_delivery(public_url=public_url) as delivery:
            await delivery.attempt(job, call_of(signature=SIGNATURE))
            return delivery.excerpt(job, call_of(signature=SIGNATURE), "t0ken-of-an-hour cl1ent-secret fine")

    with Hostile(endpoint) as server:
        assert asyncio.run(kept(server.url("/"))) == "*** *** fine"
