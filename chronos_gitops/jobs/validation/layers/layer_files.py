"""The layers of a tree, read and judged for their form."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final

from chronos_gitops.jobs.layers.file_roles import (
    MOST_ENVIRONMENTS,
    FilePlace,
    FileRole,
    beside_jobs,
    place_of,
    reserved_message,
)
from chronos_gitops.jobs.layers.parts import FileParts, parts_of
from chronos_gitops.jobs.layers.tree import NO_LAYERS, Layer, Layers
from chronos_gitops.jobs.policies.policy import MOST_POLICIES
from chronos_gitops.jobs.problem import is_error
from chronos_gitops.jobs.validation import document
from chronos_gitops.jobs.validation.document import Document, SourceSpan
from chronos_gitops.jobs.validation.files import Files, TreeEntry, refusal
from chronos_gitops.jobs.validation.layers import form
from chronos_gitops.jobs.validation.layers.policy_files import limited, read_policies
from chronos_gitops.jobs.validation.yaml import file_nouns

_OF_JOBS: Final = (FileRole.DEFAULTS, FileRole.ENVIRONMENT)
_ROLES: Final = (*_OF_JOBS, FileRole.POLICY)
_NO_JOBS: Final = (*_ROLES, FileRole.CALENDAR)
_A_JOB: Final = FilePlace(FileRole.JOB)


def entry_place(files: Files, path: str) -> FilePlace:
    """Role of the file at a path. Most paths have no part that begins with an underscore and need no lookup of their
    folder."""
    return place_of(files.place(path)) if beside_jobs((path,)) else _A_JOB


def places_beside_jobs(files: Files) -> dict[str, FilePlace]:
    """The roles of the files with an underscore in their path, by that: layers and the like, and reserved names."""
    return {path: place_of(files.place(path)) for path in beside_jobs([entry.path for entry in files.entries])}


def jobs_among(files: Files) -> list[TreeEntry]:
    """The entries that are neither layers, policies nor calendars: jobs, and files with a reserved name."""
    no_jobs = {path for path, place in places_beside_jobs(files).items() if place.role in _NO_JOBS}
    return [entry for entry in files.entries if entry.path not in no_jobs]


def layers_among(files: Files) -> list[TreeEntry]:
    """The entries of defaults and environments."""
    return entries_of(files, _OF_JOBS, places_beside_jobs(files))


def entries_of(files: Files, roles: Collection[FileRole], places: Mapping[str, FilePlace]) -> list[TreeEntry]:
    paths = {path for path, place in places.items() if place.role in roles}
    return [entry for entry in files.entries if entry.path in paths] if paths else []


def reserved(files: Files, path: str) -> tuple[str, str] | None:
    """Message and hint about a name that no job may have."""
    place = entry_place(files, path)
    if place.role is FileRole.CALENDAR:
        return f"this release reads no {place.role} files", "keep it out of the branch until the runner is upgraded"
    return reserved_message(files.place(path)) if place.role is FileRole.RESERVED else None


def read_layers(files: Files, known: Layers = NO_LAYERS) -> Layers:
    """NO_LAYERS for a tree without any. What is as in ``known``, layers of a tree before, is not read again."""
    places = places_beside_jobs(files)
    entries = entries_of(files, _ROLES, places)
    if not entries:
        return NO_LAYERS
    by_role = {role: [one for one in entries if places[one.path].role is role] for role in _ROLES}
    environments, surplus = limited(by_role[FileRole.ENVIRONMENT], MOST_ENVIRONMENTS, "environments")
    policies, surplus_policies = limited(by_role[FileRole.POLICY], MOST_POLICIES, "policy files")
    declared = tuple(sorted(places[one.path].name for one in environments))
    blobs = {one.path: one.blob for one in entries if known.environments == declared and refusal(one) is None}
    same = {one.path: one for one in known.all if one.blob == blobs.get(one.path) and not one.errors}
    said = {one.path: one for one in known.policies.files if one.blob == blobs.get(one.path) and not one.errors}
    contents = files.read([one for one in entries if not (one.path in same or one.path in said or refusal(one))])
    parts = (*by_role[FileRole.DEFAULTS], *environments)
    layers = [same.get(one.path) or _layer(one, places[one.path], contents, declared) for one in parts]
    read = read_policies(policies, places, contents, declared, said)
    return Layers(layers, files.place, (*surplus, *surplus_policies), read)


def _layer(entry: TreeEntry, place: FilePlace, contents: Mapping[str, bytes], declared: Sequence[str]) -> Layer:
    refused = refusal(entry)
    if refused is not None or entry.path not in contents:
        rule = refused or ("unreadable", "the file could not be read", "check that it is still there")
        return Layer(entry.path, place, entry.blob, _nothing(entry.path), (_first_line(entry.path).problem(*rule),))
    read = layer_document(entry.path, contents[entry.path])
    parts = parts_of(read)
    errors = tuple(filter(is_error, read.problems))
    about = tuple(problem for problem in read.problems if problem not in errors)
    if not errors and read.complete:
        about += form.check_layer(read, parts, declared, environment=place.name)
    return Layer(entry.path, place, entry.blob, parts, errors, about)


def layer_document(path: str, content: bytes) -> Document:
    """An empty file is a valid layer."""
    read = document.read(path, content, file_nouns.LAYER)
    if not read.complete and [problem.rule for problem in read.problems] == ["empty-file"]:
        return replace(read, problems=(), complete=True)
    return read


def is_readable(layer: Document) -> bool:
    """False for a layer of which no job can be made."""
    return not any(map(is_error, layer.problems))


def _nothing(path: str) -> FileParts:
    return FileParts(Document(path, ("",), {}, {}, {}, frozenset(), (), complete=False))


def _first_line(path: str) -> SourceSpan:
    return SourceSpan(path, 1, 1, 2, "")
