"""The parser's events to values and places, with every guard: depth, size, duplicate keys, aliases, tags, documents."""

from collections.abc import Callable
from typing import Any, Final

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)

from chronos_gitops.jobs.validation.quoting import short
from chronos_gitops.jobs.validation.yaml import scalars, syntax_errors
from chronos_gitops.jobs.validation.yaml.file_nouns import JOB, FileNoun
from chronos_gitops.jobs.validation.yaml.positions import MAX_FINDINGS, MAX_VALUES, Mark, Path
from chronos_gitops.jobs.validation.yaml.scalars import Scalar
from chronos_gitops.jobs.validation.yaml.syntax_errors import Finding

MAX_DEPTH: Final = 20
_ENDS = (MappingEndEvent, SequenceEndEvent)
_STARTS = (MappingStartEvent, SequenceStartEvent)


class _Stop(Exception):
    """Reading cannot go on; the finding says why."""

    def __init__(self, rule: str, mark: Mark, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.finding: Finding = (rule, mark, message, hint)


class NestingError(Exception):
    """libyaml (from PyYAML 6.0.4 on) looks ahead over a thousand brackets and gives up before it tells of the first."""


class EventReader:
    """One pass over the events of one text. ``root`` is what was read, also when reading had to stop half-way."""

    def __init__(self, next_event: Callable[[], Any], lines: tuple[str, ...], noun: FileNoun = JOB) -> None:
        self.root: dict[str, Any] = {}
        self.keys: dict[Path, Mark] = {}
        self.values: dict[Path, Mark] = {}
        self.suspect: set[Path] = set()
        self.findings: list[Finding] = []
        self._lines = lines
        self._noun = noun
        self._next = next_event
        self._values_read = 0

    def run(self) -> bool:
        """Reads it all; False when reading had to stop before the end. NestingError."""
        try:
            self._document()
        except _Stop as stop:
            self.findings.append(stop.finding)
            return False
        except yaml.YAMLError as error:
            if "maximum nesting depth" in str(error):
                raise NestingError from error
            self._found_syntax(syntax_errors.explain(error, self._lines, self._noun))
            return False
        return True

    def _document(self) -> None:
        event = self._next()
        if type(event) is StreamStartEvent:
            event = self._next()
        if type(event) is StreamEndEvent:
            raise _Stop("empty-file", (0, 0, 0, 1), "the file is empty", self._noun.needs)
        top = self._next()
        if type(top) is MappingStartEvent:
            self._open(top, ())
            self._mapping((), self.root)
        else:
            raise self._not_a_job(top)
        self._next()
        after = self._next()
        if type(after) is DocumentStartEvent:
            raise _Stop("several-documents", _mark(after), "a second document starts here", self._noun.one_each)

    def _not_a_job(self, top: Event) -> _Stop:
        if type(top) is ScalarEvent and not top.value and top.implicit[0]:
            return _Stop("empty-file", _mark(top), "the document is empty", self._noun.needs)
        kind, hint = "text", 'write "key: value" lines, with a space after the colon'
        if type(top) is SequenceStartEvent:
            kind, hint = "a list", self._noun.one_each
        return _Stop("top-level", _mark(top), f"a {self._noun.name} file is a map of fields, and this is {kind}", hint)

    def _node(self, event: Event, path: Path) -> Any:
        self._count(event)
        self.values[path] = _mark(event)
        kind = type(event)
        if kind is ScalarEvent:
            return self._scalar(event, path)
        if kind is AliasEvent:
            return self._alias(event, path)
        self._open(event, path)
        return self._mapping(path, {}) if kind is MappingStartEvent else self._sequence(path)

    def _open(self, event: Any, path: Path) -> None:
        _check_depth(event, len(path) + 1)
        if event.anchor is not None or event.tag is not None:
            self._check_properties(event, path)

    def _count(self, event: Event) -> None:
        self._values_read += 1
        if self._values_read > MAX_VALUES:
            raise _Stop("too-large", _mark(event), f"more than {MAX_VALUES:,} values")

    def _mapping(self, path: Path, into: dict[str, Any]) -> dict[str, Any]:
        take = self._next
        while True:
            event = take()
            if type(event) is MappingEndEvent:
                return into
            key = self._key(event, path)
            if key is None:
                self._skip(take(), len(path) + 1)
            else:
                into[key] = self._node(take(), (*path, key))

    def _sequence(self, path: Path) -> list[Any]:
        into: list[Any] = []
        while True:
            event = self._next()
            if type(event) is SequenceEndEvent:
                return into
            into.append(self._node(event, (*path, len(into))))

    def _key(self, event: Event, path: Path) -> str | None:
        """The key, or None after a finding that makes its value worth nothing."""
        mark = _mark(event)
        if type(event) is not ScalarEvent:
            self._complex_key(event, mark, path)
            return None
        if event.anchor is not None or event.tag is not None:
            self._check_properties(event, path)
        key: str = event.value
        if event.implicit[0] and not scalars.is_text(key):
            self._key_that_is_no_text(key, mark, path)
            return None
        place = (*path, key)
        if place in self.keys:
            first = self.keys[place][0] + 1
            self._found("duplicate-key", mark, f'"{short(key)}" stands here twice, first in line {first}', "remove one")
            return None
        self.keys[place] = mark
        return key

    def _key_that_is_no_text(self, key: str, mark: Mark, path: Path) -> None:
        self.suspect.add(path)
        if key == "<<":
            self._found("merge-key", mark, "merge keys are not supported", "write the fields out")
            return
        self._found("key-type", mark, f'the key "{short(key)}" is not text', f'quote it: "{short(key)}"')

    def _complex_key(self, event: Event, mark: Mark, path: Path) -> None:
        mark, hint = self._unquoted(mark, "a key is one word; quote text that starts with a bracket")
        self._found("key-type", mark, "a key cannot be a map, a list or an alias", hint)
        self.suspect.update(path[:length] for length in range(len(path) + 1))
        self._skip(event, len(path) + 1)

    def _scalar(self, event: Any, path: Path) -> Scalar:
        if event.anchor is not None or event.tag is not None:
            self._check_properties(event, path)
        text: str = event.value
        if not event.implicit[0]:
            return self._without_surrogates(text, event)
        try:
            return scalars.resolve(text)
        except scalars.NumberError as error:
            self.suspect.add(path)
            self._found("number", _mark(event), f"this number {error}", error.hint)
            return None

    def _without_surrogates(self, text: str, event: Event) -> str:
        """PyYAML's Python parser lets escapes like ``"\\ud800"`` through, which nothing encodes; libyaml does not."""
        if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
            raise _Stop("syntax", _mark(event), "the escape is not a character")
        return text

    def _alias(self, event: Any, path: Path) -> None:
        self.suspect.add(path)
        mark, hint = self._unquoted(_mark(event), "write the value out")
        self._found("alias", mark, f'the alias "*{short(event.anchor)}" is not supported', hint)

    def _check_properties(self, event: Any, path: Path) -> None:
        if event.anchor is not None:
            self._found("anchor", _mark(event), f'the anchor "&{short(event.anchor)}" is not supported', "remove it")
        if event.tag is not None:
            self.suspect.add(path)
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            self._found("tag", _mark(event), f'the tag "{short(tag)}" is not supported', "remove it")

    def _skip(self, event: Event, depth: int) -> None:
        """Reads past one value without keeping it, under the same limits."""
        level = 0
        while True:
            self._count(event)
            if isinstance(event, _STARTS):
                level += 1
                _check_depth(event, depth + level)
            elif isinstance(event, _ENDS):
                level -= 1
            if level == 0:
                return
            event = self._next()

    def _unquoted(self, mark: Mark, otherwise: str) -> tuple[Mark, str]:
        """The whole value and how to quote it where quotes are what is missing, else the mark as it is."""
        line = mark[0]
        unquoted = syntax_errors.quotable(self._lines[line])
        return ((line, unquoted[0], line, unquoted[1]), unquoted[2]) if unquoted else (mark, otherwise)

    def _found_syntax(self, finding: Finding) -> None:
        """Record a syntax error. Findings in the same line have the same cause and are dropped."""
        self.findings = [other for other in self.findings if other[1][0] != finding[1][0]]
        self.findings.append(finding)

    def _found(self, rule: str, mark: Mark, message: str, hint: str) -> None:
        if len(self.findings) >= MAX_FINDINGS:
            raise _Stop("too-many-problems", mark, f"more than {MAX_FINDINGS} problems; the rest was not read")
        self.findings.append((rule, mark, message, hint))


def _check_depth(event: Event, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise _Stop("too-deep", _mark(event), f"more than {MAX_DEPTH} levels of nesting")


def libyaml_events(text: str) -> Callable[[], Any]:
    # The bare parser: CSafeLoader also sets up a resolver and a constructor, which takes as long as parsing a job.
    from yaml._yaml import CParser  # here, because a PyYAML without libyaml has no such module

    return CParser(text.encode()).get_event


def best_events(text: str) -> Callable[[], Any]:
    return libyaml_events(text) if yaml.__with_libyaml__ else python_events(text)


def python_events(text: str) -> Callable[[], Any]:
    """Ten times as slow, and stricter about tabs between a key and its value; for a PyYAML without libyaml."""
    loader = yaml.SafeLoader(text)
    get_event: Callable[[], Any] = loader.get_event

    def next_event() -> Any:
        try:
            return get_event()
        except (ValueError, OverflowError) as error:  # chr() of an escape that is no character
            raise yaml.scanner.ScannerError(None, None, "escape code", loader.get_mark()) from error

    return next_event


def _mark(event: Any) -> Mark:
    start, end = event.start_mark, event.end_mark
    return start.line, start.column, end.line, end.column
