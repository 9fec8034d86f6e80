"""The values that a rollback writes into the file of a job, because what is inherited has changed since. Pure.

The job's own part is the last one in the base, and its own block is the last one in each environment, so that it can
always say what the job was.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any, Final

from chronos_gitops.jobs.layers.comparison import bare_document, distinct
from chronos_gitops.jobs.layers.effective import content_of
from chronos_gitops.jobs.layers.merge import NULL, fold
from chronos_gitops.jobs.layers.parts import ENVIRONMENTS, FileParts
from chronos_gitops.jobs.layers.tree import Layers
from chronos_gitops.jobs.layers.variables import VARIABLES
from chronos_gitops.jobs.secrets import masking
from chronos_gitops.process.lazy_dataclass import dataclass

Path = tuple[str, ...]
_AUTH: Final = ("webhook", "auth")
_HEADERS: Final = ("webhook", "headers")
_MAX_PASSES: Final = 6
"""A text that comes back uses other variables, and a map that replaces a text has to be filled."""
Value = dict[str, Any]


@dataclass(frozen=True, slots=True)
class WrittenValue:
    """``value`` is None where the field is removed; ``environment`` None where it holds in all of them."""

    path: Path
    environment: str | None
    value: Any

    @property
    def field(self) -> str:
        return ".".join(self.path)

    @property
    def place(self) -> str:
        """The field as the file has it: ``environments.staging.timeout``."""
        return self.field if self.environment is None else f"{ENVIRONMENTS}.{self.environment}.{self.field}"

    def document(self) -> dict[str, Any]:
        """Without literal credentials."""
        value = self.value
        for key in reversed(self.path):
            value = {key: value}
        shown = masking.masked(value)
        for key in self.path:
            shown = shown[key]
        return {"field": self.field, "environment": self.environment, "value": shown}


@dataclass(frozen=True, slots=True)
class JobPlace:
    """Where the file of a job stands, with the layers of one time."""

    path: str
    layers: Layers

    def base(self, own: FileParts) -> Value:
        return content_of(self.layers.base(self.path, own))

    def contents(self, own: FileParts) -> dict[str, Value]:
        """By declared environment."""
        merged = self.layers.merged(self.path, own)
        return {name: content_of(value) for name, value in merged.items() if name is not None}

    def is_same(self, own: FileParts, then: "JobPlace", was: FileParts) -> bool:
        """True if the job is the same before any environment, and in every one that is declared both times."""
        here, there = self.contents(own), then.contents(was)
        return distinct(self.base(own)) == distinct(then.base(was)) and all(
            distinct(here[name]) == distinct(there[name]) for name in here.keys() & there.keys()
        )


def needs_nothing(own: FileParts, then: JobPlace, now: JobPlace) -> bool:
    """True if the text of that time makes the same job today. A block of an environment that is gone is an error."""
    return own.blocks.keys() <= {*now.layers.environments} | _never_declared(own, then) and now.is_same(own, then, own)


def written_out(own: FileParts, then: JobPlace, now: JobPlace) -> FileParts:
    """The parts of the file that make the job today what ``own`` made it then."""
    base = deepcopy(dict(own.base.value))
    settle(base, now.layers.inherited(now.path), then.base(own))
    gone = {*then.layers.environments} - {*now.layers.environments}
    blocks = {name: deepcopy(dict(block.value)) for name, block in own.blocks.items() if name not in gone}
    wanted = then.contents(own)
    for name in now.layers.environments:
        if name in wanted:
            bare = FileParts(bare_document(base))
            block = blocks.get(name, {})
            settle(block, now.layers.merged(now.path, bare)[name], wanted[name])
            if block:
                blocks[name] = block
            else:
                blocks.pop(name, None)
    made = {name: replace(own.blocks.get(name, own.base), value=block) for name, block in blocks.items()}
    return FileParts(replace(own.base, value=base), made)


def differences(before: FileParts, after: FileParts) -> tuple[WrittenValue, ...]:
    """Values that were written out, field by field, without blocks that were left out."""
    found = [WrittenValue(*one) for one in _differences(before.base.value, after.base.value, None)]
    for name, block in after.blocks.items():
        was = before.blocks[name].value if name in before.blocks else {}
        found += [WrittenValue(*one) for one in _differences(was, block.value, name)]
    return tuple(found)


def file_value(parts: FileParts) -> Value:
    """The whole of the file."""
    blocks = {name: block.value for name, block in parts.blocks.items()}
    return {**parts.base.value, **({ENVIRONMENTS: blocks} if blocks else {})}


def _never_declared(own: FileParts, then: JobPlace) -> set[str]:
    return {*own.blocks} - {*then.layers.environments}


def settle(part: Value, inherited: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Writes into the part what makes it ``wanted`` on top of what is inherited; variables when the texts that use
    them are back."""
    rest, values = _apart(wanted)
    for _ in range(_MAX_PASSES):
        found, found_values = _apart(content_of(fold([part], inherited)))
        if distinct(found) != distinct(rest):
            _restore(part, inherited, found, rest, ())
        elif distinct(found_values) != distinct(values):
            _restore(part, inherited, {VARIABLES: found_values}, {VARIABLES: values}, ())
        else:
            return


def _apart(content: Mapping[str, Any]) -> tuple[Value, Value]:
    """A content without its variables, and these."""
    return {key: value for key, value in content.items() if key != VARIABLES}, content[VARIABLES]


def _restore(
    part: Value, inherited: Mapping[str, Any], found: Mapping[str, Any], wanted: Mapping[str, Any], above: Path
) -> None:
    for key in (*(key for key in found if key not in wanted), *wanted):
        path = (*above, key)
        if key in found and key in wanted and distinct(found[key]) == distinct(wanted[key]):
            continue
        if key not in wanted:
            _remove(part, inherited, wanted, path)
        elif isinstance(wanted[key], dict) and not is_one_value(path):
            if not isinstance(part.get(key), dict):
                part[key] = {}
            _restore(part[key], _map_at(inherited, key), _map_at(found, key), wanted[key], path)
        else:
            _drop(part, path)
            part[key] = deepcopy(wanted[key])


def _remove(part: Value, inherited: Mapping[str, Any], wanted: Mapping[str, Any], path: Path) -> None:
    """``null`` only where something is inherited; of a header in another spelling that is replaced it needs none."""
    key = path[-1]
    _drop(part, path)
    if any(_is_same_key(other, key, path) for other in inherited) and not any(
        _is_same_key(other, key, path) for other in wanted
    ):
        part[key] = NULL


def _drop(part: Value, path: Path) -> None:
    for other in [other for other in part if _is_same_key(other, path[-1], path)]:
        del part[other]


def _is_same_key(one: str, other: str, path: Path) -> bool:
    return one == other or (path[:-1] == _HEADERS and one.lower() == other.lower())


def is_one_value(path: Path) -> bool:
    """A map that is replaced and never merged; in a block of an environment as well."""
    place = path[2:] if path[0] == ENVIRONMENTS else path
    return place == _AUTH or place[:-1] == (VARIABLES,)


def _map_at(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key)
    return found if isinstance(found, Mapping) else {}


def _differences(
    before: Mapping[str, Any], after: Mapping[str, Any], environment: str | None, above: Path = ()
) -> Iterator[tuple[Path, str | None, Any]]:
    for key in (*after, *(key for key in before if key not in after)):
        path, was, now = (*above, key), before.get(key), after.get(key)
        if key in before and key in after and distinct(was) == distinct(now):
            continue
        if isinstance(now, dict) and now and not is_one_value(path):
            yield from _differences(was if isinstance(was, dict) else {}, now, environment, path)
        else:
            yield path, environment, None if now is NULL else now
