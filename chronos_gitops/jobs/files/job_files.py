"""Decides which files are jobs: by suffix, by hidden and temporary names, and by ``.chronosignore``.

``.chronosignore`` has the syntax of gitignore(5). Everything of that page holds but POSIX classes such as
``[[:alpha:]]``: a pattern with one matches nothing. Here ``?`` is a character, in git a byte.
"""

import os
import re
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

from chronos_gitops.jobs.folders import inside, outside
from chronos_gitops.jobs.globs import LONGEST, between_stars
from chronos_gitops.jobs.layers.file_roles import FileRole, place_of
from chronos_gitops.jobs.validation.files import FileKind, Files, TreeEntry
from chronos_gitops.process.lazy_dataclass import dataclass

IGNORE_FILE: Final = ".chronosignore"
"""Stands at the top of the jobs folder; its patterns start there."""
SUFFIXES: Final = (".yaml", ".yml")
_MOST_PATTERNS: Final = 1_000
_NOTHING: Final[Mapping[str, bool]] = MappingProxyType({})
_TRAILING_SPACES: Final = re.compile(r"(?<![\\ ]) +\Z|(?<=\\ ) +\Z")


def is_job_file(path: str) -> bool:
    """``path`` is a posix path from the jobs folder; the ignore file is asked separately, it belongs to one tree."""
    return reason_against(path) is None


def reason_against(path: str) -> str | None:
    """The rule by which this path, from the jobs folder, is no job file. None for a job file."""
    if not path.endswith(SUFFIXES):
        return "the name of a job file ends in .yaml or .yml, in lower case"
    if is_hidden(path):
        return "files and folders whose name begins with a dot are not read"
    if path.rpartition("/")[2].startswith("#"):
        return "a name that begins with # is an editor's temporary file"
    return None


def is_hidden(path: str) -> bool:
    """True when a name in this posix path from the jobs folder begins with a dot."""
    return path.startswith(".") or "/." in path


def _is_beyond_ignoring(path: str) -> bool:
    """True if ``.chronosignore`` has no say over this path from the jobs folder: what layers say holds for all."""
    return place_of(path).role not in (FileRole.JOB, FileRole.RESERVED)


def ignore_file(folder: str) -> str:
    """The path of the jobs folder's ignore file from the repository root."""
    return outside(IGNORE_FILE, folder)


def walk(
    top: str, on_folder: Callable[[str], None] = lambda _: None, known: Container[str] = ()
) -> Iterator[tuple[os.DirEntry[str], FileKind]]:
    """The job files and nested repositories below a folder on disk, in no order. OSError for a folder without access.

    ``known`` are paths of job files: their names need no look.
    Symbolic links to folders are not followed; a folder that vanishes meanwhile is an empty one.
    """
    folders = [top]
    while folders:
        folder = folders.pop()
        on_folder(folder)
        try:
            with os.scandir(folder) as listing:
                found = list(listing)
        except (FileNotFoundError, NotADirectoryError):
            continue
        for entry in found:
            if entry.is_dir(follow_symlinks=False):
                if is_hidden(entry.name):
                    continue
                if os.path.lexists(os.path.join(entry.path, ".git")):  # noqa: PTH118 - Path costs more
                    yield entry, FileKind.SUBMODULE
                else:
                    folders.append(entry.path)
            elif entry.path in known or is_job_file(entry.name):
                yield entry, FileKind.SYMLINK if entry.is_symlink() else FileKind.FILE


@dataclass(frozen=True, slots=True)
class _IgnorePattern:
    """One line; a step of None stands for ``**``."""

    steps: tuple[re.Pattern[str] | None, ...]
    is_for_folders: bool
    is_exception: bool

    def matches(self, parts: Sequence[str]) -> bool:
        reached = {0}
        for number, step in enumerate(self.steps):
            if step is not None:
                reached = {at + 1 for at in reached if at < len(parts) and step.match(parts[at])}
            elif reached:
                is_last = number == len(self.steps) - 1  # "a/**" is what stands in a, and not a itself
                reached = set(range(min(reached) + is_last, len(parts) + 1))
        return len(parts) in reached


@dataclass(frozen=True, slots=True)
class IgnoreRules:
    """The patterns of one ``.chronosignore``."""

    patterns: tuple[_IgnorePattern, ...] = ()

    @classmethod
    def parse(cls, content: bytes) -> "IgnoreRules":
        """The first 1,000 patterns; a line that is no pattern matches nothing, as in git."""
        lines = content.decode("utf-8-sig", "replace").split("\n")
        patterns = (_pattern(line.removesuffix("\r")) for line in lines if len(line) <= LONGEST)
        return cls(tuple(pattern for pattern in patterns if pattern is not None)[:_MOST_PATTERNS])

    def ignores(self, path: str) -> bool:
        """True if this file, a posix path from the jobs folder, is left out: all in an ignored folder is, but not
        layers, policies and calendars."""
        return self._names(path) and not _is_beyond_ignoring(path)

    def _names(self, path: str) -> bool:
        parts = path.split("/")
        return any(self._leaves_out(parts[:end], end < len(parts)) for end in range(1, len(parts) + 1))

    def _leaves_out(self, parts: Sequence[str], is_folder: bool) -> bool:
        for pattern in reversed(self.patterns):
            if (is_folder or not pattern.is_for_folders) and pattern.matches(parts):
                return not pattern.is_exception
        return False


class FilteredFiles:
    """The files of a tree without what its ``.chronosignore`` leaves out."""

    def __init__(self, files: Files, ignore: IgnoreRules, folder: str, known: Mapping[str, bool] = _NOTHING) -> None:
        """``known`` says of some paths whether these rules ignore them."""
        self._files = files
        paths = [entry.path for entry in files.entries]
        fresh = {path: ignore.ignores(inside(path, folder)) for path in paths if path not in known}
        self.ignored: Mapping[str, bool] = {path: known[path] for path in paths if path in known} | fresh
        """By path, whether the file is left out."""
        self.entries: Sequence[TreeEntry] = tuple([entry for entry in files.entries if not self.ignored[entry.path]])

    def read(self, entries: Sequence[TreeEntry]) -> Mapping[str, bytes]:
        return self._files.read(entries)

    def place(self, path: str) -> str:
        return self._files.place(path)


def _pattern(line: str) -> _IgnorePattern | None:
    text = _TRAILING_SPACES.sub("", line)
    if not text or text.startswith("#"):
        return None
    is_exception = text.startswith("!")
    text = text.removeprefix("!")
    is_for_folders = text.endswith("/")
    text = text.removesuffix("/")
    if not text:
        return None
    names = _names(text.removeprefix("/"))
    if "/" not in text:
        names = ["**", *names]
    steps = tuple(None if name == "**" else _step(name) for name in names)
    return _IgnorePattern(steps, is_for_folders, is_exception)


def _names(text: str) -> list[str]:
    """The text between slashes; a slash inside brackets belongs to the class, where it matches nothing."""
    names, start, position = [], 0, 0
    while position < len(text):
        letter = text[position]
        position += 1
        if letter == "/":
            names.append(text[start : position - 1])
            start = position
        elif letter == "\\":
            position += 1
        elif letter == "[":
            read = _class(text, position)
            if (
                read is None
            ):  # never closed, so the rest matches nothing: reading it again for each bracket is quadratic
                break
            position = read[1]
    return [*names, text[start:]]


def _step(name: str) -> re.Pattern[str]:
    """One name between slashes as an expression; one that can never match for what git refuses."""
    parts = [""]
    position = 0
    while position < len(name):
        letter = name[position]
        position += 1
        if letter == "*":
            parts.append("")
        elif letter == "?":
            parts[-1] += "[^/]"
        elif letter == "\\":
            if position == len(name):
                return _NEVER
            parts[-1] += re.escape(name[position])
            position += 1
        elif letter == "[":
            read = _class(name, position)
            if read is None:
                return _NEVER
            parts[-1] += read[0]
            position = read[1]
        else:
            parts[-1] += re.escape(letter)
    return re.compile(between_stars(parts, "[^/]"), re.DOTALL)


_NEVER: Final = re.compile(r"(?!)")


def _class(name: str, position: int) -> tuple[str, int] | None:
    """``[a-z]`` after its bracket, as an expression and where it ends; None when it is never closed."""
    is_negated = name[position : position + 1] in ("!", "^")
    position += is_negated
    members = ""
    start = position
    while position < len(name) and (name[position] != "]" or position == start):
        if name.startswith("[:", position):
            return None
        if name[position] == "\\":
            position += 1
            if position == len(name):
                return None
        low = high = name[position]
        position += 1
        if name[position : position + 1] == "-" and name[position + 1 : position + 2] not in ("", "]"):
            position += 1 + (name[position + 1] == "\\")
            high = name[position : position + 1] or low
            position += 1
        if low <= high:
            members += f"{re.escape(low)}-{re.escape(high)}"
    if position >= len(name):
        return None
    if not members:
        return ("[^/]" if is_negated else "(?!)"), position + 1
    return f"(?!/)[{'^' if is_negated else ''}{members}]", position + 1


def folders_below(top: Path) -> Iterator[Path]:
    """The folder and every folder in it; hidden ones hold no jobs and no branches."""
    folders = [str(top)]
    while folders:
        folder = folders.pop()
        yield Path(folder)
        try:
            with os.scandir(folder) as listing:
                folders += [
                    entry.path for entry in listing if not is_hidden(entry.name) and entry.is_dir(follow_symlinks=False)
                ]
        except OSError:
            continue
