"""Expectations that break or are met again become events: each once, also over a restart."""

from collections.abc import Sequence
from datetime import datetime

from chronos_gitops.expectations.guard_watch import GuardRecord
from chronos_gitops.expectations.judging.state import Expectation, ExpectationState
from chronos_gitops.jobs.model import JobVersion
from chronos_gitops.jobs.promises.guard import GUARD
from chronos_gitops.observability.event_log import Event, EventKind, EventLog
from chronos_gitops.schedule.timestamps import rfc3339


class ExpectationEvents:
    """Told of each look at a job, in one thread."""

    def __init__(self, events: EventLog) -> None:
        self._events = events
        self._broken: set[tuple[str, str]] = set()
        for _, event in events.after(0):
            if event.job is not None and event.type is EventKind.EXPECTATION_BROKEN:
                self._broken.add((event.job, _kind_of(event)))
            elif event.job is not None and event.type is EventKind.EXPECTATION_MET:
                self._broken.discard((event.job, _kind_of(event)))

    def looked(self, definition: JobVersion, found: Sequence[Expectation], now: datetime) -> None:
        """Write an event for each expectation whose state has changed. A broken one of a job that is disabled ends
        without an event."""
        name = definition.job.name
        for one in found:
            key = (name, one.kind.value)
            if one.state is ExpectationState.BROKEN and key not in self._broken:
                self._broken.add(key)
                due = "" if one.due_at is None else f", due {rfc3339(one.due_at)}"
                self._add(EventKind.EXPECTATION_BROKEN, f"{one.kind.value} {one.limit}{due}", name, one, now)
            elif one.state is ExpectationState.MET and key in self._broken:
                self._broken.discard(key)
                self._add(EventKind.EXPECTATION_MET, f"{one.kind.value} {one.limit}", name, one, now)
            elif one.state is not ExpectationState.BROKEN:
                self._broken.discard(key)

    def _add(self, kind: EventKind, message: str, job: str, one: Expectation, now: datetime) -> None:
        self._events.add(Event(rfc3339(now, milliseconds=True), kind, message, job=job, execution=one.execution))


class StoppedEvents:
    """Told of a stopped version at each look while its pause holds."""

    def __init__(self, events: EventLog) -> None:
        self._events = events
        paused = (one for _, one in events.after(0) if one.type is EventKind.JOB_PAUSED and one.by == GUARD)
        self._known = {(event.job, event.at) for event in paused}

    def stopped(self, definition: JobVersion, record: GuardRecord, now: datetime) -> None:  # noqa: ARG002 - the event has the time of the decision
        pause = record.pause(definition.job.name)
        at = rfc3339(pause.at, milliseconds=True)
        if (pause.job, at) not in self._known:
            self._known.add((pause.job, at))
            self._events.add(Event(at, EventKind.JOB_PAUSED, pause.reason, job=pause.job, by=GUARD))


def _kind_of(event: Event) -> str:
    return event.message.partition(" ")[0]
