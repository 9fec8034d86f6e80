"""``history``: the versions of a job."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chronos_gitops.cli.instant import stamp
from chronos_gitops.cli.output import Format, tell
from chronos_gitops.jobs.wording import printable
from chronos_gitops.report.columns import table

if TYPE_CHECKING:
    from chronos_gitops.repo.history import Version

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
    from chronos_gitops.repo.offline import Offline

    newest_first = tuple(reversed(Offline(repo, jobs).index().known(job)))
    items = [_item(version, newest_first[0].number) for version in newest_first]
    tell(style, {"items": items}, lambda: table(_HEADER, map(_row, newest_first)))


def _item(version: "Version", newest: int) -> dict[str, Any]:
    return {
        "version": version.number,
        "commit": version.commit,
        "author": version.author_name,
        "author_email": version.author_email,
        "committed_at": stamp(version.committed_at),
        "message": f"{version.subject}\n\n{version.body}".strip(),
        "change": version.change.value,
        "path": version.path,
        "current": version.number == newest,
    }


def _row(version: "Version") -> tuple[str, ...]:
    # Anybody who can push chooses these words; a terminal must not obey them.
    author, subject = printable(version.author_name), printable(version.subject)
    date = stamp(version.committed_at)
    return str(version.number), version.commit[:12], date, author, version.change.value, subject[:80]
