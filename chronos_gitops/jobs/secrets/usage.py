"""Secrets by their state and their uses: what ``secrets``, the API, the probes and the plan report. Pure."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from chronos_gitops.jobs.layers.effective import EffectiveJob
from chronos_gitops.jobs.model import JobVersion
from chronos_gitops.jobs.origins.origin import Origin, OriginPattern
from chronos_gitops.jobs.problem import Problem
from chronos_gitops.jobs.secrets.bindings import Bindings, SecretBinding
from chronos_gitops.jobs.secrets.references import Field, Reference, references
from chronos_gitops.jobs.templates import templates
from chronos_gitops.jobs.validation.document import SourceSpan
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.timestamps import rfc3339


class SecretState(StrEnum):
    """``UNKNOWN``: used, but there is no place for values here. ``UNUSED``: has a value or a binding only."""

    OK = "ok"
    MISSING = "missing"
    EMPTY = "empty"
    UNREADABLE = "unreadable"
    TOO_LARGE = "too-large"
    UNBOUND = "unbound"
    REFUSED = "refused"
    UNUSED = "unused"
    UNKNOWN = "unknown"


NO_VALUE = frozenset({SecretState.MISSING, SecretState.EMPTY, SecretState.UNREADABLE, SecretState.TOO_LARGE})
FAILING = NO_VALUE | {SecretState.UNBOUND, SecretState.REFUSED}
"""States in which executions of the jobs that use the secret fail."""
_FAULTS = {
    SecretState.MISSING: "has no value",
    SecretState.EMPTY: "is empty",
    SecretState.UNREADABLE: "cannot be read",
    SecretState.TOO_LARGE: "is larger than 8 KiB",
}
_STATE_OF_RULE = {"secret-unbound": SecretState.UNBOUND, "secret-binding": SecretState.REFUSED}


@dataclass(frozen=True, slots=True)
class SecretUse:
    """One reference and one origin that it is sent to; None for an origin that is not known before an execution.

    ``place`` is the url where it is a secret itself, ``refused`` the state that bindings give this use, if any.
    """

    name: str
    job: str
    path: str
    field: Field
    origin: Origin | None
    place: str = ""
    refused: SecretState | None = None

    @property
    def label(self) -> str:
        """``headers.X-Key``"""
        return ".".join(self.field[1:])

    @property
    def target(self) -> str | None:
        """The origin as it may be shown."""
        return str(self.origin) if self.origin is not None else self.place or None


@dataclass(frozen=True, slots=True)
class SecretReport:
    name: str
    state: SecretState
    binding: SecretBinding | None
    uses: tuple[SecretUse, ...]


def uses(definitions: Iterable[JobVersion], bindings: Bindings) -> tuple[SecretUse, ...]:
    """By the secret's name, then in the order of the jobs and their fields."""
    found = (
        _use(definition, reference, origin, bindings)
        for definition in definitions
        for reference in references(definition.job.webhook.document(), job=definition.job.name)
        for origin in dict.fromkeys(reference.origins)
    )
    return tuple(sorted(found, key=lambda use: use.name))


def _use(definition: JobVersion, reference: Reference, origin: Origin | None, bindings: Bindings) -> SecretUse:
    url = definition.job.webhook.url
    refusal = bindings.refusal(reference.name, origin=origin, path=definition.path)
    return SecretUse(
        reference.name,
        definition.job.name,
        definition.path,
        reference.field,
        origin,
        url if origin is None and templates.reference_in(url) is not None else "",
        None if refusal is None else _STATE_OF_RULE[refusal.rule],
    )


def report(
    found: Iterable[SecretUse], bindings: Bindings, value: Callable[[str], SecretState], known: Iterable[str] = ()
) -> tuple[SecretReport, ...]:
    """By name. ``value`` judges the value of a secret that is used; ``known`` names have a value or a binding."""
    by_name: dict[str, list[SecretUse]] = {name: [] for name in known}
    for use in found:
        by_name.setdefault(use.name, []).append(use)
    return tuple(
        SecretReport(name, _state(used, value), bindings.by_name.get(name), tuple(used))
        for name, used in sorted(by_name.items())
    )


def _state(used: list[SecretUse], value: Callable[[str], SecretState]) -> SecretState:
    if not used:
        return SecretState.UNUSED
    state = value(used[0].name)
    if state in NO_VALUE:
        return state
    refused = {use.refused for use in used}
    return next((one for one in (SecretState.UNBOUND, SecretState.REFUSED) if one in refused), state)


def item(
    found: SecretReport,
    *,
    place: Callable[[SecretUse], SourceSpan],
    next_use: datetime | None,
    folders: Iterable[str] | None = None,
    origins: Iterable[OriginPattern] | None = None,
) -> dict[str, Any]:
    """As JSON. ``place`` is where a use is written; ``folders`` and ``origins`` are those of the binding if absent."""
    binding = found.binding or SecretBinding()
    return {
        "name": found.name,
        "state": found.state.value,
        "folders": list(binding.folders if folders is None else folders),
        "origins": [str(one) for one in (binding.origins if origins is None else origins)],
        "uses": [_use_item(use, place(use)) for use in found.uses],
        "next_use": None if next_use is None else rfc3339(next_use),
    }


def _use_item(use: SecretUse, at: SourceSpan) -> dict[str, Any]:
    """``path`` is the file of the job, by which bindings go; ``file`` the one that holds the reference."""
    written = {"file": at.file, "line": at.line}
    return {"job": use.job, "path": use.path, **written, "field": use.label, "origin": use.target}


def variable(name: str) -> str:
    """The environment variable that holds a secret."""
    return f"CHRONOS_SECRET_{name.upper().replace('-', '_')}"


def places(job: EffectiveJob) -> Mapping[tuple[Field, str], SourceSpan]:
    """Where each reference of a job is written, in its own file or in a layer, by its field and name."""
    found = references(job.merged.get("webhook"), job=job.document.get("name"))
    return {(one.field, one.name): job.document.text_spot(one.field, one.written) for one in found}


def missing_problem(use: SecretUse, state: SecretState, at: SourceSpan) -> Problem:
    """The warning ``missing-secret`` about one use of a secret whose value cannot be used on this runner."""
    from chronos_gitops.jobs.validation.rule_texts.registry import RULES

    return Problem(
        at.file,
        at.line,
        at.column,
        RULES["missing-secret"].severity,
        "missing-secret",
        f'the secret "{use.name}" {_FAULTS[state]} on this runner',
        f"set {variable(use.name)} or write the file {use.name}",
    )
