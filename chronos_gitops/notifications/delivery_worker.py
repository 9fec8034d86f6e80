"""Sends what lies on the desk: for each channel a thread of its own, so that a slow one holds up nothing but itself."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random
from typing import Final, Protocol

from chronos_gitops.config.channels import Channel
from chronos_gitops.errors import ChronosError
from chronos_gitops.notifications.message import Notification
from chronos_gitops.notifications.outbox import KEPT, NotificationOutbox, QueuedMessage
from chronos_gitops.notifications.transports.http import NotificationSender, NotSent
from chronos_gitops.process import failpoints
from chronos_gitops.process.background_thread import BackgroundThread
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.backoff import Backoff
from chronos_gitops.schedule.timestamps import utc_text

log = logging.getLogger(__name__)
BACKOFF: Final = Backoff(timedelta(seconds=10), timedelta(minutes=10))
_LOOK_EVERY: Final = 2.0
_HOLD: Final = timedelta(minutes=2)
"""Longer than any message takes: who has not said by then what became of it has died."""


class DeliveryResult(StrEnum):
    """``FAILED`` is tried again; ``DROPPED`` is not."""

    SENT = "sent"
    FAILED = "failed"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """Result of sending one message; ``is_first`` for its first failure."""

    channel: str
    subject: str
    letter: Notification
    result: DeliveryResult
    error: str = ""
    is_first: bool = True


class Hear(Protocol):
    def __call__(self, report: DeliveryReport) -> None:
        """Must not block long, and not raise."""


class DeliveryWorker(BackgroundThread):
    """One channel's thread. A channel that does not answer rests, longer each time; messages wait on the desk."""

    def __init__(
        self, channel: Channel, outlet: NotificationSender, *, now: Callable[[], datetime], hear: Hear
    ) -> None:
        super().__init__(f"chronos-notify-{channel.name}")
        self.channel = channel
        self.trouble = ""
        self.sent_at: datetime | None = None
        self._outlet = outlet
        self._now = now
        self._hear = hear
        self._random = Random()
        self._failures = 0
        self._rests_until: datetime | None = None
        self._is_troubled = False
        self._desk: NotificationOutbox

    def start(self, desk: NotificationOutbox) -> None:
        self._desk = desk
        self.launch()

    def run(self) -> None:
        while not self.stopping.is_set():
            self.woken.clear()
            try:
                while not self.stopping.is_set() and self.send_next(self._desk):
                    pass
                self._is_troubled = False
            except ChronosError as error:
                if not self._is_troubled:
                    log.warning("notification_not_read", extra={"channel": self.channel.name, "error": error.message})
                self._is_troubled = True
            except Exception:  # a message that breaks must not be the last one
                log.exception("notify_failed")
                self.stopping.wait(_LOOK_EVERY)
            self.woken.wait(_LOOK_EVERY)

    def send_next(self, desk: NotificationOutbox) -> bool:
        """True if there was one that is due; False also while the channel rests."""
        now = self._now()
        if self._rests_until is not None and now < self._rests_until <= now + BACKOFF.upper_bound:
            return False
        message = desk.take(self.channel.name, now, hold=_HOLD)
        if message is None:
            return False
        letter = Notification.read(message.document)
        try:
            self._outlet.send(self.channel, letter)
        except NotSent as error:
            self._not_sent(desk, message, letter, error)
            return True
        failpoints.reach("after-notice")
        desk.sent(message)
        self._failures, self._rests_until, self.trouble, self.sent_at = 0, None, "", self._now()
        self._tell(DeliveryReport(self.channel.name, message.subject, letter, DeliveryResult.SENT))
        return True

    def _not_sent(self, desk: NotificationOutbox, message: QueuedMessage, letter: Notification, error: NotSent) -> None:
        now = self._now()
        self._failures += 1
        self.trouble = error.message
        asked = min(error.retry_after or timedelta(), BACKOFF.longest)
        self._rests_until = now + max(BACKOFF.wait(self._failures, self._random), asked)
        if now - message.created_at >= KEPT:
            desk.give_up(self.channel.name, message)
            self._tell(
                DeliveryReport(self.channel.name, message.subject, letter, DeliveryResult.DROPPED, error.message)
            )
            return
        desk.postpone(message, now + BACKOFF.wait(message.attempts, self._random), error.message)
        is_first = message.attempts == 1
        self._tell(
            DeliveryReport(self.channel.name, message.subject, letter, DeliveryResult.FAILED, error.message, is_first)
        )

    def _tell(self, report: DeliveryReport) -> None:
        extra = {"channel": report.channel, "subject": report.subject, "message_id": report.letter.id}
        if report.result is DeliveryResult.SENT:
            log.info("notification_sent", extra=extra)
        else:
            log.warning("notification_%s", report.result, extra=extra | {"error": report.error})
        self._hear(report)


def standing(sender: DeliveryWorker) -> str:
    """A channel with what it said last, or when it took a message last since the runner started."""
    said = "no message yet" if sender.sent_at is None else f"took a message at {utc_text(sender.sent_at)}"
    return f"{sender.channel.name} {said}" + (f", and does not now: {sender.trouble}" if sender.trouble else "")
