"""Gates across files: the job that ``requires`` names has a file, and no jobs wait for each other in a ring."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from chronos_gitops.jobs.files.name_owner import Incumbents
from chronos_gitops.jobs.problem import Problem, counts_in, is_error, ordered
from chronos_gitops.jobs.validation.file_result import FileResult
from chronos_gitops.jobs.validation.quoting import short
from chronos_gitops.jobs.validation.rules.gates import NamedGate
from chronos_gitops.jobs.validation.suggestions import did_you_mean
from chronos_gitops.plurals import plural

_MOST_NAMED: Final = 8
"""Jobs of a ring that a message names."""

_Gates = dict[str, tuple[FileResult, NamedGate]]
"""By job: its file, and its gate in one environment."""


def judge_gates(
    files: Sequence[FileResult], duplicates: Collection[str], incumbents: Incumbents
) -> tuple[FileResult, ...]:
    """The files as they are, or with what is found about their gates. Those of ``duplicates`` are no jobs."""
    if not [one for one in files if one.gates]:
        return tuple(files)
    found: dict[str, list[Problem]] = {}
    owners = [one for one in files if one.path not in duplicates and one.name is not None]
    for path, problem in (*_unknown(files, owners, incumbents), *_rings(owners)):
        found.setdefault(path, []).append(problem)
    return tuple(_with(one, found.get(one.path, ())) for one in files)


def _with(parsed: FileResult, problems: Iterable[Problem]) -> FileResult:
    new = tuple(problems)
    if not new:
        return parsed
    is_stopped = any(is_error(one) and counts_in(one, parsed.identity.environment) for one in new)
    return replace(parsed, job=None if is_stopped else parsed.job, problems=ordered((*parsed.problems, *new)))


def _unknown(
    files: Sequence[FileResult], owners: Iterable[FileResult], incumbents: Incumbents
) -> Iterator[tuple[str, Problem]]:
    """A file that cannot be read may be the one that has the name."""
    hidden = {incumbents.name_at(one.path) for one in files if one.hides_its_name}
    known = {one.name for one in files if one.name is not None} | (hidden - {None})
    for parsed in owners:
        for gate in parsed.gates:
            if gate.job in known:
                continue
            names = [name for name in known if name is not None and name != parsed.name]
            hint = did_you_mean(gate.job, names) or "name a job of this repository, or remove requires"
            message = f'there is no job "{short(gate.job)}" that it could require'
            yield parsed.path, _problem(gate, "requires-unknown", message, hint, gate.environments)


def _rings(owners: Sequence[FileResult]) -> Iterator[tuple[str, Problem]]:
    """In each environment on its own. A job has one gate at most, so its ring is found by following it."""
    found: dict[tuple[str, NamedGate, str], list[str]] = {}
    for environment, gates in _by_environment(owners).items():
        for ring in rings({name: gate.job for name, (_, gate) in gates.items()}):
            for position, name in enumerate(ring):
                parsed, gate = gates[name]
                words = _words([*ring[position:], *ring[:position]])
                where = found.setdefault((parsed.path, gate, words), [])
                where += [] if environment is None else [environment]
    for (path, gate, words), where in found.items():
        hint = "remove requires from one of these jobs"
        yield path, _problem(gate, "requires-cycle", words, hint, tuple(where) or None)


def _by_environment(owners: Iterable[FileResult]) -> Mapping[str | None, _Gates]:
    found: dict[str | None, _Gates] = {}
    for parsed in owners:
        for gate in parsed.gates:
            for environment in gate.environments or (None,):
                found.setdefault(environment, {})[parsed.name or ""] = parsed, gate
    return found


def rings(required: Mapping[str, str]) -> list[list[str]]:
    """Every ring of these gates, each once, from its first name on; in time that grows with their number."""
    found: list[list[str]] = []
    seen: set[str] = set()
    for start in sorted(required):
        way: dict[str, int] = {}
        name = start
        while name in required and name not in seen:
            way[name] = len(way)
            seen.add(name)
            name = required[name]
        if name in way:
            ring = list(way)[way[name] :]
            first = ring.index(min(ring))
            found.append([*ring[first:], *ring[:first]])
    return found


def _words(ring: Sequence[str]) -> str:
    shown = " requires ".join(ring[:_MOST_NAMED])
    more = len(ring) - _MOST_NAMED
    rest = f", and so on over {plural(more, 'more job')}" if more > 0 else ""
    return f"jobs wait for each other: {shown}{rest} requires {ring[0]}"


def _problem(gate: NamedGate, rule: str, message: str, hint: str, environments: tuple[str, ...] | None) -> Problem:
    return replace(gate.at.problem(rule, message, hint), environments=environments)
