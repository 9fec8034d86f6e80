"""Validates a document by the JSON schema; findings are problems with places.

An acceptor of our own may say "valid" first (5 µs, and nothing to import); anything else is for jsonschema to explain.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import replace
from functools import cache
from itertools import islice
from typing import Any

from chronos_gitops.jobs.layers.merge import AUTH_TYPE
from chronos_gitops.jobs.problem import Problem
from chronos_gitops.jobs.schemas.schemas import load_schema
from chronos_gitops.jobs.validation import suggestions
from chronos_gitops.jobs.validation.document import Document, SourceSpan
from chronos_gitops.jobs.validation.quoting import dotted, short
from chronos_gitops.jobs.validation.schema import field_synonyms, value_hints
from chronos_gitops.jobs.validation.schema.fast_path import compile_schema_check
from chronos_gitops.jobs.validation.schema.value_hints import ValueHint
from chronos_gitops.jobs.validation.yaml.positions import MAX_FINDINGS, Path
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.loose_durations import days_hint, loose_duration

_RULES = {
    "type": "type",
    "enum": "enum",
    "pattern": "pattern",
    "minimum": "range",
    "maximum": "range",
    "minLength": "range",
    "maxLength": "range",
    "minItems": "range",
    "maxItems": "range",
    "maxProperties": "range",
}
_RULE_OF_TITLE = {"job name": "job-name", "duration": "duration"}
_TYPES = {
    "string": "text",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "object": "a map",
    "array": "a list",
    "null": "nothing",
}
_MANY_FIELDS = 12
_KEPT_BY_RUNNER = ("id", "created_at", "updated_at", "next_run")


@dataclass(frozen=True, slots=True)
class SchemaFailure:
    """One value that does not satisfy one keyword of the schema; ``schema`` is the part the keyword stands in."""

    path: Path
    keyword: str
    bound: Any
    given: Any
    schema: Mapping[str, Any]


def check(source: Document, *, is_part: bool = False, fields: Set[str] | None = None) -> tuple[Problem, ...]:
    """Schema problems of the document, at most 100; suspect paths are left out. A part of a job needs no required
    field. With ``fields``, the values of all other fields are known to be valid."""
    kept = tuple(_kept(source, field) for field in _KEPT_BY_RUNNER if field in source.value)
    if fields is not None and not is_part and _accepts_changed(source.value, fields):
        return kept
    if _accepts(is_part)(source.value):
        return kept
    found = (problem for failure in _explain(is_part)(source.value) for problem in _problems(failure, source))
    return kept + tuple(dict.fromkeys(islice(found, MAX_FINDINGS)))


def _kept(source: Document, field: str) -> Problem:
    message = f"{field} is set by the runner and ignored in a file"
    return source.key_spot((field,)).problem("kept-by-runner", message, "remove it")


@cache
def load_part_schema() -> dict[str, Any]:
    """The same without what a job must have: whatever a layer leaves out may stand in another one."""
    whole = load_schema()
    fields = whole["properties"]
    webhook = {key: value for key, value in fields["webhook"].items() if key != "required"}
    auth = {key: value for key, value in whole["definitions"]["auth"].items() if key not in ("required", "allOf")}
    return {
        **{key: value for key, value in whole.items() if key != "required"},
        "properties": fields | {"webhook": webhook},
        "definitions": whole["definitions"] | {"auth": auth},
    }


def _schema(*, is_part: bool) -> dict[str, Any]:
    return load_part_schema() if is_part else load_schema()


@cache
def _accepts(is_part: bool) -> Callable[[Any], bool]:
    return compile_schema_check(_schema(is_part=is_part))


def _accepts_changed(value: Mapping[str, Any], fields: Set[str]) -> bool:
    """The schema of a job says nothing of several fields together but which of them it must have."""
    known = _accepts_field()
    return _required() <= value.keys() and all(
        name in known and known[name](value[name])
        for name in {field.partition(".")[0] for field in fields}
        if name in value
    )


@cache
def _required() -> frozenset[str]:
    return frozenset(load_schema()["required"])


@cache
def _accepts_field() -> Mapping[str, Callable[[Any], bool]]:
    whole = load_schema()
    return {name: compile_schema_check(one, whole) for name, one in whole["properties"].items()}


@cache
def _explain(is_part: bool) -> Callable[[Any], Iterator[SchemaFailure]]:
    from jsonschema import Draft7Validator, ValidationError
    from jsonschema.validators import extend

    def pattern(_: Any, pattern: str, instance: Any, __: Any) -> Iterator[ValidationError]:
        # "$" of Python's re also matches before a last line break; in JSON Schema (ECMA 262) it does not.
        if isinstance(instance, str) and not re.search(pattern.removesuffix("$") + r"\Z", instance, re.ASCII):
            yield ValidationError("does not match")

    validator: Any = extend(Draft7Validator, {"pattern": pattern})(_schema(is_part=is_part))  # type: ignore[no-untyped-call]

    def failures(document: Any) -> Iterator[SchemaFailure]:
        for error in validator.iter_errors(document):
            path = tuple(error.absolute_path)
            yield SchemaFailure(path, error.validator, error.validator_value, error.instance, error.schema)

    return failures


def _problems(failure: SchemaFailure, source: Document) -> Iterator[Problem]:
    if failure.keyword == "additionalProperties":
        yield from _unknown(failure, source)
    elif failure.path in source.suspect:
        return
    elif failure.keyword == "required":
        yield from _missing(failure, source)
    elif failure.keyword in _RULES and not _is_told_by_type(failure):
        yield _misshapen(failure, source)


def _is_told_by_type(failure: SchemaFailure) -> bool:
    """True for another keyword that a value of the wrong type breaks, too: a word, or a limit of integers."""
    if failure.keyword == "enum":
        return not isinstance(failure.given, str)
    return failure.keyword in ("minimum", "maximum") and isinstance(failure.given, float) and _takes_integers(failure)


def _takes_integers(failure: SchemaFailure) -> bool:
    return failure.schema.get("type") == "integer"


def _missing(failure: SchemaFailure, source: Document) -> Iterator[Problem]:
    """A field that is there under a misspelt name is told once, as an unknown field."""
    unknown = failure.given.keys() - failure.schema["properties"].keys()
    candidates = unknown if len(unknown) <= _MANY_FIELDS else ()
    meant = {field_synonyms.field_of(word, failure.schema["properties"]) for word in candidates}
    for field in failure.bound:
        is_misspelt = field in meant or suggestions.closest(field, candidates) is not None
        if field not in failure.given and not is_misspelt:
            message = f"{dotted((*failure.path, field))} is missing"
            yield source.missing_spot(failure.path).problem("required", message, _example(failure.schema, field))


def _example(schema: Mapping[str, Any], field: str) -> str:
    described = schema["properties"].get(field)
    examples = described.get("examples") if isinstance(described, dict) else None
    return f"for example {field}: {json.dumps(examples[0])}" if examples else ""


def _unknown(failure: SchemaFailure, source: Document) -> Iterator[Problem]:
    properties = failure.schema["properties"]
    known = [field for field in properties if field not in _KEPT_BY_RUNNER]
    where = f" in {dotted(failure.path)}" if failure.path else ""
    for field in failure.given:
        if field not in properties:
            synonym = field_synonyms.field_of(field, known)
            hint = suggestions.did_you_mean(synonym or field, known) or _fields(known)
            message = f'unknown field "{short(field)}"{where}'
            spot, fix = source.key_spot((*failure.path, field)), suggestions.only_one(field, known)
            if synonym is not None:
                fix = synonym if field_synonyms.has_same_value(field) else None
            fix = "" if fix is None or fix in failure.given or failure.path in source.suspect else fix
            yield spot.problem("unknown-field", message, hint, fix=fix)


def _fields(known: list[str]) -> str:
    many = len(known) > _MANY_FIELDS
    return "`chronos-gitops schema` lists the fields" if many else f"the fields here are {', '.join(known)}"


def _misshapen(failure: SchemaFailure, source: Document) -> Problem:
    message, hint = _EXPLAIN[failure.keyword](dotted(failure.path), failure)
    rule = _RULES[failure.keyword]
    if rule == "pattern":
        rule = _RULE_OF_TITLE.get(failure.schema.get("title", ""), rule)
    spot = source.spot(failure.path)
    better = _value_hint(failure, spot)
    if rule == "duration" and isinstance(failure.given, str):
        hint = days_hint(failure.given) or hint
    return spot.problem(rule, message, better.text or hint, fix=better.fix or _fix(rule, failure, spot))


def _value_hint(failure: SchemaFailure, spot: SourceSpan) -> ValueHint:
    """Empty where the schema itself says enough."""
    if failure.keyword == "type" and failure.given is not None:
        wanted = failure.bound if isinstance(failure.bound, str) else failure.bound[0]
        return value_hints.for_type(failure.path, wanted, failure.given, spot.text)
    if failure.keyword == "pattern":
        return value_hints.for_pattern(failure.path, failure.given)
    if failure.keyword == "enum":
        words = {str(word).lower(): str(word) for word in failure.bound}
        return ValueHint("", value_hints.for_enum(failure.given, words))
    return ValueHint("")


def _fix(rule: str, failure: SchemaFailure, spot: SourceSpan) -> str:
    """A duration in words becomes one in Go's; a number or a boolean where text must be is what it says, in quotes."""
    if rule == "duration":
        return loose_duration(failure.given) or ""
    is_text = _takes_text(failure.bound) and "enum" not in failure.schema
    is_text_wanted = rule == "type" and is_text and failure.schema.get("title") != "duration"
    is_plain = isinstance(failure.given, bool | int | float) and re.fullmatch(r"[\w.+-]+", spot.text)
    return f'"{spot.text}"' if is_text_wanted and is_plain else ""


def _wrong_type(field: str, failure: SchemaFailure) -> tuple[str, str]:
    wanted, given = failure.bound, failure.given
    words = " or ".join(_TYPES[kind] for kind in ([wanted] if isinstance(wanted, str) else wanted))
    if given is None:
        hint = "remove auth, or state a type" if failure.path == AUTH_TYPE else "give it a value, or remove the line"
        return f"{field} has no value; it must be {words}", hint
    if "enum" in failure.schema:
        return _not_a_word(field, replace(failure, bound=failure.schema["enum"]))
    if _takes_text(wanted) and not isinstance(given, dict | list):
        is_duration = failure.schema.get("title") == "duration"
        return f"{field} must be {words}, not {_kind(given)}", "give it a unit, like 30s" if is_duration else "quote it"
    return f"{field} must be {words}, not {_kind(given)}", ""


def _takes_text(wanted: Any) -> bool:
    return wanted == "string" or (isinstance(wanted, list) and wanted[0] == "string" and "boolean" not in wanted)


def _not_a_word(field: str, failure: SchemaFailure) -> tuple[str, str]:
    words = [str(word) for word in failure.bound]
    if not isinstance(failure.given, str):
        return f"{field} must be one of {', '.join(words)}, not {_kind(failure.given)}", ""
    hint = suggestions.did_you_mean(failure.given, words) or f"one of {', '.join(words)}"
    return f'{field} cannot be "{short(failure.given)}"', hint


def _not_the_form(field: str, failure: SchemaFailure) -> tuple[str, str]:
    title = failure.schema.get("title", "value of this form")
    examples = ", ".join(json.dumps(example) for example in failure.schema.get("examples", ()))
    return f'{field} "{short(failure.given)}" is not a {title}', f"write it like {examples}" if examples else ""


def _out_of_bounds(field: str, failure: SchemaFailure) -> tuple[str, str]:
    if failure.keyword in ("minLength", "minItems"):
        return f"{field} is empty", "give it a value, or remove the line"
    unit = {"maxLength": " characters", "maxItems": " entries", "maxProperties": " entries"}.get(failure.keyword, "")
    least_or_most = "least" if failure.keyword == "minimum" else "most"
    return f"{field} must {'have' if unit else 'be'} at {least_or_most} {failure.bound}{unit}", ""


_EXPLAIN: dict[str, Callable[[str, SchemaFailure], tuple[str, str]]] = {
    "type": _wrong_type,
    "enum": _not_a_word,
    "pattern": _not_the_form,
    **dict.fromkeys(
        ("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "maxProperties"), _out_of_bounds
    ),
}


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return "a number" if isinstance(value, int) else str(value)
    return "a map" if isinstance(value, dict) else "a list" if isinstance(value, list) else "text"
