"""``next``: when a job, all jobs of the checkout, or a schedule that is only thought of, run next."""

import heapq
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

import click

from chronos_gitops.cli import job_words
from chronos_gitops.cli.checkout.environments import check_environment, environment_option
from chronos_gitops.cli.checkout.valid_job import valid_job
from chronos_gitops.cli.options import read_instant
from chronos_gitops.cli.output import Format, tell
from chronos_gitops.cli.reports import heat
from chronos_gitops.errors import NotFoundError, UsageError
from chronos_gitops.jobs.problem import is_error
from chronos_gitops.plurals import plural
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.calendars.applied import origin_of
from chronos_gitops.schedule.errors import ScheduleError
from chronos_gitops.schedule.timestamps import rfc3339
from chronos_gitops.schedule.timing import ClosedTick, Timing
from chronos_gitops.schedule.zones import timezones as zones

if TYPE_CHECKING:
    from chronos_gitops.jobs.model import Job
    from chronos_gitops.jobs.validation.validate import TreeResult

_YEAR = timedelta(days=366)
_MOST_HELD = 1000


@click.command("next")
@click.argument("job", required=False, shell_complete=job_words.from_checkout)
@click.option("--schedule", "text", metavar="EXPR", help='A schedule instead of a job: "0 9 * * MON-FRI", "@every 5m".')
@click.option("--timezone", "zone", metavar="ZONE", help="The IANA zone that --schedule is read in.  [default: UTC]")
@click.option("--after", metavar="TIME", callback=read_instant, help="Only runs after this instant.  [default: now]")
@click.option("--from", "begin", metavar="TIME", callback=read_instant, help="With --count-only: from this instant on.")
@click.option("--until", metavar="TIME", callback=read_instant, help="With --count-only: before this instant.")
@click.option("--count-only", is_flag=True, help="Count the runs of each day, at most a year, instead of listing them.")
@click.option("--count", type=click.IntRange(1, 10_000), default=5, show_default=True, help="Number of runs.")
@click.option("--disabled", is_flag=True, help="Include disabled jobs, as if they were enabled.")
@click.option("--jobs", metavar="FOLDER", default="jobs", show_default=True, help="The jobs folder in the checkout.")
@environment_option
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(
    job: str | None,
    text: str | None,
    zone: str | None,
    after: datetime | None,
    begin: datetime | None,
    until: datetime | None,
    count_only: bool,
    count: int,
    disabled: bool,
    jobs: str,
    environment: str | None,
    style: Format,
) -> None:
    """Show the next runs of JOB in the checkout, or of --schedule; without both, of all jobs.

    \b
    Examples:
      chronos-gitops next
      chronos-gitops next --disabled
      chronos-gitops next daily-backup
      chronos-gitops next --from 2026-11-01 --until 2026-12-01 --count-only
      chronos-gitops next --schedule "0 2 * * *" --timezone America/New_York --after 2026-03-07
    """
    since = after or datetime.now(UTC)
    if text is None and zone is not None:
        raise UsageError("--timezone goes with --schedule; a job has its own")
    if job is not None and text is not None:
        raise UsageError("name a job or give --schedule, not both", hint=f"chronos-gitops next {job}")
    if count_only:
        found = _timings(job, text, zone or "UTC", _FolderJobs(jobs, environment, disabled))
        days = heat.by_day(found, *_window(begin, until))
        tell(style, heat.document(days), lambda: heat.text(days))
        return
    if begin is not None or until is not None:
        raise UsageError("--from and --until go with --count-only", hint="use --after and --count to list runs")
    if job is None and text is None:
        runs, left_out = _runs(_FolderJobs(jobs, environment, disabled), since, count)
        document = {
            "items": [rfc3339(run.tick) for run in runs],
            "runs": [{"job": run.job, "time": rfc3339(run.tick)} for run in runs],
        }
        tell(style, document, lambda: _table(runs, left_out))
        return
    timing = _parsed(text, zone or "UTC") if text is not None else _of_job(str(job), jobs, environment)
    ticks = timing.upcoming(since, count)
    held = list(islice(timing.held(since, ticks[-1] if ticks else since + _YEAR), _MOST_HELD))
    document = {"items": [rfc3339(tick) for tick in ticks]}
    if timing.has_calendars:
        origins = {tick: origin_of(timing, tick) for tick in ticks}
        document |= {"runs": [_moved(tick, origins[tick]) for tick in ticks], "closed": [_closed(one) for one in held]}
    tell(style, document, lambda: _text(timing, ticks, held))


@dataclass(frozen=True, slots=True)
class _FolderJobs:
    """All jobs of a folder, the disabled ones only where they were asked for."""

    folder: str
    environment: str | None
    disabled: bool

    def jobs(self) -> "tuple[list[Job], int]":
        """The jobs, and the number of disabled ones that are left out."""
        loaded = _loaded(self.folder, self.environment)
        broken = len({problem.file for problem in loaded.problems if is_error(problem)})
        if broken:
            click.echo(f"note: {plural(broken, 'file')} with errors left out: chronos-gitops validate", err=True)
        found = [one.job for one in loaded.jobs.values() if one.job is not None]
        wanted = [job for job in found if job.enabled or self.disabled]
        return wanted, len(found) - len(wanted)


def _timings(job: str | None, text: str | None, zone: str, wanted: _FolderJobs) -> list[Timing]:
    if text is not None:
        return [_parsed(text, zone)]
    if job is not None:
        return [_of_job(job, wanted.folder, wanted.environment)]
    found, left_out = wanted.jobs()
    if left_out:
        click.echo(f"note: --disabled includes {plural(left_out, 'disabled job')}", err=True)
    return [one.timing for one in found]


def _window(begin: datetime | None, until: datetime | None) -> tuple[datetime, datetime]:
    start = begin or datetime.now(UTC)
    stop = until or start + timedelta(days=30)
    if not start < stop <= start + _YEAR:
        raise UsageError("--until lies after --from, by a year at most")
    return start, stop


def _moved(tick: datetime, origin: datetime | None) -> dict[str, str | None]:
    return {"time": rfc3339(tick), "moved_from": None if origin is None else rfc3339(origin)}


def _closed(held: ClosedTick) -> dict[str, str | None]:
    moved = held.move.target if held.move is not None else None
    return {
        "time": rfc3339(held.time),
        "calendar": held.closure.calendar,
        "reason": held.closure.entry.reason or held.closure.entry.text,
        "moved_to": None if moved is None else rfc3339(moved),
    }


@dataclass(frozen=True, slots=True, order=True)
class _UpcomingRun:
    tick: datetime
    job: str
    zone: str


def _runs(wanted: _FolderJobs, since: datetime, count: int) -> tuple[list[_UpcomingRun], int]:
    """The first ``count`` runs of all jobs together, by time and name, and the number of jobs left out."""
    jobs, left_out = wanted.jobs()
    runs = (_UpcomingRun(tick, job.name, job.timezone) for job in jobs for tick in job.timing.upcoming(since, count))
    return heapq.nsmallest(count, runs), left_out


def _loaded(jobs: str, environment: str | None) -> "TreeResult":
    from chronos_gitops.cli.checkout.local_files import LocalFiles, job_files, jobs_folder
    from chronos_gitops.cli.checkout.name_owners import OwnersAtHead
    from chronos_gitops.jobs.validation.validate import validate_tree

    folder = jobs_folder(jobs)
    if folder is None:
        raise NotFoundError(f'there is no folder "{jobs}" in this checkout', hint="name the jobs folder with --jobs")
    files = LocalFiles(job_files(folder), jobs)
    loaded = validate_tree(files, incumbents=OwnersAtHead(files, jobs), environment=environment)
    check_environment(environment, loaded.layers.environments, is_required=True)
    for broken in (file for file in loaded.calendar_files if file.name not in loaded.calendars.files):
        kept = "a runner keeps what it read last"
        click.echo(f"note: {broken.path} is invalid and closes nothing here; {kept}", err=True)
    return loaded


def _of_job(name: str, jobs: str, environment: str | None) -> Timing:
    job = valid_job(_loaded(jobs, environment), name, jobs).job
    assert job is not None
    if not job.enabled:
        click.echo(f"note: {name} is disabled, so none of these will run", err=True)
    return job.timing


def _parsed(text: str, zone: str) -> Timing:
    try:
        return Timing.parse(text, zone)
    except ScheduleError as error:
        raise UsageError(f"--{error.field}: {error}", hint=error.hint) from error


def _text(timing: Timing, ticks: Sequence[datetime], held: Sequence[ClosedTick]) -> str:
    """Each tick in UTC and on the wall of the schedule's zone, and those that calendars hold."""
    lines = [(tick, f"{rfc3339(tick)}  {_wall(tick, timing.timezone)}") for tick in ticks]
    lines += [(one.time, f"{_of_held(one, timing.timezone)}") for one in held]
    shown = [line for _, line in sorted(lines)]
    return "\n".join([f"{timing.describe()}, {timing.timezone}", *(shown if ticks else [*shown, "never again"])])


def _of_held(held: ClosedTick, zone: str) -> str:
    why = held.closure.entry.reason or held.closure.entry.text
    target = held.move.target if held.move is not None else None
    moved = "" if target is None else f", moved to {_wall(target, zone)}"
    return f"{rfc3339(held.time)}  {_wall(held.time, zone)}  held: {held.closure.calendar} ({why}){moved}"


def _table(runs: Sequence[_UpcomingRun], left_out: int) -> str:
    if not runs:
        more = f"; --disabled includes {plural(left_out, 'disabled job')}" if left_out else ""
        return f"no enabled job runs again{more}"
    width = max(len(run.job) for run in runs)
    return "\n".join(f"{rfc3339(run.tick)}  {run.job:<{width}}  {_wall(run.tick, run.zone)}" for run in runs)


def _wall(tick: datetime, zone: str) -> str:
    return f"{tick.astimezone(zones.load(zone)):%a %Y-%m-%d %H:%M:%S %Z}"
