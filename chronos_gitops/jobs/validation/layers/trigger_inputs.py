"""Inputs of a manual trigger: which variables it may give another text, and the job that this makes."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from chronos_gitops.errors import ChronosError
from chronos_gitops.jobs.layers import variables
from chronos_gitops.jobs.layers.effective import EffectiveJob
from chronos_gitops.jobs.layers.parts import FileParts
from chronos_gitops.jobs.layers.tree import Layers
from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.problem import Problem, is_error
from chronos_gitops.jobs.secrets.bindings import Bindings
from chronos_gitops.jobs.templates import templates
from chronos_gitops.jobs.validation.layers.effective import judge_by_policies
from chronos_gitops.jobs.validation.layers.variable_values import check_lengths, sampled
from chronos_gitops.jobs.validation.quoting import short
from chronos_gitops.jobs.validation.rules import document_rules
from chronos_gitops.jobs.validation.schema import json_schema

_FORBIDDEN: Final = re.compile(r'\$\{|\{\{|[\x00-\x1f\x7f"\\<>&]')
_IN_URL: Final = re.compile(r"[A-Za-z0-9._~-]*\Z", re.ASCII)
_URL: Final = ("webhook", "url")


class VariableLocked(ChronosError):
    """A trigger may not say this variable otherwise."""

    kind = "variable-locked"


class VariablesRefused(ChronosError):
    """The job does not pass its rules with these texts, which ``problems`` tell; or a text may not be one."""

    kind = "invalid-variables"

    def __init__(self, message: str, *, hint: str = "", problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(message, hint=hint)
        self.problems = problems


def job_with_inputs(
    made: EffectiveJob,
    own: FileParts,
    layers: Layers,
    environment: str | None,
    given: Mapping[str, str],
    *,
    bindings: Bindings | None = None,
) -> Job:
    """The job as it is with these texts. Raises VariableLocked and VariablesRefused."""
    for name, text in given.items():
        _refuse_locked(made, own, environment, name)
        _refuse_text(made, name, text)
    before = made.merged[variables.VARIABLES]
    merged = {**made.merged, variables.VARIABLES: {**before, **given}}
    filled = variables.fill(merged)
    value = filled.value | {variables.VARIABLES: merged[variables.VARIABLES]}
    job = EffectiveJob(merged, replace(made.document, value=value))
    document = sampled(job)
    found = (*json_schema.check(document), *document_rules.check(document, bindings=bindings), *check_lengths(job))
    errors = tuple(filter(is_error, found))
    if not errors and layers.policies.files:
        errors = tuple(filter(is_error, judge_by_policies(job, layers, environment)[1]))
    if errors:
        raise VariablesRefused(f"the job is not valid with these variables: {errors[0].message}", problems=errors)
    return Job.from_document(value)


def _refuse_locked(made: EffectiveJob, own: FileParts, environment: str | None, name: str) -> None:
    """An operator must not redirect a request that carries a secret."""
    block = None if environment is None else own.blocks.get(environment)
    parts = (own.base,) if block is None else (own.base, block)
    is_input = any(_is_input(part.get(variables.VARIABLES, name)) for part in parts)
    if not is_input or not _is_input(made.document.get(variables.VARIABLES, name)):
        hint = f"write {short(name)}: {{value: ..., trigger: true}} into the job's own file"
        raise VariableLocked(f'"{short(name)}" is no input of this job', hint=hint)
    fields = [field for field, names in made.document.used.items() if name in names]
    url = made.merged["webhook"].get("url", "")
    if any(field[1] == "auth" for field in fields) or name in variables.references(templates.authority_part(url)):
        message = f'"{short(name)}" is used in auth or in the url before its path, so no trigger changes it'
        raise VariableLocked(message, hint="use another variable there")
    if not any(part.get(*field) is not None for field in fields for part in parts):
        raise VariableLocked(f'the job\'s own file does not use "{short(name)}"', hint="use it in the job file")


def _is_input(value: object) -> bool:
    return isinstance(value, Mapping) and value.get("trigger") is True


def _refuse_text(made: EffectiveJob, name: str, text: str) -> None:
    if len(text) > variables.LONGEST_VALUE:
        raise VariablesRefused(f'the text of "{short(name)}" is longer than {variables.LONGEST_VALUE} characters')
    if _FORBIDDEN.search(text):
        hint = 'leave out ${, {{, control characters and "\\<>&'
        raise VariablesRefused(f'the text of "{short(name)}" holds what a trigger may not give', hint=hint)
    if name in made.document.used.get(_URL, ()) and not _IN_URL.match(text):
        hint = "a url may contain only letters, digits and . _ ~ -"
        raise VariablesRefused(f'the text of "{short(name)}" cannot stand in a url', hint=hint)
