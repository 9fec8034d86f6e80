"""``import``: jobs of another scheduler as job files, with a report of what carried over and what did not."""

import importlib
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chronos_gitops.cli.new_files import create, create_all
from chronos_gitops.cli.output import Format, standard_input, tell
from chronos_gitops.errors import ConflictError, UsageError
from chronos_gitops.exit_codes import ExitCode
from chronos_gitops.jobs.validation.quoting import printable

if TYPE_CHECKING:
    from chronos_gitops.cli.checkout.local_files import LocalFiles
    from chronos_gitops.cli.importers.convert import ConvertedJob, Imported
    from chronos_gitops.jobs.layers.tree import Layers

_MODULES = {
    "crontab": "crontab",
    "k8s": "kubernetes",
    "chronos": "chronos",
    "dkron": "dkron",
    "cronicle": "cronicle",
    "ofelia": "ofelia",
    "eventbridge": "eventbridge",
    "systemd": "systemd.timers",
    "github-actions": "github_actions",
}
_ICS = "ics"
_EVENTBRIDGE = "eventbridge"
_LARGEST_BYTES = 16 * 1024 * 1024
_LONGEST = 100
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\Z")
_JOBS = "jobs"
_DEFAULTS = "_defaults.yaml"


def _read_targets(_context: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """``ARN=URL``; an ARN has no equals sign."""
    pairs = [value.partition("=") for value in values]
    for arn, equals, url in pairs:
        if not (arn and equals and url):
            raise click.BadParameter(f'"{arn[:80]}{equals}{url[:80]}" is not of the form ARN=URL')
    return {arn: url for arn, _, url in pairs}


@click.command("import")
@click.argument("kind", type=click.Choice([*_MODULES, _ICS]))
@click.argument("file", metavar="FILE")
@click.option(
    "--output", "folder", type=click.Path(file_okay=False, path_type=Path), help="Directory to write job files to."
)
@click.option(
    "--timezone",
    metavar="ZONE",
    show_default="UTC",
    help="Default time zone for entries without one; with ics, that of times.",
)
@click.option("--name", metavar="NAME", help="With ics: name of the calendar, in kebab-case.")
@click.option(
    "--target",
    "targets",
    metavar="ARN=URL",
    multiple=True,
    callback=_read_targets,
    help="With eventbridge: address to call in place of a target; repeatable.",
)
@click.option("--enable", is_flag=True, help="Enable the new jobs; they then run in addition to the old ones.")
@click.option("--layers", "has_layers", is_flag=True, help="Write what most jobs have in common to a _defaults.yaml.")
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(
    kind: str,
    file: str,
    folder: Path | None,
    timezone: str | None,
    name: str | None,
    targets: dict[str, str],
    enable: bool,
    has_layers: bool,
    style: Format,
) -> int:
    """Convert a crontab, Kubernetes CronJobs, systemd timers, or jobs of Chronos, Dkron, Cronicle, Ofelia or
    EventBridge Scheduler to job files, or an iCalendar file to a calendar. For GitHub Actions, list the schedules.
    FILE is a path, or - for standard input.

    Without --output the files are only printed. Existing files are never overwritten. Calls of curl and wget become
    webhooks; everything else is listed with the reason. Credentials become references to secrets. A field that a job
    would wrongly inherit from a _defaults.yaml is written as null. Exits with 1 if an entry could not be converted.

    With --layers, fields that most jobs share are written to a _defaults.yaml beside the jobs; every effective job is
    the same. --output then has to be a folder without YAML files.

    With ics, days, ranges and plain yearly dates are written to _calendars/NAME.yaml below --output. Other rules and
    other time zones are listed with their line.

    \b
    Examples:
      crontab -l | chronos-gitops import crontab - --timezone Europe/Paris
      chronos-gitops import crontab /etc/crontab --output jobs
      kubectl get cronjobs -o yaml | chronos-gitops import k8s - --output jobs/cluster --layers
      curl -s http://dkron:8080/v1/jobs | chronos-gitops import dkron - --output jobs
      systemctl cat '*.timer' '*.service' | chronos-gitops import systemd - --output jobs
      docker inspect $(docker ps -q) | chronos-gitops import ofelia -
      chronos-gitops import ics holidays.ics --name fr-holidays --output jobs
    """
    from chronos_gitops.cli.importers.convert import finish

    if kind == _ICS:
        if has_layers:
            raise UsageError("--layers goes with jobs only")
        return _calendar(file, folder, name, timezone, style)
    if name is not None:
        raise UsageError("--name goes with ics only")
    if targets and kind != _EVENTBRIDGE:
        raise UsageError("--target goes with eventbridge only")
    reader = importlib.import_module(f"chronos_gitops.cli.importers.{_MODULES[kind]}")
    more = {"targets": targets} if kind == _EVENTBRIDGE else {}
    read = reader.read(_content(file), timezone=timezone or "UTC", is_enabled=enable, **more)
    imported = finish(read) if folder is None else finish(read, _layers(folder), folder.as_posix())
    imported = _shared(imported, folder) if has_layers else imported
    if folder is not None:
        _write(folder, imported)
        imported = replace(imported, notes=(*imported.notes, *_unread(folder, imported)))
    tell(style, _document(imported, folder), lambda: _text(imported, folder))
    return ExitCode.FAILED if imported.refusals else ExitCode.FINE


def _calendar(file: str, folder: Path | None, name: str | None, timezone: str | None, style: Format) -> int:
    from chronos_gitops.cli.importers import icalendar
    from chronos_gitops.jobs.layers.file_roles import calendar_path

    if name is None or not _NAME.match(name):
        hint = "write one like --name fr-holidays"
        raise UsageError("a calendar needs a --name of lower-case words with hyphens", hint=hint)
    made = icalendar.read(_content(file), name=name, timezone=timezone)
    path = None if folder is None else folder / calendar_path(name)
    if path is not None and made.entries:
        _create(path, made.text)
    tell(style, icalendar.document(made, path), lambda: icalendar.report(made, path, name))
    return ExitCode.FAILED if made.refusals or not made.entries else ExitCode.FINE


def _create(path: Path, text: str) -> None:
    if not create(path, text):
        hint = "nothing was written; leave out --output, and compare"
        raise ConflictError(f"{path} exists already", hint=hint)


def _content(file: str) -> bytes:
    try:
        if file == "-":
            content = standard_input(_LARGEST_BYTES + 1)
        else:
            with Path(file).open("rb") as stream:
                content = stream.read(_LARGEST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{printable(file)} cannot be read: {error.strerror}") from error
    if len(content) > _LARGEST_BYTES:
        raise UsageError(f"{printable(file)} is larger than 16 MiB")
    return content


def _layers(folder: Path) -> "Layers":
    """Those of the jobs folder that the folder stands in."""
    from chronos_gitops.jobs.layers.tree import NO_LAYERS
    from chronos_gitops.jobs.validation.layers.layer_files import read_layers

    files = _tree(folder)
    return NO_LAYERS if files is None else read_layers(files)


def _tree(folder: Path) -> "LocalFiles | None":
    """The jobs folder that the folder is, or will be, in; None where there is none yet."""
    from chronos_gitops.cli.checkout.local_files import LocalFiles, job_files

    top = _top(folder)
    return None if top is None else LocalFiles(job_files(top, _JOBS), _JOBS)


def _top(folder: Path) -> Path | None:
    return next((one for one in (folder, *folder.parents) if one.name == _JOBS and one.is_dir()), None)


def _shared(imported: "Imported", folder: Path | None) -> "Imported":
    """With what the jobs have in common in a ``_defaults.yaml``, which must reach no other job."""
    from chronos_gitops.cli.importers.convert import with_shared_defaults

    top = None if folder is None else _top(folder)
    if folder is not None and (there := next(_files_below(folder, folder == top), None)):
        hint = "nothing was written; name another --output, or leave out --layers and run layers extract"
        raise ConflictError(f"{there} stands in the folder that --layers makes defaults for", hint=hint)
    if folder is None or top is None or (files := _tree(folder)) is None:
        return with_shared_defaults(imported, {}, "")
    layers = {layer.path for layer in _layers(folder).all}
    contents = files.read([entry for entry in files.entries if entry.path in layers])
    place = folder.relative_to(top).as_posix()
    above = {files.place(path): content for path, content in contents.items()}
    return with_shared_defaults(imported, above, "" if place == "." else place)


def _files_below(folder: Path, is_top: bool) -> Iterator[str]:
    """Job files and layers; at the top, what stands in its reserved folders reaches jobs however they are written."""
    from chronos_gitops.cli.checkout.local_files import job_files
    from chronos_gitops.jobs.layers.file_roles import RESERVED_FOLDERS

    for file in job_files(folder, _JOBS) if folder.is_dir() else ():
        first = Path(file).relative_to(folder).parts[0]
        if not (is_top and first in RESERVED_FOLDERS):
            yield file


def _write(folder: Path, imported: "Imported") -> None:
    """All or nothing."""
    written = {_path(folder, draft): draft.text for draft in imported.drafts}
    if imported.defaults:
        written = {folder / _DEFAULTS: imported.defaults} | written
    there = [path for path in written if path.exists()]
    if there:
        more = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise ConflictError(f"{there[0]}{more} exists already", hint="nothing was written; name another --output")
    if (appeared := create_all(written)) is not None:
        raise ConflictError(f"{appeared} exists already", hint="nothing was written; name another --output")


def _unread(folder: Path, imported: "Imported") -> Iterator[str]:
    """A note for each written file that is no job where it stands now."""
    from chronos_gitops.cli.checkout.local_files import reason_left_out

    for path in (_path(folder, draft) for draft in imported.drafts):
        reason = reason_left_out(path, _JOBS)
        if reason is not None:
            yield f"{printable(str(path))} is not a job file: {reason}"


def _path(folder: Path, draft: "ConvertedJob") -> Path:
    return folder / f"{draft.name}.yaml"


def _document(imported: "Imported", folder: Path | None) -> dict[str, Any]:
    return {
        "imported": [
            {
                "from": draft.place,
                "job": draft.name,
                "file": None if folder is None else _path(folder, draft).as_posix(),
                "yaml": draft.text,
                "lost": list(draft.lost),
                "secrets": list(draft.secrets),
            }
            for draft in imported.drafts
        ],
        "defaults": {
            "file": None if folder is None else (folder / _DEFAULTS).as_posix(),
            "yaml": imported.defaults,
        }
        if imported.defaults
        else None,
        "refused": [{"from": one.place, "text": one.text, "reason": one.reason} for one in imported.refusals],
        "notes": list(imported.notes),
    }


def _text(imported: "Imported", folder: Path | None) -> str:
    blocks = []
    if imported.defaults:
        blocks.append(f"# {_DEFAULTS}\n{imported.defaults}" if folder is None else f"wrote {folder / _DEFAULTS}\n")
    for draft in imported.drafts:
        shown = f"# {draft.name}.yaml\n{draft.text}" if folder is None else f"wrote {_path(folder, draft)}\n"
        blocks.append(shown + "".join(f"# not carried over from {draft.place}: {one}\n" for one in draft.lost))
    if imported.refusals:
        lines = ["# Not converted:"]
        for one in imported.refusals:
            lines.append(f"#   {one.place}: {one.reason}")
            lines += [f"#     {printable(one.text)[:_LONGEST]}"] if one.text else []
        blocks.append("\n".join(lines) + "\n")
    blocks += [f"# {note}\n" for note in imported.notes]
    blocks.append(f"# {len(imported.drafts)} imported, {len(imported.refusals)} not converted")
    return "\n".join(blocks)
