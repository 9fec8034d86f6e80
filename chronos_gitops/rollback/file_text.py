"""Other values in the text of a job file: every line that is not about them stays as it is. Pure.

What cannot be edited by lines, such as a map in flow style, is written anew without its comments.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from chronos_gitops.jobs.layers.comparison import distinct
from chronos_gitops.jobs.layers.inherited_lines import FileLines
from chronos_gitops.jobs.layers.merge import NULL
from chronos_gitops.jobs.layers.parts import parts_of
from chronos_gitops.jobs.validation import document
from chronos_gitops.jobs.validation.document import Document
from chronos_gitops.jobs.yaml_writer import yaml_of
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.rollback.written_out import file_value, is_one_value

_LINES: Final = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+")
Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EditedText:
    """``rewritten`` are the top-level fields that lost their comments."""

    text: str
    rewritten: tuple[str, ...] = ()


def with_values(text: str, wanted: Mapping[str, Any], note: str) -> EditedText:
    """The text that says ``wanted``, with NULL for null; ``note`` is a comment above fields that are new."""
    read = document.read("", text.encode())
    rewritten: frozenset[str] = frozenset()
    while True:
        edits = _LineEdits(text, read, rewritten)
        edits.compare(_value(read), wanted, ())
        result = edits.result(note)
        wrong = edits.impossible or _different(_value(document.read("", result.encode())), wanted)
        if not wrong:
            return EditedText(result, tuple(sorted(rewritten)))
        if wrong <= rewritten:
            return EditedText(yaml_of(_plain(wanted)), tuple(sorted(wanted)))
        rewritten |= wrong


def _value(read: Document) -> dict[str, Any]:
    return file_value(parts_of(read)) if read.complete else {}


def _different(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> set[str]:
    keys = found.keys() | wanted.keys()
    return {key for key in keys if distinct(found.get(key)) != distinct(wanted.get(key))}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return None if value is NULL else value


class _LineEdits:
    """Lines that go, and lines that come in their place or behind others. ``rewritten`` fields are written whole;
    ``impossible`` are top-level fields that cannot be edited."""

    def __init__(self, text: str, read: Document, rewritten: Collection[str]) -> None:
        self._text = _LINES.findall(text)
        self._end = "\r\n" if self._text and self._text[0].endswith("\r\n") else "\n"
        self._read = read
        self._places = FileLines(read)
        self._rewritten = rewritten
        self._gone: set[int] = set()
        self._instead: dict[int, list[str]] = {}
        self._behind: dict[int, list[str]] = {}
        self._new: dict[str, Any] = {}
        self.impossible: set[str] = set()

    def compare(self, before: Mapping[str, Any], wanted: Mapping[str, Any], above: Path) -> None:
        for key in before:
            if key not in wanted:
                self._replace((*above, key), ())
        added = {key: wanted[key] for key in wanted if key not in before}
        for key in wanted:
            path = (*above, key)
            if key in added or distinct(before[key]) == distinct(wanted[key]):
                continue
            if self._is_edited_inside(before[key], wanted[key], path):
                self.compare(before[key], wanted[key], path)
            else:
                self._replace(path, self._written({key: wanted[key]}, self._column(path)))
        if added and above:
            self._append(above, before, added)
        elif added:
            self._new = added

    def result(self, note: str) -> str:
        out: list[str] = []
        for number, line in enumerate(self._text):
            out += self._instead.get(number, ())
            if number not in self._gone:
                out.append(line)
            if number in self._behind:
                out = [*self._closed(out), *self._behind[number]]
        if self._new:
            margin = " " * min((mark[1] for path, mark in self._read.keys.items() if len(path) == 1), default=0)
            out = [*self._closed(out), f"{margin}# {note}{self._end}", *self._written(self._new, len(margin))]
        return "".join(out)

    def _is_edited_inside(self, before: Any, wanted: Any, path: Path) -> bool:
        is_whole = is_one_value(path) or (len(path) == 1 and path[0] in self._rewritten)
        return bool(isinstance(before, dict) and isinstance(wanted, dict) and before and wanted) and not is_whole

    def _replace(self, path: Path, lines: Collection[str]) -> None:
        place = self._places.of(path)
        if place is None:
            self.impossible.add(path[0])
            return
        first, last = place
        self._gone.update(range(first, last + 1))
        self._instead[first] = list(lines)

    def _append(self, path: Path, before: Mapping[str, Any], added: Mapping[str, Any]) -> None:
        """At the end of a map, at the indentation of its keys."""
        place, first = self._places.of(path), (*path, next(iter(before)))
        if place is None or self._places.of(first) is None or self._read.keys[first][0] == self._read.keys[path][0]:
            self.impossible.add(path[0])
            return
        lines = self._written(added, self._column(first))
        self._behind[place[1]] = [*self._behind.get(place[1], ()), *lines]

    def _column(self, path: Path) -> int:
        return self._read.keys[path][1] if path in self._read.keys else 0

    def _written(self, value: Mapping[str, Any], column: int) -> list[str]:
        lines = yaml_of(_plain(value)).removesuffix("\n").split("\n")
        return [f"{' ' * column if line else ''}{line}{self._end}" for line in lines]

    def _closed(self, lines: list[str]) -> Iterator[str]:
        """With an end of the last line."""
        yield from lines[:-1]
        if lines:
            yield lines[-1] if lines[-1].endswith(("\n", "\r")) else lines[-1] + self._end
