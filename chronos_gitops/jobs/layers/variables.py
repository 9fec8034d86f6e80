"""Variables of a job: ``${var:name}`` in url, headers, body and auth, replaced by its value in the environment."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from chronos_gitops.jobs.secrets.references import Field, texts
from chronos_gitops.jobs.templates import templates
from chronos_gitops.jobs.validation.yaml.positions import Path
from chronos_gitops.process.lazy_dataclass import dataclass

VARIABLES: Final = "variables"
MOST_VARIABLES: Final = 100
LONGEST_VALUE: Final = 8192
LONGEST_TEXT: Final = 262_144
"""Characters of a text with its variables in place, which are the bytes of the largest job file."""
_LONGEST_TIME: Final = 400
OPENING: Final = "${var:"
_REFERENCE: Final = re.compile(r"(?P<escape>\$)?\$\{var:(?P<name>[^${}]{0,120})\}")
_OPEN: Final = re.compile(r"(?<!\$)\$\{var:[\w-]{0,40}")


@dataclass(frozen=True, slots=True)
class FilledJob:
    """``value`` has no variables any more. ``used`` are the names each field uses, in the order of its text."""

    value: dict[str, Any]
    used: Mapping[Path, tuple[str, ...]]

    @property
    def names(self) -> frozenset[str]:
        return frozenset(name for names in self.used.values() for name in names)


def is_variable_name(name: str) -> bool:
    """Names have the form of those of secrets."""
    return templates.is_secret_name(name)


def references(text: str) -> tuple[str, ...]:
    """The names of the variables in the text, valid or not; ``$${var:x}`` is none."""
    return tuple(match["name"] for match in _REFERENCE.finditer(text) if not match["escape"])


def unclosed(text: str) -> Iterator[str]:
    """References that are never closed, as they are written."""
    closed = {match.start() + bool(match["escape"]) for match in _REFERENCE.finditer(text)}
    return (match.group() for match in _OPEN.finditer(text) if match.start() not in closed)


def only_used(value: Mapping[str, Any]) -> dict[str, Any]:
    """The variables of a merged job that one of its texts refers to."""
    given = value.get(VARIABLES)
    if not isinstance(given, dict):
        return {}
    used = used_names(value)
    return {name: one for name, one in given.items() if name in used}


def used_names(value: Mapping[str, Any]) -> frozenset[str]:
    """The variables that a text of a merged job refers to, whether or not they have a value."""
    filled = (text for _, text in texts(value.get("webhook")) if OPENING in text)
    return frozenset(name for text in filled for name in references(text))


def text_of(value: Any) -> str | None:
    """The text of a variable: its own, or that of an input of a trigger; None for a time, which has none yet."""
    if isinstance(value, str):
        return value
    text = value.get("value") if isinstance(value, Mapping) else None
    return text if isinstance(text, str) else None


def is_time(value: Any) -> bool:
    return not isinstance(value, str) and isinstance(value, Mapping) and "time" in value


def has_time(given: Any) -> bool:
    """True if one of these variables, used or not, is a time."""
    return isinstance(given, Mapping) and any(map(is_time, given.values()))


def fill(value: Mapping[str, Any], times: Callable[[str, Any], str | None] = lambda _, __: None) -> FilledJob:
    """One pass: what a value brings in is not read again. A reference without a value stays as it is, and one to a time
    that ``times`` gives no text for. Where a job uses times escapes stay too, for its texts are read once more."""
    given = value.get(VARIABLES)
    known = {}
    for name, one in given.items() if isinstance(given, Mapping) else ():
        text = times(name, one) if is_time(one) else text_of(one)
        if text is not None:
            known[name] = text
    has_times = has_time(given) and any(is_time(one) and name not in known for name, one in only_used(value).items())
    filled = {key: one for key, one in value.items() if key != VARIABLES}
    used: dict[Path, tuple[str, ...]] = {}
    replaced: dict[Field, str] = {}
    for field, text in texts(filled.get("webhook")):
        if OPENING not in text:
            continue
        names = references(text)
        if names:
            used[field] = names
        if filled_length(text, known) <= LONGEST_TEXT:  # a longer one is refused, and never built
            replaced[field] = _REFERENCE.sub(_with(known, keeps_escapes=has_times), text)
    for field, text in replaced.items():
        filled = _set(filled, field, text)
    return FilledJob(filled, used)


def filled_length(text: str, known: Mapping[str, Any]) -> int:
    """Characters of the text with these values, texts or not yet rendered times, in place of references."""
    return len(text) + sum(_length(known[name]) for name in references(text) if name in known)


def _length(value: Any) -> int:
    return _LONGEST_TIME if is_time(value) else len(text_of(value) or "")


def with_texts(value: dict[str, Any], known: Mapping[str, str]) -> dict[str, Any]:
    """A filled job with these texts in place, and the escapes that were left read."""
    for field, text in texts(value.get("webhook")):
        if OPENING in text:
            value = _set(value, field, _REFERENCE.sub(_with(known, keeps_escapes=False), text))
    return value


def _with(known: Mapping[str, str], *, keeps_escapes: bool) -> Callable[[re.Match[str]], str]:
    def one(match: re.Match[str]) -> str:
        if match["escape"]:
            return match.group() if keeps_escapes else match.group()[1:]
        return known.get(match["name"], match.group())

    return one


def _set(value: dict[str, Any], field: Field, text: str) -> dict[str, Any]:
    """A copy with this text; the parts of a job are shared."""
    first, *rest = field
    return value | {first: _set(value[first], tuple(rest), text) if rest else text}
