"""State changes become events: of the jobs that run, of following git, of what executions come to."""

import logging
import queue
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, TypeAlias

from chronos_gitops.engine.model import Execution, Status
from chronos_gitops.engine.operations.replays import ReplayEnd
from chronos_gitops.jobs.job_set import JobSetDiff, diff
from chronos_gitops.jobs.model import Job, JobSet, JobVersion
from chronos_gitops.observability import replay_audit
from chronos_gitops.observability.event_log import (
    NAMES_KEPT,
    Event,
    EventKind,
    EventLog,
    LayerReach,
    changes_message,
    layer_message,
)
from chronos_gitops.plurals import plural
from chronos_gitops.process.background_thread import BackgroundThread
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.timestamps import rfc3339
from chronos_gitops.sync.status import BrokenLayer, SyncState, SyncStatus
from chronos_gitops.webhooks.outcome import Outcome

log = logging.getLogger(__name__)
_LOOK_EVERY: Final = 1.0
_CALENDARS_SHOWN: Final = 10
_NOTHING_RUNS: Final = "it does not run, because no version is valid yet"
_NOTHING_VALID: Final = "it has no effect, because no version is valid yet"
_News: TypeAlias = "AppliedJobs | Execution | ReplayEnd | None"


@dataclass(frozen=True, slots=True)
class AppliedJobs:
    """``before`` is what ran until then: at a start the last good state, empty without one. ``layers_of`` gives the
    layers whose edit made a definition of ``jobs``."""

    jobs: JobSet
    before: JobSet
    layers_of: Callable[[JobVersion], Sequence[str]] = lambda _: ()


class EventRecorder:
    """An ``engine.observer.Observer`` with a thread of its own: who tells it something never waits for a disk.
    ``look_also`` is called in it each second. ``on_replay_end`` is called there, for it waits for a disk, too."""

    def __init__(
        self,
        events: EventLog,
        *,
        status: Callable[[], SyncStatus],
        now: Callable[[], datetime],
        look_also: Callable[[], None] = lambda: None,
        on_replay_end: Callable[[ReplayEnd], None] = lambda _: None,
    ) -> None:
        self._events = events
        self._look_also = look_also
        self._status = status
        self._now = now
        self._on_replay_end = on_replay_end
        self._news: queue.SimpleQueue[_News] = queue.SimpleQueue()
        self._thread = BackgroundThread("chronos-events", self._run)
        self._failing, self._known_commit = _remembered(events)
        self._may_recover = set(self._failing)  # the engine's thread alone changes it
        self._sync: SyncStatus | None = None
        self.executions_finished = 0  # since the start; the engine's thread alone counts

    def start(self) -> None:
        self._thread.launch()

    def stop(self) -> None:
        """Store events received so far and stop. Idempotent; harmless when never started."""
        self._news.put(None)
        self._thread.join(5)

    def jobs_changed(self, applied: AppliedJobs) -> None:
        self._news.put(applied)

    def attempt_finished(self, job: Job, outcome: Outcome) -> None:
        pass

    def execution_finished(self, execution: Execution) -> None:
        self.executions_finished += 1
        if execution.replay:
            return
        if execution.status is Status.FAILED:
            self._may_recover.add(execution.job)
            self._news.put(execution)
        elif execution.status is Status.SUCCESS and execution.job in self._may_recover:
            self._may_recover.discard(execution.job)
            self._news.put(execution)

    def replay_ended(self, ended: ReplayEnd) -> None:
        self._news.put(ended)

    def _run(self) -> None:
        while True:
            try:
                news = self._news.get(timeout=_LOOK_EVERY)
                if news is None:
                    return
                self.hear(news)
            except queue.Empty:
                pass
            except Exception:  # an event that cannot be told must not be the last one
                log.exception("event_failed")
            self._look_safely()

    def _look_safely(self) -> None:
        for look in (self.look, self._look_also):
            try:
                look()
            except Exception:
                log.exception("event_failed")

    def hear(self, news: AppliedJobs | Execution | ReplayEnd) -> None:
        if isinstance(news, AppliedJobs):
            self._applied(news)
        elif isinstance(news, ReplayEnd):
            self._on_replay_end(news)
            self._add(
                EventKind.REPLAY_ENDED, f"replay {news.id} is {replay_audit.words(news)}", job=news.job, replay=news.id
            )
        elif news.status is Status.FAILED and news.job not in self._failing:
            self._failing.add(news.job)
            why = news.error or (f"status {news.status_code}" if news.status_code else "no response")
            self._add(EventKind.JOB_FAILING, why, job=news.job, commit=news.commit, execution=news.id)
        elif news.status is Status.SUCCESS and news.job in self._failing:
            self._failing.discard(news.job)
            self._add(EventKind.JOB_RECOVERED, "succeeded again", job=news.job, commit=news.commit, execution=news.id)

    def look(self) -> None:
        """At how following git goes, against the last look."""
        status, before = self._status(), self._sync
        if status.state is SyncState.STARTING:
            return
        self._sync = status
        self._tell_quarantine(before, status)
        if status.held is not None and (before is None or before.held != status.held):
            self._add(
                EventKind.DELETIONS_HELD, f"deletion of {plural(len(status.held.names), 'job')} is held for approval"
            )
        self._tell_failure(before, status)

    def _tell_failure(self, before: SyncStatus | None, status: SyncStatus) -> None:
        has_failed = status.state is SyncState.FAILED
        had_failed = before is not None and before.state is SyncState.FAILED
        if had_failed and not has_failed:
            self._add(EventKind.SYNC_RECOVERED, "sync recovered", commit=status.revision.applied)
        if not has_failed or (had_failed and before is not None and _failure(before) == _failure(status)):
            return
        attempted = status.revision.attempted
        is_about_a_commit = attempted is not None and attempted != status.revision.applied
        kind = EventKind.COMMIT_REFUSED if is_about_a_commit else EventKind.SYNC_FAILED
        message = f"{status.reason}: {status.message}"
        self._add(kind, message[:2000], commit=attempted if is_about_a_commit else None)

    def _tell_quarantine(self, before: SyncStatus | None, status: SyncStatus) -> None:
        """One event for each file to mend: a layer, a calendar, a policy, or a job with an error of its own."""
        commit = status.revision.attempted
        was = {} if before is None else {layer.file: layer for layer in before.broken_layers}
        layers = {layer.file: layer for layer in status.broken_layers}
        known, broken = set(() if before is None else before.broken_files), set(status.broken_files)
        for name in sorted(broken - known):
            if name in layers:
                self._tell_layer(EventKind.LAYER_QUARANTINED, layers[name], status)
                continue
            if name in status.other_kinds:
                effect = _NOTHING_VALID if name in status.not_running else "its last good content stays in force"
                self._add(EventKind.FILE_QUARANTINED, f"{name} is invalid; {effect}", commit=commit)
                continue
            effect = _NOTHING_RUNS if name in status.not_running else "the last good version keeps running"
            path = status.quarantined_paths.get(name)
            self._add(EventKind.JOB_QUARANTINED, f"its file is invalid; {effect}", job=name, commit=commit, path=path)
        for name in sorted(known - broken):
            if name in was:
                self._tell_layer(EventKind.LAYER_RELEASED, was[name], status)
            elif before is not None and name in before.other_kinds:
                self._add(EventKind.FILE_RELEASED, f"{name} is valid again, or deleted", commit=commit)
            else:
                path = None if before is None else before.quarantined_paths.get(name)
                message = "its file is valid again, or deleted"
                self._add(EventKind.JOB_RELEASED, message, job=name, commit=commit, path=path)

    def _tell_layer(self, kind: EventKind, layer: BrokenLayer, status: SyncStatus) -> None:
        reach = LayerReach.of(layer.file, layer.quarantined)
        message = layer_message(kind, reach, not_running=len(set(layer.quarantined) & set(status.not_running)))
        at, commit = rfc3339(self._now(), milliseconds=True), status.revision.attempted
        self._events.add(Event(at, kind, message, commit=commit, layers=(reach,)))

    def _applied(self, applied: AppliedJobs) -> None:
        jobs, before = applied.jobs, applied.before
        if before.revision is None and not before.definitions and jobs.revision == self._known_commit is not None:
            return  # a restart on what ran before, whose last good state was lost
        committed, saved = _by_origin(before, jobs)
        for kind, changes in ((EventKind.COMMIT_APPLIED, committed), (EventKind.DRAFTS_APPLIED, saved)):
            commit = jobs.revision if kind is EventKind.COMMIT_APPLIED else None
            layers = self._edited_layers(applied, changes.changed)
            self._add_changes(kind, changes, applied, commit=commit, layers=layers)

    def _edited_layers(self, applied: AppliedJobs, names: Sequence[str]) -> tuple[LayerReach, ...]:
        """Whose edit reached these jobs: those of which no own file changed."""
        reached: dict[str, list[str]] = {}
        for name in names:
            old, new = applied.before.definitions[name], applied.jobs.definitions[name]
            is_own = old.path != new.path or old.identity.blob != new.identity.blob
            if is_own or (old.identity, old.commit) == (new.identity, new.commit):
                continue
            for layer in applied.layers_of(new):
                reached.setdefault(layer, []).append(name)
        return tuple(LayerReach.of(layer, reached[layer]) for layer in sorted(reached))

    def _add_changes(
        self,
        kind: EventKind,
        changes: JobSetDiff,
        applied: AppliedJobs,
        *,
        commit: str | None,
        layers: tuple[LayerReach, ...],
    ) -> None:
        names = changes.added, changes.changed, changes.removed
        if any(names) or changes.calendars:
            added, changed, removed = (found[:NAMES_KEPT] for found in names)
            at, message = rfc3339(self._now(), milliseconds=True), changes_message(kind, *names, layers)
            message += _calendars_in_words(changes.calendars)
            event = Event(
                at, kind, message, commit=commit, added=added, changed=changed, removed=removed, layers=layers
            )
            now, then = applied.jobs.definitions, applied.before.definitions
            paths = {name: known.path for name in event.names if (known := now.get(name) or then.get(name))}
            self._events.add(replace(event, paths=paths))

    def _add(self, kind: EventKind, message: str, **fields: str | None) -> None:
        """``path`` is the file of the job."""
        job, path = fields.get("job"), fields.get("path")
        about: dict[str, Any] = {name: fields.get(name) for name in ("commit", "execution", "replay")}
        paths, at = {job: path} if job and path else {}, rfc3339(self._now(), milliseconds=True)
        self._events.add(Event(at, kind, message, job=job, paths=paths, **about))


def _by_origin(before: JobSet, jobs: JobSet) -> tuple[JobSetDiff, JobSetDiff]:
    """The changes by the commit, and those by files on disk."""
    changes = diff(before, jobs)
    is_commit = before.revision != jobs.revision

    def is_committed(name: str) -> bool:
        old, new = before.get(name), jobs.get(name)
        if not is_commit or new is None:
            return is_commit
        if not new.draft and (old is None or not old.draft):
            return True
        return old is not None and old.commit != new.commit

    def is_of_commit(calendar: str) -> bool:
        file = jobs.calendars.files.get(calendar)
        return is_commit and (file is None or file.commit is not None)

    committed, saved = changes.only(is_committed), changes.only(lambda name: not is_committed(name))
    of_commit = tuple(filter(is_of_commit, changes.calendars))
    others = tuple(name for name in changes.calendars if name not in of_commit)
    return replace(committed, calendars=of_commit), replace(saved, calendars=others)


def _calendars_in_words(names: Sequence[str]) -> str:
    """``; calendar fr-holidays``: the calendars that came, went or were edited."""
    if not names:
        return ""
    more = f" and {len(names) - _CALENDARS_SHOWN} more" if len(names) > _CALENDARS_SHOWN else ""
    return f"; {'calendar' if len(names) == 1 else 'calendars'} {', '.join(names[:_CALENDARS_SHOWN])}{more}"


def _failure(status: SyncStatus) -> tuple[str | None, str | None]:
    return status.reason, status.revision.attempted


def _remembered(events: EventLog) -> tuple[set[str], str | None]:
    """The jobs that were failing, and the commit that was applied, when the runner stopped."""
    failing: set[str] = set()
    commit: str | None = None
    for _, event in events.after(0):
        if event.type is EventKind.JOB_FAILING and event.job is not None:
            failing.add(event.job)
        elif event.type is EventKind.JOB_RECOVERED and event.job is not None:
            failing.discard(event.job)
        elif event.type is EventKind.COMMIT_APPLIED:
            commit = event.commit
    return failing, commit
