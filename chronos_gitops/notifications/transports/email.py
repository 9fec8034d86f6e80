"""A message by SMTP; the only module that knows smtplib."""

import asyncio
import contextlib
import logging
import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from types import TracebackType
from typing import Any, Self

from chronos_gitops.config.channels import Email
from chronos_gitops.errors import ChronosError
from chronos_gitops.notifications.message import Notification
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.webhooks.transport.dns import Resolver
from chronos_gitops.webhooks.transport.egress.egress import EgressPolicy
from chronos_gitops.webhooks.transport.tls import TlsContexts

log = logging.getLogger(__name__)


class MailRefused(ChronosError):
    """The server did not take the message; what it said is in our words, with its code."""

    kind = "mail-refused"


@dataclass(frozen=True, slots=True)
class MailRoute:
    """Where a connection may go, and whom it believes."""

    egress: EgressPolicy
    trust: TlsContexts
    names: Callable[[], Resolver]


def send(way: Email, letter: Notification, password: str, route: MailRoute, deadline: timedelta) -> None:
    """One connection, one message, all of it within the deadline. MailRefused, RefusedAddress, OSError."""
    end = time.monotonic() + deadline.total_seconds()
    connection = _connected(way, route, end)
    with contextlib.closing(connection), _DeadlineGuard(connection, end) as cut:
        try:
            _delivered(way, letter, password, connection, route)
        except (smtplib.SMTPException, OSError, ValueError) as error:
            if cut.has_come:
                raise MailRefused(f"the mail server did not take it within {deadline.total_seconds():g} s") from None
            raise MailRefused(_told(error, way)) from None


class _DeadlineGuard:
    """Ends the connection at the deadline, whatever waits for it: with ``settimeout`` alone a server could drip on.

    It keeps a handle of its own, for TLS takes the socket over.
    """

    def __init__(self, connection: socket.socket, end: float) -> None:
        self.has_come = False
        self._handle = connection.dup()
        self._timer = threading.Timer(max(0.0, end - time.monotonic()), self._come)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        self._timer.join()
        self._handle.close()

    def _come(self) -> None:
        self.has_come = True
        with contextlib.suppress(OSError):
            self._handle.shutdown(socket.SHUT_RDWR)


def message(way: Email, letter: Notification) -> EmailMessage:
    """Text with headers that keep a thread together, and that no holiday responder answers (RFC 3834)."""
    mail = EmailMessage()
    mail["Subject"] = f"[chronos] {_header(letter.title)}"
    mail["From"] = way.sender
    mail["To"] = ", ".join(way.recipients)
    mail["Date"] = format_datetime(letter.at)
    domain = way.sender.rpartition("@")[2]
    mail["Message-ID"] = f"<{letter.id}@{domain}>"
    mail["References"] = f"<{letter.thread}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    links = [f"{word}: {url}" for word, url in letter.links]
    mail.set_content("\n".join((letter.title, "", *letter.lines, *links)) + "\n")
    return mail


def _delivered(way: Email, letter: Notification, password: str, connection: socket.socket, route: MailRoute) -> None:
    with _SmtpSession(connection, way, route) as smtp:
        if way.tls == "starttls":
            smtp.starttls(context=route.trust.of(way.host))
        if way.username:
            smtp.login(way.username, password)
        refused = smtp.send_message(message(way, letter), way.sender, list(way.recipients))
        if refused:
            log.warning("mail_not_for_everybody", extra={"host": way.host, "recipients": sorted(refused)})


class _SmtpSession(smtplib.SMTP):
    """On a connection that was judged before it was opened."""

    def __init__(self, connection: socket.socket, way: Email, route: MailRoute) -> None:
        self._given = connection
        if way.tls == "tls":
            self._given = route.trust.of(way.host).wrap_socket(connection, server_hostname=way.host)
        super().__init__(way.host, way.port, local_hostname="chronos-gitops")

    def _get_socket(self, *_: Any) -> socket.socket:
        """smtplib asks for its connection here; theirs would look the name up again, and go where it likes."""
        return self._given


def _connected(way: Email, route: MailRoute, end: float) -> socket.socket:
    """The first address that answers; all of them must be allowed."""
    found = asyncio.run(_resolved(way.host, route, end - time.monotonic()))
    for _, address in found:
        route.egress.check(address, way.port, host=way.host)
    failure: OSError | None = None
    for family, address in found:
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.settimeout(max(0.1, end - time.monotonic()))
            connection.connect((address, way.port))
        except OSError as error:
            connection.close()
            failure = error
        else:
            connection.settimeout(None)  # from here on it is cut at the deadline
            return connection
    raise MailRefused(f"no connection to {way.host}:{way.port} ({_reason(failure)})")


async def _resolved(host: str, route: MailRoute, seconds: float) -> list[tuple[socket.AddressFamily, str]]:
    try:
        async with asyncio.timeout(max(0.1, seconds)):
            return await route.names().resolve(host)
    except TimeoutError:
        raise MailRefused(f"{host} could not be resolved in time") from None
    except OSError as error:
        raise MailRefused(f"{host} could not be resolved ({error.strerror or 'no reason given'})") from None


def _told(error: Exception, way: Email) -> str:
    place = f"{way.host}:{way.port}"
    match error:
        case smtplib.SMTPAuthenticationError():
            return f"{place} does not accept the user name and password (code {error.smtp_code})"
        case smtplib.SMTPRecipientsRefused():
            code = next(iter(error.recipients.values()))[0]
            return f"{place} refuses the recipients (code {code})"
        case smtplib.SMTPResponseException():
            return f"{place} refuses the message (code {error.smtp_code})"
        case smtplib.SMTPNotSupportedError():
            return f"{place} does not offer what the settings ask for: {error}"
        case smtplib.SMTPException():
            return f"{place} closed the connection"
        case ssl.SSLCertVerificationError():
            return f"the certificate of {place} was not accepted: {error.verify_message}"
        case OSError():
            return f"the connection to {place} was lost ({_reason(error)})"
        case _:
            return f"the message or the settings hold a character that {place} cannot be sent"


def _reason(error: OSError | None) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or "TLS failed").replace("_", " ").lower()
    return (error.strerror if error is not None else None) or "no reason given"


def _header(text: str) -> str:
    return " ".join(text.split())[:200]
