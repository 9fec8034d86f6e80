"""Waits for the end of an execution; the exit code says how it ended."""

import time
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final
from urllib.parse import quote

import click

from chronos_gitops.cli.client import patience
from chronos_gitops.cli.client.api_client import RunnerAway, RunnerClient
from chronos_gitops.engine.answers.held_sentences import not_held
from chronos_gitops.exit_codes import ExitCode
from chronos_gitops.process.sleep import sleep
from chronos_gitops.schedule import durations
from chronos_gitops.schedule.durations import DurationError

_FIRST_S, _LONGEST_S = 0.1, 2.0
_UNFINISHED: Final = ("pending", "running")


def read_duration(_context: click.Context, _option: click.Parameter, value: str | None) -> timedelta | None:
    """An option's callback: ``90s``, ``5m``."""
    if value is None:
        return None
    try:
        return durations.parse(value)
    except DurationError as error:
        raise click.BadParameter(str(error)) from error


def wait(runner: RunnerClient, execution: dict[str, Any], within: timedelta | None) -> dict[str, Any]:
    """The execution when it has ended, or as it is after this time. A runner that restarts meanwhile is waited for;
    RunnerAway, which names the execution, when it stays away."""
    deadline = None if within is None else time.monotonic() + within.total_seconds()
    pause = _FIRST_S
    while execution["status"] in _UNFINISHED:
        left = _LONGEST_S if deadline is None else deadline - time.monotonic()
        if left <= 0:
            return execution
        sleep(min(pause, left))
        pause = min(pause * 1.5, _LONGEST_S)
        try:
            execution = patience.get(runner, f"/api/v1/executions/{quote(execution['id'], safe='')}", until=deadline)
        except RunnerAway as error:
            hint = f"`chronos-gitops logs {execution['id']}` shows the result when the runner is back"
            message = f"{error.message}; {execution['job']} was started as execution {execution['id']}"
            raise RunnerAway(message, hint=hint) from error
    return execution


def closed_notes(answers: Iterable[Mapping[str, Any]], call: str) -> list[str]:
    """Lines that name the calendars in whose closed time these answers of a ``trigger`` or ``replay`` run jobs."""
    return [f"note: {clause}" for clause in not_held((one["closed"] for one in answers), call)]


def exit_code(execution: dict[str, Any]) -> ExitCode:
    return ExitCode.FINE if execution["status"] == "success" else ExitCode.FAILED


def sentence(execution: dict[str, Any]) -> str:
    """``daily-backup: failed after 2310 ms (HTTP 500), execution 6c7e...``."""
    if execution["status"] in _UNFINISHED:
        return f"{execution['job']} has not ended yet ({execution['status']}): execution {execution['id']}"
    took = "" if execution["duration_ms"] is None else f" after {execution['duration_ms']} ms"
    why = execution["reason"] or execution["error"] or execution["status_code"]
    return f"{execution['job']}: {execution['status']}{took}{f' ({why})' if why else ''}, execution {execution['id']}"
