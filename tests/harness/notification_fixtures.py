"""A real engine with a ledger, jobs whose receiver fails at a word, and watchers that are asked by hand."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from harness.clock import HandClock
from harness.engine_harness import NOON, Bench, Seen
from harness.engines import EngineMaker

from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.config.channels import Channel, SecretValue, WebhookChannel
from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.model import Execution, Pause
from chronos_gitops.engine.observer import Observers
from chronos_gitops.engine.sql.engine import SqlEngine
from chronos_gitops.jobs.calendar_set import NO_CALENDARS, CalendarSet
from chronos_gitops.jobs.job_ids import DefinitionId
from chronos_gitops.jobs.model import Job, JobSet, JobVersion
from chronos_gitops.notifications.detection.calendar_incidents import CalendarIncidents
from chronos_gitops.notifications.detection.detector import DetectorInputs, IncidentDetector
from chronos_gitops.notifications.message import Notification
from chronos_gitops.notifications.outbox import NotificationOutbox
from chronos_gitops.sync.status import Mode, Revision, SyncState, SyncStatus
from chronos_gitops.versions.history import Index
from chronos_gitops.versions.version import Version, VersionChange

SYNCED = SyncStatus(SyncState.SYNCED, Mode.BRANCH, "repo", "main", Revision("c1", "c1", "c1"))
WAY = WebhookChannel(SecretValue("http://127.0.0.1:9/"))


def channel(name: str = "ops", **fields: Any) -> Channel:
    return Channel(name, WAY, **fields)


@dataclass
class Following:
    """The answers of a sync controller, set by hand."""

    definitions: dict[str, JobVersion] = field(default_factory=dict)
    versions: dict[str, tuple[Version, ...]] = field(default_factory=dict)
    now: SyncStatus = SYNCED
    calendars: CalendarSet = NO_CALENDARS

    def jobs(self) -> JobSet:
        return JobSet.of("c" * 40, self.definitions.values(), self.calendars)

    def index(self) -> Index:
        return Index("c" * 40, MappingProxyType(self.versions))

    def status(self) -> SyncStatus:
        return self.now


class Story:
    """One job ``daily-backup``; each edit is a version by somebody else."""

    def __init__(self, maker: EngineMaker, receiver: Receiver, *channels: Channel) -> None:
        self.clock = HandClock(NOON)
        self.seen = Seen()
        self.following = Following()
        self.channels = channels or (channel(),)
        self.later = timedelta()
        self._maker = maker
        self._receiver = receiver
        self._resources = ExitStack()
        self.watcher: IncidentDetector
        self.desk: NotificationOutbox
        self.engine: Engine
        self.start()

    def start(self, *, most: int = 1000) -> None:
        self.watcher = IncidentDetector(self.channels)
        bench = Bench(self._maker, self._receiver, self.clock, self.seen)
        observer = Observers((self.seen, self.watcher))
        bench.seen = observer  # type: ignore[assignment]  # an observer is all that a bench asks for
        self.engine = bench.start()
        self._resources.callback(bench.stop_all)
        self.engine.apply(self.following.jobs())
        assert isinstance(self.engine, SqlEngine)
        self.desk = NotificationOutbox(self._resources.enter_context(self.engine.lend()), most=most)
        self.open(self.watcher)

    def open(self, watcher: IncidentDetector | CalendarIncidents, **fields: Any) -> None:
        watcher.open(DetectorInputs(self.engine, self.following, self.now, "https://chronos", **fields), self.desk)  # type: ignore[arg-type]  # it answers what is asked

    def restart(self, *, most: int = 1000) -> None:
        self.close()
        self.start(most=most)

    def close(self) -> None:
        self._resources.close()

    def now(self) -> datetime:
        return self.clock.now() + self.later

    def edit(self, path: str, *, job: str = "daily-backup", author: str = "Ada", **fields: Any) -> None:
        known = self.following.versions.get(job, ())
        number = len(known) + 1
        commit = f"{number}{job}".encode().hex().ljust(40, "0")[:40]
        subject = f"Change {number}"
        mail = f"{author.lower()}@example.com"
        change = VersionChange.CHANGED if known else VersionChange.CREATED
        made = Version(number, job, commit, commit, f"jobs/{job}.yaml", change, author, mail, self.now(), subject, "")
        parsed = self._parsed(job, path, fields)
        self.following.versions[job] = (*known, made)
        self.following.definitions[job] = JobVersion(
            parsed, made.path, DefinitionId(commit), version=number, commit=commit
        )
        self.engine.apply(self.following.jobs())

    def save(self, path: str, *, job: str = "daily-backup", **fields: Any) -> None:
        """A draft on top of the newest version."""
        known = self.following.versions.get(job, ())
        base = (known[-1].number, known[-1].commit) if known else (None, None)
        parsed, file = self._parsed(job, path, fields), f"jobs/{job}.yaml"
        self.following.definitions[job] = JobVersion(
            parsed, file, DefinitionId("d" * 40), *base, draft=True, draft_files=(file,), runs_draft=True
        )
        self.engine.apply(self.following.jobs())

    def _parsed(self, job: str, path: str, fields: dict[str, Any]) -> Job:
        document = {"schedule": "@yearly", "enabled": True, "retry_policy": {"max_attempts": 1}, **fields}
        return Job.from_document({"name": job, "webhook": {"url": self._receiver.url(path)}, **document})

    def remove(self, job: str = "daily-backup") -> None:
        del self.following.definitions[job]
        self.engine.apply(self.following.jobs())

    def run(self, job: str = "daily-backup", *, times: int = 1) -> Execution:
        """By hand, to its end; a millisecond later than the one before."""
        for _ in range(times - 1):
            self.run(job)
        self.clock.step(timedelta(milliseconds=1))
        execution = self.engine.trigger(job)
        self.seen.wait_until(lambda: any(one.id == execution.id for one in self.seen.ended), 20)
        return next(one for one in self.seen.ended if one.id == execution.id)

    def pause(self, job: str = "daily-backup") -> Pause:
        return self.engine.pause(job, reason="moving", by="ada")

    def look(self) -> list[tuple[str, str]]:
        """One round; what was put on the desk by it, and is taken from there."""
        self.watcher.round()
        return [(name, letter.type) for name, letter in self.letters()]

    def letters(self) -> list[tuple[str, Notification]]:
        found = []
        for one in self.channels:
            while (message := self.desk.take(one.name, self.now(), hold=timedelta(0))) is not None:
                self.desk.sent(message)
                found.append((one.name, Notification.read(message.document)))
        return found

    def sync(self, **changes: Any) -> list[tuple[str, str]]:
        self.following.now = replace(self.following.now, **changes)
        return self.look()


def types(found: Sequence[tuple[str, Notification]]) -> list[str]:
    return [letter.type for _, letter in found]
