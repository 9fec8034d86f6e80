"""The values of variables: texts, times and inputs of a trigger."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from chronos_gitops.jobs.layers import variables
from chronos_gitops.jobs.layers.effective import EffectiveDocument, EffectiveJob
from chronos_gitops.jobs.problem import Problem
from chronos_gitops.jobs.secrets.references import texts
from chronos_gitops.jobs.validation.quoting import dotted, short

_RULE: Final = "variable-value"
_INPUT_FIELDS: Final = ("value", "trigger")


def check_value(job: EffectiveJob, name: str, value: Any) -> Iterator[Problem]:
    path = (variables.VARIABLES, name)
    if not variables.is_variable_name(name):
        key = job.document.key_spot(path)
        hint = "write letters, digits and hyphens, like api-host"
        yield key.problem(_RULE, f'"{short(name)}" cannot be the name of a variable', hint)
    if variables.is_time(value):
        yield from _time(job.document, name, value)
        return
    if isinstance(value, Mapping) and "value" not in value:
        hint = "write {time: scheduled}, or {value: acme, trigger: true}"
        yield job.document.key_spot(path).problem(_RULE, f'"{short(name)}" is neither a time nor a value', hint)
    text = variables.text_of(value)
    if text is not None:
        yield from _text(job, name, text)


def check_lengths(job: EffectiveJob) -> Iterator[Problem]:
    """Texts that variables make longer than a file can be: references are short, and values are not."""
    given = job.merged.get(variables.VARIABLES)
    if not isinstance(given, dict):
        return
    for field, text in texts(job.merged.get("webhook")):
        length = variables.filled_length(text, given) if variables.OPENING in text else 0
        if length > variables.LONGEST_TEXT:
            message = (
                f"{dotted(field)} has {length:,} characters with its variables; at most {variables.LONGEST_TEXT:,}"
            )
            yield job.document.text_spot(field, variables.OPENING).problem("range", message, "use shorter variables")


def _text(job: EffectiveJob, name: str, text: str) -> Iterator[Problem]:
    if "$" not in text:
        return
    spot = job.document.spot((variables.VARIABLES, name))
    if variables.OPENING in text:
        hint = "write the text out; a variable is replaced once"
        yield spot.problem(_RULE, f'the value of "{short(name)}" holds a variable', hint)
    elif ("${" in text or text.endswith("$")) and any(map(variables.is_time, job.used_variables.values())):
        # Beside the reference to a time it could read as another one when the time is filled in.
        message = f'the value of "{short(name)}" holds ${{ or ends in $, and the job uses a time'
        yield spot.problem(_RULE, message, "write the text where it is used")
    if "${secret:" in text:
        hint = "write the reference where the secret is used"
        yield spot.problem("secret-in-variable", f'the value of "{short(name)}" holds a reference to a secret', hint)


def _time(document: EffectiveDocument, name: str, value: Mapping[str, Any]) -> Iterator[Problem]:
    """Texts only: what is none, and an unknown field, is the schema's business."""
    from chronos_gitops.jobs.templates.time_variables import FIELDS, TimeVariable, TimeVariableError

    path = (variables.VARIABLES, name)
    odd = next((field for field in _INPUT_FIELDS if field in value), None)
    if odd is not None:
        spot = document.key_spot((*path, odd))
        yield spot.problem(_RULE, f"{odd} cannot stand beside time", "a time is no input of a trigger")
    if all(isinstance(one, str) for field, one in value.items() if field in FIELDS):
        try:
            TimeVariable.parse(value)
        except TimeVariableError as error:
            if error.field != "time":  # the schema lists what may stand there
                yield document.spot((*path, error.field)).problem(_RULE, f"{short(name)}: {error}", error.hint)


def sampled(job: EffectiveJob) -> EffectiveDocument:
    """The job as it is judged: with a text of its form in place of each time."""
    if not variables.has_time(job.merged.get(variables.VARIABLES)) or not variables.has_time(job.used_variables):
        return job.document
    given = {name: job.merged[name] for name in (variables.VARIABLES,)}
    return replace(job.document, value=variables.fill(job.merged, _sample).value | given)


def _sample(_: str, value: Any) -> str:
    from chronos_gitops.jobs.templates.time_variables import TimeVariable, TimeVariableError, sample

    try:
        return sample(TimeVariable.parse(value))
    except (TimeVariableError, TypeError, AttributeError, KeyError):
        return "2026-12-31"  # another problem says what is wrong with it
