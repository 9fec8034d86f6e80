"""One message on its way out: the same egress rules, deadlines and TLS as every request, whatever the channel is."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Self, assert_never

from chronos_gitops.config.channels import Channel, Email, SecretValue, Slack, WebhookChannel
from chronos_gitops.config.settings import Settings
from chronos_gitops.errors import ChronosError
from chronos_gitops.jobs.secrets.masking import MASK
from chronos_gitops.notifications.message import Notification
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.process.small_files import read_beginning
from chronos_gitops.schedule.timestamps import rfc3339
from chronos_gitops.webhooks.credentials import auth
from chronos_gitops.webhooks.credentials.secrets import LARGEST, SecretError, Secrets, reference
from chronos_gitops.webhooks.outcome import parse_retry_after, phrase
from chronos_gitops.webhooks.redaction.redaction import printable_lines, scrub
from chronos_gitops.webhooks.request import fill_secrets
from chronos_gitops.webhooks.transport.dns import Resolver
from chronos_gitops.webhooks.transport.http_response import HttpResponse
from chronos_gitops.webhooks.transport.operator_client import DEADLINE, SHORTEST_HIDDEN, OperatorClient, masks_of
from chronos_gitops.webhooks.transport.tls import TlsContexts
from chronos_gitops.webhooks.url import RequestError


class NotSent(ChronosError):
    """The channel did not take the message. ``retry_after`` is its wish; the text holds no secret."""

    kind = "not-sent"

    def __init__(self, message: str, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class NotificationSender:
    """Sends; safe from any thread, each call has connections of its own. ``known`` are values that must not go out,
    with the labels that stand for them."""

    secrets: Secrets
    client: OperatorClient
    mail_trust: TlsContexts
    now: Callable[[], datetime]
    known: Mapping[str, str]
    deadline: timedelta = DEADLINE
    """A mail server may take twice as long: its greeting may be slow on purpose (RFC 5321, 4.5.3.2)."""

    @classmethod
    def of(cls, settings: Settings, now: Callable[[], datetime]) -> Self:
        known = {value: reference(name) for name, value in settings.secret_values.items()}
        return cls(
            Secrets(settings.secret_values, settings.secrets_folder),
            OperatorClient.of(settings),
            TlsContexts(settings.egress.ca_file, settings.egress.hosts, protocols=()),
            now,
            {value: label for value, label in known.items() if len(value) >= SHORTEST_HIDDEN},
        )

    def send(self, channel: Channel, letter: Notification) -> None:
        """Returns when the other side has accepted it. NotSent."""
        hidden: dict[str, str] = dict(self.known)
        try:
            self._sent(channel, letter, hidden)
        except NotSent as error:
            raise NotSent(_shown(error.message, hidden), error.retry_after) from None
        except (ChronosError, OSError) as error:
            raise NotSent(_shown(str(error), hidden)) from None

    def ping(self, url: SecretValue) -> None:
        """GET, for its arrival is the message. NotSent."""
        hidden: dict[str, str] = dict(self.known)
        try:
            answer = self._exchanged("GET", self._text(url, hidden), (), None, hidden)
        except (ChronosError, OSError) as error:
            raise NotSent(_shown(str(error), hidden)) from None
        _accept(answer, self.now())

    def _sent(self, channel: Channel, letter: Notification, hidden: dict[str, str]) -> None:
        match channel.way:
            case WebhookChannel(url, secret):
                address = self._text(url, hidden)
                key = None if secret is None else self._text(secret, hidden)
                body = _webhook_body(letter.scrubbed(hidden))
                signed = () if key is None else _signature(key, letter.id, body, self.now())
                self._post(address, body, signed or (("webhook-id", letter.id),), hidden)
            case Slack(url):
                address = self._text(url, hidden)
                self._post(address, _slack_body(letter.scrubbed(hidden)), (), hidden)
            case Email() as way:
                password = "" if way.password is None else self._text(way.password, hidden)
                self._mail(way, letter.scrubbed(hidden), password)
            case _:
                assert_never(channel.way)

    def _post(self, url: str, body: bytes, headers: auth.Headers, hidden: dict[str, str]) -> None:
        answer = self._exchanged("POST", url, (("Content-Type", "application/json"), *headers), body, hidden)
        _accept(answer, self.now())

    def _exchanged(
        self, method: str, url: str, headers: auth.Headers, body: bytes | None, hidden: dict[str, str]
    ) -> HttpResponse:
        hidden |= masks_of(url)
        return replace(self.client, deadline=self.deadline).exchange(method, url, headers, body, hidden)

    def _mail(self, way: Email, letter: Notification, password: str) -> None:
        from chronos_gitops.notifications.transports import email  # a runner without such a channel needs no smtplib

        route = email.MailRoute(self.client.egress, self.mail_trust, Resolver)
        email.send(way, letter, password, route, self.deadline * 2)

    def _text(self, given: SecretValue, hidden: dict[str, str]) -> str:
        """The value as it is now. SecretError."""
        if given.file is None:
            filled = fill_secrets((given.text,), self.secrets.lookup)
            [text] = filled.texts
            hidden |= filled.labels
        else:
            text = _content(given)
        if len(text) >= SHORTEST_HIDDEN:
            hidden.setdefault(text, MASK)
        return text


def _content(given: SecretValue) -> str:
    assert given.file is not None
    try:
        text = read_beginning(given.file, limit=LARGEST + 1).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SecretError(f"{given.file} cannot be read: {reason}", hint="see [[notify]] in chronos.toml") from error
    if not text or len(text) > LARGEST:
        raise SecretError(f"{given.file} is {'empty' if not text else 'too large'}", hint="it holds one value")
    return text


def _signature(secret: str, message_id: str, body: bytes, now: datetime) -> auth.Headers:
    try:
        return auth.signature(secret, message_id, body, now)
    except RequestError as error:
        raise SecretError("its secret is not base64 after whsec_") from error


def _accept(answer: HttpResponse, now: datetime) -> None:
    if 200 <= answer.status <= 299:
        return
    wait = parse_retry_after(answer.retry_after, now) if answer.retry_after is not None else None
    raise NotSent(f"it answered {phrase(answer.status)}", wait)


def _webhook_body(letter: Notification) -> bytes:
    """The payload that Standard Webhooks recommends: type, timestamp, data."""
    words = {"title": letter.title, "text": "\n".join(letter.lines)}
    document = {"type": letter.type, "timestamp": rfc3339(letter.at), "data": words | dict(letter.data or {})}
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")


def _slack_body(letter: Notification) -> bytes:
    links = " · ".join(f"<{url}|{word}>" for word, url in letter.links)
    lines = [f"*{_escaped(letter.title)}*", *map(_escaped, letter.lines), *([links] if links else [])]
    return json.dumps({"text": "\n".join(lines)}, ensure_ascii=False).encode("utf-8", "replace")


def _escaped(text: str) -> str:
    """Escape mentions in foreign text: Slack reads ``<!channel>``, Mattermost ``@channel``.
    https://docs.slack.dev/messaging/formatting-message-text#escaping"""
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return plain.replace("@", "@\u200b")


def _shown(text: str, hidden: Mapping[str, str]) -> str:
    return " ".join(printable_lines(scrub(text, hidden)).split())[:500]
