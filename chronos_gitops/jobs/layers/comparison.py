"""Values of files made comparable: a number equals no boolean, and places do not count."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from chronos_gitops.jobs.layers.merge import NULL
from chronos_gitops.jobs.layers.parts import FileParts
from chronos_gitops.jobs.validation.document import Document
from chronos_gitops.jobs.validation.yaml.positions import Mark, Path

_NO_LINES: Final = ("",)
_NO_MARKS: Final[Mapping[Path, Mark]] = MappingProxyType({})


def distinct(value: Any) -> Any:
    """A copy in which equal values are of the same type."""
    if isinstance(value, Mapping):
        return {key: distinct(one) for key, one in value.items()}
    if isinstance(value, list):
        return [distinct(one) for one in value]
    return value if value is None or value is NULL or isinstance(value, str) else (type(value).__name__, repr(value))


def comparable(parts: FileParts) -> FileParts:
    """Values alone, without places."""
    blocks = {name: _values_only(block) for name, block in parts.blocks.items()}
    return replace(parts, base=_values_only(parts.base), blocks=blocks)


def _values_only(read: Document) -> Document:
    return bare_document(distinct(read.value))


def bare_document(value: Mapping[str, Any], file: str = "") -> Document:
    """A value without places: all of it stands at the beginning of the file."""
    return Document(file, _NO_LINES, value, _NO_MARKS, _NO_MARKS, frozenset(), (), complete=True)
