"""``preflight``: checks of coming executions, made by a runner."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from chronos_gitops.cli import job_words
from chronos_gitops.cli.client.api_client import RunnerClient, runner_options
from chronos_gitops.cli.output import Format, tell
from chronos_gitops.cli.reports.tables import table
from chronos_gitops.errors import NotFoundError, UsageError
from chronos_gitops.exit_codes import ExitCode
from chronos_gitops.jobs.promises import preflight_window
from chronos_gitops.plurals import plural, verb

_WITHIN_S = 90.0
_HEADER = ("job", "scheduled", "check", "result", "detail")
Item = Mapping[str, Any]


@click.command("preflight")
@click.argument("jobs", nargs=-1, metavar="[JOB]...", shell_complete=job_words.from_runner)
@click.option("--within", metavar="DURATION", default="24h", show_default=True, help="Period ahead, 1m to 168h.")
@runner_options
def command(jobs: tuple[str, ...], within: str, server: str | None, token: str | None, style: Format) -> int:
    """Check the upcoming executions of each JOB, or of all jobs, without sending their requests.

    The runner checks secrets, requests, addresses, connections, certificates and oauth2 tokens. Exits with 1 if a
    check failed or was not run, with 2 if a job does not exist, and with 3 if no job is due.

    \b
    Examples:
      chronos-gitops preflight
      chronos-gitops preflight daily-backup --within 168h
    """
    asked = {"within": _checked(within)} | ({"jobs": list(jobs)} if jobs else {})
    try:
        found = RunnerClient(server, token).post("/api/v1/preflight", asked, within=_WITHIN_S)
    except NotFoundError as error:  # 1 says that a check failed
        raise UsageError(str(error), hint=error.hint) from None
    items: Sequence[Item] = found["items"]
    tell(style, found, lambda: _text(items, within))
    if not items:
        return ExitCode.NOTHING
    return ExitCode.FINE if all(item["result"] == "pass" for item in items) else ExitCode.FAILED


def _checked(within: str) -> str:
    try:
        preflight_window.parse(within)
    except ValueError as error:
        raise UsageError(f"--within: {error}", hint="write one like 24h") from None
    return within


def _text(items: Sequence[Item], within: str) -> str:
    """Failures, and the first check that was not run of each other job."""
    if not items:
        return f"no job is due within {within}"
    jobs = dict.fromkeys(item["job"] for item in items)
    failed = [item for item in items if item["result"] == "fail"]
    broken = {item["job"] for item in failed}
    unknown = {item["job"]: item for item in reversed(items) if item["result"] == "not_run"}
    left = [item for job, item in reversed(unknown.items()) if job not in broken]
    passed = len(jobs) - len(broken) - len(left)
    summary = f"{passed} of {plural(len(jobs), 'job')} {verb(len(jobs), 'passes', 'pass')}"
    summary += f", {len(left)} not checked" if left else ""
    rows = [_row(item) for item in (*failed, *left)]
    return f"{table(_HEADER, rows)}\n\n{summary}" if rows else summary


def _row(item: Item) -> tuple[str, ...]:
    result = str(item["result"]).replace("_", " ")
    return item["job"], item["scheduled_time"], item["check"], result, item["message"]
