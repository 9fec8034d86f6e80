"""The effect of each edited value of a layer on the jobs that inherit it, in each environment. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any

from chronos_gitops.jobs.layers.effective import EffectiveJob
from chronos_gitops.jobs.layers.parts import FileParts
from chronos_gitops.jobs.layers.tree import Layers
from chronos_gitops.jobs.layers.variables import VARIABLES
from chronos_gitops.jobs.planning.layers.layer_change import LayerChange, LayerEffect, flags_of
from chronos_gitops.jobs.planning.layers.layer_values import HEADERS, LayerValue, deciding_parts, spelled
from chronos_gitops.jobs.planning.plan import JobChange
from chronos_gitops.jobs.planning.review_flags import FlagKind
from chronos_gitops.jobs.validation.validate import FileResult, TreeResult
from chronos_gitops.process.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class TreeSide:
    """A judged tree with the parts of its job files by path, and the environment to look at."""

    tree: TreeResult
    parts: Mapping[str, FileParts]
    environment: str | None
    _known: dict[str, EffectiveJob] = field(default_factory=dict, compare=False)

    @property
    def layers(self) -> Layers:
        return self.tree.layers

    def job(self, path: str | None) -> EffectiveJob | None:
        if path is None or path not in self.parts:
            return None
        if path not in self._known:
            self._known[path] = self.layers.job(path, self.parts[path], self.environment)
        return self._known[path]


@dataclass(frozen=True, slots=True)
class ComparedEnvironment:
    """Both sides of one environment, and what changes there."""

    name: str | None
    before: TreeSide
    after: TreeSide
    changes: Sequence[JobChange]


def layer_changes(values: Sequence[LayerValue], compared: Sequence[ComparedEnvironment]) -> tuple[LayerChange, ...]:
    """Of values that reach no environment that is compared, nothing."""
    found = []
    for value in values:
        sides = [one for one in compared if value.environment in (None, one.name)]
        if sides:
            effects = {one.name: _effect(value, one) for one in sides}
            found.append(LayerChange(value, _overridden(value, sides), effects))
    return tuple(found)


def inherited_from(change: JobChange, values: Sequence[LayerValue], compared: ComparedEnvironment) -> tuple[str, ...]:
    """The layers whose edited values reach the job there."""
    return tuple(dict.fromkeys(value.file for value in values if _is_reached(value, change, compared)))


def _effect(value: LayerValue, compared: ComparedEnvironment) -> LayerEffect:
    reached = [change for change in compared.changes if _is_reached(value, change, compared)]
    return LayerEffect(
        changed=tuple(change.job for change in reached),
        moved_runs=tuple(change.job for change in reached if value.is_about_time and change.moves_runs),
        enabled=_flagged(value, reached, FlagKind.ENABLED),
        disabled=_flagged(value, reached, FlagKind.DISABLED),
        invalid=tuple(sorted(_invalid(value, compared))),
        new_hosts=_new_hosts(value, reached),
    )


def _flagged(value: LayerValue, changes: Sequence[JobChange], kind: FlagKind) -> tuple[str, ...]:
    return tuple(one.job for one in changes if any(flag.kind is kind for flag in flags_of(value, one)))


def _new_hosts(value: LayerValue, changes: Sequence[JobChange]) -> tuple[str, ...]:
    return tuple(sorted({flag.subject for one in changes for flag in flags_of(value, one) if flag.subject}))


def _invalid(value: LayerValue, compared: ComparedEnvironment) -> Iterator[str]:
    """Valid jobs that get an error at the value."""
    for parsed in compared.after.tree.files:
        if parsed.name in compared.before.tree.jobs and any(
            (one.file, one.line) == (value.file, value.line) for one in parsed.errors
        ):
            yield parsed.name or parsed.path


def _is_reached(value: LayerValue, change: JobChange, compared: ComparedEnvironment) -> bool:
    if change.path_before is None or change.path_after is None or value.environment not in (None, compared.name):
        return False
    before, after = compared.before.job(change.path_before), compared.after.job(change.path_after)
    if before is None or after is None or _value(before, value) == _value(after, value):
        return False
    return _is_decided(value, before, after)


def _is_decided(value: LayerValue, before: EffectiveJob | None, after: EffectiveJob | None) -> bool:
    """True if the layer decides the value of the job, before or after."""
    return any(
        side is not None and part is not None and any(one is part for one in _deciding(side, value))
        for side, part in zip((before, after), value.parts, strict=True)
    )


def _deciding(job: EffectiveJob, value: LayerValue) -> Iterator[Any]:
    return deciding_parts(job.document.chain, value.path)


def _value(job: EffectiveJob, value: LayerValue) -> Any:
    """The job's value at the path; of variables only those that it uses."""
    if value.path[0] == VARIABLES:
        return job.used_variables.get(str(value.path[-1]))
    found: Any = job.merged
    for step in value.path:
        if not isinstance(found, Mapping):
            return None
        found = found.get(spelled(found, step) if value.path[:2] == HEADERS else step)
    return found


def _overridden(value: LayerValue, sides: Sequence[ComparedEnvironment]) -> tuple[str, ...]:
    names: set[str] = set()
    for parsed in sides[0].after.tree.files:
        if parsed.name is not None and _inherits(value, parsed, sides[0]) and not _decides(value, parsed, sides):
            names.add(parsed.name)
    return tuple(sorted(names))


def _inherits(value: LayerValue, parsed: FileResult, compared: ComparedEnvironment) -> bool:
    return any(value.reaches(side.layers, parsed.path) for side in (compared.before, compared.after))


def _decides(value: LayerValue, parsed: FileResult, sides: Sequence[ComparedEnvironment]) -> bool:
    return any(_is_decided(value, one.before.job(parsed.path), one.after.job(parsed.path)) for one in sides)
