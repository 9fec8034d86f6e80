"""Lines of a job file that only repeat what the job inherits anyway. Pure.

A value whose lines hold a comment stays, and so does one with a comment right above it: that is about the value here.
"""

from collections.abc import Mapping
from typing import Any

from chronos_gitops.jobs.layers.common_values import AUTH, is_plain, written
from chronos_gitops.jobs.layers.parts import ENVIRONMENTS
from chronos_gitops.jobs.validation.document import Document
from chronos_gitops.jobs.validation.yaml.positions import Path


def without_inherited(text: str, document: Document, inherited: Mapping[str, Any]) -> str:
    """The text without these lines; every other line stays as it is, but for a blank one where two would meet."""
    gone: set[int] = set()
    for first, last in _redundant(FileLines(document), document.value, inherited, ()).values():
        gone.update(range(first, last + 1))
    kept: list[str] = []
    for number, line in enumerate(text.splitlines(keepends=True)):
        meets = number - 1 in gone and not line.strip() and (not kept or not kept[-1].strip())
        if number not in gone and not meets:
            kept.append(line)
    return "".join(kept)


def _redundant(
    lines: "FileLines", value: Mapping[str, Any], inherited: Mapping[str, Any], above: Path
) -> dict[Path, tuple[int, int]]:
    """The lines of each value that is only repeated. A map that stays keeps at least one key."""
    found: dict[Path, tuple[int, int]] = {}
    for key, one in value.items():
        path = (*above, key)
        place = lines.of(path)
        if place is None or key not in inherited or path == (ENVIRONMENTS,):
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

    def have_comment(self, first: int, last: int) -> bool:
        """On them, or right above, where it does not begin the file."""
        above = first
        while above > 0 and self._text[above - 1].lstrip().startswith("#"):
            above -= 1
        return 0 < above < first or any("#" in self._text[number] for number in range(first, last + 1))
