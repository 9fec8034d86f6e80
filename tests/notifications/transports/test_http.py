"""A message on its way by HTTP: what is sent, where it may go, how long it may take, and what is never told."""

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from time import monotonic

import pytest
from harness.servers import Certificates, Hostile, answer, answering, drip_body, drip_head, silent
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.config.channels import Channel, SecretValue, Slack, WebhookChannel
from chronos_gitops.config.groups import Egress
from chronos_gitops.config.model import HostTls
from chronos_gitops.notifications.message import Notification
from chronos_gitops.notifications.transports.http import NotificationSender, NotSent

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldY"

New = Callable[..., NotificationSender]


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def to(url: str | SecretValue, secret: str | SecretValue | None = None) -> Channel:
    given = SecretValue(secret) if isinstance(secret, str) else secret
    return Channel("ops", WebhookChannel(SecretValue(url) if isinstance(url, str) else url, given))


def refused(outlet: NotificationSender, channel: Channel, letter: Notification) -> NotSent:
    with pytest.raises(NotSent) as caught:
        outlet.send(channel, letter)
    return caught.value


def test_a_webhook_is_signed_as_standard_webhooks_says(new_outlet: New, hook: Receiver, letter: Notification) -> None:
    new_outlet().send(to(hook.url("/ok"), SECRET), letter)
    (request,) = hook.requests
    headers = {name.lower(): value for name, value in request.headers}
    assert (request.method, headers["content-type"], headers["webhook-id"]) == ("POST", "application/json", letter.id)
    assert Verifier(SECRET).verify(request.body, headers) == {
        "type": "job.failing",
        "timestamp": "2026-03-01T12:00:00Z",
        "data": {
            "title": letter.title,
            "text": "\n".join(letter.lines),
            "job": "daily-backup",
            "failures": 2,
        },
    }
    with pytest.raises(WebhookVerificationError):
        Verifier(OTHER).verify(request.body, headers)
    assert "x-chronos-job-name" not in headers, "it is no run of a job"


def test_while_a_signing_secret_is_replaced_both_are_good(
    new_outlet: New, hook: Receiver, letter: Notification
) -> None:
    new_outlet().send(to(hook.url("/ok"), f"{SECRET} {OTHER}"), letter)
    headers = {name.lower(): value for name, value in hook.requests[0].headers}
    for secret in (SECRET, OTHER):
        Verifier(secret).verify(hook.requests[0].body, headers)


def test_a_secret_that_cannot_sign_says_so_and_not_what_it_is(
    new_outlet: New, hook: Receiver, letter: Notification
) -> None:
    error = refused(new_outlet(), to(hook.url("/ok"), "whsec_!!!"), letter)
    assert error.message == "its secret is not base64 after whsec_"
    assert hook.requests == ()


def test_files_and_secrets_are_read_for_each_message(
    new_outlet: New, hook: Receiver, letter: Notification, tmp_path: Path
) -> None:
    url, folder = tmp_path / "url", tmp_path / "secrets"
    folder.mkdir()
    (folder / "signing").write_text(SECRET)
    outlet = new_outlet(secrets_folder=folder)
    channel = to(SecretValue(file=url), SecretValue("${secret:signing}"))
    error = refused(outlet, channel, letter)
    assert error.message.startswith(f"{url} cannot be read: No such file or directory")
    for path, secret in (("/first", SECRET), ("/second", OTHER)):
        url.write_text(f"{hook.url(path)}\n")
        (folder / "signing").write_text(secret)
        outlet.send(channel, letter)
        request = hook.requests[-1]
        assert request.path == path
        Verifier(secret).verify(request.body, {name.lower(): value for name, value in request.headers})


def test_slack_gets_a_text_in_which_nobody_is_called(new_outlet: New, hook: Receiver, letter: Notification) -> None:
    new_outlet().send(Channel("team", Slack(SecretValue(hook.url("/services/T0/B0/x")))), letter)
    document = json.loads(hook.requests[0].body)
    assert list(document) == ["text"]
    assert document["text"].split("\n") == [
        "*daily-backup is failing*",
        "Error: it answered &lt;b&gt;503&lt;/b&gt; &amp; said @\u200bchannel &lt;!here&gt;",
        "1 commit changed the job since then: 1a2b3c4d by Ada: Fix",
        "<https://chronos.example.com/jobs/daily-backup|job>",
    ]


@pytest.mark.parametrize("status", ["400 Bad Request", "404 Not Found", "302 Found", "500 Internal Server Error"])
def test_only_a_2xx_is_an_acceptance(new_outlet: New, letter: Notification, status: str) -> None:
    elsewhere = answer(status, b"no", "Location: http://127.0.0.1:9/elsewhere")
    with Hostile(answering(elsewhere)) as server:
        error = refused(new_outlet(), to(server.url()), letter)
    assert error.message.startswith(f"it answered {status}")
    assert len(server.heads) == 1, "redirects are not followed"


def test_who_asks_for_patience_is_heard(new_outlet: New, letter: Notification) -> None:
    with Hostile(answering(answer("429 Too Many Requests", b"", "Retry-After: 120"))) as server:
        assert refused(new_outlet(), to(server.url()), letter).retry_after == timedelta(minutes=2)


@pytest.mark.parametrize("talk", [drip_head, drip_body, silent], ids=["head", "body", "silent"])
def test_a_slow_answer_ends_at_the_deadline(new_outlet: New, letter: Notification, talk: Callable[..., object]) -> None:
    with Hostile(talk) as server:  # type: ignore[arg-type]  # a Talk, by another name
        began = monotonic()
        error = refused(new_outlet(deadline=0.5), to(server.url("/hidden-part")), letter)
        assert monotonic() - began < 5
        assert server.wait_for(lambda server: server.closed == 1, 10), "its connection is closed"
    assert error.message.startswith("no complete answer within 0.5 s")


def test_an_address_that_is_nobodys_is_told_without_its_path(
    new_outlet: New, letter: Notification, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with Receiver() as gone:
        port = gone.port
    error = refused(new_outlet(), to(f"http://127.0.0.1:{port}/services/hidden-part", SECRET), letter)
    assert error.message == f"no connection to 127.0.0.1:{port} (Connection refused)"
    assert "hidden-part" not in caplog.text
    assert SECRET not in repr(to("http://a/hidden-part", SECRET))
    assert "hidden-part" not in repr(to("http://a/hidden-part", SECRET))


@pytest.mark.parametrize("address", ["http://169.254.169.254/latest", "http://0.0.0.0/", "http://[fe80::1]/"])
def test_metadata_and_link_local_addresses_need_an_entry(new_outlet: New, letter: Notification, address: str) -> None:
    assert "which the egress level" in refused(new_outlet(), to(address), letter).message


def test_the_level_for_jobs_is_not_that_of_channels(new_outlet: New, hook: Receiver, letter: Notification) -> None:
    egress = Egress(level="public", only=("api.example.com",))
    new_outlet(egress=egress, host="0.0.0.0").send(to(hook.url("/ok")), letter)
    assert len(hook.requests) == 1


def test_tls_is_verified_with_the_authorities_of_egress(new_outlet: New, letter: Notification, tmp_path: Path) -> None:
    made = Certificates.make(tmp_path)
    with Hostile(answering(answer()), tls=made.context("hook")) as server:
        assert "was not accepted" in refused(new_outlet(), to(server.url()), letter).message
        new_outlet(egress=Egress(ca_file=made.authority)).send(to(server.url()), letter)
        new_outlet(egress=Egress(hosts={"127.0.0.1": HostTls(ca_file=made.authority)})).send(to(server.url()), letter)
    assert len(server.heads) == 2


def test_a_message_holds_no_value_of_a_secret(new_outlet: New, hook: Receiver, letter: Notification) -> None:
    outlet = new_outlet(secret_values={"backup-token": "hunter2-hunter2"})
    data = {"job": "a", "execution": {"error": "said hunter2-hunter2", "attempts": [1, "hunter2-hunter2"]}}
    leaky = replace(letter, lines=("Error: said hunter2-hunter2",), title="hunter2-hunter2", data=data)
    outlet.send(to(hook.url("/ok")), leaky)
    outlet.send(Channel("team", Slack(SecretValue(hook.url("/ok")))), leaky)
    for request in hook.requests:
        assert b"hunter2" not in request.body
        assert b"${secret:backup-token}" in request.body


def test_a_heartbeat_is_a_get(new_outlet: New, hook: Receiver) -> None:
    new_outlet().ping(SecretValue(hook.url("/ping/uuid")))
    (request,) = hook.requests
    assert (request.method, request.path, request.body) == ("GET", "/ping/uuid", b"")
    with pytest.raises(NotSent, match="it answered 404"):
        new_outlet().ping(SecretValue(hook.url("/status/404")))
