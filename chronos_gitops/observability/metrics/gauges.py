"""Gauges that are computed at each scrape, so that none can be stale."""

import platform
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

import chronos_gitops
from chronos_gitops.config.groups import Series
from chronos_gitops.engine.engine import Engine
from chronos_gitops.git.errors import GitError
from chronos_gitops.git.log import distance
from chronos_gitops.jobs.model import JobSet
from chronos_gitops.jobs.problem import Problem
from chronos_gitops.observability import logging_setup
from chronos_gitops.observability.metrics import calendar_gauges
from chronos_gitops.observability.metrics.families import counted, gauge, info, labelled, labelled_by, moment
from chronos_gitops.observability.metrics.job_gauges import JobGauges

if TYPE_CHECKING:
    from chronos_gitops.sync.controller import SyncController
    from chronos_gitops.sync.status import SyncStatus
    from chronos_gitops.webhooks.credentials.secret_watch import SecretWatch

_SYNC_STATES = ("starting", "synced", "degraded", "failed")


class GaugeSource(Protocol):
    """Values that the gauges are read from; ``Service`` is one."""

    @property
    def engine(self) -> Engine: ...
    @property
    def follower(self) -> "SyncController": ...
    @property
    def secrets(self) -> "SecretWatch": ...
    def jobs(self) -> JobSet: ...
    def now(self) -> datetime: ...


class Gauges(Collector):
    """``fetched_at`` tells the last good fetch from a remote."""

    def __init__(self, source: GaugeSource, series: Series, fetched_at: Callable[[], datetime | None]) -> None:
        self._source = source
        self._jobs = JobGauges(source.engine, series)
        self._fetched_at = fetched_at
        self._distance: tuple[tuple[str, str], int] = (("", ""), 0)

    def collect(self) -> Iterator[Metric]:
        version = {"version": chronos_gitops.__version__, "python": platform.python_version()}
        yield info("chronos_build", "Version and dependencies of the runner.", version)
        yield from self._jobs.collect(self._source.jobs(), self._source.now())
        yield from calendar_gauges.collect(self._source.jobs().calendars, self._source.now())
        yield from _engine(self._source.engine)
        yield labelled("chronos_secrets", "Number of secrets in use, by state.", "state", self._source.secrets.counts())
        status = self._source.follower.status()
        yield from _reloads(status)
        labels = {"environment": self._source.follower.environment or ""}
        yield info(
            "chronos_environment", "The environment whose jobs run; empty if the repository declares none.", labels
        )
        yield _policy_findings(status.problems)
        yield from self._git(status)
        yield counted(
            "chronos_log_lines_dropped",
            "Log lines dropped because stderr was read too slowly.",
            logging_setup.dropped(),
        )

    def _git(self, status: "SyncStatus") -> Iterator[Metric]:
        yield from moment(
            "chronos_git_last_fetch_success", "Time of the last successful fetch from the remote.", self._fetched_at()
        )
        yield from moment("chronos_git_commit", "Commit time of the applied commit.", status.committed_at)
        behind = self._commits_behind(status.revision.applied, status.revision.desired)
        if behind is not None:
            yield gauge("chronos_git_commits_behind", "Commits of the branch that are not applied.", behind)
        labels = {"repo": status.repository, "branch": status.branch or "", "commit": status.revision.applied or ""}
        yield info(
            "chronos_git", "The followed repository and branch, and the applied commit.", labels | {"mode": status.mode}
        )

    def _commits_behind(self, applied: str | None, desired: str | None) -> int | None:
        if applied is None or desired is None:
            return None
        if self._distance[0] != (applied, desired):
            try:
                found = distance(self._source.follower.source.git, applied, desired)
            except GitError:
                return None
            self._distance = ((applied, desired), found)
        return self._distance[1]


def _engine(engine: Engine) -> Iterator[Metric]:
    health = engine.health()
    yield gauge("chronos_engine_up", "1 while executions are recorded and claimed.", float(health.ok))
    yield gauge("chronos_executions_running", "Number of running executions.", health.running)
    yield gauge("chronos_open_circuits", "Number of hosts whose circuit breaker is open.", len(health.open_circuits))
    yield from moment("chronos_scheduler_heartbeat", "Time of the scheduler's last heartbeat.", health.heartbeat_at)


def _reloads(status: "SyncStatus") -> Iterator[Metric]:
    states = {state: float(status.state == state) for state in _SYNC_STATES}
    yield labelled("chronos_sync_state", "1 for the current state of the sync, 0 for the others.", "state", states)
    good = float(status.state in ("synced", "degraded"))
    yield gauge("chronos_config_last_reload_successful", "1 if the last sync attempt was applied, else 0.", good)
    text = "Time at which a revision was last applied."
    yield from moment("chronos_config_last_reload_success", text, status.applied_at)
    yield from moment("chronos_sync_last_attempt", "Time of the last sync attempt.", status.last_attempt_at)
    yield from moment("chronos_sync_last_success", "Time of the last successful sync.", status.last_success_at)
    yield gauge("chronos_sync_problems", "Number of problems in the job files.", len(status.problems))
    held = 0 if status.held is None else len(status.held.names)
    yield gauge(
        "chronos_sync_held_deletions", "Number of held deletions and disablings, which wait for approval.", held
    )
    if status.reload_ms is not None:
        yield gauge(
            "chronos_sync_reload_seconds",
            "Duration of the last reload, from noticing a change to applying it.",
            status.reload_ms / 1000,
        )


def _policy_findings(problems: Sequence[Problem]) -> Metric:
    found = Counter((problem.policy, problem.severity.value) for problem in problems if problem.policy)
    text = "Number of findings of each policy rule in the revision that was validated last."
    return labelled_by("chronos_policy_findings", text, ("policy", "severity"), found)
