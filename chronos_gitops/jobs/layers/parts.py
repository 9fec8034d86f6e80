"""The parts of a job that one file holds: what it says everywhere, and in each environment."""

from collections.abc import Mapping
from dataclasses import field, replace
from types import MappingProxyType
from typing import Any, Final

from chronos_gitops.jobs.layers.merge import NULL
from chronos_gitops.jobs.validation.document import Document
from chronos_gitops.jobs.validation.yaml.positions import Mark, Path
from chronos_gitops.process.lazy_dataclass import dataclass

ENVIRONMENTS: Final = "environments"
OWN_FIELDS: Final = frozenset({"name", "description", "id", "created_at", "updated_at", "next_run"})
"""Fields of one job alone: no layer has them, and ``null`` removes none of them."""
_NONE: Final[Mapping[str, Document]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class FileParts:
    """``base`` holds in every environment; ``blocks`` are those of the file's ``environments``, as documents of
    their own. A ``null`` that is written is NULL in their values."""

    base: Document
    blocks: Mapping[str, Document] = field(default_factory=lambda: _NONE)


def parts_of(document: Document) -> FileParts:
    """The document itself where it has neither environments nor a null."""
    blocks = document.value.get(ENVIRONMENTS)
    if ENVIRONMENTS not in document.value:
        return FileParts(_with_nulls(document))
    base = {key: value for key, value in document.value.items() if key != ENVIRONMENTS}
    if not isinstance(blocks, dict):
        return FileParts(_with_nulls(replace(document, value=base)))
    keys, values = _rerooted(document.keys), _rerooted(document.values)
    named = {
        name: _with_nulls(
            replace(document, value=block, keys=keys.get(name, {}), values=values.get(name, {}), problems=())
        )
        for name, block in blocks.items()
        if isinstance(block, dict)
    }
    return FileParts(_with_nulls(replace(document, value=base)), MappingProxyType(named))


def _rerooted(marks: Mapping[Path, Mark]) -> dict[str, dict[Path, Mark]]:
    """The marks below each block, by its name, as paths from the block."""
    found: dict[str, dict[Path, Mark]] = {}
    for path, mark in marks.items():
        if len(path) > 2 and path[0] == ENVIRONMENTS:
            found.setdefault(str(path[1]), {})[path[2:]] = mark
    return found


def _with_nulls(document: Document) -> Document:
    if not _has_none(document.value):
        return document
    return replace(document, value=_marked(document.value, document, ()))


def _has_none(value: Mapping[str, Any]) -> bool:
    return any(one is None or (isinstance(one, dict) and _has_none(one)) for one in value.values())


def _marked(value: Mapping[str, Any], document: Document, path: Path) -> dict[str, Any]:
    return {key: _mark(one, document, (*path, key)) for key, one in value.items()}


def _mark(value: Any, document: Document, path: Path) -> Any:
    if isinstance(value, dict):
        return _marked(value, document, path)
    is_own = len(path) == 1 and path[0] in OWN_FIELDS
    return NULL if value is None and not is_own and is_written(document, path) else value


def is_written(document: Document, path: Path) -> bool:
    """False for a key with nothing after it, and for what could not be read."""
    mark = document.values.get(path)
    return mark is not None and mark[:2] != mark[2:] and path not in document.suspect


def nulls(value: Mapping[str, Any], path: Path = ()) -> list[Path]:
    """Where a part removes something."""
    found: list[Path] = []
    for key, one in value.items():
        if one is NULL:
            found.append((*path, key))
        elif isinstance(one, dict):
            found += nulls(one, (*path, key))
    return found
