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
    from chronos_gitops.cli.checkout.folding.environment_folding import Folding
    from chronos_gitops.cli.checkout.layer_extraction import Extraction


@click.group("layers", no_args_is_help=True)
def command() -> None:
    """Move fields that jobs share to _defaults.yaml files."""


@command.command("extract")
@click.argument("folder", required=False)
@click.option("--jobs", metavar="FOLDER", default="jobs", show_default=True, help="The jobs folder in the checkout.")
@click.option(
    "--environment",
    "environments",
    metavar="NAME=FOLDER",
    multiple=True,
    help="Fold the jobs of FOLDER into jobs with environments; repeatable, the first one gives the common values.",
)
@click.option("--dry-run", is_flag=True, help="Show the changes and write nothing.")
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True)
def extract(folder: str | None, jobs: str, environments: tuple[str, ...], dry_run: bool, style: Format) -> int:
    """Move fields that most jobs in FOLDER (default: the jobs folder) share to _defaults.yaml files there and in the
    folders below it, and remove them from the job files.

    Comments are kept; a value with its own comment stays in its file, and so do schedules, URLs and bodies. Nothing
    is written unless every effective job is the same as before, in each environment. Exits with 3 if no fields can be
    shared.

    With --environment, copies of a job in the folders of several environments are first merged into one job with
    environments. Copies have the same name, apart from the name of the environment in it. A job that cannot be merged
    keeps its file, and is disabled in the other environments.

    \b
    Examples:
      chronos-gitops layers extract --dry-run
      chronos-gitops layers extract jobs/payments
      chronos-gitops layers extract --environment production=jobs/production --environment staging=jobs/staging
    """
    if environments:
        if folder is not None:
            raise UsageError("--environment names the folders", hint="leave FOLDER out")
        return _fold(environments, jobs, style, dry_run=dry_run)
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


def _fold(given: tuple[str, ...], jobs: str, style: Format, *, dry_run: bool) -> int:
    from chronos_gitops.cli.checkout.folding.environment_folding import fold
    from chronos_gitops.cli.checkout.folding.folder_files import folders_of, write

    asked = folders_of(given, jobs)
    found = fold(asked.folders, asked.files, asked.top)
    if not dry_run:
        write(found, asked)
    tell(style, _folding_document(found, dry_run=dry_run), lambda: _folding_text(found, dry_run=dry_run))
    return ExitCode.FINE


def _folding_document(found: "Folding", *, dry_run: bool) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "jobs": found.jobs,
        "environments": list(found.environments),
        "renamed": dict(found.renamed),
        "kept_apart": [{"path": one.path, "reason": one.reason} for one in found.kept_apart],
        "file_count": {"before": found.files_before, "after": found.files_after},
        "lines": {"before": found.lines_before, "after": found.lines_after},
        "files": [{"path": one.path, "before": one.before, "after": one.after} for one in found.files],
    }


def _folding_text(found: "Folding", *, dry_run: bool) -> str:
    lines = []
    for one in found.files:
        if dry_run:
            lines.append(_diff(one.path, one.before, one.after))
        else:
            lines.append(f"{'removed' if one.after is None else 'wrote'} {one.path}")
    lines += [f"{one.path} stays a file of its own: {one.reason}" for one in found.kept_apart]
    files = f"{plural(found.files_before, 'file')} with {plural(found.lines_before, 'line')}"
    now = f"{plural(found.files_after, 'file')} with {plural(found.lines_after, 'line')}"
    same = "every effective job is the same" + (" but for its name" if found.renamed else "")
    lines.append(f"{plural(found.jobs, 'job')} in {', '.join(found.environments)}: {files} -> {now}; {same}.")
    if found.renamed:
        was, name = next(iter(found.renamed.items()))
        lines.append(f"{plural(len(found.renamed), 'job')} lost the environment in the name, like {was} -> {name}.")
    return "\n".join([*lines, *(["Nothing was written."] if dry_run else [])])


def _diff(path: str, before: str | None, after: str | None) -> str:
    from chronos_gitops.jobs.planning.text_diff import unified

    return unified((before or "").splitlines(), (after or "").splitlines(), before=path, after=path).text


def _document(found: "Extraction", *, dry_run: bool) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "jobs": found.jobs,
        "lines": {"before": found.lines_before, "after": found.lines_after},
        "files": [{"path": one.path, "before": one.before, "after": one.after} for one in found.edits],
    }


def _text(found: "Extraction", *, dry_run: bool) -> str:
    if not found.edits:
        return "The jobs have nothing in common that can be shared."
    lines = []
    for one in found.edits:
        lines.append(_diff(one.path, one.before, one.after) if dry_run else f"wrote {one.path}")
    layers = sum(1 for one in found.edits if one.path.endswith("_defaults.yaml"))
    count = f"{found.lines_before:,} -> {plural(found.lines_after, 'line')} with {layers} _defaults.yaml"
    lines.append(f"{plural(found.jobs, 'job')}, {count}; every effective job is the same.")
    if dry_run:
        lines.append("Nothing was written.")
    return "\n".join(lines)
