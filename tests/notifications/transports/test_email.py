"""A message by mail, to a real SMTP server on loopback."""

import asyncio
import email
import email.policy
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from harness.servers import Certificates, Connection, Hostile, silent

from chronos_gitops.config.channels import Channel, Email, SecretValue
from chronos_gitops.config.groups import Egress
from chronos_gitops.notifications.message import Notification
from chronos_gitops.notifications.transports.http import NotificationSender, NotSent

New = Callable[..., NotificationSender]


class Mailbox:
    """The messages that a server has accepted."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.envelopes: list[tuple[str | None, list[str]]] = []
        self.were_secret: list[bool] = []
        self.answer = "250 taken"
        self.loop: asyncio.AbstractEventLoop

    async def handle_DATA(self, _server: object, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        parsed = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(parsed, EmailMessage)
        self.mails.append(parsed)
        self.envelopes.append((envelope.mail_from, list(envelope.rcpt_tos)))
        self.were_secret.append(session.ssl is not None)
        return self.answer


@contextmanager
def serving(mailbox: Mailbox, *, tls: ssl.SSLContext | None = None, **options: Any) -> Iterator[int]:
    """The port of a server in a thread of its own; aiosmtpd's own controller cannot take a free one."""
    started: Future[int] = Future()
    ended = asyncio.Event()

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda *_: None)  # a refused handshake is what some tests are about
        server = await loop.create_server(
            lambda: SMTP(mailbox, loop=loop, hostname="mail", **options), "127.0.0.1", 0, ssl=tls
        )
        mailbox.loop = loop
        started.set_result(server.sockets[0].getsockname()[1])
        async with server:
            await ended.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    try:
        yield started.result(10)
    finally:
        mailbox.loop.call_soon_threadsafe(ended.set)
        thread.join(10)
        assert not thread.is_alive()


def to(port: int, **fields: Any) -> Channel:
    way = Email("127.0.0.1", port, "none", "chronos@example.com", ("oncall@example.com", "boss@example.com"))
    return Channel("mail", replace(way, **fields))


def refused(outlet: NotificationSender, channel: Channel, letter: Notification) -> str:
    with pytest.raises(NotSent) as caught:
        outlet.send(channel, letter)
    return caught.value.message


def test_a_mail_is_text_that_threads_and_that_no_responder_answers(new_outlet: New, letter: Notification) -> None:
    mailbox = Mailbox()
    with serving(mailbox) as port:
        new_outlet().send(to(port), letter)
    (mail,) = mailbox.mails
    assert mailbox.envelopes == [("chronos@example.com", ["oncall@example.com", "boss@example.com"])]
    assert mail["Subject"] == "[chronos] daily-backup is failing"
    assert (mail["From"], mail["To"]) == ("chronos@example.com", "oncall@example.com, boss@example.com")
    assert mail["Message-ID"] == f"<{letter.id}@example.com>", "the same however often it is sent"
    assert mail["References"] == f"<{letter.thread}@example.com>"
    assert (mail["Auto-Submitted"], mail["Date"]) == ("auto-generated", "Sun, 01 Mar 2026 12:00:00 +0000")
    assert mail.get_content_type() == "text/plain"
    assert mail.get_content().splitlines() == [
        letter.title,
        "",
        *letter.lines,
        "job: https://chronos.example.com/jobs/daily-backup",
    ]


def test_a_title_cannot_add_a_header(new_outlet: New, letter: Notification) -> None:
    mailbox = Mailbox()
    with serving(mailbox) as port:
        new_outlet().send(to(port), replace(letter, title="a\r\nBcc: eve@example.com\r\n\r\nHello ä 日本"))
    assert mailbox.mails[0]["Bcc"] is None
    assert mailbox.mails[0]["Subject"] == "[chronos] a Bcc: eve@example.com Hello ä 日本"
    assert "eve@example.com" not in mailbox.envelopes[0][1]


class Login:
    def __call__(self, _server: object, _session: object, _envelope: object, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        is_known = (data.login, data.password) == (b"chronos", b"correct-horse")
        return AuthResult(success=is_known, handled=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates.make(tmp_path_factory.mktemp("certificates"))


def test_the_password_goes_over_starttls_and_is_read_for_each_mail(
    new_outlet: New, letter: Notification, made: Certificates, tmp_path: Path
) -> None:
    mailbox, password = Mailbox(), tmp_path / "password"
    options = {"tls_context": made.context("starttls"), "require_starttls": True, "authenticator": Login()}
    outlet = new_outlet(egress=Egress(ca_file=made.authority))
    with serving(mailbox, auth_required=True, **options) as port:
        channel = to(port, tls="starttls", username="chronos", password=SecretValue(file=password))
        password.write_text("wrong-horse")
        error = refused(outlet, channel, letter)
        assert error == f"127.0.0.1:{port} does not accept the user name and password (code 535)"
        password.write_text("correct-horse\n")
        outlet.send(channel, letter)
        assert "was not accepted" in refused(new_outlet(), channel, letter), "an authority that nobody named"
    assert mailbox.were_secret == [True]


def test_tls_from_the_first_byte(new_outlet: New, letter: Notification, made: Certificates) -> None:
    mailbox = Mailbox()
    with serving(mailbox, tls=made.context("tls")) as port:
        new_outlet(egress=Egress(ca_file=made.authority)).send(to(port, tls="tls"), letter)
        assert "was not accepted" in refused(new_outlet(), to(port, tls="tls"), letter)
    assert len(mailbox.mails) == 1


def test_what_the_server_does_not_offer_is_not_done_without(new_outlet: New, letter: Notification) -> None:
    mailbox = Mailbox()
    with serving(mailbox) as port:
        assert "does not offer" in refused(new_outlet(), to(port, tls="starttls"), letter)
    assert mailbox.mails == []


def test_a_refusal_is_told_by_its_code_and_not_in_the_servers_words(new_outlet: New, letter: Notification) -> None:
    mailbox = Mailbox()
    mailbox.answer = "552 <script>too much</script>"
    with serving(mailbox) as port:
        assert refused(new_outlet(), to(port), letter) == f"127.0.0.1:{port} refuses the message (code 552)"


async def drip_greeting(connection: Connection) -> None:
    await connection.drip(b"220-" + b"x" * 100 + b"\r\n" * 1, 0.02)
    await connection.drip(b"220-still there\r\n" * 10_000, 0.01)


@pytest.mark.parametrize(("talk", "tls"), [(silent, "none"), (silent, "tls"), (drip_greeting, "none")])
def test_a_server_that_drips_is_left_at_the_deadline(
    new_outlet: New, letter: Notification, talk: Any, tls: str
) -> None:
    with Hostile(talk) as server:
        began = monotonic()
        error = refused(new_outlet(deadline=0.5), to(server.port, tls=tls), letter)
        assert monotonic() - began < 10
        assert server.wait_for(lambda server: server.closed == 1, 10)
    assert error == "the mail server did not take it within 1 s"


def test_a_mail_server_that_is_away_or_forbidden_is_named(new_outlet: New, letter: Notification) -> None:
    with serving(Mailbox()) as port:
        pass
    assert refused(new_outlet(), to(port), letter) == f"no connection to 127.0.0.1:{port} (Connection refused)"
    with Hostile(drip_greeting) as server:
        error = refused(new_outlet(), to(server.port, tls="tls"), letter)
    assert error == f"the connection to 127.0.0.1:{server.port} was lost (wrong version number)"
    assert "link-local" in refused(new_outlet(), to(25, host="169.254.1.1"), letter)
    assert "could not be resolved" in refused(new_outlet(), to(25, host="no-such-host.invalid"), letter)
