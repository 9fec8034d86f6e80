"""``trigger``: manual executions, now."""

from datetime import timedelta

import click

from chronos_gitops.cli.client import bulk, execution_wait
from chronos_gitops.cli.client.api_client import RunnerClient, job_path, runner_options
from chronos_gitops.cli.output import Format, tell
from chronos_gitops.errors import UsageError
from chronos_gitops.exit_codes import ExitCode


@click.command("trigger")
@bulk.selection_options
@click.option("--reason", metavar="TEXT", help="Reason, for the audit log; needed for several jobs.")
@click.option(
    "--dry-run", is_flag=True, help="One job: show its request as a curl command, masked. Several: list them."
)
@click.option("--variable", "variables", metavar="NAME=TEXT", multiple=True, help="Text for an input of one job.")
@click.option("--wait", "waits", is_flag=True, help="One job: wait for its end, and exit with 1 unless it succeeds.")
@click.option(
    "--timeout",
    callback=execution_wait.read_duration,
    metavar="DURATION",
    help="With --wait: the longest time to wait.",
)
@runner_options
def command(
    jobs: tuple[str, ...],
    tags: tuple[str, ...],
    folder: str | None,
    every: bool,
    expect_jobs: int | None,
    yes: bool,
    reason: str | None,
    dry_run: bool,
    variables: tuple[str, ...],
    waits: bool,
    timeout: timedelta | None,
    server: str | None,
    token: str | None,
    style: Format,
) -> int:
    """Trigger jobs now, independent of their schedules; at most 1,000 at once.

    \b
    Examples:
      chronos-gitops trigger daily-backup --wait --timeout 10m
      chronos-gitops trigger --tag team=billing --reason "after the upgrade"
    """
    if timeout is not None and not waits:
        raise UsageError("--timeout goes with --wait", hint="add --wait")
    selection, runner = bulk.BulkSelection(jobs, tags, folder, every), RunnerClient(server, token)
    if selection.one_job and expect_jobs is None:
        path = job_path(selection.one_job, "/trigger")
        given = {"variables": _given(variables)} if variables else {}
        if dry_run:
            planned = runner.post(path, {"dry_run": True, **given})
            tell(style, planned, lambda: str(planned["curl"]))
            return ExitCode.FINE
        execution = runner.post(path, given or None)
        noted = execution_wait.closed_notes([execution], "trigger")
        if waits:
            ended = execution_wait.wait(runner, execution, timeout)
            tell(style, ended, lambda: "\n".join([execution_wait.sentence(ended), *noted]))
            return execution_wait.exit_code(ended)
        words = f"{execution['job']} is {execution['status']}: execution {execution['id']}"
        tell(style, execution, lambda: "\n".join([words, *noted]))
        return ExitCode.FINE
    if waits:
        raise UsageError("--wait is for one job", hint="`chronos-gitops executions` shows how several ended")
    if variables:
        raise UsageError("--variable is for one job", hint="trigger each job by itself")
    body = {"select": selection.document(), "reason": bulk.needed(reason)}
    return bulk.change(runner, "trigger", body, dry_run=dry_run, yes=yes, expected=expect_jobs, style=style)


def _given(variables: tuple[str, ...]) -> dict[str, str]:
    parts = [text.partition("=") for text in variables]
    wrong = next(("".join(part) for part in parts if not part[0] or not part[1]), None)
    if wrong is not None:
        raise UsageError(f'--variable "{wrong}" is not NAME=TEXT', hint="for example --variable tenant=acme")
    given = {name: text for name, _, text in parts}
    if len(given) < len(parts):
        raise UsageError("--variable names one input twice", hint="give each input once")
    return given
