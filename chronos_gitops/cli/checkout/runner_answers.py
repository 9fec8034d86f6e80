"""A runner's answers about the jobs of a checkout: their state now, outcomes of versions, and past executions."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cached_property
from itertools import islice
from typing import Any, Final, TypeVar

from chronos_gitops.cli.client.api_client import RunnerAway, RunnerClient, job_path
from chronos_gitops.engine.model import Execution, Status, Trigger
from chronos_gitops.errors import NotFoundError
from chronos_gitops.expectations.backtest.backtest import MOST_ROWS
from chronos_gitops.jobs.planning.review_flags import RunnerState, StoppedVersion
from chronos_gitops.jobs.promises.guard import GUARD
from chronos_gitops.plurals import plural
from chronos_gitops.schedule.timestamps import rfc3339

Outcomes = Mapping[str, dict[str, Any] | None]
"""By commit, as the API gives them; None for a commit without executions."""

_MOST_BACKTESTS: Final = 50
_COUNTS: Final = frozenset({"success", "failed", "first_failure", "complete"})
_PAGE: Final = "1000"
_T = TypeVar("_T")


class RunnerAnswers:
    """Asks when it is needed. ``days`` is how far a backtest goes back, None without one. Raises RunnerAway and
    RunnerRefused."""

    def __init__(self, server: str, token: str | None, days: int | None = None) -> None:
        self._runner = RunnerClient(server, token)
        self.days = days
        self._tested: set[str] = set()
        self._left_out: set[str] = set()

    @cached_property
    def state(self) -> RunnerState:
        return self._read(self._state)

    def outcomes(self, job: str) -> Outcomes:
        """None of a job that the runner does not know."""

        def read() -> Outcomes:
            found = self._runner.items(job_path(job, "/versions"), {})
            return {version["commit"]: _counted(version["executions"]) for version in found}

        try:
            return self._read(read)
        except NotFoundError:
            return {}

    def past(self, job: str, until: datetime) -> list[Execution] | None:
        """The newest executions of the days before, ``MOST_ROWS`` at most; [] of a job that the runner does not know.
        None where no backtest is wanted, or enough other jobs have one."""
        if self.days is None:
            return None
        if job not in self._tested and len(self._tested) >= _MOST_BACKTESTS:
            self._left_out.add(job)
            return None
        self._tested.add(job)
        since = until - timedelta(days=self.days)
        asked = {"since": rfc3339(since), "until": rfc3339(until), "limit": _PAGE}
        try:
            found = self._read(lambda: list(islice(self._runner.items(job_path(job, "/executions"), asked), MOST_ROWS)))
        except NotFoundError:
            return []
        return self._read(lambda: [_execution(row) for row in found])

    def notes(self) -> list[str]:
        if not self._left_out:
            return []
        left_out = plural(len(self._left_out), "changed job")
        return [f"note: {left_out} without a backtest; it takes {_MOST_BACKTESTS} jobs"]

    def _read(self, read: Callable[[], _T]) -> _T:
        """An answer in JSON may still be another program's."""
        try:
            return read()
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RunnerAway(
                f"{self._runner.address} does not answer like a chronos-gitops runner of this release",
                hint="check --against, and upgrade the runner or this command",
            ) from error

    def _state(self) -> RunnerState:
        some = next(self._runner.items("/api/v1/jobs", {"limit": "1"}, 1), None)
        paused = list(self._runner.items("/api/v1/jobs", {"state": "paused", "limit": _PAGE}))
        running = self._runner.items("/api/v1/executions", {"status": "running", "limit": _PAGE})
        return RunnerState(
            self._runner.get("/api/v1/sync")["revision"]["applied"],
            {job["name"]: _reason(job) for job in paused if not _is_stopped(job)},
            frozenset(execution["job"] for execution in running),
            None if some is None else some.get("environment"),
            {
                job["name"]: StoppedVersion(job["pause"].get("version"), datetime.fromisoformat(job["pause"]["at"]))
                for job in paused
                if _is_stopped(job)
            },
        )


def _counted(found: dict[str, Any] | None) -> dict[str, Any] | None:
    if found is not None and not found.keys() >= _COUNTS:
        raise KeyError(*_COUNTS)
    return found


def _is_stopped(job: Mapping[str, Any]) -> bool:
    """By the guard alone, so that another content ends the pause."""
    return (job.get("pause") or {}).get("by") == GUARD


def _reason(job: Mapping[str, Any]) -> str:
    pause = job.get("pause") or {}
    return f"{pause['reason']} (until {pause['until']})" if pause.get("until") else str(pause.get("reason") or "")


def _execution(row: Mapping[str, Any]) -> Execution:
    """As far as a backtest looks at it."""
    return Execution(
        row["id"],
        row["job"],
        datetime.fromisoformat(row["scheduled_time"]),
        Trigger(row["trigger"]),
        Status(row["status"]),
        row["reason"],
        row["attempts"],
        created_at=_instant(row["created_at"]),
        started_at=_instant(row["started_at"]),
        completed_at=_instant(row["completed_at"]),
        duration_ms=row["duration_ms"],
        status_code=row["status_code"],
        version=row["version"],
        commit=row["commit"],
        count=row["count"],
        draft=row["draft"],
        replay=row["replay"],
    )


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
