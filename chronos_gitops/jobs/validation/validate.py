"""Files to jobs: each judged on its own, then all of them together."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol

from chronos_gitops.jobs.name_owner import Incumbents, NoIncumbents, owner
from chronos_gitops.jobs.problem import Problem, is_error, ordered
from chronos_gitops.jobs.secret_bindings import Bindings
from chronos_gitops.jobs.validation import document, json_schema
from chronos_gitops.jobs.validation.document import Document, SourceSpan
from chronos_gitops.jobs.validation.rules import checks
from chronos_gitops.jobs.validation.rules.names import is_name
from chronos_gitops.jobs.validation.yaml.decoding import MAX_BYTES

if TYPE_CHECKING:
    from chronos_gitops.jobs.model import Job

# What a command may not need is imported where it is used: one file is validated in 80 ms instead of 140.
_LFS: Final = b"version https://git-lfs.github.com/spec/"
_UNREADABLE: Final = "unreadable"
_BATCH_BYTES: Final = 16 * 1024 * 1024
_FIRST_LINE: Final = SourceSpan(1, 1, 2, "")
_NO_INCUMBENTS: Final = NoIncumbents()


class FileKind(StrEnum):
    FILE = "file"
    SYMLINK = "symlink"
    SUBMODULE = "submodule"


@dataclass(frozen=True, slots=True)
class Entry:
    """One candidate job file: posix path from the repository root, git blob id of its content, size in bytes."""

    path: str
    blob: str
    size: int
    kind: FileKind = FileKind.FILE


class Files(Protocol):
    """A tree of job files, at a commit or on disk."""

    @property
    def entries(self) -> Sequence[Entry]:
        """Only ``*.yaml`` and ``*.yml`` below the jobs folder, sorted by path."""

    def read(self, entries: Sequence[Entry]) -> Mapping[str, bytes]:
        """Path to content; a path that cannot be read is left out."""


@dataclass(frozen=True, slots=True)
class FileResult:
    """One file, judged on its own.

    ``name`` is the identity even when the file is invalid otherwise, None when it cannot be read; ``job`` is None when
    any problem is an error. ``named_at`` is where the name stands.
    """

    path: str
    blob: str
    name: str | None
    job: "Job | None"
    problems: tuple[Problem, ...]
    named_at: SourceSpan = _FIRST_LINE

    @property
    def was_read(self) -> bool:
        """False for a file that vanished between the listing and the reading, and may be there the next time."""
        return not self.problems or self.problems[0].rule != _UNREADABLE

    @property
    def hides_its_name(self) -> bool:
        """True for a file whose name cannot be read; a link and a submodule are no files."""
        return self.name is None and not (
            self.problems and self.problems[0].rule in (FileKind.SYMLINK, FileKind.SUBMODULE)
        )


class ValidationCache:
    """Results by path, blob and day; keeps only those that the last validation used."""

    def __init__(self) -> None:
        self._known: dict[datetime | None, dict[str, FileResult]] = {}
        self._used: dict[datetime | None, dict[str, FileResult]] = {}

    def get(self, path: str, blob: str, today: datetime | None) -> FileResult | None:
        parsed = self._known.get(today, {}).get(path)
        if parsed is None or parsed.blob != blob:
            return None
        self.put(parsed, today)
        return parsed

    def put(self, parsed: FileResult, today: datetime | None) -> None:
        self._used.setdefault(today, {})[parsed.path] = parsed

    def evict_unused(self) -> None:
        self._known, self._used = self._used, {}


@dataclass(frozen=True, slots=True)
class TreeResult:
    """Every file sorted by path, the valid and unique jobs by name, and all problems, ordered.

    ``duplicates`` are the paths of files whose name belongs to another file.
    """

    files: tuple[FileResult, ...]
    jobs: Mapping[str, FileResult]
    problems: tuple[Problem, ...]
    duplicates: frozenset[str] = frozenset()

    def problems_of(self, path: str) -> tuple[Problem, ...]:
        first = bisect_left(self.problems, path, key=lambda problem: problem.file)
        last = bisect_right(self.problems, path, key=lambda problem: problem.file)
        return self.problems[first:last]


def git_blob_id(content: bytes, *, like: str = "") -> str:
    """What git calls this content: ``git hash-object``, in the object format of the id ``like`` (SHA-1 for none)."""
    import hashlib

    algorithm = "sha256" if len(like) == 64 else "sha1"
    return hashlib.new(algorithm, b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def validate_file(
    path: str,
    content: bytes,
    *,
    blob: str | None = None,
    today: datetime | None = None,
    secrets: frozenset[str] | None = None,
    bindings: Bindings | None = None,
    make_job: bool = True,
) -> FileResult:
    """One file, judged on its own; with ``today`` also by the calendar of the twelve months after it.

    With ``secrets``, the names that there are, a reference to any other one is an error; with ``bindings`` a reference
    to a secret that may not be used in this file, or not be sent to its host. ``make_job`` is False for who wants the
    problems only.
    """
    blob = blob or git_blob_id(content)
    read, problems = _judged(path, content, today, secrets, bindings)
    job = None
    if make_job and not any(map(is_error, problems)):
        from chronos_gitops.jobs.model import Job

        job = Job.from_document(read.value)
    return FileResult(path, blob, _name(read), job, problems, read.spot(("name",)))


def _judged(
    path: str,
    content: bytes,
    today: datetime | None,
    secrets: frozenset[str] | None,
    bindings: Bindings | None,
) -> tuple[Document, tuple[Problem, ...]]:
    read = _lfs_pointer(path) if content.startswith(_LFS) else document.read(path, content)
    found = read.problems
    if read.complete:
        found += json_schema.check(read) + checks.check(read, today=today, secrets=secrets, bindings=bindings)
        if b"chronos:" in content:
            from chronos_gitops.jobs.validation import suppressions

            found = suppressions.apply(read, found, has_calendar=today is not None)
    return read, ordered(found)


def _lfs_pointer(path: str) -> Document:
    hint = "take job files out of .gitattributes and commit the content"
    problem = _FIRST_LINE.problem(path, "lfs-pointer", "the file is a Git LFS pointer, not the content", hint)
    return Document(path, ("",), {}, {}, {}, frozenset(), (problem,), complete=False)


def validate_tree(
    files: Files,
    cache: ValidationCache | None = None,
    *,
    today: datetime | None = None,
    secrets: frozenset[str] | None = None,
    bindings: Bindings | None = None,
    incumbents: Incumbents = _NO_INCUMBENTS,
    on_file: Callable[[], None] = lambda: None,
) -> TreeResult:
    """Every file of the tree; what is unchanged since the last load comes from the cache.

    ``incumbents`` decide which of several files with one name is the job. A cache is for one set of ``secrets`` and
    ``bindings`` only. ``on_file`` is called after each file that had to be read.
    """
    cache = ValidationCache() if cache is None else cache
    parsed: dict[str, FileResult] = {}
    unknown: list[Entry] = []
    for entry in files.entries:
        known = _refusal(entry) or cache.get(entry.path, entry.blob, today)
        if known is None:
            unknown.append(entry)
        else:
            parsed[entry.path] = known
    for one in parse_each(files, unknown, today=today, secrets=secrets, bindings=bindings):
        parsed[one.path] = one
        if one.was_read:
            cache.put(one, today)
        on_file()
    cache.evict_unused()
    return check_across_files((parsed[path] for path in sorted(parsed)), incumbents)


def parse_each(
    files: Files,
    entries: Sequence[Entry],
    *,
    today: datetime | None = None,
    secrets: frozenset[str] | None = None,
    bindings: Bindings | None = None,
    make_job: bool = True,
) -> Iterator[FileResult]:
    """These files of the tree, each judged on its own, in this order."""
    for entry, content in _contents(files, entries):
        refused = _refusal(entry) or (_vanished(entry) if content is None else None)
        yield refused or validate_file(
            entry.path,
            content or b"",
            blob=entry.blob,
            today=today,
            secrets=secrets,
            bindings=bindings,
            make_job=make_job,
        )


def _name(read: Document) -> str | None:
    name = read.text("name")
    return name if name and is_name(name) else None


def check_across_files(files: Iterable[FileResult], incumbents: Incumbents = _NO_INCUMBENTS) -> TreeResult:
    """What holds across files: a name has one owner, and every other file that says it is refused."""
    found = tuple(files)
    owners = _owners(found, incumbents)
    judged = tuple(_owned(parsed, owners.get(parsed.name or "")) for parsed in found)
    jobs = {parsed.name: parsed for parsed in judged if parsed.name is not None and parsed.job is not None}
    problems = ordered(problem for parsed in judged for problem in parsed.problems)
    duplicates = frozenset(one.path for one, parsed in zip(judged, found, strict=True) if one is not parsed)
    return TreeResult(judged, MappingProxyType(jobs), problems, duplicates)


def _owners(files: Sequence[FileResult], incumbents: Incumbents) -> dict[str, FileResult]:
    """The file that owns each name to which more than one file may have a claim."""
    claims: dict[str, list[FileResult]] = {}
    for parsed in files:
        if parsed.name is not None:
            claims.setdefault(parsed.name, []).append(parsed)
    hidden = {parsed.path: parsed for parsed in files if parsed.hides_its_name}
    former = {incumbents.name_at(path) for path in hidden}
    owners = {}
    for name, claimants in claims.items():
        if len(claimants) == 1 and name not in former:
            continue
        incumbent = incumbents.incumbent(name)
        if incumbent is not None and incumbent.path in hidden:
            claimants = [*claimants, hidden[incumbent.path]]
        by_path = {parsed.path: parsed for parsed in claimants}
        path = owner({path: parsed.blob for path, parsed in by_path.items()}, incumbent)
        owners[name] = by_path[path or claimants[0].path]
    return owners


def _owned(parsed: FileResult, owner: FileResult | None) -> FileResult:
    """The file as it is, or refused where its name belongs to another file."""
    if owner is None or owner.path == parsed.path:
        return parsed
    message = f'the name "{parsed.name}" belongs to {owner.path}:{owner.named_at.line}'
    problem = parsed.named_at.problem(parsed.path, "duplicate-name", message, "choose another name")
    return replace(parsed, job=None, problems=ordered((*parsed.problems, problem)))


def _refusal(entry: Entry) -> FileResult | None:
    """Why an entry is not even read; None for a file of sound size."""
    if entry.kind is FileKind.SYMLINK:
        hint = "commit the file itself"
        return _refused(entry.path, entry.blob, "symlink", "symbolic links are not followed", hint)
    if entry.kind is FileKind.SUBMODULE:
        return _refused(entry.path, entry.blob, "submodule", "submodules are not fetched", "commit the file itself")
    if entry.size > MAX_BYTES:
        message = f"the file has {entry.size:,} bytes; a job file has at most {MAX_BYTES:,}"
        return _refused(entry.path, entry.blob, "too-large", message, "")
    return None


def _vanished(entry: Entry) -> FileResult:
    return _refused(entry.path, entry.blob, _UNREADABLE, "the file could not be read", "check that it is still there")


def _refused(path: str, blob: str, rule: str, message: str, hint: str) -> FileResult:
    return FileResult(path, blob, None, None, (_FIRST_LINE.problem(path, rule, message, hint),))


def _contents(files: Files, entries: Sequence[Entry]) -> Iterator[tuple[Entry, bytes | None]]:
    """Reads in batches, so that a large tree is never in memory as a whole."""
    batch: list[Entry] = []
    size = 0
    for entry in entries:
        batch.append(entry)
        size += entry.size
        if size >= _BATCH_BYTES:
            yield from _read(files, batch)
            batch, size = [], 0
    yield from _read(files, batch)


def _read(files: Files, batch: Sequence[Entry]) -> Iterator[tuple[Entry, bytes | None]]:
    wanted = [entry for entry in batch if _refusal(entry) is None]
    contents = files.read(wanted) if wanted else {}
    return ((entry, contents.get(entry.path)) for entry in batch)
