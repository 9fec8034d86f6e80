"""The reach of an edit of layers: which fields of the jobs in a folder it can change, and where. Pure.

Of a field that a job's own file leaves alone, one question to the layers answers for all jobs of the folder.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from chronos_gitops.jobs.layers.parts import FileParts
from chronos_gitops.jobs.layers.tree import NO_PARTS, Layers
from chronos_gitops.jobs.layers.variables import VARIABLES
from chronos_gitops.process.lazy_dataclass import dataclass

Fields = frozenset[str]
"""Top-level fields, and those of ``webhook`` like ``webhook.url``."""
_WEBHOOK: Final = "webhook"


@dataclass(frozen=True, slots=True)
class FolderEdit:
    """``changed`` are the fields that a layer says otherwise; ``by_environment`` those that differ for a job which
    says none of them, and ``variables`` the names of variables with another value there. ``apart`` are fields in which
    environments may differ, and ``shared`` is what the layers alone give a job in each."""

    changed: Fields
    by_environment: Mapping[str | None, Fields]
    variables: Mapping[str | None, frozenset[str]]
    apart: Fields
    shared: Mapping[str | None, Mapping[str, Any]]

    def environments_to_judge(self, first: str | None, together: Fields) -> tuple[str | None, ...]:
        """``first``, and of the others one for each value of the fields that are read ``together``; without those in
        which nothing changed."""
        known: set[str] = set()
        found = []
        for name in (first, *(one for one in self.by_environment if one != first)):
            fields = sorted(together & self.apart)
            key = repr([sorted(self.by_environment[name]), [field_of(self.shared[name], one) for one in fields]])
            if self.by_environment[name] and key not in known:
                known.add(key)
                found.append(name)
        return tuple(found)


def folder_edit(before: Layers, after: Layers, path: str) -> FolderEdit | None:
    """The edit as the jobs beside this path see it. None where it cannot be told: a layer is refused, or other
    environments are declared."""
    changed = after.changed_fields(before, path)
    if changed is None:
        return None
    apart = touched(part.value for name in after.environments for part in after.shared_in(path, name))
    if _WEBHOOK in apart:
        return None
    was, now = before.merged(path, NO_PARTS), after.merged(path, NO_PARTS)
    differing = {
        name: frozenset(field for field in changed if _differs(field_of(was[name], field), field_of(value, field)))
        for name, value in now.items()
    }
    given = {
        name: changed_variables(was[name], value) if VARIABLES in changed else frozenset()
        for name, value in now.items()
    }
    return FolderEdit(changed, differing, given, apart, now)


def touched(values: Iterable[Mapping[str, Any]]) -> Fields:
    """The fields that these parts say; ``webhook`` itself where it is no table."""
    found: set[str] = set()
    for value in values:
        for name, one in value.items():
            if name == _WEBHOOK and isinstance(one, Mapping):
                found.update(f"{_WEBHOOK}.{field}" for field in one)
            else:
                found.add(name)
    return frozenset(found)


def touched_by(own: FileParts) -> tuple[Fields, Fields]:
    """The fields that a file says, and those of its blocks for environments."""
    return touched([own.base.value]), touched(block.value for block in own.blocks.values())


def says(value: Mapping[str, Any], fields: Iterable[str]) -> bool:
    """True if a part says one of these fields, or removes it."""
    for name, inner in map(_steps, fields):
        if name in value and (not inner or not isinstance(one := value[name], Mapping) or inner in one):
            return True
    return False


def field_of(value: Mapping[str, Any], field: str) -> Any:
    """The value of a top-level field, or of one of ``webhook``; None where there is none."""
    name, inner = _steps(field)
    found = value.get(name)
    return found.get(inner) if inner and isinstance(found, Mapping) else found


@lru_cache(maxsize=256)
def _steps(field: str) -> tuple[str, str]:
    name, _, inner = field.partition(".")
    return name, inner


def _differs(value: Any, other: Any) -> bool:
    return value is not other and repr(value) != repr(other)


def changed_variables(was: Mapping[str, Any], now: Mapping[str, Any]) -> frozenset[str]:
    """Names with another value, or with none on one side."""
    before, after = (given if isinstance(given := value.get(VARIABLES), Mapping) else {} for value in (was, now))
    return frozenset(name for name in before.keys() | after.keys() if _differs(before.get(name), after.get(name)))
