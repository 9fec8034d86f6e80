"""The incident of a subject whose state each look finds anew: it begins, lasts and ends by looks, not by executions."""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Self

from chronos_gitops.config.channels import Channel
from chronos_gitops.notifications import incidents
from chronos_gitops.notifications.detection.detector import rule_of
from chronos_gitops.notifications.incidents import ChangeKind, IncidentChange, IncidentUpdate, Watch
from chronos_gitops.notifications.message import Notification
from chronos_gitops.notifications.outbox import Known, NotificationOutbox, Place, WriteResult
from chronos_gitops.process import failpoints
from chronos_gitops.process.lazy_dataclass import dataclass

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LookedIncident:
    """One subject on one channel, as the outbox knows it. ``seen_at`` is when the state of a look was found: a look
    that is older than the end of an incident begins none."""

    desk: NotificationOutbox
    channel: Channel
    place: Place
    known: Known

    @classmethod
    def read(cls, desk: NotificationOutbox, channel: Channel, place: Place) -> Self:
        return cls(desk, channel, place, desk.known(place))

    @property
    def is_open(self) -> bool:
        return self.known.watch.incident is not None

    def close(self, job: str, *, seen_at: datetime, now: datetime) -> None:
        """Ends it without a message."""
        if self.is_open and self.desk.leads:
            log.info("incident_closed", extra={"job": job, "channel": self.channel.name})
            self.desk.write(self.place, self.known, _ended(seen_at), (), at=now)

    def judge(self, fault: str, *, seen_at: datetime, now: datetime) -> IncidentUpdate | None:
        """Update of the incident after one observation; ``fault`` is empty when none was found. None when nothing
        changes."""
        watch = incidents.corrected(self.known.watch, now)
        if watch.incident is None and (not fault or _is_over(watch, seen_at)):
            return None
        faults, place = ((fault,) if fault else ()), "\n".join(self.place)
        update = incidents.judge(watch, faults, place=place, rule=rule_of(self.channel), now=now)
        update = update if fault else replace(update, watch=_ended(seen_at))
        return update if update.messages or update.watch != self.known.watch else None

    def write(self, update: IncidentUpdate, letter: Callable[[IncidentChange], Notification], now: datetime) -> bool:
        """True if there is a message to send. Raises StoreErrors."""
        letters = [
            letter(change)
            for change in update.messages
            if self.channel.recovery or change.news is not ChangeKind.RECOVERED
        ]
        failpoints.reach("before-notice")
        written = self.desk.write(self.place, self.known, update.watch, letters, at=now)
        return written is WriteResult.DONE and bool(letters)


def _ended(seen_at: datetime) -> Watch:
    return Watch((seen_at, ""))


def _is_over(watch: Watch, seen_at: datetime) -> bool:
    """Another runner has looked later, and has ended the incident."""
    return watch.mark is not None and seen_at <= watch.mark[0]
