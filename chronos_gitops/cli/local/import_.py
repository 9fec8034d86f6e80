"""``import``: jobs of another scheduler as job files, with a report of what carried over and what did not."""

import importlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chronos_gitops.cli.output import Format, standard_input, tell
from chronos_gitops.errors import ConflictError, UsageError
from chronos_gitops.exit_codes import ExitCode
from chronos_gitops.jobs.validation.quoting import printable

if TYPE_CHECKING:
    from chronos_gitops.cli.importers.convert import Draft, Imported

_MODULES = {"crontab": "crontab", "k8s": "kubernetes", "chronos": "chronos"}
_LARGEST_BYTES = 16 * 1024 * 1024
_LONGEST = 100
_JOBS = "jobs"


@click.command("import")
@click.argument("kind", type=click.Choice(list(_MODULES)))
@click.argument("file", metavar="FILE")
@click.option(
    "--output", "folder", type=click.Path(file_okay=False, path_type=Path), help="Directory to write job files to."
)
@click.option(
    "--timezone", metavar="ZONE", default="UTC", show_default=True, help="Default time zone for entries without one."
)
@click.option("--enable", is_flag=True, help="Enable the new jobs; they then run in addition to the old ones.")
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(kind: str, file: str, folder: Path | None, timezone: str, enable: bool, style: Format) -> int:
    """Turn a crontab, Kubernetes CronJobs or jobs of Chronos into job files. FILE is a path, or - for standard input.

    Without --output nothing is written: the files are shown. What exists is never overwritten. Calls of curl and wget
    become webhooks, everything else is listed with the reason. Credentials become references to secrets. Ends with 1
    when something could not be converted.

    \b
    Examples:
      crontab -l | chronos-gitops import crontab - --timezone Europe/Paris
      chronos-gitops import crontab /etc/crontab --output jobs
      kubectl get cronjobs -o yaml | chronos-gitops import k8s - --output jobs/cluster
    """
    from chronos_gitops.cli.importers.convert import finish

    reader = importlib.import_module(f"chronos_gitops.cli.importers.{_MODULES[kind]}")
    imported = finish(reader.read(_content(file), timezone=timezone, is_enabled=enable))
    if folder is not None:
        _write(folder, imported)
        imported = replace(imported, notes=(*imported.notes, *_unread(folder, imported)))
    tell(style, _document(imported, folder), lambda: _text(imported, folder))
    return ExitCode.FAILED if imported.refusals else ExitCode.FINE


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


def _write(folder: Path, imported: "Imported") -> None:
    """All or nothing where it can be known before."""
    there = [_path(folder, draft) for draft in imported.drafts if _path(folder, draft).exists()]
    if there:
        more = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise ConflictError(f"{there[0]}{more} exists already", hint="nothing was written; name another --output")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for draft in imported.drafts:
            with _path(folder, draft).open("x", encoding="utf-8") as file:
                file.write(draft.text)
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}") from error


def _unread(folder: Path, imported: "Imported") -> Iterator[str]:
    """A note for each written file that is no job where it stands now."""
    from chronos_gitops.cli.local_files import reason_left_out

    for path in (_path(folder, draft) for draft in imported.drafts):
        reason = reason_left_out(path, _JOBS)
        if reason is not None:
            yield f"{printable(str(path))} is not a job file: {reason}"


def _path(folder: Path, draft: "Draft") -> Path:
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
        "refused": [{"from": one.place, "text": one.text, "reason": one.reason} for one in imported.refusals],
        "notes": list(imported.notes),
    }


def _text(imported: "Imported", folder: Path | None) -> str:
    blocks = []
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
