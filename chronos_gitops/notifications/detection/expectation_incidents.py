"""One incident for each expectation that is broken, on each channel of its job."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from chronos_gitops.config.channels import Channel
from chronos_gitops.engine.model import Status
from chronos_gitops.expectations import other_changes
from chronos_gitops.expectations.judging.state import Expectation, ExpectationState
from chronos_gitops.jobs.model import JobVersion
from chronos_gitops.jobs.promises.expect import ExpectationKind
from chronos_gitops.notifications.detection import suspects
from chronos_gitops.notifications.detection.detector import DetectorInputs, concerns
from chronos_gitops.notifications.detection.looked_incident import LookedIncident
from chronos_gitops.notifications.incidents import ChangeKind, IncidentChange
from chronos_gitops.notifications.message import Notification, Past
from chronos_gitops.notifications.messages import expectation as expectation_message
from chronos_gitops.notifications.outbox import NotificationOutbox, Place

_OF_ONE_RUN: Final = frozenset(
    {ExpectationKind.START_WITHIN, ExpectationKind.MAX_DURATION, ExpectationKind.MIN_DURATION}
)
"""A channel's threshold counts their judged runs in a row; the others ring at once."""


@dataclass(frozen=True, slots=True)
class _World:
    inputs: DetectorInputs
    desk: NotificationOutbox


class ExpectationIncidents:
    """Told of each look; raises StoreErrors, and then the job is looked at again."""

    def __init__(self, channels: Sequence[Channel], *, on_news: Callable[[], None] = lambda: None) -> None:
        self._channels = tuple(channel for channel in channels if "job" in channel.kinds)
        self._on_news = on_news
        self._world: _World | None = None

    def open(self, inputs: DetectorInputs, desk: NotificationOutbox) -> None:
        self._world = _World(inputs, desk)

    @property
    def count_to(self) -> int:
        return max((channel.threshold for channel in self._channels), default=1)

    def looked(self, definition: JobVersion, found: Sequence[Expectation], now: datetime) -> None:
        """A limit that the job has no more ends quietly."""
        if self._world is None or not self._channels:
            return
        by_kind = {one.kind: one for one in found}
        lasting = self._world.desk.open()
        for channel in self._channels:
            for kind in ExpectationKind:
                place = (channel.name, f"expect:{definition.job.name}:{kind.value}")
                one = by_kind.get(kind)
                if place in lasting or (one is not None and one.state is ExpectationState.BROKEN):
                    self._judge(self._world, channel, place, definition, one, now)

    def _judge(
        self,
        world: _World,
        channel: Channel,
        place: Place,
        definition: JobVersion,
        one: Expectation | None,
        now: datetime,
    ) -> None:
        incident = LookedIncident.read(world.desk, channel, place)
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
            update, lambda change: self._message(world, change, definition, one, now), now
        ):
            self._on_news()

    @staticmethod
    def _message(
        world: _World, change: IncidentChange, definition: JobVersion, one: Expectation, now: datetime
    ) -> Notification:
        inputs, name = world.inputs, definition.job.name
        past, run = Past(), None
        if change.news is not ChangeKind.RECOVERED:
            good = inputs.engine.last_success(name, now)
            run = inputs.engine.execution(one.execution).execution if one.execution is not None else None
            history = inputs.follower.index().versions(name)
            others = None
            if run is not None and run.status is Status.FAILED:
                others = other_changes.compared(inputs.engine, good, run)
            past = Past(good, suspects.since(history, good), is_draft=definition.runs_draft, others=others)
        due_at = one.due_at or change.incident.since
        change = replace(change, incident=replace(change.incident, since=due_at), about=run)
        return expectation_message.of_expectation(change, definition.job, one, past, inputs.public_url, now)
