"""The environments in which an edit of layers changed the content of a job; one look at the layers tells it of many."""

from collections.abc import Mapping
from typing import Any

from chronos_gitops.jobs.layers.folder_edit import changed_variables, says
from chronos_gitops.jobs.layers.parts import FileParts
from chronos_gitops.jobs.layers.tree import NO_PARTS, Layers
from chronos_gitops.jobs.layers.variables import VARIABLES, used_names
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.versions.version import Reach

Contents = Mapping[str | None, Any]
"""The merged value of a job by environment; None for one that cannot be read."""


@dataclass(frozen=True, slots=True)
class _FolderReach:
    """Changed inheritance of the jobs of a folder: the fields ``changed``, in the environments of ``reach``.
    ``variables`` are the names of changed ones by environment, where only these changed and no layer for an environment
    has a part in the request; ``inherited`` those that texts of layers use."""

    changed: frozenset[str]
    reach: Reach
    variables: Mapping[str | None, frozenset[str]] | None
    inherited: frozenset[str]


class InheritedEdits:
    """The layers before and after one commit."""

    def __init__(self, before: Layers, after: Layers) -> None:
        self.before = before
        self.after = after
        self._folders: dict[str, _FolderReach | None] = {}

    def reach(self, path: str, own: FileParts) -> Reach | None:
        """Of a job whose own file stayed. None where its content must be compared."""
        folder = path.rpartition("/")[0]
        if folder not in self._folders:
            self._folders[folder] = self._of_folder(path)
        found = self._folders[folder]
        if found is None or any(says(part.value, found.changed) for part in (own.base, *own.blocks.values())):
            return None
        if VARIABLES not in found.changed:
            return found.reach
        if found.variables is None or own.blocks:
            return None
        return _of_variables(found.variables, used_names(own.base.value), found.inherited)

    def _of_folder(self, path: str) -> _FolderReach | None:
        changed = self.after.changed_fields(self.before, path)
        if changed is None:
            return None
        was, now = self.before.merged(path, NO_PARTS), self.after.merged(path, NO_PARTS)
        shared = [part.value for name in self.after.environments for part in self.after.shared_in(path, name)]
        names = None
        if changed == {VARIABLES} and not any("webhook" in value for value in shared):
            names = {name: changed_variables(was[name], value) for name, value in now.items()}
        return _FolderReach(changed, reach(was, now), names, used_names(self.after.inherited(path)))


def reach(was: Contents, now: Contents) -> Reach:
    """Where two contents differ."""
    return _of(_changed(was, now), has_environments=None not in now)


def _of_variables(
    variables: Mapping[str | None, frozenset[str]], used: frozenset[str], inherited: frozenset[str]
) -> Reach | None:
    """The texts of its own file are in every request; one of a layer is where the file does not replace it."""
    changed = [name for name, given in variables.items() if not given.isdisjoint(used)]
    if any(name not in changed and not given.isdisjoint(inherited) for name, given in variables.items()):
        return None
    return _of(changed, has_environments=None not in variables)


def _of(changed: list[str | None], *, has_environments: bool) -> Reach:
    return Reach(tuple(filter(None, changed)) if has_environments else None, effective=bool(changed))


def _changed(was: Contents, now: Contents) -> list[str | None]:
    """The environments in which the value differs. An environment that comes or goes changes nothing by itself, but the
    first ones are compared with the value before any, and the last ones with the value after them."""
    if None in was:
        pairs = {name: (was[None], value) for name, value in now.items()}
    elif None in now:
        pairs = {name: (value, now[None]) for name, value in was.items()}
    else:
        pairs = {name: (was[name], value) for name, value in now.items() if name in was}
    known: dict[tuple[int, int], bool] = {}
    found = []
    for name, (before, after) in pairs.items():
        key = id(before), id(after)
        if key not in known:
            known[key] = before is not after and _differs(before, after)
        if known[key]:
            found.append(name)
    return found


def _differs(before: Any, after: Any) -> bool:
    """Which variables a job uses is asked only where nothing else tells."""
    if before is None or after is None or before == after:
        return bool(before != after)
    fields = (before.keys() | after.keys()) - {VARIABLES}
    if any(field not in before or field not in after or before[field] != after[field] for field in fields):
        return True
    was, now = (_given(value) for value in (before, after))
    return any((name in was, was.get(name)) != (name in now, now.get(name)) for name in used_names(after))


def _given(value: Mapping[str, Any]) -> Mapping[str, Any]:
    given = value.get(VARIABLES)
    return given if isinstance(given, dict) else {}
