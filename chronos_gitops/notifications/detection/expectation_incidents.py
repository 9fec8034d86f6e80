"""One incident for each expectation that is broken, on each channel of its job."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from chronos_gitops.engine.model import Status
from chronos_gitops.expectations import other_changes
from chronos_gitops.expectations.judging.state import Expectation, ExpectationState
from chronos_gitops.jobs.model import JobVersion
from chronos_gitops.jobs.promises.expect import ExpectationKind
from chronos_gitops.notifications.detection.detector import DetectorInputs, concerns
from chronos_gitops.notifications.detection.job_notices import JobNotices
from chronos_gitops.notifications.detection.looked_incident import LookedIncident
from chronos_gitops.notifications.incidents import ChangeKind, IncidentChange
from chronos_gitops.notifications.message import Notification, Past
from chronos_gitops.notifications.messages import expectation as expectation_message

_OF_ONE_RUN: Final = frozenset(
    {ExpectationKind.START_WITHIN, ExpectationKind.MAX_DURATION, ExpectationKind.MIN_DURATION}
)
"""A channel's threshold counts their judged runs in a row; the others ring at once."""


class ExpectationIncidents(JobNotices):
    """Told of each look; raises StoreErrors, and then the job is looked at again."""

    @property
    def count_to(self) -> int:
        return max((channel.threshold for channel in self._channels), default=1)

    def looked(self, definition: JobVersion, found: Sequence[Expectation], now: datetime) -> None:
        """A limit that the job has no more ends quietly."""
        if self._world is None or not self._channels:
            return
        by_kind = {one.kind: one for one in found}
        inputs, desk = self._world
        lasting = desk.open()
        for channel in self._channels:
            for kind in ExpectationKind:
                place = (channel.name, f"expect:{definition.job.name}:{kind.value}")
                one = by_kind.get(kind)
                if place in lasting or (one is not None and one.state is ExpectationState.BROKEN):
                    self._judge(inputs, LookedIncident.read(desk, channel, place), definition, one, now)

    def _judge(
        self,
        inputs: DetectorInputs,
        incident: LookedIncident,
        definition: JobVersion,
        one: Expectation | None,
        now: datetime,
    ) -> None:
        channel = incident.channel
        is_meant = one is not None and concerns(channel, definition)
        if one is None or not is_meant or one.state in (ExpectationState.OFF, ExpectationState.PENDING):
            incident.close(definition.job.name, seen_at=now, now=now)
            return
        is_broken = one.state is ExpectationState.BROKEN
        needed = channel.threshold if one.kind in _OF_ONE_RUN else 1
        if is_broken and not incident.is_open and one.count < needed:
            return
        update = incident.judge(one.kind.value if is_broken else "", seen_at=now, now=now)
        if update is not None and incident.write(
            update, lambda change: self._message(inputs, change, definition, one, now), now
        ):
            self._on_news()

    @staticmethod
    def _message(
        inputs: DetectorInputs, change: IncidentChange, definition: JobVersion, one: Expectation, now: datetime
    ) -> Notification:
        name = definition.job.name
        past, run = Past(), None
        if change.news is not ChangeKind.RECOVERED:
            good = inputs.engine.last_success(name, now)
            run = inputs.engine.execution(one.execution).execution if one.execution is not None else None
            others = None
            if run is not None and run.status is Status.FAILED:
                others = other_changes.compared(inputs.engine, good, run)
            past = inputs.past_of(definition, good, None, others=others)
        due_at = one.due_at or change.incident.since
        change = replace(change, incident=replace(change.incident, since=due_at), about=run)
        return expectation_message.of_expectation(change, definition.job, one, past, inputs.public_url, now)
