"""The tools of agents: they read jobs and executions of a runner and the files of a checkout, and change nothing.

An agent reads the docstring of a function in ``Tools``; a result is the JSON of the API or of a command.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from chronos_gitops.cli.client.api_client import RunnerClient, job_path
from chronos_gitops.errors import ChronosError, UsageError

_PATIENCE_S = 120
_MOST = 200


class Tools:
    """Every function raises ChronosError with a sentence. ``checkout`` has the folder ``jobs``."""

    def __init__(self, runner: RunnerClient, checkout: Path, jobs: str) -> None:
        self._runner = runner
        self._checkout = checkout
        self._jobs = jobs

    def all(self) -> Sequence[Callable[..., dict[str, Any]]]:
        of_the_runner = (self.list_jobs, self.get_job, self.list_executions, self.get_execution, self.explain_run)
        return (*of_the_runner, self.job_history, self.sync_status, self.plan_change, self.validate_jobs)

    def list_jobs(self, q: str = "", state: str = "", health: str = "", limit: int = 50) -> dict[str, Any]:
        """Jobs of the runner with state, next run and last execution. `q` searches names; `state` is enabled, disabled,
        paused or ended; `health` is failing, invalid, late, broken, skipped,
        running, paused, healthy or off."""
        return self._listed("/api/v1/jobs", limit, q=q, state=state, health=health)

    def get_job(self, name: str) -> dict[str, Any]:
        """One job: every field with defaults filled, its version and commit, next run, last execution and promises."""
        return self._get(job_path(name))

    def list_executions(
        self, job: str = "", status: str = "", since: str = "", until: str = "", limit: int = 20
    ) -> dict[str, Any]:
        """Executions, newest first. `status` is pending, running, success, failed, skipped or cancelled; `since` and
        `until` are RFC 3339 times."""
        return self._listed("/api/v1/executions", limit, job=job, status=status, since=since, until=until)

    def get_execution(self, id: str) -> dict[str, Any]:
        """One execution with each attempt: status code, error, duration by phase, and the beginning of the response."""
        return self._get(f"/api/v1/executions/{quote(id, safe='')}")

    def explain_run(self, job: str, at: str) -> dict[str, Any]:
        """Why a job ran, or did not run, at an RFC 3339 time."""
        return self._get(job_path(job, "/executions"), at=at)

    def job_history(self, name: str, limit: int = 20) -> dict[str, Any]:
        """Versions of a job, newest first: commit, author, time, message and kind of change."""
        return self._listed(job_path(name, "/versions"), limit)

    def sync_status(self) -> dict[str, Any]:
        """Which commit runs, whether the newest one was refused, and what is wrong in which file."""
        return self._get("/api/v1/sync")

    def plan_change(self, base: str = "HEAD", head: str = "") -> dict[str, Any]:
        """Effects of a change in the checkout: jobs added, changed and removed, field by field, next runs before and
        after, and what to look at. Without `head`, the files on disk are compared with `base`."""
        return self._command("plan", ["--jobs", self._jobs, "--format", "json", "--", base, *([head] if head else [])])

    def validate_jobs(self) -> dict[str, Any]:
        """Problems in the job files on disk: file, line, column, rule, message and hint."""
        return self._command("validate", [self._jobs, "--jobs", self._jobs, "--format", "json"])

    def _get(self, path: str, **query: str) -> dict[str, Any]:
        found: dict[str, Any] = self._runner.get(path, query)
        return found

    def _listed(self, path: str, limit: int, **query: str) -> dict[str, Any]:
        if not 1 <= limit <= _MOST:
            raise UsageError(f"limit is a number from 1 to {_MOST}")
        given = {name: value for name, value in query.items() if value}
        return {"items": list(self._runner.items(path, given | {"limit": str(limit)}, limit))}

    def _command(self, name: str, words: Sequence[str]) -> dict[str, Any]:
        """In a process of its own, which reads the files as they are now."""
        command = [sys.executable, "-m", "chronos_gitops", name, *words]
        try:
            done = subprocess.run(
                command,
                cwd=self._checkout,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=_PATIENCE_S,
            )
        except subprocess.TimeoutExpired:
            raise ChronosError(f"{name} took longer than {_PATIENCE_S} s") from None
        try:
            found: dict[str, Any] = json.loads(done.stdout)
        except ValueError:
            raise ChronosError(done.stderr.strip() or f"{name} ended with {done.returncode}") from None
        return found
