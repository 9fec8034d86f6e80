"""When an incident begins, is told again, and is over. Pure: what was known, what happened and the time go in."""

import json
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from chronos_gitops.engine.clock import is_ahead
from chronos_gitops.engine.model import Execution, Status
from chronos_gitops.engine.streak import Position, position

_NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, "https://chronos-gitops.dev/incident")
_OLD: Final = timedelta(days=1)
_SEEN_AGAIN: Final = timedelta(minutes=1)
"""Outcomes of so long are looked at again after the clock went back."""
_AFTER_ALL: Final = "~"
"""Greater than the id of any execution."""


class News(StrEnum):
    FAILING = "failing"
    STILL_FAILING = "still_failing"
    RECOVERED = "recovered"


@dataclass(frozen=True, slots=True)
class Rule:
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
    """What is known of one subject on one channel: outcomes up to ``mark`` are counted; ``faults`` were told, by the
    runner ``owner``, who is the one to say when they are gone."""

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
class Message:
    """To be told of the incident as it was then. ``about`` is the newest failure, or the success that ended it; None
    where it is about no execution. ``faults`` are what is new."""

    id: str
    news: News
    incident: Incident
    about: Execution | None = None
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Folded:
    watch: Watch
    messages: tuple[Message, ...] = ()


def corrected(watch: Watch, now: datetime) -> Watch:
    """Without times that were taken from a clock that was ahead: they would silence the subject until then."""
    mark, incident = watch.mark, watch.incident
    if mark is not None and is_ahead(mark[0], now):
        mark = (now - _SEEN_AGAIN, "")
    if incident is not None and is_ahead(incident.told_at, now):
        incident = replace(incident, told_at=now)
    return replace(watch, mark=mark, incident=incident)


def fold(
    watch: Watch, outcomes: Sequence[Execution], *, place: str, rule: Rule, now: datetime, since: datetime
) -> Folded:
    """What the outcomes of a job (``streak.ended``) make of what was known.

    ``place`` names channel and subject. An incident that was over before it was looked at is told only if it began
    after ``since``, and a day ago at most: nobody is told the history of a job.
    """
    watch = corrected(watch, now)
    outcomes = [outcome for outcome in outcomes if not is_ahead(position(outcome)[0], now)]
    mark, incident = watch.mark, watch.incident
    failures: list[Execution] = []
    messages: list[Message] = []
    for outcome in outcomes:
        if watch.mark is not None and position(outcome) <= watch.mark:
            continue
        if outcome.status is Status.SUCCESS:
            if incident is not None:
                messages.append(_message(News.RECOVERED, incident, outcome))
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
            messages.append(_message(News.FAILING, incident, outcome))
    history = _history(messages, max(since, now - _OLD))
    news = [message for message in messages if message.incident.id not in history]
    if incident is not None and news and news[-1].news is News.FAILING:
        news[-1] = replace(news[-1], incident=incident, about=outcomes[-1])
    return reminded(Folded(Watch(mark, incident, watch.faults), tuple(news)), rule, now, _newest_failure(outcomes))


def judge(watch: Watch, faults: Collection[str], *, place: str, rule: Rule, now: datetime) -> Folded:
    """What is wrong now, by names of faults, against what was told of it: each new one is told, once."""
    if not faults:
        over = () if watch.incident is None else (_message(News.RECOVERED, watch.incident),)
        return Folded(Watch(), over)
    kept = tuple(fault for fault in watch.faults if fault in faults)
    fresh = tuple(fault for fault in dict.fromkeys(faults) if fault not in kept)
    if not fresh:
        return reminded(Folded(replace(watch, faults=kept)), rule, now, None)
    incident = watch.incident
    if incident is None:
        incident = Incident(_id(place, fresh[0], now.isoformat()), fresh[0], now, 0, 0, now)
    incident = replace(incident, count=incident.count + len(fresh))
    message = _message(News.FAILING, incident, faults=fresh)
    return Folded(Watch(None, _told(incident, now), (*kept, *fresh)), (message,))


def closed(now: datetime) -> Watch:
    """Nobody waits for the job any more; what failed up to now is no reason to tell anybody again."""
    return Watch((now, _AFTER_ALL))


def reminded(folded: Folded, rule: Rule, now: datetime, about: Execution | None) -> Folded:
    """Once more, where the incident was told last so long ago."""
    incident = folded.watch.incident
    is_due = incident is not None and rule.reminder is not None and now - incident.told_at >= rule.reminder
    if incident is None or not is_due or folded.messages:
        return folded
    message = _message(News.STILL_FAILING, incident, about)
    return Folded(replace(folded.watch, incident=_told(incident, now)), (message,))


def _opened(place: str, failures: Sequence[Execution], now: datetime) -> Incident:
    first = failures[0]
    return Incident(_id(place, first.id), first.id, first.scheduled_time, len(failures), 1, now)


def _told(incident: Incident, now: datetime) -> Incident:
    return replace(incident, told=incident.told + 1, told_at=now)


def _message(news: News, incident: Incident, about: Execution | None = None, faults: tuple[str, ...] = ()) -> Message:
    return Message(_id(incident.id, news, str(incident.told)), news, incident, about, faults)


def _history(messages: Sequence[Message], edge: datetime) -> set[str]:
    """Incidents that began by then, and are over before anybody was told of them."""
    over = {message.incident.id for message in messages if message.news is News.RECOVERED}
    began = (message for message in messages if message.news is News.FAILING and message.about is not None)
    return {one.incident.id for one in began if one.incident.id in over and _ended_by(one.about, edge)}


def _ended_by(execution: Execution | None, edge: datetime) -> bool:
    return execution is not None and position(execution)[0] <= edge


def _newest_failure(outcomes: Sequence[Execution]) -> Execution | None:
    return outcomes[-1] if outcomes and outcomes[-1].status is Status.FAILED else None


def _id(*parts: str) -> str:
    """The same for the same incident, whoever makes it."""
    return str(uuid.uuid5(_NAMESPACE, "\n".join(parts)))
