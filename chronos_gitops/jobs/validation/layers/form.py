"""The form of a layer, and of the blocks of a file for environments: judged also where every job overrides it."""

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any, Final

from chronos_gitops.jobs.layers.effective import EffectiveJob
from chronos_gitops.jobs.layers.merge import NULL
from chronos_gitops.jobs.layers.parts import ENVIRONMENTS, OWN_FIELDS, FileParts
from chronos_gitops.jobs.problem import Problem
from chronos_gitops.jobs.validation.document import Document, SourceSpan
from chronos_gitops.jobs.validation.quoting import short
from chronos_gitops.jobs.validation.schema import json_schema
from chronos_gitops.jobs.validation.suggestions import did_you_mean
from chronos_gitops.jobs.validation.yaml.positions import MAX_FINDINGS, Path

_OWN: Final = "write it into the job file, outside of environments"
_OWN_PATHS: Final[tuple[Path, ...]] = tuple((field,) for field in sorted(OWN_FIELDS))
_ATTEMPT_TIMEOUT: Final[Path] = ("webhook", "timeout")


def check_layer(
    read: Document, parts: FileParts, declared: Collection[str], *, environment: str = ""
) -> tuple[Problem, ...]:
    """A ``_defaults.yaml``, or the file that declares this environment."""
    found: list[Problem] = []
    if environment and ENVIRONMENTS in read.value:
        found.append(_nested(read, "write its fields at the top of this file"))
        read, parts = replace(read, value=parts.base.value), FileParts(parts.base)
    for part in (parts.base, *parts.blocks.values()):
        found += _not_inheritable(part, is_job=False)
        found += _shape(part)
    found += check_blocks(read, parts, declared, is_job=False)
    return tuple(dict.fromkeys(found))[:MAX_FINDINGS]


def check_blocks(
    read: Document, parts: FileParts, declared: Collection[str], *, is_job: bool = True
) -> tuple[Problem, ...]:
    """The ``environments`` of a file: each is declared, and none nests another or names what is a job's own."""
    if ENVIRONMENTS not in read.value:
        return ()
    found = list(_undeclared(read, declared))
    for name, part in parts.blocks.items():
        if is_job:
            found += _not_inheritable(part, is_job=True)
        if ENVIRONMENTS in part.value:
            found.append(_nested(part, f"write it into {short(name)}"))
        if name not in declared:
            found += _shape(part)
    return tuple(found)


def _nested(part: Document, hint: str) -> Problem:
    return part.key_spot((ENVIRONMENTS,)).problem("not-inheritable", "environments do not nest", hint)


def check_inherited(job: EffectiveJob) -> Iterator[Problem]:
    """Fields of a job's own that a layer says and the job has: what the layer is refused for, at the same place."""
    for part in job.document.chain:
        if part.file == job.document.file:
            continue
        refused = list(_not_inheritable(part, is_job=False))
        said = [path for path in (*_OWN_PATHS, _ATTEMPT_TIMEOUT) if path in part.keys] if refused else ()
        nearest = {_place(job.document.key_spot(path)) for path in said}
        yield from (problem for problem in refused if _place(problem) in nearest)


def without_refused_fields(problems: tuple[Problem, ...], job: EffectiveJob, own: FileParts) -> tuple[Problem, ...]:
    """Of fields that a layer or a block must not have, that is all there is to say."""
    parts = [part for part in job.document.chain if part is not own.base and not OWN_FIELDS.isdisjoint(part.value)]
    if not parts:
        return problems
    said = [(part, path) for part in parts for path in _OWN_PATHS if path in part.keys]
    refused = {_place(spot) for part, path in said for spot in (part.key_spot(path), part.spot(path))}
    return tuple(problem for problem in problems if _place(problem) not in refused)


def _place(at: Problem | SourceSpan) -> tuple[str, int, int]:
    return at.file, at.line, at.column


def _undeclared(read: Document, declared: Collection[str]) -> Iterator[Problem]:
    blocks = read.value[ENVIRONMENTS]
    if not isinstance(blocks, dict):
        spot = read.spot((ENVIRONMENTS,))
        yield spot.problem("type", "environments must be a map", "write the name of an environment below it")
        return
    for name, block in blocks.items():
        if name not in declared:
            hint = did_you_mean(name, list(declared)) or f"a file _environments/{short(name)}.yaml declares it"
            message = f'no file declares the environment "{short(name)}"'
            yield read.key_spot((ENVIRONMENTS, name)).problem("unknown-environment", message, hint)
        if not isinstance(block, dict):
            spot = read.spot((ENVIRONMENTS, name))
            message = f"environments.{short(name)} must be a map"
            yield spot.problem("type", message, "write fields of the job below it, or remove the line")


def _not_inheritable(part: Document, *, is_job: bool) -> Iterator[Problem]:
    for field in sorted(OWN_FIELDS & part.value.keys()):
        message = f"{field} belongs to one job and cannot be set here"
        yield part.key_spot((field,)).problem("not-inheritable", message, _OWN)
    if not is_job and part.get(*_ATTEMPT_TIMEOUT) is not None:
        message = "webhook.timeout in a layer would win over a job's own timeout"
        yield part.key_spot(_ATTEMPT_TIMEOUT).problem("not-inheritable", message, "write timeout instead")


def _shape(part: Document) -> tuple[Problem, ...]:
    value = {key: one for key, one in part.value.items() if key not in OWN_FIELDS and key != ENVIRONMENTS}
    return json_schema.check(replace(part, value=_without_nulls(value)), is_part=True)


def _without_nulls(value: dict[str, Any]) -> dict[str, Any]:
    return {key: _without_nulls(one) if isinstance(one, dict) else one for key, one in value.items() if one is not NULL}
