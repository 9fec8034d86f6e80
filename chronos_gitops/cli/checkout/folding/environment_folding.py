"""Folds the jobs of a folder for each environment into jobs with environments, and proves that each stays the same."""

import posixpath
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import PurePosixPath
from typing import Any, Final

from chronos_gitops.cli.checkout.folding.environment_folder import (
    CannotFold,
    EnvironmentFolder,
    SourceJob,
    outside,
    source_jobs,
    without_environment,
)
from chronos_gitops.cli.checkout.folding.folded_text import folded_text, moved_text
from chronos_gitops.cli.checkout.folding.shared_addresses import share_addresses
from chronos_gitops.cli.checkout.layer_extraction import NotTheSame, extract, modeline, refuse_errors
from chronos_gitops.jobs.layers.common_values import nested, shared_in_environment
from chronos_gitops.jobs.layers.comparison import bare_document
from chronos_gitops.jobs.layers.file_roles import ENVIRONMENTS
from chronos_gitops.jobs.layers.parts import OWN_FIELDS, FileParts
from chronos_gitops.jobs.layers.tree import Layers
from chronos_gitops.jobs.layers.variables import VARIABLES
from chronos_gitops.jobs.model import Job, digest_of
from chronos_gitops.jobs.validation.files import Files, TreeEntry
from chronos_gitops.jobs.validation.layers.layer_files import read_layers
from chronos_gitops.jobs.validation.validate import git_blob_id, validate_tree
from chronos_gitops.jobs.yaml_writer import yaml_of
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.rollback.written_out import file_value, settle

_ENABLED: Final = "enabled"


@dataclass(frozen=True, slots=True)
class KeptApart:
    """A file that stays one for its environment alone."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class FoldedFile:
    """``before`` is None for a new file, ``after`` for one that goes."""

    path: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Folding:
    """``files`` are those that change; ``renamed`` the names that lost their environment, with the new ones."""

    files: tuple[FoldedFile, ...]
    environments: tuple[str, ...]
    jobs: int
    renamed: Mapping[str, str]
    kept_apart: tuple[KeptApart, ...]
    files_before: int
    files_after: int
    lines_before: int
    lines_after: int


@dataclass(frozen=True, slots=True)
class _FoldedJob:
    """A job to be: of one source for each of its environments, the first of which gives the file its text."""

    place: str
    name: str
    sources: Mapping[str, SourceJob]


class _TextFiles:
    """Files in memory, by their path from the jobs folder ``top``."""

    def __init__(self, texts: Mapping[str, str], top: str) -> None:
        self._texts = {posixpath.join(top, place): text.encode() for place, text in texts.items()}
        self._top = top
        self.entries: Sequence[TreeEntry] = [
            TreeEntry(path, git_blob_id(text), len(text)) for path, text in sorted(self._texts.items())
        ]

    def read(self, entries: Sequence[TreeEntry]) -> Mapping[str, bytes]:
        return {entry.path: self._texts[entry.path] for entry in entries}

    def place(self, path: str) -> str:
        return posixpath.relpath(path, self._top)

    def texts(self) -> dict[str, str]:
        return {path: text.decode() for path, text in self._texts.items()}


def fold(folders: Sequence[EnvironmentFolder], files: Files | None, top: str) -> Folding:
    """``files`` are those of the jobs folder at the path ``top``, None where there is none yet. The first folder gives
    the values that are for all environments. HasErrors, CannotFold, NotTheSame."""
    names = tuple(one.environment for one in folders)
    sources = [source for one in folders for source in source_jobs(one)]
    inside = [one.folder for one in folders] if files is not None and folders[0].files is files else []
    rest = {} if files is None else _texts(files, list(outside(files, inside)))
    targets, kept_apart = _targets(sources, names, {*rest})
    made = _written(targets, names, rest, top)
    shared = extract(made, "")
    after = _TextFiles({made.place(path): text for path, text in (made.texts() | _after(shared.edits)).items()}, top)
    _prove(after, targets, names)
    known = {one.path: one.text for one in sources} | ({} if files is None else _paths(files, rest))
    return _folding(known, after.texts(), names, targets, kept_apart)


def _after(edits: Sequence[Any]) -> dict[str, str]:
    return {edit.path: edit.after for edit in edits}


def _texts(files: Files, paths: Sequence[str]) -> dict[str, str]:
    """By the path from the jobs folder."""
    wanted = {*paths}
    found = files.read([entry for entry in files.entries if entry.path in wanted])
    return {files.place(path): content.decode() for path, content in found.items()}


def _paths(files: Files, rest: Mapping[str, str]) -> dict[str, str]:
    return {entry.path: rest[place] for entry in files.entries if (place := files.place(entry.path)) in rest}


def _targets(
    sources: Sequence[SourceJob], names: Sequence[str], taken: set[str]
) -> tuple[list[_FoldedJob], tuple[KeptApart, ...]]:
    """The jobs that the sources become, and those that stay apart with the reason."""
    together: dict[str, list[SourceJob]] = {}
    for source in sources:
        together.setdefault(source.common_name, []).append(source)
    found: list[_FoldedJob] = []
    apart: list[KeptApart] = []
    for name, group in together.items():
        by_environment = {one.environment: one for one in sorted(group, key=lambda one: names.index(one.environment))}
        first = next(iter(by_environment.values()))
        place = _place(first, name)
        reason = _reason(name, group, by_environment) or (f"{place} is there already" if place in taken else None)
        if reason is None:
            found.append(_FoldedJob(place, name, by_environment))
            taken.add(place)
            continue
        for one in group:
            apart.append(KeptApart(one.path, reason))
            place = posixpath.join(one.folder or one.environment, one.place)
            found.append(_FoldedJob(place, one.job.name, {one.environment: one}))
    return found, tuple(apart)


def _reason(name: str, group: Sequence[SourceJob], by_environment: Mapping[str, SourceJob]) -> str | None:
    if len(by_environment) < 2:
        return f"{group[0].environment} alone has it"
    if len(by_environment) < len(group):
        twice = next(one for one in group if by_environment[one.environment] is not one)
        return f"{by_environment[twice.environment].path} and {twice.path} would both be {name}"
    fixed = (one.reason_to_keep_name for one in group if one.job.name != name)
    if len({one.job.description for one in group}) > 1:
        return "the descriptions differ, and a job has one in all environments"
    return next(filter(None, fixed), None)


def _place(first: SourceJob, name: str) -> str:
    """The path of the folded file from the jobs folder: a file that is named like its job stays so."""
    path = PurePosixPath(first.place)
    stem = name if path.stem == first.job.name else without_environment(path.stem, first.environment)
    return (path.parent / f"{stem}{path.suffix}").as_posix()


def _written(targets: Sequence[_FoldedJob], names: Sequence[str], rest: Mapping[str, str], top: str) -> _TextFiles:
    """The folded files, with what most jobs have in an environment in its file."""
    texts = dict(rest)
    declared = {name: f"{ENVIRONMENTS}/{name}.yaml" for name in names}
    some = _TextFiles({one.place: _moved(one) for one in targets}, top)
    line = {name: modeline(some, some.texts(), place, "environment") for name, place in declared.items()}
    heads = {name: f"{line[name]}# Declares {name}: chronos-gitops run --environment {name}\n" for name in names}
    renamed = _new_names(targets)
    found = {target.place: _wanted(target, names, renamed) for target in targets}
    shared = share_addresses({place: contents for place, (_, contents) in found.items()}, names)
    wanted = {
        place: (shared.base(place, base), shared.contents(place, contents)) for place, (base, contents) in found.items()
    }
    for name in names:
        pairs = [(base, contents[name]) for base, contents in wanted.values() if name in contents]
        given = {(VARIABLES, variable): value for variable, value in shared.values[name].items()}
        values = nested(shared_in_environment(pairs) | given)
        texts[declared[name]] = heads[name] + (yaml_of(values) if values else "")
    layers = read_layers(_TextFiles(texts, top))
    for target in targets:
        texts[target.place] = _text(target, *wanted[target.place], layers, posixpath.join(top, target.place))
    return _TextFiles(texts, top)


def _new_names(targets: Sequence[_FoldedJob]) -> dict[tuple[str, str], str]:
    """By environment and old name."""
    return {(name, one.job.name): target.name for target in targets for name, one in target.sources.items()}


def _first(target: _FoldedJob) -> SourceJob:
    return next(iter(target.sources.values()))


def _moved(target: _FoldedJob) -> str:
    """The text of its first source, at its place."""
    first = _first(target)
    return moved_text(first.text, posixpath.join(first.folder, first.place), target.place)


def _wanted(
    target: _FoldedJob, names: Sequence[str], renamed: Mapping[tuple[str, str], str]
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """The content before any environment, and in each one. An environment that has no such job has it disabled."""
    contents = {name: _with_names(one.content, target.name, name, renamed) for name, one in target.sources.items()}
    base = deepcopy(next(iter(contents.values())))
    if len(contents) < len(names) and base.get(_ENABLED):
        base[_ENABLED] = False
    return base, contents


def _with_names(
    document: Mapping[str, Any], name: str, environment: str, renamed: Mapping[tuple[str, str], str]
) -> dict[str, Any]:
    """A document with its new name, and that of the job which it requires."""
    found = {**document, "name": name}
    gate = document.get("requires")
    if isinstance(gate, Mapping) and (environment, gate.get("job")) in renamed:
        found["requires"] = {**gate, "job": renamed[environment, gate["job"]]}
    return found


def _text(
    target: _FoldedJob, base: Mapping[str, Any], contents: Mapping[str, Mapping[str, Any]], layers: Layers, path: str
) -> str:
    first = _first(target)
    value = deepcopy(dict(first.own.base.value))
    settle(value, layers.inherited(path), base)
    blocks: dict[str, Any] = {}
    for name, inherited in layers.merged(path, FileParts(bare_document(value))).items():
        block: dict[str, Any] = {}
        assert name is not None, "every environment has a file"
        if name in contents:
            settle(block, inherited, contents[name])
        elif inherited.get(_ENABLED):
            block = {_ENABLED: False}
        if not OWN_FIELDS.isdisjoint(block):
            raise CannotFold(f"{first.path} cannot be folded: {', '.join(block)} would differ in {name}")
        if block:
            blocks[name] = bare_document(block)
    others = [one.text for one in target.sources.values() if one is not first]
    return folded_text(_moved(target), file_value(FileParts(bare_document(value), blocks)), others)


def _prove(after: Files, targets: Sequence[_FoldedJob], names: Sequence[str]) -> None:
    """Every job in every environment is what it was but for its name, and one that was not there is disabled."""
    renamed = _new_names(targets)
    for name in names:
        tree = validate_tree(after, environment=name)
        refuse_errors(tree)
        for target in targets:
            parsed, source = tree.jobs.get(target.name), target.sources.get(name)
            made = None if parsed is None else parsed.job
            if made is None or not (not made.enabled if source is None else _is_same(made, source, renamed)):
                path = target.place if source is None else source.path
                raise NotTheSame(
                    f"{path} would be another job in {name}, so nothing is written", hint="please report it"
                )


def _is_same(made: Job, source: SourceJob, renamed: Mapping[tuple[str, str], str]) -> bool:
    """True where the job differs from its source in names alone."""
    wanted = _with_names(source.job.document(), made.name, source.environment, renamed)
    freezes = [[freeze.name for freeze in job.timing.freezes] for job in (made, source.job)]
    return digest_of(made.document()) == digest_of(wanted) and freezes[0] == freezes[1]


def _folding(
    before: Mapping[str, str],
    after: Mapping[str, str],
    names: tuple[str, ...],
    targets: Sequence[_FoldedJob],
    kept_apart: tuple[KeptApart, ...],
) -> Folding:
    changed = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    files = tuple(FoldedFile(path, before.get(path), after.get(path)) for path in changed)
    return Folding(
        files,
        names,
        len(targets),
        {was: name for (_, was), name in _new_names(targets).items() if was != name},
        kept_apart,
        len(before),
        len(after),
        sum(text.count("\n") for text in before.values()),
        sum(text.count("\n") for text in after.values()),
    )
