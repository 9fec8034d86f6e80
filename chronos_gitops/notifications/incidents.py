"""The beginning, reminders and end of an incident. Pure: what was known, what happened and the time go in."""

import json
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from chronos_gitops.engine.answers import failure_streak
from chronos_gitops.engine.answers.failure_streak import Position, position
from chronos_gitops.engine.clock import TOLERANCE, is_ahead
from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.model import Execution, ExecutionQuery, Status
from chronos_gitops.process.lazy_dataclass import dataclass

_NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, "https://chronos-gitops.dev/incident")
_OLD: Final = timedelta(days=1)
_SEEN_AGAIN: Final = timedelta(minutes=1)
"""Outcomes of so long are looked at again after the clock went back."""
_AFTER_ALL: Final = "~"
"""Greater than the id of any execution."""


class ChangeKind(StrEnum):
    FAILING = "failing"
    STILL_FAILING = "still_failing"
    RECOVERED = "recovered"


@dataclass(frozen=True, slots=True)
class IncidentRule:
    """``threshold`` failures in a row are an incident; ``reminder`` is None where there is none."""

    threshold: int = 1
    reminder: timedelta | None = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Incident:
    """One that lasts. ``first`` is the execution (or the fault) that began it, due at ``since``; ``count`` failures
    were counted, ``told`` messages were made, the last at ``told_at``."""

    id: str
    first: str
    since: datetime
    count: int
    told: int
    told_at: datetime


@dataclass(frozen=True, slots=True)
class Watch:
    """State of one subject on one channel: outcomes up to ``mark`` are counted; ``faults`` were announced by the runner
    ``owner``, which also announces their end."""

    mark: Position | None = None
    incident: Incident | None = None
    faults: tuple[str, ...] = ()
    owner: str = ""

    def document(self) -> str:
        incident = self.incident
        return json.dumps(
            {
                "mark": None if self.mark is None else [self.mark[0].isoformat(), self.mark[1]],
                "incident": None
                if incident is None
                else {
                    "id": incident.id,
                    "first": incident.first,
                    "since": incident.since.isoformat(),
                    "count": incident.count,
                    "told": incident.told,
                    "told_at": incident.told_at.isoformat(),
                },
                "faults": list(self.faults),
                "owner": self.owner,
            }
        )

    @classmethod
    def read(cls, document: str) -> "Watch":
        """The inverse of ``document``."""
        found: dict[str, Any] = json.loads(document)
        mark, incident = found["mark"], found["incident"]
        return cls(
            None if mark is None else (datetime.fromisoformat(mark[0]), mark[1]),
            None
            if incident is None
            else Incident(**incident | {name: datetime.fromisoformat(incident[name]) for name in ("since", "told_at")}),
            tuple(found["faults"]),
            found["owner"],
        )


@dataclass(frozen=True, slots=True)
class IncidentChange:
    """To be told of the incident as it was then. ``about`` is the newest failure, or the success that ended it; None
    where it is about no execution. ``faults`` are what is new."""

    id: str
    news: ChangeKind
    incident: Incident
    about: Execution | None = None
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IncidentUpdate:
    watch: Watch
    messages: tuple[IncidentChange, ...] = ()


def corrected(watch: Watch, now: datetime) -> Watch:
    """Without times that were taken from a clock that was ahead: they would silence the subject until then."""
    mark, incident = watch.mark, watch.incident
    if mark is not None and is_ahead(mark[0], now):
        mark = (now - _SEEN_AGAIN, "")
    if incident is not None and is_ahead(incident.told_at, now):
        incident = replace(incident, told_at=now)
    return replace(watch, mark=mark, incident=incident)


def fold(
    watch: Watch, outcomes: Sequence[Execution], *, place: str, rule: IncidentRule, now: datetime, since: datetime
) -> IncidentUpdate:
    """Apply the outcomes of a job (``streak.ended``) to its state. ``place`` names channel and subject. An incident
    that was over before it was seen is announced only if it began after ``since``, and at most a day ago: a new channel
    does not announce history."""
    watch = corrected(watch, now)
    outcomes = [outcome for outcome in outcomes if not is_ahead(position(outcome)[0], now)]
    mark, incident = watch.mark, watch.incident
    failures: list[Execution] = []
    messages: list[IncidentChange] = []
    for outcome in outcomes:
        if watch.mark is not None and position(outcome) <= watch.mark:
            continue
        if outcome.status is Status.SUCCESS:
            if incident is not None:
                messages.append(_message(ChangeKind.RECOVERED, incident, outcome))
                mark = position(outcome)
            incident = None
            failures.clear()
        elif incident is not None:
            incident, mark = replace(incident, count=incident.count + 1), position(outcome)
        elif len(failures) + 1 < rule.threshold:
            failures.append(outcome)
        else:
            incident = _opened(place, [*failures, outcome], now)
            mark = position(outcome)
            messages.append(_message(ChangeKind.FAILING, incident, outcome))
    history = _history(messages, max(since, now - _OLD))
    news = [message for message in messages if message.incident.id not in history]
    if incident is not None and news and news[-1].news is ChangeKind.FAILING:
        news[-1] = replace(news[-1], incident=incident, about=outcomes[-1])
    return reminded(
        IncidentUpdate(Watch(mark, incident, watch.faults), tuple(news)), rule, now, _newest_failure(outcomes)
    )


def judge(watch: Watch, faults: Collection[str], *, place: str, rule: IncidentRule, now: datetime) -> IncidentUpdate:
    """Compare the current faults, by name, with those announced before; each new one is announced once."""
    if not faults:
        over = () if watch.incident is None else (_message(ChangeKind.RECOVERED, watch.incident),)
        return IncidentUpdate(Watch(), over)
    kept = tuple(fault for fault in watch.faults if fault in faults)
    fresh = tuple(fault for fault in dict.fromkeys(faults) if fault not in kept)
    if not fresh:
        return reminded(IncidentUpdate(replace(watch, faults=kept)), rule, now, None)
    incident = watch.incident
    if incident is None:
        incident = Incident(_id(place, fresh[0], now.isoformat()), fresh[0], now, 0, 0, now)
    incident = replace(incident, count=incident.count + len(fresh))
    message = _message(ChangeKind.FAILING, incident, faults=fresh)
    return IncidentUpdate(Watch(None, _told(incident, now), (*kept, *fresh)), (message,))


def closed(now: datetime) -> Watch:
    """State of a job that no longer exists: its earlier failures are not announced again."""
    return Watch((now, _AFTER_ALL))


def reminded(folded: IncidentUpdate, rule: IncidentRule, now: datetime, about: Execution | None) -> IncidentUpdate:
    """Once more, where the incident was told last so long ago."""
    incident = folded.watch.incident
    is_due = incident is not None and rule.reminder is not None and now - incident.told_at >= rule.reminder
    if incident is None or not is_due or folded.messages:
        return folded
    message = _message(ChangeKind.STILL_FAILING, incident, about)
    return IncidentUpdate(replace(folded.watch, incident=_told(incident, now)), (message,))


def _opened(place: str, failures: Sequence[Execution], now: datetime) -> Incident:
    first = failures[0]
    return Incident(_id(place, first.id), first.id, first.scheduled_time, len(failures), 1, now)


def _told(incident: Incident, now: datetime) -> Incident:
    return replace(incident, told=incident.told + 1, told_at=now)


def _message(
    news: ChangeKind, incident: Incident, about: Execution | None = None, faults: tuple[str, ...] = ()
) -> IncidentChange:
    return IncidentChange(_id(incident.id, news, str(incident.told)), news, incident, about, faults)


def _history(messages: Sequence[IncidentChange], edge: datetime) -> set[str]:
    """Incidents that began by then, and are over before a message about them was sent."""
    over = {message.incident.id for message in messages if message.news is ChangeKind.RECOVERED}
    began = (message for message in messages if message.news is ChangeKind.FAILING and message.about is not None)
    return {one.incident.id for one in began if one.incident.id in over and _ended_by(one.about, edge)}


def _ended_by(execution: Execution | None, edge: datetime) -> bool:
    return execution is not None and position(execution)[0] <= edge


def _newest_failure(outcomes: Sequence[Execution]) -> Execution | None:
    return outcomes[-1] if outcomes and outcomes[-1].status is Status.FAILED else None


def _id(*parts: str) -> str:
    """The same for the same incident, whoever makes it."""
    return str(uuid.uuid5(_NAMESPACE, "\n".join(parts)))


_PAGE: Final = 50
_MOST_PAGES: Final = 20


class Outcomes:
    """Read when they are asked for, and once for all channels; with what was only heard of so far."""

    def __init__(self, engine: Engine, job: str, heard: Mapping[str, Execution], *, now: datetime) -> None:
        self._engine = engine
        self._job = job
        self._rows: dict[str, Execution] = dict(heard)
        # What a clock that was ahead has recorded stands before everything else in the list.
        self._before: tuple[datetime, str] | None = (now + TOLERANCE, "")
        self._is_whole = False
        self._pages = 0

    def since(self, watch: Watch, threshold: int) -> list[Execution]:
        """Everything that ended after the mark, as far as it is kept; at least enough to see an incident begin."""
        if not self._pages:
            self._read()
        while not self._is_whole and self._pages < _MOST_PAGES and self._needs_more(watch, threshold):
            self._read()
        return failure_streak.ended(self._rows.values())

    def good_before(self, message: IncidentChange) -> Execution | None:
        """The last success before the incident."""
        known = [row for row in failure_streak.ended(self._rows.values()) if row.status is Status.SUCCESS]
        earlier = [row for row in known if row.scheduled_time < message.incident.since]
        if earlier:
            return earlier[-1]
        query = ExecutionQuery(self._job, (Status.SUCCESS,), 1, (message.incident.since, ""))
        return next(iter(self._engine.executions(query)), None)

    def _needs_more(self, watch: Watch, threshold: int) -> bool:
        outcomes = failure_streak.ended(self._rows.values())
        if watch.mark is not None and self._before is not None and self._before[0] < watch.mark[0]:
            return False
        failures = 0
        for outcome in reversed(outcomes):
            if outcome.status is Status.SUCCESS:
                return watch.incident is not None
            failures += 1
        return failures < threshold or watch.incident is not None or failures == len(outcomes)

    def _read(self) -> None:
        page = self._engine.executions(ExecutionQuery(self._job, (), _PAGE, self._before))
        self._pages += 1
        self._is_whole = len(page) < _PAGE
        for row in page:
            self._rows[row.id] = self._rows[row.id] if row.id in self._rows and not row.status.is_final else row
        if page:
            self._before = (page[-1].scheduled_time, page[-1].id)
