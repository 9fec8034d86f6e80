"""``history``: the versions of a job."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chronos_gitops.cli.output import Format, tell
from chronos_gitops.cli.reports.tables import table
from chronos_gitops.jobs.validation.quoting import printable
from chronos_gitops.schedule.timestamps import rfc3339

if TYPE_CHECKING:
    from chronos_gitops.versions.version_log import Version

_PARTIAL = (
    "history: partial (the first commits or contents are not in this clone, so versions have no numbers; "
    "git fetch --unshallow or git fetch --refetch brings them)"
)
_HEADER = ("version", "commit", "date", "author", "change", "message")


@click.command("history")
@click.argument("job")
@click.option("--repo", type=click.Path(path_type=Path), default=".", help="The checkout.  [default: .]")
@click.option("--jobs", metavar="FOLDER", default="jobs", show_default=True, help="The jobs folder in the checkout.")
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(job: str, repo: Path, jobs: str, style: Format) -> None:
    """List the versions of JOB, newest first: every commit of the branch that changed it.

    A job is known by the name in its file: a moved file goes on counting, and a deletion is a version too.
    """
    from chronos_gitops.rollback.local_checkout import Offline

    index = Offline(repo, jobs).index()
    newest_first = tuple(reversed(index.known(job)))
    items = [_item(version, newest_first[0].commit) for version in newest_first]
    if index.is_partial:
        click.echo(_PARTIAL, err=True)
    document = {"items": items, "history": "partial" if index.is_partial else "complete"}
    tell(style, document, lambda: table(_HEADER, map(_row, newest_first)))


def _item(version: "Version", newest: str) -> dict[str, Any]:
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
    }


def _row(version: "Version") -> tuple[str, ...]:
    # Anybody who can push chooses these words; a terminal must not obey them.
    author, subject = printable(version.author_name), printable(version.subject)
    date = rfc3339(version.committed_at)
    return str(version.number or "-"), version.commit[:12], date, author, version.change.value, subject[:80]
