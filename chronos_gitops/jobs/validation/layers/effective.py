"""A job judged as its files make it, in each environment: every finding stands where its value is written."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from chronos_gitops.jobs.layers import removals, variables
from chronos_gitops.jobs.layers.effective import EffectiveJob
from chronos_gitops.jobs.layers.parts import ENVIRONMENTS, FileParts, nulls, parts_of
from chronos_gitops.jobs.layers.tree import Layers
from chronos_gitops.jobs.policies.policy import judge as judge_policies
from chronos_gitops.jobs.problem import Problem, counts_in, is_error
from chronos_gitops.jobs.secrets.references import texts
from chronos_gitops.jobs.validation.document import Document
from chronos_gitops.jobs.validation.layers import form
from chronos_gitops.jobs.validation.layers.variable_values import check_lengths, check_value, sampled
from chronos_gitops.jobs.validation.quoting import short
from chronos_gitops.jobs.validation.rules.gates import NamedGate, named_gate
from chronos_gitops.jobs.validation.suggestions import did_you_mean
from chronos_gitops.jobs.validation.yaml.positions import MAX_FINDINGS, Path
from chronos_gitops.process.lazy_dataclass import dataclass

Check = Callable[[Document], tuple[Problem, ...]]
"""Validates a document by schema and rules."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """``value`` is what a job is made of, None where it has an error in the environment that was asked for;
    ``content`` is the digest of the job there, ``policies`` are the names of those that choose it anywhere,
    ``gates`` the jobs that it requires, ``removed`` the nulls of layers for environments that remove something of
    it."""

    problems: tuple[Problem, ...]
    value: Mapping[str, Any] | None
    content: str = ""
    policies: tuple[str, ...] = ()
    gates: tuple[NamedGate, ...] = ()
    removed: tuple[removals.Place, ...] = ()


def is_plain(read: Document, layers: Layers, content: bytes) -> bool:
    """True if the file alone says all there is: then, and while it cannot be read, it is judged as it stands."""
    if layers.verdict_key(read.file):
        return False
    return any(map(is_error, read.problems)) or (
        variables.OPENING.encode() not in content
        and not {ENVIRONMENTS, variables.VARIABLES} & read.value.keys()
        and not _has_null(read.value)
    )


def _has_null(value: Mapping[str, Any]) -> bool:
    return any(one is None or (isinstance(one, dict) and _has_null(one)) for one in value.values())


def judge(read: Document, layers: Layers, environment: str | None, check: Check) -> Judgement:
    """In every declared environment; an error elsewhere than in ``environment`` is told and stops nothing there."""
    unreadable = layers.unreadable(read.file)
    own = parts_of(read)
    about_file = (*read.problems, *form.check_blocks(read, own, layers.environments))
    if unreadable:
        return Judgement((*about_file, *unreadable), None)
    return judge_parts(read.file, own, layers, environment, check, about_file)


def judge_parts(
    path: str,
    own: FileParts,
    layers: Layers,
    environment: str | None,
    check: Check,
    about_file: tuple[Problem, ...] = (),
) -> Judgement:
    """The same for the parts of a file whose layers can all be read; ``about_file`` is said of it already."""
    found: dict[Problem, list[str | None]] = {}
    known: list[tuple[EffectiveJob, tuple[Problem, ...]]] = []
    here: EffectiveJob | None = None
    policies: dict[str, None] = {}
    declared: tuple[str | None, ...] = layers.environments or (None,)
    is_refused = any(one.rule == "not-inheritable" for layer in layers.of(path) for one in layer.problems)
    for name in declared:
        job = layers.job(path, own, name)
        if name == environment or here is None:
            here = job
        same = next((problems for other, problems in known if other.merged == job.merged), None)
        problems = _checked(job, check) if same is None else same
        known.append((job, problems))
        refused = form.check_inherited(job) if is_refused else ()
        about_job = (*form.without_refused_fields(problems, job, own), *refused, *_variables(job, own, name, layers))
        if layers.policies.files and not any(map(is_error, (*about_file, *about_job))):
            chosen, about_policies = judge_by_policies(job, layers, name)
            policies |= dict.fromkeys(chosen)
            about_job += about_policies
        for problem in dict.fromkeys(about_job):
            found.setdefault(problem, []).append(name)
    told = _told(found, declared)
    told += tuple(_no_effect(path, own, layers)) + tuple(_unused(own, [job for job, _ in known]))
    problems = (*about_file, *told)
    assert here is not None
    is_stopped = any(is_error(one) and counts_in(one, environment) for one in problems)
    if environment is not None and layers.environments and environment not in layers.environments:
        is_stopped = True  # what another environment makes of the job is not for this one
    content = here.content if layers.fingerprint(path) else ""
    value = None if is_stopped else here.document.value
    gates, removed = _gates(zip(declared, known, strict=True)), removals.removed_by_environments(layers, path, own)
    return Judgement(problems, value, content, tuple(policies), gates, removed)


def _gates(known: Iterable[tuple[str | None, tuple[EffectiveJob, tuple[Problem, ...]]]]) -> tuple[NamedGate, ...]:
    """Each job that it requires, with the environments in which it does."""
    found: dict[NamedGate, list[str]] = {}
    for name, (job, _) in known:
        gate = named_gate(job.document)
        if gate is not None:
            found.setdefault(gate, []).extend(() if name is None else (name,))
    return tuple(replace(gate, environments=tuple(names) or None) for gate, names in found.items())


def judge_by_policies(
    job: EffectiveJob, layers: Layers, environment: str | None
) -> tuple[tuple[str, ...], tuple[Problem, ...]]:
    """Names of the policies that choose the job, which is valid otherwise, and what they say."""
    from chronos_gitops.jobs.model import Job
    from chronos_gitops.jobs.policies.rules import Subject

    subject = Subject(Job.from_document(job.document.value), layers.policies.day)
    chosen = layers.policies.chosen_by(subject, job.document.file, environment)
    return tuple(policy.name for policy in chosen), judge_policies(chosen, subject, job.document)


def _checked(job: EffectiveJob, check: Check) -> tuple[Problem, ...]:
    """An address with a variable that has no value is no address; that is said once, about the variable."""
    given = job.merged.get(variables.VARIABLES)
    known = given.keys() if isinstance(given, dict) else frozenset()
    used = {name for field, names in job.document.used.items() if field[-1] in ("url", "token_url") for name in names}
    found = check(sampled(job))
    return found if used <= known else tuple(problem for problem in found if problem.rule != "url")


def _told(found: Mapping[Problem, list[str | None]], declared: tuple[str | None, ...]) -> tuple[Problem, ...]:
    """Each problem once, with the environments it is one in; None where none are declared."""
    if declared == (None,):
        return tuple(found)
    return tuple(replace(one, environments=tuple(filter(None, names))) for one, names in found.items())


def _variables(job: EffectiveJob, own: FileParts, environment: str | None, layers: Layers) -> Iterator[Problem]:
    given = job.merged.get(variables.VARIABLES)
    known = given if isinstance(given, dict) else {}
    number = 0
    for field, text in texts(job.merged.get("webhook")):
        if variables.OPENING not in text:
            continue
        for name in variables.references(text):
            if name in known or number == MAX_FINDINGS:
                continue
            number += 1
            where = "" if environment is None else f" in {environment}"
            spot = job.document.text_spot(field, f"{variables.OPENING}{name}}}")
            message = f'variable "{short(name)}" has no value{where}'
            yield spot.problem("unknown-variable", message, _where_to_set(name, known, environment, own, layers))
        for written in variables.unclosed(text):
            spot = job.document.text_spot(field, written)
            yield spot.problem("unknown-variable", f'the reference "{written}" is never closed', "close it with }")
    yield from check_lengths(job)
    for name, value in known.items():
        yield from check_value(job, name, value)


def _where_to_set(name: str, known: Iterable[str], environment: str | None, own: FileParts, layers: Layers) -> str:
    meant = did_you_mean(name, list(known))
    if meant:
        return meant
    if environment is None:
        return f"set it under variables in {own.base.file}, or write $${{var:{short(name)}}} for the text itself"
    return f"set it in {layers.path_of(environment)}"


def _no_effect(path: str, own: FileParts, layers: Layers) -> Iterator[Problem]:
    yield from no_effect(own.base, layers.inherited(path))
    for name, block in own.blocks.items():
        if name in layers.environments and nulls(block.value):
            yield from no_effect(block, layers.inherited_in(path, own, name))


def no_effect(part: Document, inherited: Mapping[str, Any]) -> Iterator[Problem]:
    """``null``s of a part that remove nothing, in no environment."""
    return (removes_nothing(part, path) for path in removals.without_effect(part, inherited)[:MAX_FINDINGS])


def removes_nothing(part: Document, path: Path, message: str = "nothing is inherited here") -> Problem:
    return part.spot(path).problem("no-effect", f"{message}, so null removes nothing", "remove the line")


def _unused(own: FileParts, jobs: Iterable[EffectiveJob]) -> Iterator[Problem]:
    given = own.base.value.get(variables.VARIABLES)
    if not isinstance(given, dict):
        return
    used = {name for job in jobs for names in job.document.used.values() for name in names}
    for name in given:
        if name not in used:
            spot = own.base.key_spot((variables.VARIABLES, name))
            yield spot.problem("no-effect", f'the variable "{short(name)}" is not used', "remove it")
