"""``show``: a job as it was at a version."""

import sys
from pathlib import Path

import click

from chronos_gitops.errors import NotFoundError
from chronos_gitops.jobs.validation.quoting import printable


@click.command("show")
@click.argument("job")
@click.argument("version", required=False)
@click.option("--repo", type=click.Path(path_type=Path), default=".", help="The checkout.  [default: .]")
@click.option("--jobs", metavar="FOLDER", default="jobs", show_default=True, help="The jobs folder in the checkout.")
def command(job: str, version: str | None, repo: Path, jobs: str) -> None:
    """Show the YAML of JOB at VERSION: a number, or the beginning of a commit; the newest one without it.

    \b
    Examples:
      chronos-gitops show daily-backup
      chronos-gitops show daily-backup 3 > jobs/daily-backup.yaml
    """
    from chronos_gitops.rollback.local_checkout import Offline

    checkout = Offline(repo, jobs)
    index = checkout.index()
    found = index.known(job)[-1] if version is None else index.version(job, version)
    if not found.blob:
        before = index.previous(found)
        hint = "" if before is None else f"chronos-gitops show {job} {before.label}"
        raise NotFoundError(f"{job} was deleted in version {found.label}", hint=hint)
    content = checkout.read(found.blob)
    if sys.stdout.isatty():
        lines = content.decode("utf-8", "replace").splitlines()
        click.echo("\n".join(printable(line) for line in lines))
    else:
        click.echo(content, nl=False)
