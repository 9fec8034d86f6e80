"""One incident for each calendar whose dates end soon, on each channel of kind ``sync``."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from chronos_gitops.config.channels import Channel
from chronos_gitops.jobs.calendar_set import CalendarFile
from chronos_gitops.jobs.model import JobSet
from chronos_gitops.jobs.validation import calendar_files
from chronos_gitops.notifications.detection.detector import DetectorInputs
from chronos_gitops.notifications.detection.looked_incident import LookedIncident
from chronos_gitops.notifications.messages.calendar import of_horizon
from chronos_gitops.notifications.outbox import NotificationOutbox

TOLD_BEFORE: Final = timedelta(days=30)
_LAP: Final = timedelta(seconds=15)
_SUBJECT: Final = "calendar:"


class CalendarIncidents:
    """``look`` often; the work is done each quarter of a minute. Raises StoreErrors, and then it looks again."""

    def __init__(self, channels: Sequence[Channel], *, on_news: Callable[[], None] = lambda: None) -> None:
        self._channels = tuple(channel for channel in channels if "sync" in channel.kinds)
        self._on_news = on_news
        self._next_lap: datetime | None = None
        self._world: tuple[DetectorInputs, NotificationOutbox] | None = None

    def open(self, inputs: DetectorInputs, desk: NotificationOutbox) -> None:
        self._world = inputs, desk

    def look(self, now: datetime) -> None:
        """A calendar that is gone, or that no job follows, ends its incident quietly."""
        if self._world is None or not self._channels or not self._is_due(now):
            return
        inputs, desk = self._world
        if not inputs.follower.status().has_job_set:
            return
        jobs = inputs.follower.jobs()
        followed = _followed(jobs)
        lasting = {place for place in desk.open() if place[1].startswith(_SUBJECT)}
        for channel in self._channels:
            open_here = {subject.removeprefix(_SUBJECT) for name, subject in lasting if name == channel.name}
            due = {name for name, (file, _) in followed.items() if _ends_soon(file, now)}
            for name in sorted(open_here | due):
                incident = LookedIncident.read(desk, channel, (channel.name, _SUBJECT + name))
                self._judge(incident, followed.get(name), inputs.public_url, now, ends_soon=name in due)
        self._next_lap = now + _LAP

    def _is_due(self, now: datetime) -> bool:
        return self._next_lap is None or not self._next_lap - _LAP <= now < self._next_lap

    def _judge(
        self,
        incident: LookedIncident,
        found: tuple[CalendarFile, int] | None,
        public_url: str,
        now: datetime,
        *,
        ends_soon: bool,
    ) -> None:
        if found is None:
            incident.close("", seen_at=now, now=now)
            return
        file, jobs = found
        update = incident.judge("horizon" if ends_soon else "", seen_at=now, now=now)
        if update is not None and incident.write(
            update, lambda change: of_horizon(change, file, jobs, public_url, now), now
        ):
            self._on_news()


def _ends_soon(file: CalendarFile, now: datetime) -> bool:
    left = None if file.calendar is None else calendar_files.days_left(file.calendar, now)
    return left is not None and left <= TOLD_BEFORE.days


def _followed(jobs: JobSet) -> dict[str, tuple[CalendarFile, int]]:
    """Calendars in force that jobs name, or that choose jobs, with the number of these."""
    counts: dict[str, int] = {}
    for definition in jobs:
        timing = definition.job.timing
        for name in {calendar.name for calendar in (*timing.skip, *timing.freezes)}:
            counts[name] = counts.get(name, 0) + 1
    return {name: (jobs.calendars.files[name], count) for name, count in counts.items() if name in jobs.calendars.files}
