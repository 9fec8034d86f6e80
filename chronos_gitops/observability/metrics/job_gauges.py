"""Gauges of jobs: how many there are in which state, and what the ledger says of each."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final

from prometheus_client.core import InfoMetricFamily, Metric

from chronos_gitops.config.groups import Series
from chronos_gitops.engine.answers import failure_streak
from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.model import Execution, Pause, Status
from chronos_gitops.errors import ChronosError
from chronos_gitops.jobs.model import Job, JobSet, JobVersion
from chronos_gitops.jobs.state import JobState, state_of
from chronos_gitops.observability.metrics.families import gauge, labelled
from chronos_gitops.process.engine_priority import yielding
from chronos_gitops.process.lazy_dataclass import dataclass

_LOOK_BACK: Final = 50
"""Number of a job's executions searched for its last success."""


@dataclass(frozen=True, slots=True)
class KnownJobs:
    """State of a job's newest executions: failures since the last success, and its time (UTC seconds)."""

    newest: tuple[str, Status]
    failures: int
    last_success: float | None


class JobGauges:
    """The first ``per_job`` jobs by name have gauges of their own. The ledger is what is asked, so the numbers hold
    over restarts and replicas; a job without news costs one look."""

    def __init__(self, engine: Engine, series: Series) -> None:
        self._engine = engine
        self._series = series
        self._known: dict[str, KnownJobs] = {}
        self._waits: dict[str, float | None] = {}

    def collect(self, jobs: JobSet, now: datetime) -> Iterator[Metric]:
        pauses = self._engine.pauses()
        yield from _states(jobs, pauses, now)
        shown = [definition for definition, _ in zip(jobs, range(self._series.per_job), strict=False)]
        if not shown:
            return
        yield self._info(shown)
        following = {one.job.name: self._engine.next_runs(one.job.name, 1) for one in yielding(shown)}
        next_runs = {name: ticks[0].timestamp() for name, ticks in following.items() if ticks}
        yield labelled("chronos_job_next_run_timestamp_seconds", "Next scheduled time.", "job_name", next_runs)
        reckoned = {one.job.digest: self._longest_wait(one.job, now) for one in yielding(shown)}
        self._waits = reckoned
        waits = {one.job.name: wait for one in shown if (wait := reckoned[one.job.digest]) is not None}
        text = "Longest interval between the next eight scheduled times, which covers nights and weekends."
        yield labelled("chronos_job_period_seconds", text, "job_name", waits)
        yield from self._results([definition.job.name for definition in shown])

    def _info(self, shown: Sequence[JobVersion]) -> Metric:
        family = InfoMetricFamily("chronos_job", "Properties of a job, to join to other series by job_name.")
        names = [(key, f"tag_{re.sub(r'[^a-zA-Z0-9]', '_', key)}") for key in self._series.tags]
        for definition in yielding(shown):
            job, tags = definition.job, dict(definition.job.tags)
            labels = {"job_name": job.name, "schedule": job.timing.schedules.text, "timezone": job.timezone}
            labels["commit"] = definition.commit or ""
            family.add_metric([], labels | {label: tags.get(key, "") for key, label in names})
        return family

    def _longest_wait(self, job: Job, now: datetime) -> float | None:
        """Reckoned once for each version of a job."""
        known = self._waits
        if job.digest in known:
            return known[job.digest]
        ticks = job.timing.upcoming(now, 8)
        return max(((after - before).total_seconds() for before, after in pairwise(ticks)), default=None)

    def _results(self, names: Sequence[str]) -> Iterator[Metric]:
        try:
            latest = self._engine.latest(names)
            found = self._looked_through(latest)
        except ChronosError:
            return  # chronos_engine_up tells; a scrape that fails as a whole would tell nothing
        last_runs = {name: execution.scheduled_time.timestamp() for name, execution in latest.items()}
        yield labelled(
            "chronos_job_last_run_timestamp_seconds", "Scheduled time of the last execution.", "job_name", last_runs
        )
        successes = {name: one.last_success for name, one in found.items() if one.last_success is not None}
        text = "End of the newest success in the ledger."
        yield labelled("chronos_job_last_success_timestamp_seconds", text, "job_name", successes)
        failures = {name: float(one.failures) for name, one in found.items()}
        text = "Failures since the last success, counted up to 50."
        yield labelled("chronos_job_consecutive_failures", text, "job_name", failures)

    def _looked_through(self, latest: Mapping[str, Execution]) -> dict[str, KnownJobs]:
        # Swapped whole: two may scrape at one time.
        known = self._known
        news = [name for name, one in latest.items() if not _is_known(known.get(name), one)]
        fresh = {name: _succeeded(latest[name]) for name in news if latest[name].status is Status.SUCCESS}
        asked = [name for name in news if name not in fresh]
        if asked:
            recent = self._engine.recent(asked, _LOOK_BACK)
            fresh |= {name: _looked_at(latest[name], recent.get(name, ()), known.get(name)) for name in asked}
        found = {name: fresh.get(name) or known[name] for name in latest}
        self._known = found
        return found


def _is_known(known: KnownJobs | None, latest: Execution) -> bool:
    return known is not None and known.newest == (latest.id, latest.status)


def _states(jobs: JobSet, pauses: Mapping[str, Pause], now: datetime) -> Iterator[Metric]:
    found = Counter(state_of(one.job, now, is_paused=one.job.name in pauses) for one in jobs)
    enabled = found[JobState.ENABLED]
    yield labelled(
        "chronos_jobs", "Number of jobs by state.", "state", {state.value: found[state] for state in JobState}
    )
    yield gauge("chronos_jobs_total", "Number of jobs; the name is that of chronos.", len(jobs))
    yield gauge("chronos_jobs_enabled", "Number of enabled jobs; the name is that of chronos.", enabled)
    quarantined = sum(bool(definition.quarantined) for definition in jobs)
    yield gauge(
        "chronos_jobs_quarantined",
        "Number of jobs that run their last good version because their file is invalid.",
        quarantined,
    )


def _succeeded(execution: Execution) -> KnownJobs:
    ended = execution.completed_at
    return KnownJobs((execution.id, execution.status), 0, None if ended is None else ended.timestamp())


def _looked_at(latest: Execution, recent: Sequence[Execution], before: KnownJobs | None) -> KnownJobs:
    row = failure_streak.newest(recent)
    ended = failure_streak.ended(recent)
    good = row.before if row is not None else ended[-1] if ended else None
    success = None if good is None or good.completed_at is None else good.completed_at.timestamp()
    known = None if before is None else before.last_success
    return KnownJobs((latest.id, latest.status), 0 if row is None else row.count, success or known)
