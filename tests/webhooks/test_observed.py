"""Observations that an attempt records, over real connections."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from ssl import PEM_cert_to_DER_cert

import pytest
from harness.servers import Certificates, Hostile, answer, answering

from chronos_gitops.config.groups import Egress
from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.webhook import BearerAuth
from chronos_gitops.webhooks.attempt import Delivery
from chronos_gitops.webhooks.credentials.secrets import Secrets
from chronos_gitops.webhooks.observed import Fingerprints, Observed
from chronos_gitops.webhooks.outcome import Outcome
from chronos_gitops.webhooks.request import AttemptContext
from chronos_gitops.webhooks.transport.egress.egress_folders import EgressPolicies

OK = answering(answer("200 OK", b"ok"))
VALUE = "correct-horse-battery-staple"
Deliver = Callable[..., Outcome]


def observed(outcome: Outcome) -> Observed:
    assert outcome.observed is not None
    return outcome.observed


@pytest.mark.parametrize("attempts", [1, 2])
def test_address_and_certificate_are_noted_also_on_a_kept_connection(
    certificates: Certificates, job_to: Callable[..., Job], deliver: Deliver, attempts: int
) -> None:
    with Hostile(OK, tls=certificates.context("good")) as server:
        found = observed(deliver(*[job_to(server.url())] * attempts, ca_file=certificates.authority))
    pem = (certificates.authority.parent / "good.pem").read_text()
    leaf = pem[pem.index("-----BEGIN CERTIFICATE") :]
    leaf = leaf[: leaf.index("-----END CERTIFICATE-----") + 26]
    assert (found.host, found.address, found.runner) == ("127.0.0.1", "127.0.0.1", "0.1")
    assert found.certificate is not None
    assert found.certificate.sha256 == sha256(PEM_cert_to_DER_cert(leaf)).hexdigest()
    assert found.certificate.not_before < datetime.now(UTC) < found.certificate.not_after
    assert Observed.from_document(json.loads(json.dumps(found.document()))) == found


def test_a_secret_is_noted_by_fingerprint_and_time_and_a_short_one_by_time_alone(
    tmp_path: Path, job_to: Callable[..., Job], deliver: Deliver, call_of: Callable[..., AttemptContext]
) -> None:
    for name, value in (("long", VALUE), ("short", "fifteen-letters")):
        (tmp_path / name).write_text(value)
        os.utime(tmp_path / name, (1_790_000_000.25, 1_790_000_000.25))
    headers = (("X-A", "${secret:long}"), ("X-B", "${secret:short}"))
    call = call_of(fingerprints=Fingerprints(b"key"))
    with Hostile(OK) as server:
        job = job_to(server.url(), headers=headers)
        found = observed(deliver(job, call=call, secrets=Secrets({}, tmp_path)))
        other = observed(deliver(job, call=call_of(fingerprints=Fingerprints(b"other")), secrets=Secrets({}, tmp_path)))
        keyless = observed(deliver(job, secrets=Secrets({}, tmp_path)))
    at = datetime.fromtimestamp(1_790_000_000.25, UTC)
    assert {name: seen.changed_at for name, seen in found.secrets.items()} == {"long": at, "short": at}
    assert found.secrets["long"].fingerprint == Fingerprints(b"key").of("long", VALUE)
    assert len(found.secrets["long"].fingerprint or "") == 16
    assert found.secrets["short"].fingerprint is None
    assert other.secrets["long"].fingerprint not in (None, found.secrets["long"].fingerprint)
    assert keyless.secrets["long"].fingerprint is None
    assert VALUE not in json.dumps(found.document()) + repr(found)
    assert str(found.secrets["long"].fingerprint) not in repr(found)
    assert len(json.dumps(found.document(), separators=(",", ":"))) < 350


def test_headers_that_explain_a_response_are_kept_redacted_and_no_others(
    job_to: Callable[..., Job], deliver: Deliver
) -> None:
    fields = (
        "content-type: application/json",
        f"Location: https://files.example/a/{VALUE}?X-Amz-Signature=abcdef",
        "Set-Cookie: session=abcdef",
        "Authorization: Bearer abcdef",
        f"X-Request-Id: {'r' * 300}",
        "Via: 1.1 a",
        "Via: 1.1 b",
        f"Server: caddy\t{VALUE}\x1b[31m",
        "X-Debug: abcdef",
    )
    with Hostile(answering(answer("302 Found", b"", *fields))) as server:
        job = job_to(server.url(), headers=(("X-A", "${secret:long}"),))
        found = observed(deliver(job, values={"long": VALUE}))
    assert found.headers == {
        "Content-Type": "application/json",
        "Location": "https://files.example/a/${secret:long}?***",
        "X-Request-Id": "r" * 256,
        "Via": "1.1 a, 1.1 b",
        "Server": "caddy\t${secret:long}\\x1b[31m",
    }
    assert Observed.from_document(json.loads(json.dumps(found.document()))).headers == found.headers


def test_no_header_is_kept_where_no_response_is(job_to: Callable[..., Job], deliver: Deliver) -> None:
    egress = EgressPolicies.parse(Egress("internal", responses="none"), loopback_allowed=True)
    with Hostile(answering(answer("200 OK", b"ok", "Server: caddy"))) as server:
        assert observed(deliver(job_to(server.url()))).headers == {"Server": "caddy"}
        outcome = deliver(job_to(server.url()), egress=egress)
    assert (outcome.response, observed(outcome).headers) == (None, {})


def test_the_name_of_a_secret_is_in_its_fingerprint() -> None:
    assert Fingerprints(b"key").of("a", VALUE) != Fingerprints(b"key").of("b", VALUE)


def test_neither_host_nor_address_is_noted_of_a_url_that_is_a_secret(
    certificates: Certificates, job_to: Callable[..., Job], deliver: Deliver
) -> None:
    with Hostile(OK, tls=certificates.context("good")) as server:
        values = {"hook": server.url()}
        found = observed(deliver(job_to("${secret:hook}"), values=values, ca_file=certificates.authority))
    assert (found.host, found.address, found.certificate) == (None, None, None)
    assert found.secrets.keys() == {"hook"}
    assert "127.0.0.1" not in json.dumps(found.document())


def test_an_attempt_that_ends_early_notes_what_it_came_to(
    job_to: Callable[..., Job], deliver: Deliver, new_delivery: Callable[..., Delivery]
) -> None:
    job = job_to("http://127.0.0.1:9/", auth=BearerAuth("${secret:token}"))
    missing = observed(deliver(job))
    assert (missing.secrets, missing.address) == ({}, None)
    refused = observed(deliver(job, values={"token": VALUE}))
    assert (refused.secrets.keys(), refused.address) == ({"token"}, None)
