"""Values of a job file that only repeat what the job inherits anyway, removed with their lines. Pure.

Of a map in flow style on one line, such as ``{a: b, c: d}``, single keys are removed.

A value whose lines hold a comment stays, and so does one with a comment right above it: that is about the value here.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from chronos_gitops.jobs.layers.common_values import AUTH, is_plain, written
from chronos_gitops.jobs.layers.parts import ENVIRONMENTS
from chronos_gitops.jobs.validation import document as validation_document
from chronos_gitops.jobs.validation.document import Document
from chronos_gitops.jobs.validation.yaml.positions import Path

_COMMENT: Final = re.compile(r"(?:^|[ \t])(#.*)")


def without_inherited(text: str, document: Document, inherited: Mapping[str, Any]) -> str:
    """The text without these lines; every other line stays as it is, but for a blank one where two would meet."""
    lines = FileLines(document)
    redundant = _redundant(lines, document.value, inherited, ())
    in_flow = {path for path in redundant if lines.of(path) is None}
    on_lines = {path: place for path, place in redundant.items() if path not in in_flow}
    if in_flow:
        shorter = _without(text, lines.without(in_flow), on_lines)
        if _says(shorter, document.value, redundant):
            return shorter
    return _without(text, {}, on_lines)


def _without(text: str, changed: Mapping[int, str], redundant: Mapping[Path, tuple[int, int]]) -> str:
    """The text with these other lines, and without those of the redundant values."""
    gone: set[int] = set()
    for first, last in redundant.values():
        gone.update(range(first, last + 1))
    kept: list[str] = []
    for number, line in enumerate(text.splitlines(keepends=True)):
        meets = number - 1 in gone and not line.strip() and (not kept or not kept[-1].strip())
        if number not in gone and not meets:
            kept.append(line if number not in changed else changed[number] + line[len(line.rstrip("\r\n")) :])
    return "".join(kept)


def _says(text: str, value: Mapping[str, Any], redundant: Collection[Path]) -> bool:
    """True if the text reads as the value without these paths."""
    read = validation_document.read("", text.encode())
    return read.complete and not read.problems and written(read.value) == written(_pruned(value, redundant, ()))


def _pruned(value: Mapping[str, Any], paths: Collection[Path], above: Path) -> dict[str, Any]:
    return {
        key: _pruned(one, paths, (*above, key)) if isinstance(one, dict) else one
        for key, one in value.items()
        if (*above, key) not in paths
    }


def _redundant(
    lines: "FileLines", value: Mapping[str, Any], inherited: Mapping[str, Any], above: Path
) -> dict[Path, tuple[int, int]]:
    """The lines of each value that is only repeated. A map that stays keeps at least one key."""
    found: dict[Path, tuple[int, int]] = {}
    for key, one in value.items():
        path = (*above, key)
        if key not in inherited or path == (ENVIRONMENTS,):
            continue
        place = lines.of(path) or lines.of_flow_map(above)
        if place is None:
            continue
        if _is_repeated(one, inherited[key], path) and not lines.have_comment(*place):
            found[path] = place
        elif isinstance(one, dict) and isinstance(inherited[key], Mapping) and path != AUTH:
            inner = _redundant(lines, one, inherited[key], path)
            if any((*path, name) not in inner for name in one):
                found |= inner
    return found


def _is_repeated(value: Any, inherited: Any, path: Path) -> bool:
    """True if the job is the same without it."""
    is_one_value = path == AUTH or path[:-1] == ("variables",)
    if isinstance(value, dict) and value and isinstance(inherited, Mapping) and not is_one_value:
        return all(key in inherited and _is_repeated(one, inherited[key], (*path, key)) for key, one in value.items())
    return is_plain(value) and is_plain(inherited) and value != {} and written(value) == written(inherited)


class FileLines:
    """Which lines each key of a file takes."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._last: dict[Path, int] = {}
        self._keys: dict[int, list[Path]] = {}
        self._text = list(document.lines)
        for path, mark in document.values.items():
            self._count(path, *mark)
        for path, key in document.keys.items():
            self._keys.setdefault(key[0], []).append(path)

    def _count(self, path: Path, line: int, column: int, end: int, end_column: int) -> None:
        last = end - 1 if end > line and end_column == 0 else end
        while last > line and not self._document.lines[last].strip():
            last -= 1
        for length in range(1, len(path) + 1):
            self._last[path[:length]] = max(self._last.get(path[:length], 0), last)
        if isinstance(self._document.get(*path), dict | list):
            return
        for number in range(line, last + 1):  # what is left of the line is no value
            text = self._text[number]
            start = column if number == line else 0
            stop = end_column if number == end else len(text)
            self._text[number] = text[:start] + " " * (stop - start) + text[stop:]

    def of(self, path: Path) -> tuple[int, int] | None:
        """From the line of the key to the last one of its value; None where these lines hold another key as well."""
        key = self._document.keys.get(path)
        if key is None or path not in self._last or self._document.lines[key[0]][: key[1]].strip(" "):
            return None
        first, last = key[0], self._last[path]
        on_them = (one for number in range(first, last + 1) for one in self._keys.get(number, ()))
        return (first, last) if all(one[: len(path)] == path for one in on_them) else None

    def of_flow_map(self, path: Path) -> tuple[int, int] | None:
        """The line that holds the whole of a map in flow style."""
        line, column, end, _ = self._document.values.get(path, (0, 0, -1, 0))
        return (line, line) if line == end and self._document.lines[line][column : column + 1] == "{" else None

    def without(self, paths: Collection[Path]) -> dict[int, str]:
        """Lines with flow maps, without these of their keys; each map keeps one."""
        cuts: dict[int, list[tuple[int, int]]] = {}
        for above in {path[:-1] for path in paths}:
            line = self._document.values[above][0]
            cuts.setdefault(line, []).extend(self._cuts(above, paths))
        return {line: _cut(self._document.lines[line], found) for line, found in cuts.items()}

    def _cuts(self, above: Path, paths: Collection[Path]) -> Iterator[tuple[int, int]]:
        """From each key to the next one, or, after the last key that stays, from its end."""
        marks = {path: key for path, key in self._document.keys.items() if path[:-1] == above}
        inner = sorted(marks, key=lambda path: marks[path][1])
        ends = {path: max(marks[path][3], self._document.values.get(path, marks[path])[3]) for path in inner}
        for at, path in enumerate(inner):
            if path not in paths:
                continue
            if all(one in paths for one in inner[at:]):
                yield ends[next(one for one in reversed(inner[:at]) if one not in paths)], ends[inner[-1]]
                return
            yield marks[path][1], marks[inner[at + 1]][1]

    def comments(self) -> list[str]:
        """Each comment of the file, from its ``#`` on."""
        found = (_COMMENT.search(line) for line in self._text)
        return [one[1].rstrip() for one in found if one is not None]

    def have_comment(self, first: int, last: int) -> bool:
        """On them, or right above, where it does not begin the file."""
        above = first
        while above > 0 and self._text[above - 1].lstrip().startswith("#"):
            above -= 1
        return 0 < above < first or any("#" in self._text[number] for number in range(first, last + 1))


def _cut(line: str, cuts: Iterable[tuple[int, int]]) -> str:
    for first, last in sorted(cuts, reverse=True):
        line = line[:first] + line[last:]
    return line
