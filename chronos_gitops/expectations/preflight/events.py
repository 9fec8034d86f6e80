"""A preflight that fails, and one that passes again, become events: each once, also over a restart."""

from datetime import datetime

from chronos_gitops.expectations.preflight.state import PreflightLook, PreflightState
from chronos_gitops.observability.event_log import Event, EventKind, EventLog
from chronos_gitops.schedule.timestamps import rfc3339


class PreflightEvents:
    """Told of each look at a failure that is kept."""

    def __init__(self, events: EventLog) -> None:
        self._events = events
        self._failing: set[str] = set()
        for _, event in events.after(0):
            if event.job is not None and event.type is EventKind.PREFLIGHT_FAILED:
                self._failing.add(event.job)
            elif event.job is not None and event.type is EventKind.PREFLIGHT_PASSED:
                self._failing.discard(event.job)

    def looked(self, look: PreflightLook, now: datetime) -> None:
        """Write an event when a preflight begins to fail or recovers, but none when it ends because the job is off."""
        is_known = look.job in self._failing
        if look.state is PreflightState.FAILING and not is_known:
            self._failing.add(look.job)
            message = f"{rfc3339(look.failure.scheduled_time)}: {look.failure.message}"
            self._add(EventKind.PREFLIGHT_FAILED, message, look.job, now)
        elif look.state is PreflightState.PASSED and is_known:
            self._failing.discard(look.job)
            self._add(EventKind.PREFLIGHT_PASSED, f"{look.failure.check} passes again", look.job, now)
        elif look.state is not PreflightState.FAILING:
            self._failing.discard(look.job)

    def _add(self, kind: EventKind, message: str, job: str, now: datetime) -> None:
        self._events.add(Event(rfc3339(now, milliseconds=True), kind, message, job=job))
