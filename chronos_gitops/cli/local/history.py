"""``history``: the versions of a job."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chronos_gitops.cli import job_words
from chronos_gitops.cli.checkout.environments import check_environment, environment_option
from chronos_gitops.cli.output import Format, tell
from chronos_gitops.cli.reports.tables import table
from chronos_gitops.errors import UsageError
from chronos_gitops.jobs.validation.quoting import printable
from chronos_gitops.schedule.timestamps import rfc3339

if TYPE_CHECKING:
    from chronos_gitops.versions.calendar_versions import CalendarVersion
    from chronos_gitops.versions.version import Version

_PARTIAL = (
    "history: partial (the first commits or contents are not in this clone, so versions have no numbers; "
    "git fetch --unshallow or git fetch --refetch brings them)"
)
_HEADER = ("version", "commit", "date", "author", "change", "environments", "message")


@click.command("history")
@click.argument("job", required=False, shell_complete=job_words.from_checkout)
@click.option("--calendar", metavar="NAME", help="A calendar instead of a job.")
@environment_option
@click.option("--repo", type=click.Path(path_type=Path), default=".", help="The checkout.  [default: .]")
@click.option("--jobs", metavar="FOLDER", default="jobs", show_default=True, help="The jobs folder in the checkout.")
@click.option("--against", metavar="URL", help="Runner to ask how the executions of each version ended.")
@click.option("--token", metavar="TOKEN", help="A bearer token for --against.  [env var: CHRONOS_TOKEN]")
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(
    job: str | None,
    calendar: str | None,
    environment: str | None,
    repo: Path,
    jobs: str,
    against: str | None,
    token: str | None,
    style: Format,
) -> None:
    """List the versions of JOB, newest first: every commit of the branch that changed its file, or that changed its
    content in an environment through a layer. With --environment, list the versions of that environment.

    A job is identified by the name in its file: a moved file keeps its versions, and a deletion is a version, too.
    Commits to the job's calendars that moved one of its scheduled times are lines without a number.
    """
    from chronos_gitops.cli.checkout.runner_answers import RunnerAnswers
    from chronos_gitops.cli.reports import calendar_history
    from chronos_gitops.rollback.local_checkout import Offline

    if (job is None) == (calendar is None):
        raise UsageError("name a job or give --calendar, not both", hint="chronos-gitops history daily-backup")
    checkout = Offline(repo, jobs)
    index = checkout.index()
    if job is None:
        if environment is not None or against is not None:
            raise UsageError("--environment and --against go with a job")
        calendar_history.tell_versions(checkout, index, str(calendar), style)
        return
    check_environment(environment, index.environments, is_required=False)
    known = index.known(job)
    newest_first = [one for one in reversed(known) if environment is None or one.counts_in(environment)]
    newest = newest_first[0].commit if newest_first else ""
    items = [_item(version, newest, index.files(version)) for version in newest_first]
    outcomes = None if against is None else RunnerAnswers(against, token).outcomes(job)
    if outcomes is not None:
        items = [item | {"executions": outcomes.get(item["commit"])} for item in items]
    if index.is_partial:
        click.echo(_PARTIAL, err=True)
    lines = calendar_history.lines_of_job(checkout, index, job, environment)
    document = {"items": items, "history": "partial" if index.is_partial else "complete"}
    document |= {"calendars": [calendar_history.document(line, None) for line in lines]} if lines else {}
    has_layers = bool(index.layers.blobs) or any(one.reach.effective is not None for one in newest_first)
    tell(style, document, lambda: _table(newest_first, outcomes, lines, has_layers=has_layers))


def _table(
    versions: Sequence["Version"],
    outcomes: Mapping[str, dict[str, Any] | None] | None,
    lines: Sequence["CalendarVersion"],
    *,
    has_layers: bool,
) -> str:
    """Without layers there is nothing to say about environments."""
    rows: list[tuple[str, ...]] = [_HEADER, *map(_row, versions)]
    if not has_layers:
        rows = [(*row[:5], row[6]) for row in rows]
    if outcomes is not None:
        runs = ["runs", *(_runs(outcomes.get(version.commit)) for version in versions)]
        rows = [(*row[:-1], run, row[-1]) for row, run in zip(rows, runs, strict=True)]
    rows = _with_calendars(rows, versions, lines)
    return table(rows[0], rows[1:])


def _with_calendars(
    rows: list[tuple[str, ...]], versions: Sequence["Version"], lines: Sequence["CalendarVersion"]
) -> list[tuple[str, ...]]:
    """Lines without a number, where they belong by time."""
    dated = [(version.committed_at, row) for version, row in zip(versions, rows[1:], strict=True)]
    blanks = ("-",) * (len(rows[0]) - 6)
    for line in lines:
        made = line.commit
        words = (rfc3339(made.committed_at), printable(made.author_name), f"calendar {line.name}")
        row = ("-", made.sha[:12], *words, *blanks, printable(made.subject)[:80])
        dated.append((made.committed_at, row))
    return [rows[0], *(row for _, row in sorted(dated, key=lambda pair: pair[0], reverse=True))]


def _runs(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "-"
    count = f"{found['success'] + found['failed']}{'' if found['complete'] else '+'}"
    return f"{count}, {found['failed']} failed" if found["failed"] else count


def _item(version: "Version", newest: str, files: Sequence[str]) -> dict[str, Any]:
    return {
        "version": version.number,
        "commit": version.commit,
        "author": version.author_name,
        "author_email": version.author_email,
        "committed_at": rfc3339(version.committed_at),
        "message": f"{version.subject}\n\n{version.body}".strip(),
        "change": version.change.value,
        "path": version.path,
        "current": version.commit == newest,
        "environments": version.reach.environments,
        "effective": version.reach.effective,
        "files": files,
    }


def _row(version: "Version") -> tuple[str, ...]:
    # Any author who can push chooses these words; a terminal must not obey them.
    author, subject = printable(version.author_name), printable(version.subject)
    date, reach = rfc3339(version.committed_at), version.reach.environments
    environments = "-" if reach is None else ", ".join(reach) or "none"
    return (
        str(version.number or "-"),
        version.commit[:12],
        date,
        author,
        version.change.value,
        environments,
        subject[:80],
    )
