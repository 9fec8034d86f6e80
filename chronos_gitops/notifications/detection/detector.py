"""Looks at the ledger and at git, decides what is news, and puts it on the desk. A thread of its own."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from chronos_gitops.config.channels import Channel
from chronos_gitops.engine.answers import failure_streak
from chronos_gitops.engine.clock import is_ahead
from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.model import Execution, ExecutionQuery, Status
from chronos_gitops.expectations import other_changes
from chronos_gitops.expectations.other_changes import OtherChange
from chronos_gitops.jobs.model import Job, JobVersion
from chronos_gitops.notifications import incidents
from chronos_gitops.notifications import message as notifications_message
from chronos_gitops.notifications.detection import suspects
from chronos_gitops.notifications.detection.sync_alerts import SyncAlerts, trouble
from chronos_gitops.notifications.incidents import (
    ChangeKind,
    IncidentChange,
    IncidentRule,
    IncidentUpdate,
    Outcomes,
    Watch,
)
from chronos_gitops.notifications.message import Notification, Past
from chronos_gitops.notifications.messages.action import after_failure
from chronos_gitops.notifications.outbox import Known, NotificationOutbox, Place, WriteResult
from chronos_gitops.process import failpoints
from chronos_gitops.process.bounded_dict import BoundedDict
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.process.rounds import RoundThread
from chronos_gitops.sync.controller import SyncController
from chronos_gitops.webhooks.outcome import Outcome

log = logging.getLogger(__name__)
_ROUND: Final = 0.5
"""Seconds between two rounds at least: failures that come together are looked at together."""
_AT_ONCE: Final = 50
"""Jobs that one round looks at: however many fail, dispatch hardly notices."""
_LAP: Final = timedelta(seconds=15)
"""Interval of checks of open incidents without an event: for reminders, and for changes by other runners."""
_ADVANCED: Final = 100
"""Failures after which a count is kept, so that a look never reads many rows again."""
_NEVER: Final = datetime.min.replace(tzinfo=UTC)
_SWEEP: Final = timedelta(hours=1)
_HEARD: Final = 50
_SCANNED: Final = 3


@dataclass(frozen=True, slots=True)
class DetectorInputs:
    """Inputs of the detection. ``is_shared``: all runners of a fleet share one outbox."""

    engine: Engine
    follower: SyncController
    now: Callable[[], datetime]
    public_url: str = ""
    is_shared: bool = True

    def past_of(
        self,
        definition: JobVersion,
        good: Execution | None,
        failed: Execution | None,
        *,
        others: Sequence[OtherChange] | None = None,
    ) -> Past:
        """History before a failure or, where no execution has ``failed``, since the last success."""
        history = self.follower.index().versions(definition.job.name)
        environment = definition.identity.environment
        return suspects.past_of(
            history, good, failed, environment=environment, is_draft=definition.draft, others=others
        )


class IncidentDetector(RoundThread):
    """An ``engine.observer.Observer``: who tells it something never waits. ``round`` may be called by hand in tests; it
    calls ``look_also`` each time."""

    def __init__(
        self,
        channels: Sequence[Channel],
        *,
        on_news: Callable[[], None] = lambda: None,
        look_also: Callable[[datetime], None] = lambda _: None,
    ) -> None:
        super().__init__(
            "chronos-notify",
            log=log,
            trouble="notifications_cannot_be_kept",
            failure="notify_failed",
            rest_s=_ROUND,
            wait_s=_ROUND,
        )
        self._channels = channels
        self._of_jobs = tuple(channel for channel in channels if "job" in channel.kinds)
        self._of_sync = tuple(channel for channel in channels if "sync" in channel.kinds)
        self._on_news = on_news
        self._look_also = look_also
        self._lock = threading.Lock()
        self._heard: dict[str, BoundedDict[str, Execution]] = {}
        self._open: frozenset[str] = frozenset()
        self._told: set[str] = set()
        self._deferred: set[str] = set()
        self._unseen: list[str] | None = None
        self._looked: dict[str, datetime] = {}
        self._later: set[str] = set()
        self._full: set[str] = set()
        self._since: dict[str, datetime] = {}
        self._git = SyncAlerts()
        self._next_lap: datetime | None = None
        self._next_sweep: datetime | None = None
        self._newest_failure: datetime | None = None
        self._world: DetectorInputs
        self._desk: NotificationOutbox

    def open(self, world: DetectorInputs, desk: NotificationOutbox) -> None:
        """Before anything else but what is heard."""
        self._world, self._desk = world, desk

    def attempt_finished(self, job: Job, outcome: Outcome) -> None:
        pass

    def execution_finished(self, execution: Execution) -> None:
        """A success is news only of a job that is known to fail, and a failure of one that everybody knows of can wait
        for the next lap."""
        if execution.replay or execution.status not in (Status.SUCCESS, Status.FAILED):
            return
        with self._lock:
            if execution.status is Status.FAILED and execution.job in self._told:
                self._deferred.add(execution.job)
                return
            is_news = execution.status is Status.FAILED or execution.job in self._open or execution.job in self._heard
            if not is_news:
                return
            heard = self._heard.setdefault(execution.job, BoundedDict(_HEARD))
            heard[execution.id] = execution
        self.woken.set()

    def round(self) -> None:
        """Everything that is to be looked at now; what was not looked at stays to be. Raises what went wrong first,
        when all the rest is done."""
        now = self._world.now()
        failures = []
        for part in (self._scan, self._lap, self._look_at_jobs, self._look_at_git, self._look_also, self._sweep):
            try:
                part(now)
            except Exception as error:
                failures.append(error)
        if failures:
            raise failures[0]

    def _look_at_jobs(self, now: datetime) -> None:
        for _ in range(_AT_ONCE):
            job, heard = self._next()
            if job is None:
                break
            try:
                self._look(job, heard, now)
            except BaseException:
                self._again(job, heard)
                raise
        while self._later:
            self._again(self._later.pop())

    def _sweep(self, now: datetime) -> None:
        if self._next_sweep is None or not self._next_sweep - _SWEEP <= now < self._next_sweep:
            self._next_sweep = now + _SWEEP
            self._desk.forget(now)

    def _next(self) -> tuple[str | None, dict[str, Execution]]:
        with self._lock:
            if not self._heard:
                return None, {}
            job = next(iter(self._heard))
            return job, self._heard.pop(job)

    def _again(self, job: str, heard: Mapping[str, Execution] | None = None) -> None:
        with self._lock:
            again: BoundedDict[str, Execution] = BoundedDict(_HEARD)
            again.update(heard or {})
            again.update(self._heard.get(job, {}))
            self._heard[job] = again

    def _scan(self, _now: datetime) -> None:
        """Once, some jobs in each round: failures that happened unobserved, or were not announced before a crash."""
        if not self._of_jobs:
            return
        if self._unseen is None:
            jobs = self._world.follower.jobs()
            if not len(jobs):
                return
            self._unseen = list(jobs.definitions)
        chunk, self._unseen = self._unseen[:_AT_ONCE], self._unseen[_AT_ONCE:]
        for job, rows in self._world.engine.recent(chunk, _SCANNED).items() if chunk else ():
            if any(row.status is Status.FAILED for row in rows):
                self._again(job)

    def _lap(self, now: datetime) -> None:
        if self._next_lap is not None and self._next_lap - _LAP <= now < self._next_lap:
            return
        self._next_lap = now + _LAP
        names = {channel.name for channel in self._of_jobs}
        lasting = {
            subject.removeprefix("job:")
            for name, subject in self._desk.open()
            if name in names and subject.startswith("job:")
        }
        self._open = frozenset(lasting)
        with self._lock:
            deferred, self._deferred = self._deferred, set()
            self._told &= lasting
        self._full.clear()
        longest_ago = sorted(lasting, key=lambda job: self._looked.get(job, _NEVER))
        for job in (*sorted(deferred), *longest_ago[:_AT_ONCE]):
            self._again(job)
        self._looked = {job: at for job, at in self._looked.items() if job in lasting}
        if not self._world.is_shared:
            self._ask_for_failures(now)

    def _ask_for_failures(self, now: datetime) -> None:
        """Where other runners keep a desk of their own, this one is told by the ledger what failed there."""
        newest = self._newest_failure
        if newest is not None and is_ahead(newest, now):
            newest = self._newest_failure = None
        for row in self._world.engine.executions(ExecutionQuery(statuses=(Status.FAILED,), limit=_AT_ONCE)):
            at = failure_streak.position(row)[0]
            if (newest is None or at > newest) and not is_ahead(at, now):
                self._again(row.job, {row.id: row})
                self._newest_failure = max(at, self._newest_failure or at)

    def _look(self, job: str, heard: Mapping[str, Execution], now: datetime) -> None:
        definition = self._world.follower.jobs().get(job)
        is_watched = definition is not None and definition.job.enabled and job not in self._world.engine.pauses()
        self._looked[job] = now
        outcomes = Outcomes(self._world.engine, job, heard, now=now)
        is_told = is_watched
        for channel in self._of_jobs:
            place = (channel.name, f"job:{job}")
            known = self._desk.known(place)
            if definition is None or not is_watched or not concerns(channel, definition):
                if known.watch.incident is not None and self._desk.leads:
                    log.info("incident_closed", extra={"job": job, "channel": channel.name})
                    self._desk.write(place, known, incidents.closed(now), (), at=now)
                continue
            lasts = self._tell(channel, place, known, definition, outcomes, now)
            is_told = is_told and lasts is True
            if lasts is None:
                self._later.add(job)
        with self._lock:
            (self._told.add if is_told else self._told.discard)(job)

    def _tell(
        self, channel: Channel, place: Place, known: Known, definition: JobVersion, outcomes: "Outcomes", now: datetime
    ) -> bool | None:
        """True if an incident was announced; None when another runner wrote first, so that it must be read again."""
        rule = rule_of(channel)
        found = outcomes.since(known.watch, rule.threshold)
        if channel.name not in self._since:
            self._since[channel.name] = self._desk.served_since(channel.name, now)
        since = min(self._since[channel.name], now)
        folded = incidents.fold(known.watch, found, place="\n".join(place), rule=rule, now=now, since=since)
        is_corrected = incidents.corrected(known.watch, now) != known.watch
        if not folded.messages and not is_corrected and not _has_advanced(known.watch, folded.watch):
            return folded.watch.incident is not None
        letters = [
            self._of_job(message, definition, outcomes, now)
            for message in folded.messages
            if channel.recovery or message.news is not ChangeKind.RECOVERED
        ]
        written = self._written(place, known, folded.watch, letters, now)
        if written is WriteResult.RACED:
            return None
        return written is WriteResult.DONE and folded.watch.incident is not None

    def _written(
        self, place: Place, known: Known, watch: Watch, letters: Sequence[Notification], now: datetime
    ) -> WriteResult:
        failpoints.reach("before-notice")
        written = self._desk.write(place, known, watch, letters, at=now)
        if written is WriteResult.FULL:
            self._put_off(place)
        if written is WriteResult.DONE and watch.incident is not None and place[1].startswith("job:"):
            self._open |= {place[1].removeprefix("job:")}
        if written is WriteResult.DONE and letters:
            self._on_news()
        return written

    def _put_off(self, place: Place) -> None:
        """To the next lap, and said once for the channel: by then there may be room."""
        if place[0] not in self._full:
            log.warning("notifications_wait", extra={"channel": place[0], "subject": place[1]})
        self._full.add(place[0])
        if place[1].startswith("job:"):
            with self._lock:
                self._deferred.add(place[1].removeprefix("job:"))

    def _of_job(
        self, message: IncidentChange, definition: JobVersion, outcomes: "Outcomes", now: datetime
    ) -> Notification:
        job = definition.job
        past = Past()
        if message.news is not ChangeKind.RECOVERED and message.about is not None:
            good = outcomes.good_before(message)
            others = other_changes.compared(self._world.engine, good, message.about)
            past = self._world.past_of(definition, good, message.about, others=others)
        action = after_failure(job.name, message.about, past)
        return notifications_message.of_job(message, job, past, action, public_url=self._world.public_url, now=now)

    def _look_at_git(self, now: datetime) -> None:
        if not self._of_sync:
            return
        found = self._git.faults(self._world.follower.status(), now)
        lasting = self._desk.open() if found else {}
        for topic, faults in found.items():
            for channel in self._of_sync:
                place = (channel.name, f"sync:{topic}")
                if not faults and place not in lasting:
                    continue
                known = self._desk.known(place)
                if self._is_anothers(known.watch) and not faults:
                    continue
                folded = incidents.judge(known.watch, faults, place="\n".join(place), rule=rule_of(channel), now=now)
                self._tell_of_git(channel, place, known, self._owned(known.watch, folded), now)

    def _is_anothers(self, watch: Watch) -> bool:
        """True if the incident belongs to another live runner, which is the one to end it."""
        owner = watch.owner
        return watch.incident is not None and owner != self._desk.runner and self._desk.is_there(owner)

    def _owned(self, before: Watch, folded: IncidentUpdate) -> IncidentUpdate:
        if folded.watch.incident is None or self._is_anothers(before):
            return folded
        return replace(folded, watch=replace(folded.watch, owner=self._desk.runner))

    def _tell_of_git(self, channel: Channel, place: Place, known: Known, folded: IncidentUpdate, now: datetime) -> None:
        if folded.watch == known.watch:
            return
        status = self._world.follower.status()
        topic = place[1].removeprefix("sync:")
        letters = [
            notifications_message.of_sync(
                message,
                notifications_message.over(topic)
                if message.news is ChangeKind.RECOVERED
                else trouble(topic, status, self._world.follower, message.faults),
                repository=status.repository,
                branch=status.branch,
                public_url=self._world.public_url,
                now=now,
            )
            for message in folded.messages
            if channel.recovery or message.news is not ChangeKind.RECOVERED
        ]
        self._written(place, known, folded.watch, letters, now)


def concerns(channel: Channel, definition: JobVersion) -> bool:
    tags = dict(definition.job.tags)
    return all(tags.get(key) == value for key, value in channel.tags)


def rule_of(channel: Channel) -> IncidentRule:
    return IncidentRule(channel.threshold, channel.reminder or None)


def _has_advanced(before: Watch, after: Watch) -> bool:
    if before.incident is None or after.incident is None:
        return before.incident is not after.incident
    return after.incident.count - before.incident.count >= _ADVANCED
