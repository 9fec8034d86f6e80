"""A job file as a document with positions, read in one pass with every guard in it.

Plain files are read by ``yaml12.plain``; a test holds it to what the parser makes of them, places included.

Values follow the core schema of YAML 1.2. PyYAML's own loaders are not used: they let duplicate keys pass, read ``on``
as True and ``12:30`` as 750, follow aliases, and the C composer kills the process on deeply nested input; its events do
none of this.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from chronos_gitops.jobs.problem import Problem
from chronos_gitops.jobs.validation.quoting import printable
from chronos_gitops.jobs.validation.yaml import decoding, fast_path
from chronos_gitops.jobs.validation.yaml.file_nouns import JOB, FileNoun
from chronos_gitops.jobs.validation.yaml.positions import Mark, Path
from chronos_gitops.process.lazy_dataclass import dataclass

_LONGEST_EXCERPT: Final = 1_000
_LFS: Final = b"version https://git-lfs.github.com/spec/"


@dataclass(frozen=True, slots=True)
class SourceSpan:
    """A place to point at: counted from 1, ``end`` one past the last column of that line, ``whole`` the line itself.
    ``used_at`` is the place that uses what is written here, for a value of a variable."""

    file: str
    line: int
    column: int
    end: int
    whole: str
    used_at: str = ""

    def problem(self, rule: str, message: str, hint: str = "", *, fix: str = "") -> Problem:
        from chronos_gitops.jobs.secrets.masking import mask_line
        from chronos_gitops.jobs.validation.rule_texts.registry import RULES

        severity, words = RULES[rule].severity, (printable(message), printable(hint))
        excerpt = mask_line(self.whole) if len(self.whole) <= _LONGEST_EXCERPT else ""
        found = Problem(self.file, self.line, self.column, severity, rule, *words, self.end, excerpt, fix)
        return replace(found, used_at=self.used_at) if self.used_at else found

    @property
    def text(self) -> str:
        """The text at this place."""
        return self.whole[self.column - 1 : self.end - 1]


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file with the position of each value. ``value`` is the readable part, {} at worst. ``complete`` is False
    when parsing had to stop: then a missing field means nothing. ``suspect`` are paths whose value differs from the
    author's text and that already have a problem."""

    file: str
    lines: tuple[str, ...]
    value: Mapping[str, Any]
    keys: Mapping[Path, Mark]
    values: Mapping[Path, Mark]
    suspect: frozenset[Path]
    problems: tuple[Problem, ...]
    complete: bool

    def text(self, *path: str | int) -> str | None:
        """The value at the path when it is text."""
        value: Any = self.value
        for step in path:
            if not isinstance(value, dict):  # told apart here because it is asked 20 times for every file
                value = self.get(*path)
                break
            value = value.get(step)
        return value if isinstance(value, str) else None

    def get(self, *path: str | int) -> Any:
        """The value at the path, None when there is none."""
        value: Any = self.value
        for step in path:
            if isinstance(value, dict):
                value = value.get(step)
            elif isinstance(value, list) and isinstance(step, int) and step < len(value):
                value = value[step]
            else:
                return None
        return value

    def spot(self, path: Path) -> SourceSpan:
        """The value at the path; its key when the value is empty; else the nearest place above it."""
        mark = self.values.get(path)
        if mark is not None and mark[:2] != mark[2:]:
            return spot_at(self.file, self.lines, mark)
        return self.key_spot(path)

    def key_spot(self, path: Path) -> SourceSpan:
        """The key at the path, else the nearest key above it, else the first key of the file."""
        for length in range(len(path), 0, -1):
            mark = self.keys.get(path[:length])
            if mark is not None:
                return spot_at(self.file, self.lines, mark)
        return spot_at(self.file, self.lines, next(iter(self.keys.values()), (0, 0, 0, 1)))

    def missing_spot(self, path: Path) -> SourceSpan:
        """Where a field is missing: the key above it."""
        return self.key_spot(path)

    def spot_of(self, path: Path, part: str) -> SourceSpan:
        """The first occurrence of ``part`` inside the value at the path, else the value."""
        line, column, end_line, _ = self.values.get(path, (0, 0, -1, 0))
        for number in range(line, min(end_line + 1, len(self.lines))):
            found = self.lines[number].find(part, column if number == line else 0)
            if found >= 0:
                return spot_at(self.file, self.lines, (number, found, number, found + len(part)))
        return self.spot(path)


def spot_at(file: str, lines: tuple[str, ...], mark: Mark) -> SourceSpan:
    line, column, end_line, end_column = mark
    if line >= len(lines):
        line, column = len(lines) - 1, len(lines[-1])
    whole = lines[line]
    end = end_column if end_line == line else len(whole)
    return SourceSpan(file, line + 1, column + 1, max(end, column + 1) + 1, whole)


def read(file: str, content: bytes, noun: FileNoun = JOB) -> Document:
    """Everything the file says; never raises, whatever the bytes are. ``noun`` is for messages."""
    if content.startswith(_LFS):
        return _lfs_pointer(file)
    try:
        decoded = decoding.decode(content)
    except decoding.TextError as error:
        return _undecodable(file, error)
    lines = decoding.lines(decoded)
    quick = fast_path.read(lines)
    if quick is not None:
        return Document(file, lines, quick.root, quick.keys, quick.values, frozenset(), (), complete=True)
    return _parsed(file, decoded, lines, noun)


def _parsed(file: str, decoded: str, lines: tuple[str, ...], noun: FileNoun) -> Document:
    from chronos_gitops.jobs.validation.yaml import (  # here, because PyYAML takes 9 ms that few files need
        event_reader,
        syntax_errors,
    )

    reader = event_reader.EventReader(event_reader.best_events(decoded), lines, noun)
    try:
        complete = reader.run()
    except event_reader.NestingError:
        reader = event_reader.EventReader(event_reader.python_events(decoded), lines, noun)
        complete = reader.run()
    problems = tuple(
        spot_at(file, lines, mark).problem(rule, *words, fix=syntax_errors.quoted(lines, mark))
        for rule, mark, *words in reader.findings
    )
    return Document(file, lines, reader.root, reader.keys, reader.values, frozenset(reader.suspect), problems, complete)


def _lfs_pointer(file: str) -> Document:
    hint = "take files below the jobs folder out of .gitattributes and commit the content"
    problem = SourceSpan(file, 1, 1, 2, "").problem(
        "lfs-pointer", "the file is a Git LFS pointer, not the content", hint
    )
    return Document(file, ("",), {}, {}, {}, frozenset(), (problem,), complete=False)


def _undecodable(file: str, error: decoding.TextError) -> Document:
    spot = SourceSpan(file, error.line + 1, error.column + 1, error.column + 2, error.excerpt)
    problem = spot.problem(error.rule, error.message, error.hint)
    return Document(file, ("",), {}, {}, {}, frozenset(), (problem,), complete=False)
