"""``layers``: shares what many job files have in common."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chronos_gitops.cli.output import Format, tell
from chronos_gitops.errors import UsageError
from chronos_gitops.exit_codes import ExitCode
from chronos_gitops.plurals import plural

if TYPE_CHECKING:
    from chronos_gitops.cli.checkout.layer_extraction import Extraction


@click.group("layers", no_args_is_help=True)
def command() -> None:
    """Share the common fields of many jobs in _defaults.yaml files."""


@command.command("extract")
@click.argument("folder", required=False)
@click.option("--jobs", metavar="FOLDER", default="jobs", show_default=True, help="The jobs folder in the checkout.")
@click.option("--dry-run", is_flag=True, help="Show the changes and write nothing.")
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True)
def extract(folder: str | None, jobs: str, dry_run: bool, style: Format) -> int:
    """Move fields that most jobs of FOLDER (the jobs folder) have in common into a _defaults.yaml there and in the
    folders below it, and remove them from the job files.

    Comments stay; a value with a comment of its own stays in its file. Schedules, urls and bodies stay too. Nothing is
    written unless every effective job is the same as before, in each environment. Ends with 1 when jobs have errors,
    with 3 when nothing is in common.

    \b
    Examples:
      chronos-gitops layers extract --dry-run
      chronos-gitops layers extract jobs/payments
    """
    from chronos_gitops.cli.checkout.autofix_files import replace_file
    from chronos_gitops.cli.checkout.layer_extraction import extract as extracted
    from chronos_gitops.cli.checkout.local_files import jobs_folder, top_of
    from chronos_gitops.cli.checkout.validate_scope import scope

    given = jobs_folder(jobs) if folder is None else Path(folder)
    if given is None or not given.is_dir():
        raise UsageError(f"there is no folder {folder or jobs}", hint="name the jobs folder, or one in it")
    top = top_of(given, jobs)
    files = scope([os.path.relpath(top)], jobs, None).files
    place = given.resolve().relative_to(top.resolve()).as_posix()
    found = extracted(files, "" if place == "." else place)
    if not dry_run:
        for edit in found.edits:
            replace_file(Path(files.named.get(edit.path, edit.path)), edit.after.encode())
    tell(style, _document(found, dry_run=dry_run), lambda: _text(found, dry_run=dry_run))
    return ExitCode.FINE if found.edits else ExitCode.NOTHING


def _document(found: "Extraction", *, dry_run: bool) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "jobs": found.jobs,
        "lines": {"before": found.lines_before, "after": found.lines_after},
        "files": [{"path": one.path, "before": one.before, "after": one.after} for one in found.edits],
    }


def _text(found: "Extraction", *, dry_run: bool) -> str:
    from chronos_gitops.jobs.planning.text_diff import unified

    if not found.edits:
        return "The jobs have nothing in common that can be shared."
    lines = []
    for one in found.edits:
        if dry_run:
            before, after = (one.before or "").splitlines(), one.after.splitlines()
            lines.append(unified(before, after, before=one.path, after=one.path).text)
        else:
            lines.append(f"wrote {one.path}")
    layers = sum(1 for one in found.edits if one.path.endswith("_defaults.yaml"))
    count = f"{found.lines_before:,} -> {plural(found.lines_after, 'line')} with {layers} _defaults.yaml"
    lines.append(f"{plural(found.jobs, 'job')}, {count}; every effective job is the same.")
    if dry_run:
        lines.append("Nothing was written.")
    return "\n".join(lines)
