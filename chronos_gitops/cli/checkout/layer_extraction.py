"""Turns what jobs of a folder have in common into layers, and proves that every effective job stays the same."""

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from chronos_gitops.errors import ChronosError
from chronos_gitops.jobs.layers import common_values
from chronos_gitops.jobs.layers.common_values import FolderDefaults
from chronos_gitops.jobs.layers.file_roles import DEFAULTS, FileRole
from chronos_gitops.jobs.layers.inherited_lines import without_inherited
from chronos_gitops.jobs.layers.merge import Path
from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.problem import is_error
from chronos_gitops.jobs.validation import document
from chronos_gitops.jobs.validation.document import Document
from chronos_gitops.jobs.validation.files import EditedFiles, Files, TreeEntry
from chronos_gitops.jobs.validation.layers.other_environment import in_environment, read_parts
from chronos_gitops.jobs.validation.validate import FileResult, TreeResult, git_blob_id, validate_tree
from chronos_gitops.jobs.yaml_writer import yaml_of
from chronos_gitops.process.lazy_dataclass import dataclass

MODELINE: Final = re.compile(
    r"# yaml-language-server: \$schema=(?P<folder>\.[\w./-]*/)job\.schema\.json$", re.MULTILINE
)


_MOST_ROUNDS: Final = 20


class NotTheSame(ChronosError):
    """The effective jobs would differ: nothing is written."""

    kind = "not-the-same"


class HasErrors(ChronosError):
    """Jobs that cannot be made cannot be compared."""

    kind = "has-errors"


@dataclass(frozen=True, slots=True)
class EditedFile:
    """``before`` is None for a new file."""

    path: str
    before: str | None
    after: str


@dataclass(frozen=True, slots=True)
class Extraction:
    """``jobs`` counts the files of jobs; ``layers`` come before them in ``edits``."""

    edits: tuple[EditedFile, ...]
    jobs: int
    lines_before: int
    lines_after: int


def extract(files: Files, folder: str) -> Extraction:
    """``folder`` is a path from the jobs folder, "" for all of it. NotTheSame, HasErrors.

    What one round shares may let the next one share more; afterwards nothing is left to share.
    """
    found = _round(files, folder)
    edits = {edit.path: edit for edit in found.edits}
    last = found
    for _ in range(_MOST_ROUNDS):
        if not last.edits:
            break
        last = _round(_edited(files, list(edits.values())), folder)
        for edit in last.edits:
            before = edits[edit.path].before if edit.path in edits else edit.before
            edits[edit.path] = EditedFile(edit.path, before, edit.after)
    layers_first = sorted(edits.values(), key=lambda edit: posixpath.basename(edit.path) != DEFAULTS)
    saved = sum(_lines(edit.before) - _lines(edit.after) for edit in layers_first)
    return replace(found, edits=tuple(layers_first), lines_after=found.lines_before - saved)


def _round(files: Files, folder: str) -> Extraction:
    tree = validate_tree(files)
    refuse_errors(tree)
    contents = {path: content.decode() for path, content in _contents(files).items()}
    jobs = {
        parsed.path: document.read(parsed.path, contents[parsed.path].encode())
        for parsed in tree.files
        if not folder or files.place(parsed.path).startswith(f"{folder}/")
    }
    values = {files.place(path): one.value for path, one in jobs.items()}
    edits = _edits(tree, files, contents, jobs, common_values.propose(values, folder, _existing(tree)))
    _prove(tree, files, edits)
    lines = sum(contents[path].count("\n") for path in jobs)
    saved = sum(_lines(edit.before) - _lines(edit.after) for edit in edits)
    return Extraction(edits, len(jobs), lines, lines - saved)


def _edits(
    tree: TreeResult,
    files: Files,
    contents: Mapping[str, str],
    jobs: Mapping[str, Document],
    proposed: Sequence[FolderDefaults],
) -> tuple[EditedFile, ...]:
    """Only with proposed values that some job does not write itself any more: one with a comment stays."""
    while True:
        layers = [_layer(files, contents, one) for one in proposed]
        shorter = list(_shorter(files, contents, jobs, layers, _written_out(tree, files, proposed)))
        gone = {files.place(edit.path): _gone(jobs[edit.path], edit) for edit in shorter}
        useful = [common_values.without(one, _unused(one, gone)) for one in proposed]
        useful = [one for one in useful if one.values]
        if useful == list(proposed):
            return (*layers, *shorter)
        proposed = useful


def _gone(before: Document, edit: EditedFile) -> set[tuple[Path, str]]:
    """The values that the job's file holds no more."""
    after = common_values.leaves(document.read(edit.path, edit.after.encode()).value)
    found = common_values.leaves(before.value).items()
    return {(path, common_values.written(value)) for path, value in found if path not in after}


def _unused(one: FolderDefaults, gone: Mapping[str, set[tuple[Path, str]]]) -> set[Path]:
    below = [found for place, found in gone.items() if not one.folder or place.startswith(f"{one.folder}/")]
    return {
        path
        for path, value in one.values.items()
        if not any((path, common_values.written(value)) in found for found in below)
    }


def _lines(text: str | None) -> int:
    return 0 if text is None else text.count("\n")


def refuse_errors(tree: TreeResult) -> None:
    first = next(filter(is_error, tree.problems), None)
    if first is not None:
        raise HasErrors(f"the files have errors, first {first}", hint="fix them: chronos-gitops validate")


def _contents(files: Files) -> Mapping[str, bytes]:
    return files.read(list(files.entries))


def _existing(tree: TreeResult) -> dict[str, Mapping[str, Any]]:
    """By folder: what its layer says already."""
    defaults = (layer for layer in tree.layers.all if layer.place.role is FileRole.DEFAULTS)
    return {layer.place.folder: layer.parts.base.value for layer in defaults}


def _layer(files: Files, contents: Mapping[str, str], one: FolderDefaults) -> EditedFile:
    wanted = f"{one.folder}/{DEFAULTS}" if one.folder else DEFAULTS
    path = next((path for path in contents if files.place(path) == wanted), None)
    more = yaml_of(common_values.nested(one.values))
    if path is None:
        return EditedFile(_new_path(files, wanted), None, modeline(files, contents, wanted) + more)
    before = contents[path]
    return EditedFile(path, before, before + ("" if not before or before.endswith("\n") else "\n") + more)


def modeline(files: Files, contents: Mapping[str, str], place: str, kind: str = "defaults") -> str:
    """For editors, where the jobs have one: the schema of this kind of file beside theirs."""
    for path, content in contents.items():
        found = MODELINE.match(content)
        if found is not None:
            folder = posixpath.join(posixpath.dirname(files.place(path)), found["folder"])
            schema = posixpath.relpath(posixpath.join(folder, f"{kind}.schema.json"), posixpath.dirname(place) or ".")
            return f"# yaml-language-server: $schema={schema}\n"
    return ""


def _new_path(files: Files, place: str) -> str:
    """The path of these files for a path from the jobs folder."""
    some = files.entries[0].path
    return some.removesuffix(files.place(some)) + place


def _written_out(tree: TreeResult, files: Files, proposed: Sequence[FolderDefaults]) -> dict[str, str]:
    """By the path of a job: the lines that say what it had from the program."""
    named = {files.place(parsed.path): parsed for parsed in tree.files}
    built_in = Job.from_document(
        {"name": "x", "schedule": "@daily", "webhook": {"url": "https://x.invalid"}}
    ).document()
    found: dict[str, str] = {}
    for one in proposed:
        for place, fields in one.written_out.items():
            path = named[place].path
            found[path] = found.get(path, "") + yaml_of({field: built_in[field] for field in fields})
    return found


def _shorter(
    files: Files,
    contents: Mapping[str, str],
    jobs: Mapping[str, Document],
    layers: Sequence[EditedFile],
    more: Mapping[str, str],
) -> Iterator[EditedFile]:
    inherited = validate_tree(_edited(files, layers)).layers
    for path, one in jobs.items():
        text, read = contents[path], one
        if path in more:  # a nearer layer may say what it had
            text += ("" if text.endswith("\n") else "\n") + more[path]
            read = document.read(path, text.encode())
        text = without_inherited(text, read, inherited.inherited(path))
        if text != contents[path]:
            yield EditedFile(path, contents[path], text)


def _edited(files: Files, edits: Sequence[EditedFile]) -> EditedFiles:
    written = ((edit.path, edit.after.encode()) for edit in edits)
    return EditedFiles(files, {TreeEntry(path, git_blob_id(text), len(text)): text for path, text in written})


def _prove(tree: TreeResult, files: Files, edits: Sequence[EditedFile]) -> None:
    after = _edited(files, edits)
    fresh = validate_tree(after)
    for environment in tree.layers.environments or (None,):
        was, now = (_jobs(one, side, environment) for one, side in ((tree, files), (fresh, after)))
        differ = sorted(path for path in was.keys() | now.keys() if was.get(path) != now.get(path))
        if differ:
            raise NotTheSame(f"{differ[0]} would be another job, so nothing is written", hint="please report it")


def _jobs(tree: TreeResult, files: Files, environment: str | None) -> dict[str, str]:
    """The digest of each job by its path."""
    seen = tree if environment is None else in_environment(tree, read_parts(files, tree), environment)
    return {parsed.path: _digest(parsed) for parsed in seen.files}


def _digest(parsed: FileResult) -> str:
    return "" if parsed.job is None else parsed.job.digest
