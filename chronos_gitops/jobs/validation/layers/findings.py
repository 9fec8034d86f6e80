"""Findings in layers: one place, rule and message is one finding, however many jobs inherit the value."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from chronos_gitops.jobs.layers import removals
from chronos_gitops.jobs.layers.file_roles import FileRole
from chronos_gitops.jobs.layers.tree import Layer, Layers
from chronos_gitops.jobs.problem import Problem, ordered
from chronos_gitops.jobs.validation.file_result import FileResult
from chronos_gitops.jobs.validation.layers import effective
from chronos_gitops.jobs.validation.layers.policy_files import about_policies
from chronos_gitops.jobs.validation.yaml.positions import MAX_FINDINGS

_MOST_NAMES: Final = 10
_Inherited = dict[Problem, tuple[Problem, list[str], set[str]]]
"""By what is said once: the finding, the jobs that inherit it, and its environments."""
Asked = Callable[[FileResult, Problem], bool]
"""True if an inherited problem is to be reported for this file."""


def fold_findings(
    files: Sequence[FileResult], layers: Layers, asked: Asked = lambda _file, _problem: True
) -> tuple[Problem, ...]:
    """Every problem of every file, layer and policy, ordered; one in a layer says how many jobs it is about.

    Of a finding that jobs inherit, only the part that is ``asked`` for; a comment that ignores the rest has its use.
    """
    beside = (*about_policies(files, layers), *layers.surplus)
    if not layers.all:
        return ordered((*[problem for parsed in files for problem in parsed.problems], *beside))
    own = [problem for parsed in files for problem in parsed.problems if problem.file == parsed.path]
    inherited: _Inherited = {}
    of_others: _Inherited = {}
    for parsed, problem in [(one, found) for one in files for found in one.problems if found.file != one.path]:
        _inherit(inherited if asked(parsed, problem) else of_others, parsed, problem, layers)
    unreadable = {error for layer in layers.all for error in layer.errors}
    for problem in _about_layers(files, layers):
        if _said_once(problem) not in of_others:
            where = set(layers.environments) if problem in unreadable else set()
            inherited.setdefault(_said_once(problem), (problem, [], where))
    return ordered((*own, *_of_layers(inherited, of_others, layers), *beside))


def _inherit(found: _Inherited, parsed: FileResult, problem: Problem, layers: Layers) -> None:
    """A layer that cannot be read is missing in every environment."""
    key = _said_once(problem)
    first, names, environments = found.setdefault(key, (problem, [], set()))
    if first.fix != problem.fix:  # what mends it for one job may break it for another
        found[key] = replace(first, fix=""), names, environments
    names.append(parsed.name or parsed.path)
    environments.update(layers.environments if problem.environments is None else problem.environments)


def _of_layers(inherited: _Inherited, of_others: _Inherited, layers: Layers) -> Iterator[Problem]:
    for key in inherited.keys() & of_others.keys():
        first, names, environments = inherited[key]
        if first.fix != of_others[key][0].fix:
            inherited[key] = replace(first, fix=""), names, environments
    counted = [_counted(*found, layers) for found in inherited.values()]
    others = {_counted(*found, layers) for key, found in of_others.items() if key not in inherited}
    return (problem for problem in _unsuppressed([*counted, *others], layers) if problem not in others)


def _said_once(problem: Problem) -> Problem:
    """The part of a problem that is the same for every job that inherits the value; hints may name the job's text."""
    return replace(problem, environments=None, hint="", fix="")


def _counted(problem: Problem, names: list[str], environments: set[str], layers: Layers) -> Problem:
    where = tuple(sorted(environments)) if layers.environments else None
    hint = "; ".join(filter(None, (problem.hint, _used_by(problem, len(names)))))
    shown = tuple(sorted(names)[:_MOST_NAMES])
    return replace(problem, hint=hint, jobs=len(names), job_names=shown, environments=where)


def _used_by(problem: Problem, jobs: int) -> str:
    """``used by jobs/a.yaml:7 and 213 more``, for a value of a variable."""
    if not problem.used_at:
        return ""
    return f"used by {problem.used_at}" + (f" and {jobs - 1:,} more" if jobs > 1 else "")


def _about_layers(files: Sequence[FileResult], layers: Layers) -> Iterator[Problem]:
    """Their form, and what has no effect: a null that removes nothing, a file that no job inherits from."""
    below = _by_layer(files, layers)
    for layer in layers.all:
        yield from layer.errors
        yield from layer.problems
        if not layer.errors:
            yield from _nulls_of_environments(layer, below.get(layer.path, ()), layers)
        if layer.errors or layer.place.role is not FileRole.DEFAULTS:
            continue
        yield from effective.no_effect(layer.parts.base, layers.above(layer))
        if layer.path not in below:
            spot = layer.parts.base.key_spot(())
            yield spot.problem(
                "no-effect", "no job inherits from this file", "remove it, or add a job below its folder"
            )


def _by_layer(files: Sequence[FileResult], layers: Layers) -> dict[str, list[list[FileResult]]]:
    """By path of a layer: the files that inherit from it, those of each folder together."""
    folders: dict[str, list[FileResult]] = {}
    for parsed in files:
        folders.setdefault(parsed.path.rpartition("/")[0], []).append(parsed)
    found: dict[str, list[list[FileResult]]] = {}
    for some in folders.values():
        for layer in layers.of(some[0].path):
            found.setdefault(layer.path, []).append(some)
    return found


def _nulls_of_environments(layer: Layer, folders: Sequence[Sequence[FileResult]], layers: Layers) -> Iterator[Problem]:
    """Those that remove nothing of any job of these folders. A job that cannot be made may have the value."""
    found = removals.of_environments(layer, layers.environments)
    if not found or not folders or any(one.errors for some in folders for one in some if one.problems):
        return
    removed = {place for some in folders for one in some for place in one.removed}
    silent = [one for one in found if removals.place(*one) not in removed]
    yield from (effective.removes_nothing(*one, "no job has a value here") for one in silent[:MAX_FINDINGS])


def _unsuppressed(problems: list[Problem], layers: Layers) -> Iterator[Problem]:
    """Without those that a comment in their layer ignores, for all jobs that they count."""
    by_file: dict[str, list[Problem]] = {}
    for problem in problems:
        by_file.setdefault(problem.file, []).append(problem)
    for layer in layers.all:
        found = by_file.pop(layer.path, [])
        if any("chronos:" in line for line in layer.parts.base.lines):
            from chronos_gitops.jobs.validation import suppressions

            yield from suppressions.apply(layer.parts.base, found, has_calendar=False)
        else:
            yield from found
    for found in by_file.values():
        yield from found
