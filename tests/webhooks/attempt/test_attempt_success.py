"""``webhook.success`` over a real connection: the status first, then the body."""

import json
from collections.abc import Callable

import pytest
from harness.servers import Hostile, answer, answering, once

from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.promises.success import Success
from chronos_gitops.jobs.webhook import BearerAuth, Completion, OAuth2Auth
from chronos_gitops.webhooks.outcome import Outcome, OutcomeKind
from chronos_gitops.webhooks.request import AttemptContext

MakeJob = Callable[..., Job]
Deliver = Callable[..., Outcome]
DONE = {"json": "/status", "equals": "done"}


def success(*rules: dict[str, object], otherwise: str = "fail") -> Success:
    return Success.from_document({"body": list(rules), "otherwise": otherwise})


@pytest.mark.parametrize(
    ("otherwise", "kind"), [("fail", OutcomeKind.FAILED), ("retry", OutcomeKind.RETRY)], ids=["fail", "retry"]
)
def test_a_broken_rule_is_an_assertion(otherwise: str, kind: OutcomeKind, job_to: MakeJob, deliver: Deliver) -> None:
    with Hostile(answering(answer(body=b'{"status": "failed"}'))) as server:
        outcome = deliver(job_to(server.url(), success=success(DONE, otherwise=otherwise)))
    assert (outcome.kind, outcome.status_code, outcome.error_class) == (kind, 200, "assertion")
    assert outcome.error == 'body rule 1 (/status equals "done") failed: it is "failed"'
    assert outcome.response == '{"status": "failed"}'


def test_rules_that_hold_change_nothing(job_to: MakeJob, deliver: Deliver) -> None:
    with Hostile(answering(answer(body=b'{"status": "done"}'))) as server:
        outcome = deliver(job_to(server.url(), success=success(DONE, {"lacks": "ERROR"})))
    assert (outcome.kind, outcome.error) == (OutcomeKind.SUCCESS, None)


def test_another_status_is_judged_without_the_body(job_to: MakeJob, deliver: Deliver) -> None:
    with Hostile(answering(answer("503 Service Unavailable", b'{"status": "failed"}'))) as server:
        outcome = deliver(job_to(server.url(), success=success(DONE)))
    assert (outcome.kind, outcome.error_class) == (OutcomeKind.RETRY, "status")


@pytest.mark.parametrize(("size", "kind"), [(65_536, OutcomeKind.SUCCESS), (65_537, OutcomeKind.FAILED)])
def test_the_first_64_kib_are_judged(size: int, kind: OutcomeKind, job_to: MakeJob, deliver: Deliver) -> None:
    body = b'"' + b"x" * (size - 2) + b'"'
    with Hostile(answering(answer(body=body))) as server:
        assert deliver(job_to(server.url(), success=success({"json": "", "exists": True}))).kind is kind


def test_a_compressed_answer_was_not_asked_for(job_to: MakeJob, deliver: Deliver) -> None:
    with Hostile(answering(answer("200 OK", b"done", "Content-Encoding: GZip"))) as server:
        outcome = deliver(job_to(server.url(), success=success({"contains": "done"})))
    assert outcome.error is not None
    assert outcome.error.endswith("the answer is compressed (gzip), which was not asked for")


def test_a_body_that_breaks_off_is_no_success(job_to: MakeJob, deliver: Deliver) -> None:
    """Without rules the head alone decides."""
    cut = b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"status": "done"}'
    with Hostile(once(cut)) as server:
        outcome = deliver(job_to(server.url(), success=success({"contains": "done"})))
        assert deliver(job_to(server.url())).kind is OutcomeKind.SUCCESS
    assert (outcome.kind, outcome.status_code) == (OutcomeKind.RETRY, 200)


@pytest.mark.parametrize("padding", [0, 150, 190, 198, 250])
def test_no_secret_is_shown(padding: int, job_to: MakeJob, deliver: Deliver) -> None:
    """Also where JSON escapes it, and where the cut of the shown value falls into it."""
    secret = "canary-4f1d2c9a7b"
    body = json.dumps({"status": "x" * padding + secret}).replace("-", "\\u002d").encode()
    with Hostile(answering(answer(body=body))) as server:
        job = job_to(server.url(), success=success(DONE), auth=BearerAuth("${secret:pay}"))
        outcome = deliver(job, values={"pay": secret})
    assert outcome.error is not None
    assert "canary" not in outcome.error
    assert "canary" not in (outcome.response or "")


def test_the_breaker_takes_it_for_an_answer(job_to: MakeJob, deliver: Deliver) -> None:
    with Hostile(answering(answer(body=b"no"))) as server:
        job = job_to(server.url(), success=success({"contains": "done"}))
        assert deliver(job, job, job, breaker_after=2).error_class == "assertion"


@pytest.mark.parametrize(("body", "kind"), [(b"done", OutcomeKind.SUCCESS), (b"queued", OutcomeKind.FAILED)])
def test_of_a_target_that_calls_back_the_accepting_answer_is_judged(
    body: bytes, kind: OutcomeKind, job_to: MakeJob, call_of: Callable[..., AttemptContext], deliver: Deliver
) -> None:
    with Hostile(answering(answer("202 Accepted", body))) as server:
        job = job_to(server.url(), success=success({"contains": "done"}), completion=Completion.CALLBACK)
        outcome = deliver(job, call=call_of(signature="x" * 43), public_url=lambda: "https://chronos.example.com")
    assert (outcome.kind, outcome.status_code) == (kind, 202)


@pytest.mark.parametrize(("body", "kind"), [(b"done", OutcomeKind.SUCCESS), (b"no", OutcomeKind.FAILED)])
def test_the_answer_of_a_token_endpoint_is_not_judged(
    body: bytes, kind: OutcomeKind, job_to: MakeJob, deliver: Deliver
) -> None:
    token = b'{"access_token": "token-1", "token_type": "Bearer", "expires_in": 3600}'
    with Hostile(answering(answer(body=token))) as endpoint, Hostile(answering(answer(body=body))) as server:
        auth = OAuth2Auth(endpoint.url("/token"), "client", "${secret:client}")
        job = job_to(server.url(), success=success({"contains": "done"}, {"lacks": "token-1"}), auth=auth)
        assert deliver(job, values={"client": "hunter2-hunter2-hunter2"}).kind is kind
