"""Effective jobs without a finding: of the next one only what reads a changed field is judged.

After an edit of a layer above 10,000 jobs most of each job is as before, and so is what the rules say of it.
"""

from array import array
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from chronos_gitops.jobs.schemas.schemas import load_schema
from chronos_gitops.jobs.validation.document import Document

_ABSENT: Final = 0


@dataclass(frozen=True, slots=True)
class Look:
    """``fields`` are the top-level ones that differ from the last job without a finding; None where everything is to be
    judged."""

    file: str
    environment: str | None
    fields: frozenset[str] | None
    hashes: "array[int]"


class CleanDocuments:
    """For one set of rules, secrets and bindings. Holds a hash of each field, by path and environment: 240 bytes."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str | None, array[int]]] = {}

    def look(self, source: Document, environment: str | None) -> Look:
        known, now = self._known.get(source.file, {}).get(environment), _hashes(source.value)
        if known is None or source.suspect or not source.value.keys() <= _fields().keys():
            return Look(source.file, environment, None, now)
        changed = (name for name, place in _fields().items() if known[place] != now[place])
        return Look(source.file, environment, frozenset() if known == now else frozenset(changed), now)

    def note(self, look: Look, source: Document, *, is_clean: bool) -> None:
        """One with a finding is judged as a whole the next time. So is one with values that nobody wrote so."""
        here = self._known.setdefault(look.file, {})
        if is_clean and not source.suspect:
            here[look.environment] = look.hashes
        else:
            here.pop(look.environment, None)

    def keep(self, paths: Collection[str]) -> None:
        """Forgets all other files."""
        self._known = {path: known for path, known in self._known.items() if path in paths}


@cache
def _fields() -> Mapping[str, int]:
    return {name: place for place, name in enumerate(load_schema()["properties"])}


def _hashes(value: Mapping[str, Any]) -> "array[int]":
    """``repr`` tells 1 from 1.0 and True, which are equal; Python's hash of text is keyed, so that nobody can aim at
    an equal one."""
    return array("q", [hash(repr(value[name])) if name in value else _ABSENT for name in _fields()])
