"""The values that a ``null`` removes: one that removes nothing has no effect."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from chronos_gitops.jobs.layers.merge import AUTH_TYPE, fold
from chronos_gitops.jobs.layers.parts import ENVIRONMENTS, FileParts, nulls
from chronos_gitops.jobs.layers.tree import Layer, Layers
from chronos_gitops.jobs.validation.document import Document
from chronos_gitops.jobs.validation.yaml.positions import Path

Place = tuple[str, int, int]
"""File, line and column of a ``null``."""
_REFUSED: Final = (AUTH_TYPE, (ENVIRONMENTS,))
_VARIABLES: Final = "variables"


def without_effect(part: Document, inherited: Mapping[str, Any]) -> list[Path]:
    """The nulls of a part that remove nothing of what it inherits."""
    return [path for path in _removing(part) if not _is_in(inherited, path)]


def of_environments(layer: Layer, declared: Collection[str]) -> list[tuple[Document, Path]]:
    """The nulls of a layer that hold in one environment: jobs decide whether they remove something."""
    blocks = (block for name, block in layer.parts.blocks.items() if name in declared)
    parts = [layer.parts.base] if layer.place.name else blocks
    return [(part, path) for part in parts for path in _removing(part)]


def place(part: Document, path: Path) -> Place:
    spot = part.spot(path)
    return spot.file, spot.line, spot.column


def removed_by_environments(layers: Layers, path: str, own: FileParts) -> tuple[Place, ...]:
    """The nulls of layers, each for one environment, that remove something of this job."""
    found: dict[Place, None] = {}
    for environment in layers.with_nulls(path):
        found |= dict.fromkeys(_effective(layers.shared_in(path, environment), layers.base(path, own)))
    return tuple(found)


def _effective(parts: Sequence[Document], value: Mapping[str, Any]) -> Iterator[Place]:
    for part in parts:
        for path in _removing(part):
            if _is_in(value, path):
                yield place(part, path)
        value = fold((part.value,), value)


def _removing(part: Document) -> list[Path]:
    """Without those inside the value of a variable, and those that are refused: ``auth.type`` and ``environments``."""
    found = (path for path in nulls(part.value) if path not in _REFUSED)
    return [path for path in found if path[0] != _VARIABLES or len(path) < 3]


def _is_in(value: Mapping[str, Any], path: Path) -> bool:
    one: Any = value
    for step in path:
        if not isinstance(one, Mapping):
            return False
        names = {name.lower(): name for name in one} if path[:2] == ("webhook", "headers") else {}
        step = names.get(str(step).lower(), step)
        if step not in one:
            return False
        one = one[step]
    return True
