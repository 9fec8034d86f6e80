"""``next``: when a job, all jobs of the checkout, or a schedule that is only thought of, run next."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from chronos_gitops.cli.options import read_instant
from chronos_gitops.cli.output import Format, tell
from chronos_gitops.errors import ChronosError, NotFoundError, UsageError
from chronos_gitops.jobs.problem import is_error
from chronos_gitops.jobs.validation.suggestions import did_you_mean
from chronos_gitops.schedule import timezones as zones
from chronos_gitops.schedule.errors import ScheduleError
from chronos_gitops.schedule.schedule import Schedule
from chronos_gitops.schedule.timestamps import rfc3339

if TYPE_CHECKING:
    from chronos_gitops.jobs.validation.validate import TreeResult


class InvalidJob(ChronosError):
    """The job's file has an error, so it has no schedule."""

    kind = "invalid-job"


@click.command("next")
@click.argument("job", required=False)
@click.option("--schedule", "text", metavar="EXPR", help='A schedule instead of a job: "0 9 * * MON-FRI", "@every 5m".')
@click.option("--timezone", "zone", metavar="ZONE", help="The IANA zone that --schedule is read in.  [default: UTC]")
@click.option("--after", metavar="TIME", callback=read_instant, help="Only runs after this instant.  [default: now]")
@click.option("--count", type=click.IntRange(1, 10_000), default=5, show_default=True, help="Number of runs.")
@click.option("--jobs", metavar="FOLDER", default="jobs", show_default=True, help="The jobs folder in the checkout.")
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(
    job: str | None,
    text: str | None,
    zone: str | None,
    after: datetime | None,
    count: int,
    jobs: str,
    style: Format,
) -> None:
    """Show when JOB, read from the checkout, or --schedule runs next; without both, what runs next of all jobs.

    \b
    Examples:
      chronos-gitops next
      chronos-gitops next daily-backup
      chronos-gitops next --schedule "0 2 * * *" --timezone America/New_York --after 2026-03-07
    """
    since = after or datetime.now(UTC)
    if text is None and zone is not None:
        raise UsageError("--timezone goes with --schedule; a job has its own")
    if job is not None and text is not None:
        raise UsageError("name a job or give --schedule, not both", hint=f"chronos-gitops next {job}")
    if job is None and text is None:
        runs = _runs(_loaded(jobs), since, count)
        document = {
            "items": [rfc3339(run.tick) for run in runs],
            "runs": [{"job": run.job, "time": rfc3339(run.tick)} for run in runs],
        }
        tell(style, document, lambda: _table(runs))
        return
    schedule = _parsed(text, zone or "UTC") if text is not None else _of_job(str(job), jobs)
    ticks = schedule.upcoming(since, count)
    tell(style, {"items": [rfc3339(tick) for tick in ticks]}, lambda: _text(schedule, ticks))


@dataclass(frozen=True, slots=True, order=True)
class _Run:
    tick: datetime
    job: str
    zone: str


def _runs(loaded: "TreeResult", since: datetime, count: int) -> list[_Run]:
    """The first ``count`` runs of all enabled jobs together, by time and name."""
    jobs = [found.job for found in loaded.jobs.values() if found.job is not None and found.job.enabled]
    runs = (_Run(tick, job.name, job.timezone) for job in jobs for tick in job.schedule.upcoming(since, count))
    return heapq.nsmallest(count, runs)


def _loaded(jobs: str) -> "TreeResult":
    from chronos_gitops.cli.local_files import LocalFiles, job_files, jobs_folder
    from chronos_gitops.cli.name_owners import OwnersAtHead
    from chronos_gitops.jobs.validation.validate import validate_tree

    folder = jobs_folder(jobs)
    if folder is None:
        raise NotFoundError(f'there is no folder "{jobs}" in this checkout', hint="name the jobs folder with --jobs")
    files = LocalFiles(job_files(folder))
    return validate_tree(files, incumbents=OwnersAtHead(files, jobs))


def _of_job(name: str, jobs: str) -> Schedule:
    loaded = _loaded(jobs)
    found = loaded.jobs.get(name)
    if found is not None and found.job is not None:
        if not found.job.enabled:
            click.echo(f"note: {name} is disabled, so none of these will run", err=True)
        return found.job.schedule
    broken = next(
        (problem for file in loaded.files if file.name == name for problem in filter(is_error, file.problems)), None
    )
    if broken is not None:
        raise InvalidJob(str(broken), hint=broken.hint)
    near = did_you_mean(name, loaded.jobs) or f"{len(loaded.jobs)} jobs are in {jobs}"
    raise NotFoundError(f'there is no job "{name}"', hint=near)


def _parsed(text: str, zone: str) -> Schedule:
    try:
        return Schedule.parse(text, zone)
    except ScheduleError as error:
        raise UsageError(f"--{error.field}: {error}", hint=error.hint) from error


def _text(schedule: Schedule, ticks: Sequence[datetime]) -> str:
    """Each tick in UTC and on the wall of the schedule's zone."""
    lines = [f"{rfc3339(tick)}  {_wall(tick, schedule.timezone)}" for tick in ticks]
    return "\n".join([f"{schedule.describe()}, {schedule.timezone}", *(lines or ["never again"])])


def _table(runs: Sequence[_Run]) -> str:
    if not runs:
        return "no enabled job runs again"
    width = max(len(run.job) for run in runs)
    return "\n".join(f"{rfc3339(run.tick)}  {run.job:<{width}}  {_wall(run.tick, run.zone)}" for run in runs)


def _wall(tick: datetime, zone: str) -> str:
    return f"{tick.astimezone(zones.load(zone)):%a %Y-%m-%d %H:%M:%S %Z}"
