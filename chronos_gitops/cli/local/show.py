"""``show``: a job as it was at a version, or as its file and the layers above it make it."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chronos_gitops.cli import job_words
from chronos_gitops.cli.checkout.environments import check_environment, environment_option
from chronos_gitops.errors import NotFoundError, UsageError
from chronos_gitops.jobs.validation.quoting import printable

if TYPE_CHECKING:
    from chronos_gitops.rollback.local_checkout import Offline
    from chronos_gitops.versions.history import Index
    from chronos_gitops.versions.version import Version


@click.command("show")
@click.argument("job", shell_complete=job_words.from_checkout)
@click.argument("version", required=False)
@click.option("--effective", is_flag=True, help="Every field with the file and line of its value, layers included.")
@environment_option
@click.option("--repo", type=click.Path(path_type=Path), default=".", help="The checkout.  [default: .]")
@click.option("--jobs", metavar="FOLDER", default="jobs", show_default=True, help="The jobs folder in the checkout.")
def command(job: str, version: str | None, effective: bool, environment: str | None, repo: Path, jobs: str) -> None:
    """Show the YAML of JOB at VERSION: a number, or the beginning of a commit id (default: the newest version).

    With --effective, print the job with all inherited values filled in, from the files of the checkout or, with
    VERSION, of that commit.

    \b
    Examples:
      chronos-gitops show daily-backup
      chronos-gitops show daily-backup 3 > jobs/daily-backup.yaml
      chronos-gitops show daily-backup --effective --environment staging
    """
    if effective:
        _print(_effective(job, version, environment, repo, jobs).encode())
        return
    if environment is not None:
        hint = f"chronos-gitops show {job} --effective --environment {environment}"
        raise UsageError("--environment goes with --effective; a file is the same in all of them", hint=hint)
    _print(_file(job, version, repo, jobs))


def _file(job: str, version: str | None, repo: Path, jobs: str) -> bytes:
    from chronos_gitops.rollback.local_checkout import Offline

    checkout = Offline(repo, jobs)
    index = checkout.index()
    found = index.known(job)[-1] if version is None else index.version(job, version)
    _refuse_deleted(job, index, found)
    return checkout.read(found.blob)


def _effective(job: str, version: str | None, environment: str | None, repo: Path, jobs: str) -> str:
    from chronos_gitops.cli.checkout import current_tree
    from chronos_gitops.cli.checkout.valid_job import valid_job
    from chronos_gitops.cli.reports.effective_job import effective_file
    from chronos_gitops.jobs.layers.parts import parts_of
    from chronos_gitops.jobs.validation import document
    from chronos_gitops.rollback.local_checkout import Offline

    checkout = Offline(repo, jobs)
    if version is not None:
        return _effective_version(checkout, job, version, environment)
    tree = current_tree.current(checkout.git, checkout.jobs, environment)
    layers = tree.loaded.layers
    check_environment(environment, layers.environments, is_required=True)
    result = valid_job(tree.loaded, job, checkout.jobs)
    own = parts_of(document.read(result.path, tree.content(result.path)))
    assert result.job is not None
    return effective_file(layers.job(result.path, own, environment), result.job, at=datetime.now(UTC))


def _effective_version(checkout: "Offline", job: str, version: str, environment: str | None) -> str:
    """With the readable layers of its commit, as a rollback would restore it."""
    from chronos_gitops.cli.checkout.valid_job import JobFileInvalid
    from chronos_gitops.cli.reports.effective_job import effective_file
    from chronos_gitops.jobs.layers.parts import parts_of
    from chronos_gitops.jobs.validation import document
    from chronos_gitops.jobs.validation.validate import validate_file
    from chronos_gitops.sync.content.committed_layers import layers_of

    index = checkout.index()
    found = index.version(job, version)
    _refuse_deleted(job, index, found)
    layers = layers_of(checkout.git, checkout.jobs, found.layers.blobs)
    check_environment(environment, layers.environments, is_required=True)
    content = checkout.read(found.blob)
    result = validate_file(found.path, content, layers=layers, environment=environment)
    if result.job is None:
        raise JobFileInvalid(str(result.errors[0]), hint=result.errors[0].hint)
    own = parts_of(document.read(found.path, content))
    return effective_file(layers.job(found.path, own, environment), result.job, at=found.committed_at)


def _refuse_deleted(job: str, index: "Index", found: "Version") -> None:
    if found.blob:
        return
    before = index.previous(found)
    hint = "" if before is None else f"chronos-gitops show {job} {before.label}"
    raise NotFoundError(f"{job} was deleted in version {found.label}", hint=hint)


def _print(content: bytes) -> None:
    if sys.stdout.isatty():
        lines = content.decode("utf-8", "replace").splitlines()
        click.echo("\n".join(printable(line) for line in lines))
    else:
        click.echo(content, nl=False)
