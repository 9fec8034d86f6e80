"""The notifier: a detector, a delivery worker for each channel, and the runner's own heartbeat."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from datetime import datetime
from typing import Final

from chronos_gitops.config.settings import Settings
from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.sql.store.store import Store
from chronos_gitops.notifications import delivery_worker
from chronos_gitops.notifications.delivery_worker import DeliveryReport, DeliveryResult, DeliveryWorker, Hear
from chronos_gitops.notifications.detection.calendar_incidents import CalendarIncidents
from chronos_gitops.notifications.detection.detector import DetectorInputs, IncidentDetector
from chronos_gitops.notifications.detection.expectation_incidents import ExpectationIncidents
from chronos_gitops.notifications.detection.guard_notice import GuardNotices
from chronos_gitops.notifications.detection.preflight_incidents import PreflightIncidents
from chronos_gitops.notifications.heartbeat import HeartbeatThread
from chronos_gitops.notifications.outbox import NotificationOutbox
from chronos_gitops.notifications.transports.http import NotificationSender
from chronos_gitops.observability.event_log import Event, EventKind
from chronos_gitops.process.background_thread import BackgroundThread
from chronos_gitops.schedule.timestamps import rfc3339

_GOODBYE_S: Final = 3.0
_OF_JOBS: Final = frozenset({"job", "expect", "guard", "preflight"})
"""Kinds of subjects that name a job."""


class Notifier:
    """``watcher`` is an observer of the engine. ``open_store`` is called by ``start``, when the engine runs."""

    def __init__(
        self,
        settings: Settings,
        outlet: NotificationSender,
        *,
        open_store: Callable[[Engine], AbstractContextManager[Store]],
        is_alive: Callable[[], bool],
        hear: Hear,
    ) -> None:
        self._open_store = open_store
        self._senders = tuple(
            DeliveryWorker(channel, outlet, now=outlet.now, hear=hear) for channel in settings.channels
        )
        self.calendars = CalendarIncidents(settings.channels, on_news=self._wake)
        self.watcher = IncidentDetector(settings.channels, on_news=self._wake, look_also=self.calendars.look)
        self.guard = GuardNotices(settings.channels, on_news=self._wake)
        self.expectations = ExpectationIncidents(settings.channels, on_news=self._wake)
        self.preflights = PreflightIncidents(settings.channels, on_news=self._wake)
        self._pulse = HeartbeatThread(settings.heartbeat, outlet, is_alive=is_alive)
        self._threads: tuple[BackgroundThread, ...] = (*self._senders, self._pulse, self.watcher)
        self._resources = ExitStack()
        self._ending = BackgroundThread("chronos-notify-end", self._end)

    def start(self, world: DetectorInputs) -> None:
        """After the engine and the first look at git."""
        self._pulse.start()
        if not self._senders:
            return
        desk = NotificationOutbox(self._resources.enter_context(self._open_store(world.engine)))
        self.watcher.open(world, desk)
        self.expectations.open(world, desk)
        self.guard.open(world, desk)
        self.preflights.open(world, desk)
        self.calendars.open(world, desk)
        self.watcher.launch()
        for one in self._senders:
            one.start(desk)

    def stop(self) -> None:
        """Returns at once; the engine, which stops next, waits a moment for what is under way. What was not sent is
        sent after the next start."""
        for one in self._threads:
            one.stop()
        if not self._ending.is_launched:
            self._ending.launch()

    def join(self) -> None:
        self._ending.join(_GOODBYE_S)

    def _end(self) -> None:
        deadline = time.monotonic() + _GOODBYE_S
        for one in self._threads:
            one.join(max(0.0, deadline - time.monotonic()))
        self._resources.close()

    def standing(self) -> tuple[str, ...]:
        """A sentence for each channel."""
        return tuple(delivery_worker.standing(one) for one in self._senders)

    def is_troubled(self) -> bool:
        """True if a channel does not take messages."""
        return any(one.trouble for one in self._senders)

    def _wake(self) -> None:
        for one in self._senders:
            one.wake()


def event_of(report: DeliveryReport, now: datetime) -> Event | None:
    """The event about a delivery; None for a message that fails again."""
    if report.result is DeliveryResult.FAILED and not report.is_first:
        return None
    is_sent = report.result is DeliveryResult.SENT
    outcome = (
        ""
        if is_sent
        else f" ({'given up' if report.result is DeliveryResult.DROPPED else 'tried again'}: {report.error})"
    )
    kind, _, about = report.subject.partition(":")
    job = about.partition(":")[0] if kind in _OF_JOBS else None
    return Event(
        rfc3339(now),
        EventKind.NOTIFICATION_SENT if is_sent else EventKind.NOTIFICATION_FAILED,
        f"{report.channel}: {report.letter.title}{outcome}",
        job=job,
    )
