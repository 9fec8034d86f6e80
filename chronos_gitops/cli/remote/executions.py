"""``executions``: what happened, newest first."""

from datetime import datetime
from typing import Any
from urllib.parse import quote

import click

from chronos_gitops.cli import job_words
from chronos_gitops.cli.client.api_client import RunnerClient, job_path, runner_options
from chronos_gitops.cli.options import read_instant, read_past, read_tag
from chronos_gitops.cli.output import Format, tell
from chronos_gitops.cli.reports.tables import facts, table
from chronos_gitops.jobs.validation.quoting import cut
from chronos_gitops.schedule.timestamps import rfc3339

_HEADER = ("scheduled", "job", "status", "attempts", "ms", "detail", "id")
_LONGEST_DETAIL = 60
_OF_CALLBACKS = ("waiting_for", "callback_deadline", "last_heartbeat_at", "message")
_STATUSES = ("pending", "running", "success", "failed", "skipped", "cancelled")


@click.command("executions")
@click.argument("job", required=False, shell_complete=job_words.from_runner)
@click.option("--status", "statuses", type=click.Choice(_STATUSES), multiple=True, help="Only this status; repeatable.")
@click.option("--since", callback=read_past, metavar="TIME", help="Scheduled from this time on, or so long ago: 1h.")
@click.option("--until", callback=read_past, metavar="TIME", help="Scheduled before this time, or so long ago.")
@click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="Only jobs with this tag; repeatable.")
@click.option(
    "--sort", metavar="KEY", help="Order, such as -duration_ms, started_at or job.  [default: -scheduled_time]"
)
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="Maximum number of items.")
@click.option("--id", "execution_id", metavar="ID", help="One execution, with its attempts.")
@click.option("--at", callback=read_instant, metavar="TIME", help="Explain why JOB ran, or did not run, at this time.")
@runner_options
def command(
    job: str | None,
    statuses: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    tags: tuple[str, ...],
    sort: str | None,
    limit: int,
    execution_id: str | None,
    at: datetime | None,
    server: str | None,
    token: str | None,
    style: Format,
) -> None:
    """List executions of JOB, or of all jobs, newest first unless --sort says otherwise.

    \b
    Examples:
      chronos-gitops executions --status failed --since 1h
      chronos-gitops executions --since 24h --sort -duration_ms --limit 10
      chronos-gitops executions daily-backup --at 2026-03-08T02:00:00Z
    """
    runner = RunnerClient(server, token)
    if execution_id:
        execution = runner.get(f"/api/v1/executions/{quote(execution_id, safe='')}")
        return tell(style, execution, lambda: _one(execution))
    if at is not None:
        if job is None:
            raise click.UsageError("--at asks about one job; name it")
        why = runner.get(job_path(job, "/executions"), {"at": rfc3339(at)})
        return tell(style, why, lambda: _why(why))
    between = {name: rfc3339(at) for name, at in (("since", since), ("until", until)) if at is not None}
    given = {"limit": str(min(limit, 1000)), "job": job or "", "status": ",".join(statuses), "sort": sort or ""}
    query = {name: text for name, text in given.items() if text} | between | dict(map(read_tag, tags))
    items = list(runner.items("/api/v1/executions", query, limit))
    return tell(style, {"items": items}, lambda: table(_HEADER, map(_row, items)) if items else "no executions")


def _why(answer: dict[str, Any]) -> str:
    made_so = "" if answer["version"] is None else f"version {answer['version']}, commit {answer['commit']}"
    execution = (answer["execution"] or {}).get("id", "")
    shown = (("outcome", answer["outcome"]), ("scheduled_time", answer["tick"] or "none"), ("by", made_so))
    return f"{answer['message']}\n\n" + facts((*shown, ("execution", execution)))


def _row(execution: dict[str, Any]) -> tuple[str, ...]:
    duration = execution.get("duration_ms")
    return (
        execution["scheduled_time"],
        execution["job"],
        execution["status"],
        str(execution["attempts"]),
        "" if duration is None else str(duration),
        _detail(execution),
        execution["id"],
    )


def _detail(execution: dict[str, Any]) -> str:
    waits = f"waiting for {execution['waiting_for']}" if execution.get("waiting_for") else None
    words = [execution.get("reason"), execution.get("status_code"), waits, execution.get("error")]
    return cut(" ".join(str(word) for word in words if word is not None), _LONGEST_DETAIL, "…")


def _one(execution: dict[str, Any]) -> str:
    times = ("scheduled_time", "started_at", "completed_at", "duration_ms")
    shown = ("id", "job", "status", "reason", "trigger", *times, "version", "commit", "error", *_OF_CALLBACKS)
    given = ", ".join(f"{name}={text}" for name, text in (execution.get("variables") or {}).items())
    named = [(name, str(execution.get(name) or "")) for name in shown]
    more = (("variables", given), ("requires", _gate(execution.get("requires"))))
    lines = facts((*named, *more, ("since success", execution.get("since_success") or "")))
    attempts = [
        (str(one["attempt"]), one["started_at"], f"{one['duration_ms']}", _phases(one["phases"]), _answer(one))
        for one in execution["attempts"]
    ]
    header = ("attempt", "started", "ms", "of these", "answer")
    return f"{lines}\n\n{table(header, attempts)}" if attempts else lines


def _gate(gate: dict[str, Any] | None) -> str:
    """``nightly-extract, met by <id>``"""
    if gate is None:
        return ""
    by = f" by {gate['execution']}" if gate["execution"] else ""
    return f"{gate['job']}, {'met' if gate['met'] else 'not met'}{by}"


def _phases(phases: dict[str, float | None] | None) -> str:
    """``dns 3, connect 1``: what was not needed is left out."""
    found = ((name.replace("_", " "), value) for name, value in (phases or {}).items() if value is not None)
    return ", ".join(f"{name} {value:.0f}" for name, value in found)


def _answer(attempt: dict[str, Any]) -> str:
    words = (attempt.get("status_code"), attempt.get("error_class"), attempt.get("error"))
    return " ".join(str(word) for word in words if word is not None)
