"""Values of layers that a change of the tree edits, each said once with its place. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from chronos_gitops.jobs.layers.comparison import distinct
from chronos_gitops.jobs.layers.file_roles import FileRole
from chronos_gitops.jobs.layers.merge import NULL
from chronos_gitops.jobs.layers.parts import ENVIRONMENTS
from chronos_gitops.jobs.layers.tree import Layer, Layers
from chronos_gitops.jobs.layers.variables import VARIABLES
from chronos_gitops.jobs.secrets.masking import masked
from chronos_gitops.jobs.validation.document import Document, SourceSpan
from chronos_gitops.jobs.validation.yaml.positions import Path
from chronos_gitops.process.lazy_dataclass import dataclass

AUTH: Final = ("webhook", "auth")
HEADERS: Final = ("webhook", "headers")
TIMING: Final = frozenset({"schedule", "timezone", "enabled", "start", "end", "skip", "on_skip"})
"""Fields that say when a job runs."""
_NO_PARTS: Final[Mapping[str, Document]] = {}


@dataclass(frozen=True, slots=True)
class LayerValue:
    """One value that differs. ``path`` is its place in a job, ``field`` its name in the layer; ``before`` and ``after``
    are JSON values with literal credentials as ``***``, None for none. ``environment`` is the one that the value is
    for, None for all. ``parts`` are the parts of the layer that say it, before and after."""

    file: str
    line: int
    field: str
    path: Path
    before: Any
    after: Any
    environment: str | None
    parts: tuple[Document | None, Document | None]

    @property
    def is_about_time(self) -> bool:
        return self.path[0] in TIMING

    def reaches(self, layers: Layers, path: str) -> bool:
        """True if a job at this path inherits from the layer."""
        return any(layer.path == self.file for layer in layers.of(path))


def changed_values(before: Layers, after: Layers) -> tuple[LayerValue, ...]:
    """By file and line."""
    old, new = ({layer.path: layer for layer in side.all} for side in (before, after))
    found: list[LayerValue] = []
    for path in sorted(old.keys() | new.keys()):
        one, other = old.get(path), new.get(path)
        if one is None or other is None or one.blob != other.blob:
            found += sorted(_values(one, other), key=lambda value: value.line)
    return tuple(found)


def _values(old: Layer | None, new: Layer | None) -> Iterator[LayerValue]:
    known = new or old
    assert known is not None
    own = known.place.name if known.place.role is FileRole.ENVIRONMENT else None
    yield from _of_part(
        known, own, "", None if old is None else old.parts.base, None if new is None else new.parts.base
    )
    blocks = [_NO_PARTS if layer is None else layer.parts.blocks for layer in (old, new)]
    for name in sorted({*blocks[0], *blocks[1]}):
        yield from _of_part(known, name, f"{ENVIRONMENTS}.{name}.", blocks[0].get(name), blocks[1].get(name))


def _of_part(
    layer: Layer, environment: str | None, prefix: str, old: Document | None, new: Document | None
) -> Iterator[LayerValue]:
    before, after = ({} if part is None else dict(_leaves(part.value, ())) for part in (old, new))
    shown_before, shown_after = ({} if part is None else dict(_leaves(masked(part.value), ())) for part in (old, new))
    for path in dict.fromkeys((*before, *after)):
        if distinct(before.get(path)) == distinct(after.get(path)):
            continue
        side = new if path in after else old
        assert side is not None
        yield LayerValue(
            layer.path,
            _spot(side, path).line,
            prefix + ".".join(map(str, path)),
            path,
            _json(shown_before.get(path)),
            _json(shown_after.get(path)),
            environment,
            (old, new),
        )


def _spot(part: Document, path: Path) -> SourceSpan:
    return part.key_spot(path) if path == AUTH else part.spot(path)


def _leaves(value: Mapping[str, Any], above: Path) -> Iterator[tuple[Path, Any]]:
    """The values that are replaced as a whole: also an auth, and each variable."""
    for key, one in value.items():
        path = (*above, key)
        if isinstance(one, dict) and path != AUTH and above != (VARIABLES,):
            yield from _leaves(one, path)
        else:
            yield path, one


def _json(value: Any) -> Any:
    """``null`` as it is written is a text here: as a value it would be none."""
    if value is NULL:
        return "null"
    return {key: _json(one) for key, one in value.items()} if isinstance(value, dict) else value


def deciding_parts(chain: Sequence[Document], path: Path) -> Iterator[Document]:
    """Of the parts of a job, the nearest first: the one that says or removes the value, or a map above it. Of an auth
    that states no type, those that it merges into as well."""
    for part in chain:
        said = _said(part, path)
        if said is None:
            continue
        yield part
        if path != AUTH or not isinstance(said, dict) or "type" in said:
            return


def _said(part: Document, path: Path) -> Any:
    value: Any = part.value
    for step in path:
        value = value.get(spelled(value, step) if path[:2] == HEADERS else step)
        if not isinstance(value, dict):
            return value
    return value


def spelled(headers: Mapping[str, Any], name: str | int) -> str | int:
    """The header as it is spelled here."""
    if name in headers:
        return name
    return next((one for one in headers if one.lower() == str(name).lower()), name)
