"""Clocks that were ahead: what health and the log say of marks that were taken back to now (CONTRACT 2)."""

import logging
from datetime import datetime, timedelta

from chronos_gitops.engine.clock import is_ahead
from chronos_gitops.plurals import plural
from chronos_gitops.process.lazy_dataclass import dataclass

log = logging.getLogger(__name__)
_REPORTED_FOR = timedelta(minutes=2)
"""Long enough for what asks for health once a minute."""


@dataclass(frozen=True, slots=True)
class Correction:
    """``jobs`` watermarks were ahead of the clock, by ``most`` at most."""

    jobs: int
    most: timedelta


class ClockWatch:
    """Sees the clock go back, and tells of watermarks that were taken back: in the log once, in health for a while."""

    def __init__(self) -> None:
        self._latest: datetime | None = None
        self._told: tuple[datetime, str] | None = None
        self._jobs = 0

    def went_back(self, now: datetime) -> bool:
        """True if the clock shows less than it has shown, by more than the tolerance; once for each time."""
        has_gone_back = self._latest is not None and is_ahead(self._latest, now)
        self._latest = now if self._latest is None or has_gone_back else max(self._latest, now)
        return has_gone_back

    def note(self, correction: Correction, now: datetime) -> None:
        """Jobs whose turn to be corrected comes a little later are added to what was logged."""
        is_more = bool(self.trouble(now))
        self._jobs = correction.jobs + (self._jobs if is_more else 0)
        ahead = timedelta(seconds=round(correction.most.total_seconds()))
        sentence = (
            f"the clock was ahead by {ahead}; the watermarks of {plural(self._jobs, 'job')} were taken back to now"
        )
        if not is_more:
            log.error("clock_was_ahead", extra={"ahead": str(ahead), "jobs": correction.jobs})
        self._told = (now, f"{sentence}, {now:%Y-%m-%dT%H:%M:%SZ}; see to the clock of this machine or database")

    def trouble(self, now: datetime) -> str:
        """May be asked from any thread; empty when all is well."""
        told = self._told
        return told[1] if told is not None and told[0] <= now < told[0] + _REPORTED_FOR else ""
