"""``replay``: scheduled times of a job that run again."""

import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

import click

from chronos_gitops.cli import job_words
from chronos_gitops.cli.client import execution_wait
from chronos_gitops.cli.client.api_client import RunnerClient, job_path, runner_options
from chronos_gitops.cli.options import read_instant
from chronos_gitops.cli.output import Format, tell
from chronos_gitops.cli.reports.tables import table
from chronos_gitops.errors import UsageError
from chronos_gitops.exit_codes import ExitCode
from chronos_gitops.plurals import plural
from chronos_gitops.schedule.timestamps import rfc3339

_SHOWN = 50
_ONLY = "missed,failed,skipped,cancelled"


@click.command("replay")
@click.argument("job", required=False, shell_complete=job_words.from_runner)
@click.option("--from", "since", callback=read_instant, metavar="TIME", help="First scheduled time.")
@click.option("--until", callback=read_instant, metavar="TIME", help="Scheduled times before this one.")
@click.option("--only", metavar="LIST", help=f"Any of {_ONLY}, with commas between them.  [default: missed,failed]")
@click.option("--again", is_flag=True, help="Include scheduled times that succeeded; implies --new-key for them.")
@click.option("--new-key", is_flag=True, help="Send new Idempotency-Keys, for targets that repeat a stored failure.")
@click.option("--pace", metavar="DURATION", help="Minimum time between two starts, such as 1s.")
@click.option("--reason", metavar="TEXT", help="Reason, for the audit log.")
@click.option("--dry-run", is_flag=True, help="List the scheduled times that would run, without running them.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--status", metavar="ID", help="Show a replay.")
@click.option("--cancel", metavar="ID", help="Cancel a replay: start no further item.")
@runner_options
def command(
    job: str | None,
    since: datetime | None,
    until: datetime | None,
    only: str | None,
    again: bool,
    new_key: bool,
    pace: str | None,
    reason: str | None,
    dry_run: bool,
    yes: bool,
    status: str | None,
    cancel: str | None,
    server: str | None,
    token: str | None,
    style: Format,
) -> int:
    """Run scheduled times of JOB again, oldest first and one at a time.

    \b
    Examples:
      chronos-gitops replay daily-backup --from 2026-03-07 --until 2026-03-08 --reason "the target was down"
      chronos-gitops replay --status 0d9a6f5e-3a3e-4a57-9f43-0f6f1c1f7f10
    """
    runner = RunnerClient(server, token)
    if status or cancel:
        if job or (status and cancel):
            raise UsageError("--status and --cancel stand alone", hint="give one of them, with the id of the replay")
        path = f"/api/v1/replays/{quote(status or cancel or '', safe='')}"
        found = runner.get(path) if status else runner.post(f"{path}/cancel")
        tell(style, found, lambda: _progress(found))
        return ExitCode.FINE
    given = {"JOB": job, "--from": since, "--until": until, "--reason": reason}
    absent = [name for name, value in given.items() if not value]
    if job is None or since is None or until is None or absent:
        raise UsageError(f"a replay needs {', '.join(absent)} as well", hint="replay --help shows an example")
    body: dict[str, Any] = {"from": rfc3339(since), "until": rfc3339(until), "reason": reason}
    body |= {name: True for name, given in (("again", again), ("new_key", new_key)) if given}
    body |= {"only": only.split(",")} if only else {}
    body |= {"pace": pace} if pace else {}
    return _replay(runner, job_path(job, "/replays"), body, dry_run=dry_run, yes=yes, style=style)


def _replay(
    runner: RunnerClient, path: str, body: Mapping[str, Any], *, dry_run: bool, yes: bool, style: Format
) -> int:
    planned = runner.post(path, {**body, "dry_run": True})
    count = sum(item["becomes"] == "run" for item in planned["items"])
    if dry_run or not count:
        tell(style, planned, lambda: _plan(planned, count))
        return ExitCode.FINE if count else ExitCode.NOTHING
    if not yes:
        if not sys.stdin or not sys.stdin.isatty():
            raise UsageError("there is no terminal to confirm it", hint="look with --dry-run, then add --yes")
        click.echo(_plan(planned, count), err=True)
        click.confirm(f"Run {count} again?", abort=True, err=True)
    begun = runner.post(path, {**body, "checksum": planned["checksum"]})
    words = f"{plural(count, 'scheduled time')} run again: replay {begun['id']}"
    tell(style, begun, lambda: "\n".join([words, *execution_wait.closed_notes([begun], "replay")]))
    return ExitCode.FINE


def _plan(planned: Mapping[str, Any], count: int) -> str:
    items = planned["items"]
    if not items:
        return "nothing was due in this range; what a calendar holds is recorded at the end of its day"
    rows = [(item["scheduled_time"], item["now"], item["becomes"], item["why"]) for item in items[:_SHOWN]]
    more = [f"and {len(items) - _SHOWN} more"] if len(items) > _SHOWN else []
    summary = [f"{count} of {len(items)} run", *execution_wait.closed_notes([planned], "replay")]
    return "\n".join([table(("scheduled", "now", "becomes", "why"), rows), *more, "", *summary])


def _progress(found: Mapping[str, Any]) -> str:
    items = found["items"]
    rows = [(item["scheduled_time"], item["status"] or "waits", item["execution"] or "") for item in items[:_SHOWN]]
    begun = sum(item["execution"] is not None for item in items)
    more = [f"and {len(items) - _SHOWN} more"] if len(items) > _SHOWN else []
    head = f"replay {found['id']} of {found['job']} is {found['state']}: {begun} of {len(items)} begun"
    return "\n".join([head, "", table(("scheduled", "status", "execution"), rows), *more])
