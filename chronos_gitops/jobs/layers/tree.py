"""The layers of one tree, and the chain of parts that a job in it is made of."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from chronos_gitops.jobs.layers.effective import EffectiveJob, effective_job
from chronos_gitops.jobs.layers.file_roles import FilePlace, FileRole
from chronos_gitops.jobs.layers.merge import fold
from chronos_gitops.jobs.layers.parts import FileParts, nulls
from chronos_gitops.jobs.policies.policy import NO_POLICIES, Policies
from chronos_gitops.jobs.problem import Problem
from chronos_gitops.jobs.validation.document import Document
from chronos_gitops.process.lazy_dataclass import dataclass

_EMPTY: Final[Mapping[str, Any]] = MappingProxyType({})
NO_PARTS: Final = FileParts(Document("", ("",), {}, {}, {}, frozenset(), (), complete=True))


@dataclass(frozen=True, slots=True)
class Layer:
    """One ``_defaults.yaml`` or ``_environments/E.yaml``. ``errors`` say why it cannot be read; then no job below it
    is made. ``problems`` are about its form and stop no job that does not have the value."""

    path: str
    place: FilePlace
    blob: str
    parts: FileParts
    errors: tuple[Problem, ...] = ()
    problems: tuple[Problem, ...] = ()


class Layers:
    """The layers below one jobs folder, and the policies over the jobs that they make. Immutable but for folds that
    all jobs of a folder share."""

    def __init__(
        self,
        layers: Sequence[Layer] = (),
        place: Callable[[str], str] = str,
        surplus: tuple[Problem, ...] = (),
        policies: Policies = NO_POLICIES,
    ) -> None:
        """``place`` makes a path of a file one from the jobs folder; ``surplus`` are about files beyond a limit."""
        self.all: Sequence[Layer] = tuple(layers)
        self.surplus = surplus
        self.policies = policies
        self._place = place
        self._defaults = {one.place.folder: one for one in layers if one.place.role is FileRole.DEFAULTS}
        self._declared = {one.place.name: one for one in layers if one.place.role is FileRole.ENVIRONMENT}
        self.environments: tuple[str, ...] = tuple(sorted(self._declared))
        self._above: dict[str, tuple[Layer, ...]] = {}
        self._inherited: dict[str, Mapping[str, Any]] = {}
        self._shared: dict[tuple[str, str], tuple[Document, ...]] = {}
        self._with_nulls: dict[str, tuple[str, ...]] = {}
        self._fingerprints: dict[str, str] = {}

    def of(self, path: str) -> tuple[Layer, ...]:
        """Every layer that has a say in the job at this path, defaults from the top down, then environments."""
        return (*self._defaults_above(self._folder_of(path)), *(self._declared[name] for name in self.environments))

    def unreadable(self, path: str) -> tuple[Problem, ...]:
        """Errors of the layers above this path for which no job can be made of it."""
        return tuple(error for layer in self.of(path) for error in layer.errors)

    def fingerprint(self, path: str) -> str:
        """The same for the same content in the same places; "" for a job that no layer reaches."""
        if not self.all:
            return ""
        folder = self._folder_of(path)
        known = self._fingerprints.get(folder)
        if known is None:
            told = [
                (layer.place.role.value, layer.place.folder, layer.place.name, layer.blob) for layer in self.of(path)
            ]
            known = hashlib.sha256(repr(told).encode()).hexdigest() if told else ""
            self._fingerprints[folder] = known
        return known

    def verdict_key(self, path: str) -> str:
        """The same where a file of the same content gets the same verdict: its layers, and the policies over it."""
        layers = self.fingerprint(path)
        return f"{layers}{self.policies.fingerprint(path)}" if self.policies.files else layers

    def with_policies(self, policies: Policies) -> "Layers":
        return Layers(self.all, self._place, self.surplus, policies)

    def path_of(self, environment: str) -> str:
        """The file that declares it."""
        return self._declared[environment].path

    def inherited(self, path: str) -> Mapping[str, Any]:
        """The fields that a job at this path inherits, in every environment."""
        folder = self._folder_of(path)
        return self._inherited_by(folder, self._defaults_above(folder))

    def above(self, layer: Layer) -> Mapping[str, Any]:
        """The fields that a ``_defaults.yaml`` inherits."""
        outer = layer.place.folder.rpartition("/")[0]
        return self._inherited_by(outer, self._defaults_above(outer)) if layer.place.folder else _EMPTY

    def changed_fields(self, before: "Layers", path: str) -> frozenset[str] | None:
        """Top-level fields, and those of ``webhook`` like ``webhook.url``, that the layers of this path say otherwise
        than ``before``: a job there is the same in all others. None where that cannot be told: a layer is refused or
        has no table as its ``webhook``, or other environments are declared."""
        now, was = self.of(path), before.of(path)
        if self.environments != before.environments or any(one.errors or one.problems for one in (*now, *was)):
            return None
        parts, known = _parts_by_place(now), _parts_by_place(was)
        places = parts.keys() | known.keys()
        found = frozenset[str]().union(*(_differing(parts.get(one, _EMPTY), known.get(one, _EMPTY)) for one in places))
        return None if "webhook" in found else found

    def job(self, path: str, own: FileParts, environment: str | None) -> EffectiveJob:
        """The job at this path in the environment, None for the base where none is declared."""
        folder = self._folder_of(path)
        above = self._defaults_above(folder)
        nearer = (own.base, *self._of_environment(folder, own, environment))
        merged = fold((part.value for part in nearer), self._inherited_by(folder, above))
        return effective_job(own.base, (*(layer.parts.base for layer in above), *nearer), merged)

    def base(self, path: str, own: FileParts) -> dict[str, Any]:
        """The value of the job before any environment."""
        return fold((own.base.value,), self.inherited(path))

    def inherited_in(self, path: str, own: FileParts, environment: str) -> Mapping[str, Any]:
        """The fields that the job's own block for the environment inherits."""
        return fold((part.value for part in self.shared_in(path, environment)), self.base(path, own))

    def shared_in(self, path: str, environment: str) -> tuple[Document, ...]:
        """The parts for the environment that all jobs of the folder share, weakest first."""
        return self._of_environment(self._folder_of(path), NO_PARTS, environment)

    def with_nulls(self, path: str) -> tuple[str, ...]:
        """The environments whose shared parts remove something."""
        folder = self._folder_of(path)
        known = self._with_nulls.get(folder)
        if known is None:
            shared = {name: self._of_environment(folder, NO_PARTS, name) for name in self.environments}
            known = tuple(name for name, parts in shared.items() if any(nulls(part.value) for part in parts))
            self._with_nulls[folder] = known
        return known

    def merged(self, path: str, own: FileParts) -> dict[str | None, dict[str, Any]]:
        """The value of the job by environment, as ``job`` merges it; equal ones may be the same object."""
        folder, base = self._folder_of(path), self.base(path, own)
        found: dict[str | None, dict[str, Any]] = {}
        for environment in self.environments:
            parts = [part.value for part in self._of_environment(folder, own, environment)]
            found[environment] = fold(parts, base) if parts else base
        return found or {None: base}

    def merged_in(self, path: str, own: FileParts, environment: str | None) -> dict[str, Any]:
        """The value of the job in one environment, as ``job`` merges it."""
        folder = self._folder_of(path)
        nearer = (own.base, *self._of_environment(folder, own, environment))
        return fold([part.value for part in nearer], self._inherited_by(folder, self._defaults_above(folder)))

    def _of_environment(self, folder: str, own: FileParts, environment: str | None) -> tuple[Document, ...]:
        """Layers for the environment, weakest first: values for the environment win over general ones, nearer files
        over farther ones."""
        if environment is None:
            return ()
        key = folder, environment
        shared = self._shared.get(key)
        if shared is None:
            shared = self._shared[key] = tuple(self._above_own(folder, environment))
        return (*shared, own.blocks[environment]) if environment in own.blocks else shared

    def _above_own(self, folder: str, environment: str) -> Iterator[Document]:
        """The parts for an environment that all jobs of a folder share, but empty ones."""
        declared = self._declared.get(environment)
        if declared is not None and declared.parts.base.value:
            yield declared.parts.base
        for layer in self._defaults_above(folder):
            if environment in layer.parts.blocks:
                yield layer.parts.blocks[environment]

    def _inherited_by(self, folder: str, above: Sequence[Layer]) -> Mapping[str, Any]:
        if not above:
            return _EMPTY
        known = self._inherited.get(folder)
        if known is None:
            known = self._inherited[folder] = fold(layer.parts.base.value for layer in above)
        return known

    def _defaults_above(self, folder: str) -> tuple[Layer, ...]:
        known = self._above.get(folder)
        if known is None:
            outer = self._defaults_above(folder.rpartition("/")[0]) if folder else ()
            here = self._defaults.get(folder)
            known = self._above[folder] = outer if here is None else (*outer, here)
        return known

    def _folder_of(self, path: str) -> str:
        return self._place(path).rpartition("/")[0]


def _differing(part: Mapping[str, Any], other: Mapping[str, Any]) -> set[str]:
    names = part.keys() | other.keys()
    found = {name for name in names if repr(part.get(name, _EMPTY)) != repr(other.get(name, _EMPTY))}
    requests = part.get("webhook", _EMPTY), other.get("webhook", _EMPTY)
    if "webhook" in found and all(isinstance(one, Mapping) for one in requests):
        found.remove("webhook")
        found |= {f"webhook.{name}" for name in _differing(*requests)}
    return found


def _parts_by_place(layers: Sequence[Layer]) -> dict[tuple[str, str | None], Mapping[str, Any]]:
    """The values of each part, by the path of its layer and environment."""
    found: dict[tuple[str, str | None], Mapping[str, Any]] = {}
    for layer in layers:
        found[layer.path, None] = layer.parts.base.value
        found |= {(layer.path, name): block.value for name, block in layer.parts.blocks.items()}
    return found


NO_LAYERS: Final = Layers()
