"""``resume``: the end of pauses."""

import click

from chronos_gitops.cli.client import bulk
from chronos_gitops.cli.client.api_client import RunnerClient, job_path, runner_options
from chronos_gitops.cli.output import Format, tell
from chronos_gitops.exit_codes import ExitCode


@click.command("resume")
@bulk.selection_options
@click.option("--bulk", "call", metavar="ID", help="Only pauses of this bulk call that have not changed since.")
@click.option("--reason", metavar="TEXT", help="Reason, for the audit log; needed for several jobs.")
@click.option("--dry-run", is_flag=True, help="Show the jobs and their outcomes; change nothing.")
@runner_options
def command(
    jobs: tuple[str, ...],
    tags: tuple[str, ...],
    folder: str | None,
    every: bool,
    expect_jobs: int | None,
    yes: bool,
    call: str | None,
    reason: str | None,
    dry_run: bool,
    server: str | None,
    token: str | None,
    style: Format,
) -> int:
    """End the pauses of jobs. Scheduled times that passed during a pause follow the job's missed_run_policy.

    \b
    Examples:
      chronos-gitops resume daily-backup
      chronos-gitops resume --bulk 0d9a6f5e-3a3e-5a57-9f43-0f6f1c1f7f10
    """
    selection, runner = bulk.BulkSelection(jobs, tags, folder, every, call), RunnerClient(server, token)
    if selection.one_job and not dry_run and expect_jobs is None:
        resumed = runner.post(job_path(selection.one_job, "/resume"))
        following = resumed["next_run"] or "never"
        tell(style, resumed, lambda: f"{resumed['name']} is {resumed['state']}, next run {following}")
        return ExitCode.FINE
    words = reason or (f"end of bulk pause {call}" if call else None)
    body = {"select": selection.document(), "reason": bulk.needed(words)}
    return bulk.change(runner, "resume", body, dry_run=dry_run, yes=yes, expected=expect_jobs, style=style)
