"""The seam: given a JobSet, make its executions happen, and tell about them."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Final, Protocol

from chronos_gitops.engine.answers.version_outcomes import VersionOutcomes
from chronos_gitops.engine.callbacks import CallbackReport
from chronos_gitops.engine.model import (
    EngineHealth,
    Execution,
    ExecutionDetail,
    ExecutionQuery,
    Pause,
    TriggerInputs,
)
from chronos_gitops.engine.operations.bulk import BulkCall, BulkItem
from chronos_gitops.engine.operations.replays import Replay
from chronos_gitops.errors import ConflictError
from chronos_gitops.jobs.model import JobSet
from chronos_gitops.schedule.calendars.applied import AppliedTiming

STALLED_AFTER: Final = timedelta(seconds=60)
"""An engine whose loop has not turned for longer than this is stalled, for health and liveness alike."""


class NotRunning(ConflictError):
    """The engine has not started, or has ended: another runner, or a later try, may answer."""

    kind = "unavailable"


class Engine(Protocol):
    """Safe to call from any thread between ``start`` and ``stop``; every answer is an immutable value.

    The rules an engine obeys are CONTRACT 2 (missed runs) and 5 (executions); one contract suite holds every engine
    to them. Errors are ChronosErrors.
    """

    def start(self) -> None:
        """Opens the store, resumes unfinished executions with the same ids, begins to claim ticks."""

    def stop(self, grace: float = 25.0) -> None:
        """Claims nothing more at once, lets running attempts end for ``grace`` seconds, then leaves them resumable."""

    def apply(self, jobs: JobSet) -> None:
        """Makes this JobSet the one that ticks are claimed from. An edit never fires a run."""

    def trigger(self, name: str, *, key: str | None = None, inputs: TriggerInputs | None = None) -> Execution:
        """One manual execution now, with ``inputs`` of the job that these make; a repeated ``key`` answers the first
        one. NotFoundError for an unknown job."""

    def cancel(self, execution_id: str, *, by: str) -> Execution:
        """Ends an unfinished execution as ``cancelled``, reason ``operator``; its request is cut off. Harmless when it
        was cancelled before; ConflictError when it has another end, NotFoundError for an unknown id."""

    def call_back(self, execution_id: str, report: CallbackReport, *, signature: str) -> Execution:
        """Record a callback for an execution that awaits it. A callback that ends the execution also counts before the
        response to the request. Idempotent. CallbackUnknown for a wrong signature or an unknown id, CallbackLate when
        the execution has ended otherwise, CallbackUnexpected when it awaits none."""

    def pause(self, name: str, *, reason: str, by: str, until: datetime | None = None) -> Pause:
        """Stops claiming the job's ticks until ``resume`` or ``until``."""

    def stop_version(self, pause: Pause) -> bool:
        """The guard's pause, beside an operator's: until ``resume``, or until other content of the job is applied,
        which gives up the ticks that fell in it. What waits of the job is cancelled, reason ``guard``. False when the
        job's content is no longer ``pause.content``. Made twice it changes nothing, also when it has ended since."""

    def resume(self, name: str) -> None:
        """Ends a pause; ticks that fell in it follow the job's missed-run policy. Harmless when not paused."""

    def bulk(self, call: BulkCall) -> Sequence[BulkItem]:
        """Pauses, resumes or triggers many jobs, with an outcome for each. A call that came before under its id is
        continued, or answered as it was answered; BulkKeyReused when its body was another one."""

    def bulk_call(self, call_id: str) -> BulkCall | None:
        """The call with an Idempotency-Key that came first under this id."""

    def replay(self, replay: Replay) -> None:
        """Begins to run its items again: oldest first, one at a time, while nothing else of the job is unfinished.
        Harmless when it has begun before; ReplayUnderWay while another replay of the job is."""

    def replay_of_id(self, replay_id: str) -> Replay:
        """With what has become of each item so far. NotFoundError for an unknown id."""

    def cancel_replay(self, replay_id: str) -> Replay:
        """Cancel the items of a replay that have not begun. Idempotent; without effect on a replay that has ended."""

    def tick_id(self, name: str, tick: datetime) -> str:
        """The execution id of a scheduled time, whether it has a row or not."""

    def pauses(self) -> Mapping[str, Pause]:
        """The pauses that hold now, by job name."""

    def next_runs(self, name: str, count: int) -> Sequence[datetime]:
        """The next scheduled times that will be claimed; none while the job is disabled, none before a pause ends."""

    def next_due(self) -> datetime | None:
        """When the next scheduled time of any job may be claimed, at the earliest; None where none is known."""

    def moving(self) -> Mapping[str, AppliedTiming]:
        """Of the jobs that move scheduled times, those that will be claimed, with the moves under way."""

    def decided_until(self) -> Mapping[str, datetime]:
        """Jobs whose scheduled times later than now are decided over already, and up to which one."""

    def zone_data_before(self) -> str | None:
        """The release of the time zone database that the runner which started last here used, where it is another one
        than this runner's. None before that is known."""

    def executions(self, query: ExecutionQuery) -> Sequence[Execution]:
        """At most ``query.limit`` rows, newest first."""

    def execution(self, execution_id: str) -> ExecutionDetail:
        """One execution with its attempts. NotFoundError for an unknown id."""

    def latest(self, names: Sequence[str]) -> Mapping[str, Execution]:
        """The newest execution of each of these jobs that has one."""

    def recent(self, names: Sequence[str], count: int) -> Mapping[str, Sequence[Execution]]:
        """The newest executions of each of these jobs that has some, newest first, at most ``count`` of each."""

    def last_success(self, name: str, until: datetime) -> Execution | None:
        """The success of the job that ended last, by ``until``."""

    def running(self, name: str) -> Sequence[Execution]:
        """Pending and running executions of one job, oldest first."""

    def outcomes(self, name: str) -> Mapping[str, VersionOutcomes]:
        """Outcomes of the job's recorded executions, by commit. Executions of drafts are left out."""

    def ticks(self, name: str, since: datetime, until: datetime) -> Sequence[Execution]:
        """The job's scheduled times in [since, until] with their outcomes, oldest first. A row for a range that reaches
        beyond ``until`` comes last. Manual executions are left out."""

    def pauses_of(self, name: str, since: datetime) -> Sequence[Pause]:
        """The job's pauses that held at ``since`` or later, oldest first; one that is over has its end in ``until``."""

    def alone(self, name: str) -> AbstractContextManager[None]:
        """One at a time of this name, over all runners that share the engine. ConflictError after a while."""

    def health(self) -> EngineHealth:
        """Never blocks and never raises."""
