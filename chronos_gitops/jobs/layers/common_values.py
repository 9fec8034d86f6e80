"""Values that most jobs of a folder have in common, as defaults of that folder. Pure."""

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from chronos_gitops.jobs.layers.merge import NULL, Path
from chronos_gitops.jobs.layers.parts import ENVIRONMENTS, OWN_FIELDS
from chronos_gitops.process.lazy_dataclass import dataclass

AUTH: Final[Path] = ("webhook", "auth")
_OWN: Final = OWN_FIELDS | {ENVIRONMENTS, "schedule"}
_OWN_PATHS: Final[Collection[Path]] = (("webhook", "url"), ("webhook", "timeout"), ("webhook", "body"))
"""With the schedule these make a job what it is: a new job beside the others must not get them unseen."""
_MOST_WRITTEN_OUT: Final = 4
"""A value is a default where at least this number of jobs have it for each one that has to write out another one."""


@dataclass(frozen=True, slots=True)
class FolderDefaults:
    """``written_out`` are fields that jobs lack, by the path of their file: they say the built-in value from now on."""

    folder: str
    values: Mapping[Path, Any]
    written_out: Mapping[str, Sequence[str]]


def propose(
    jobs: Mapping[str, Mapping[str, Any]], top: str, existing: Mapping[str, Mapping[str, Any]]
) -> list[FolderDefaults]:
    """From the folder ``top`` down. ``jobs`` are the values of files by their path from the jobs folder; ``existing``
    are those of the defaults that there are, by folder."""
    below = {path: value for path, value in jobs.items() if not top or path.startswith(f"{top}/")}
    found = {path: leaves(value) for path, value in below.items()}
    outer = sorted((folder for folder in existing if folder != top and _is_above(folder, top)), key=len)
    above: dict[Path, Any] = {}
    for folder in outer:
        above = _with(above, existing[folder])
    return list(_folder(top, found, above, existing))


def without(proposed: FolderDefaults, paths: Collection[Path]) -> FolderDefaults:
    """The same defaults but for these values; jobs need not write them out."""
    values = {path: value for path, value in proposed.values.items() if path not in paths}
    fields = {path[0] for path in values}
    written_out = {file: [field for field in names if field in fields] for file, names in proposed.written_out.items()}
    return FolderDefaults(proposed.folder, values, {file: names for file, names in written_out.items() if names})


def _folder(
    folder: str,
    jobs: Mapping[str, Mapping[Path, Any]],
    above: Mapping[Path, Any],
    existing: Mapping[str, Mapping[str, Any]],
) -> Iterator[FolderDefaults]:
    above = _with(above, existing.get(folder, {}))
    parts: dict[str, dict[str, Mapping[Path, Any]]] = {}
    for path, values in jobs.items():
        rest = path[len(folder) + 1 :] if folder else path
        head, slash, _ = rest.partition("/")
        parts.setdefault(head if slash else "", {})[path] = values
    chosen: dict[Path, Any] = {}
    if len(jobs) > 1 and (len(parts) > 1 or "" in parts):
        found = _common(folder, jobs, above, existing)
        chosen = dict(found.values)
        if chosen:
            yield found
    for name in sorted(parts.keys() - {""}):
        inner = f"{folder}/{name}" if folder else name
        yield from _folder(inner, parts[name], {**above, **chosen}, existing)


def _common(
    folder: str,
    jobs: Mapping[str, Mapping[Path, Any]],
    above: Mapping[Path, Any],
    existing: Mapping[str, Mapping[str, Any]],
) -> FolderDefaults:
    chosen: dict[Path, Any] = {}
    written_out: dict[str, list[str]] = {}
    for path in dict.fromkeys(path for own in jobs.values() for path in own):
        if path[0] in existing.get(folder, ()):
            continue
        lacking = [file for file, own in jobs.items() if path not in own]
        values = {file: own[path] for file, own in jobs.items() if path in own}
        value, count = Counter(map(written, values.values())).most_common(1)[0]
        if count * 2 <= len(jobs) or (path in above and (lacking or written(above[path]) == value)):
            continue
        is_inherited = any(path[0] in fields for place, fields in existing.items() if _is_above(place, folder))
        if lacking and (is_inherited or path[0] not in BUILT_IN or len(lacking) * _MOST_WRITTEN_OUT > count):
            continue
        chosen[path] = next(one for one in values.values() if written(one) == value)
        for file in lacking:
            written_out.setdefault(file, []).append(path[0])
    return FolderDefaults(folder, chosen, written_out)


def shared_in_environment(jobs: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> dict[Path, Any]:
    """Values that most jobs have in an environment, and that set it apart. Each pair is the content of a job before any
    environment, and there."""
    found = [(leaves(base), leaves(here)) for base, here in jobs]
    chosen: dict[Path, Any] = {}
    for path in dict.fromkeys(path for _, here in found for path in here):
        values = [(path in base and written(base[path]), written(here[path])) for base, here in found if path in here]
        value, count = Counter(here for _, here in values).most_common(1)[0]
        saved = sum(1 for base, here in values if here == value != base)
        if count * 2 > len(found) and saved > 1 and saved >= (len(found) - count) * _MOST_WRITTEN_OUT:
            chosen[path] = next(here[path] for _, here in found if path in here and written(here[path]) == value)
    return chosen


BUILT_IN: Final = frozenset(
    {"timezone", "enabled", "timeout", "concurrency", "missed_run_policy", "catchup_window", "jitter"}
)
"""Fields with a built-in value that a job can write out."""


def _is_above(place: str, folder: str) -> bool:
    return not place or f"{folder}/".startswith(f"{place}/")


def leaves(value: Mapping[str, Any]) -> dict[Path, Any]:
    """Those values of a file that can be defaults, by their path."""
    return dict(_leaves(value, ()))


def _with(above: Mapping[Path, Any], layer: Mapping[str, Any]) -> dict[Path, Any]:
    """The values that jobs below the layer inherit: a null removes the value above it, and an auth is one value."""
    nulls = list(_nulls(layer, ()))
    stay = {path: value for path, value in above.items() if not any(path[: len(null)] == null for null in nulls)}
    return stay | leaves(layer)


def _nulls(value: Mapping[str, Any], above: Path) -> Iterator[Path]:
    for key, one in value.items():
        if isinstance(one, dict):
            yield from _nulls(one, (*above, key))
        elif one is None or one is NULL:
            yield (*above, key)


def _leaves(value: Mapping[str, Any], above: Path) -> Iterator[tuple[Path, Any]]:
    """Values that can be defaults; a null, an auth without type and a variable that is a map stay where they are."""
    for key, one in value.items():
        path = (*above, key)
        if path[0] in _OWN or path in _OWN_PATHS or one is None or one is NULL:
            continue
        if isinstance(one, dict) and path != AUTH and above != ("variables",):
            yield from _leaves(one, path)
        elif is_plain(one) and (path != AUTH or "type" in one):
            yield path, one


def is_plain(value: Any) -> bool:
    """True if JSON says all of it: a key without a value, and a null, are none."""
    if isinstance(value, dict):
        return all(map(is_plain, value.values()))
    return all(map(is_plain, value)) if isinstance(value, list) else value is not None and value is not NULL


def written(value: Any) -> str:
    """The same text for the same value: ``1`` is neither ``true`` nor ``1.0``."""
    return json.dumps(value, sort_keys=True)


def nested(values: Mapping[Path, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path, value in values.items():
        place = found
        for step in path[:-1]:
            place = place.setdefault(step, {})
        place[path[-1]] = value
    return found
