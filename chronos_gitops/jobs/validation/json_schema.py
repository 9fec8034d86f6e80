"""What the JSON schema says about a document, as problems with places.

An acceptor of our own may say "valid" first (5 µs, and nothing to import); anything else is for jsonschema to explain.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any

from chronos_gitops.jobs.problem import Problem
from chronos_gitops.jobs.resources import shipped
from chronos_gitops.jobs.validation import suggestions
from chronos_gitops.jobs.validation.document import Document, SourceSpan
from chronos_gitops.jobs.validation.quoting import dotted, short
from chronos_gitops.jobs.validation.rules.timing import loose_duration
from chronos_gitops.jobs.validation.schema_fast_path import compile_schema_check
from chronos_gitops.jobs.validation.yaml.positions import MAX_FINDINGS, Path

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
_MANY_FIELDS = 8
_BOOLEANS = dict.fromkeys(("true", "yes", "on", "y"), "true") | dict.fromkeys(("false", "no", "off", "n"), "false")
_KEPT_BY_RUNNER = ("id", "created_at", "updated_at", "next_run")


@dataclass(frozen=True, slots=True)
class Failure:
    """One value that does not satisfy one keyword of the schema; ``schema`` is the part the keyword stands in."""

    path: Path
    keyword: str
    bound: Any
    given: Any
    schema: Mapping[str, Any]


@cache
def load_schema() -> dict[str, Any]:
    """The schema as it is shipped; the same object each time."""
    schema: dict[str, Any] = json.loads(shipped("job.schema.json").read_text("utf-8"))
    return schema


def check(source: Document) -> tuple[Problem, ...]:
    """What is wrong with the shape of the document, at most 100 problems; what is suspect already is left out."""
    kept = tuple(_kept(source, field) for field in _KEPT_BY_RUNNER if field in source.value)
    if _accepts()(source.value):
        return kept
    found = (problem for failure in _explain()(source.value) for problem in _problems(failure, source))
    return kept + tuple(dict.fromkeys(islice(found, MAX_FINDINGS)))


def _kept(source: Document, field: str) -> Problem:
    message = f"{field} is kept by the runner and ignored in a file"
    return source.key_spot((field,)).problem(source.file, "kept-by-runner", message, "remove it")


@cache
def _accepts() -> Callable[[Any], bool]:
    return compile_schema_check(load_schema())


@cache
def _explain() -> Callable[[Any], Iterator[Failure]]:
    from jsonschema import Draft7Validator, ValidationError
    from jsonschema.validators import extend

    def pattern(_: Any, pattern: str, instance: Any, __: Any) -> Iterator[ValidationError]:
        # "$" of Python's re also matches before a last line break; in JSON Schema (ECMA 262) it does not.
        if isinstance(instance, str) and not re.search(pattern.removesuffix("$") + r"\Z", instance, re.ASCII):
            yield ValidationError("does not match")

    validator: Any = extend(Draft7Validator, {"pattern": pattern})(load_schema())  # type: ignore[no-untyped-call]

    def failures(document: Any) -> Iterator[Failure]:
        for error in validator.iter_errors(document):
            path = tuple(error.absolute_path)
            yield Failure(path, error.validator, error.validator_value, error.instance, error.schema)

    return failures


def _problems(failure: Failure, source: Document) -> Iterator[Problem]:
    if failure.keyword == "additionalProperties":
        yield from _unknown(failure, source)
    elif failure.path in source.suspect:
        return
    elif failure.keyword == "required":
        yield from _missing(failure, source)
    elif failure.keyword in _RULES:
        yield _misshapen(failure, source)


def _missing(failure: Failure, source: Document) -> Iterator[Problem]:
    """A field that is there under a misspelt name is told once, as an unknown field."""
    unknown = failure.given.keys() - failure.schema["properties"].keys()
    candidates = unknown if len(unknown) <= _MANY_FIELDS else ()
    for field in failure.bound:
        if field not in failure.given and suggestions.closest(field, candidates) is None:
            message = f"{dotted((*failure.path, field))} is missing"
            yield source.key_spot(failure.path).problem(
                source.file, "required", message, _example(failure.schema, field)
            )


def _example(schema: Mapping[str, Any], field: str) -> str:
    described = schema["properties"].get(field)
    examples = described.get("examples") if isinstance(described, dict) else None
    return f"for example {field}: {json.dumps(examples[0])}" if examples else ""


def _unknown(failure: Failure, source: Document) -> Iterator[Problem]:
    properties = failure.schema["properties"]
    known = [field for field in properties if field not in _KEPT_BY_RUNNER]
    where = f" in {dotted(failure.path)}" if failure.path else ""
    for field in failure.given:
        if field not in properties:
            hint = suggestions.did_you_mean(field, known) or _fields(known)
            message = f'unknown field "{short(field)}"{where}'
            spot, fix = source.key_spot((*failure.path, field)), suggestions.only_one(field, known)
            fix = "" if fix is None or fix in failure.given or failure.path in source.suspect else fix
            yield spot.problem(source.file, "unknown-field", message, hint, fix=fix)


def _fields(known: list[str]) -> str:
    many = len(known) > _MANY_FIELDS
    return "`chronos-gitops schema` lists the fields" if many else f"the fields here are {', '.join(known)}"


def _misshapen(failure: Failure, source: Document) -> Problem:
    message, hint = _EXPLAIN[failure.keyword](dotted(failure.path), failure)
    rule = _RULES[failure.keyword]
    if rule == "pattern":
        rule = _RULE_OF_TITLE.get(failure.schema.get("title", ""), rule)
    spot = source.spot(failure.path)
    return spot.problem(source.file, rule, message, hint, fix=_fix(rule, failure, spot))


def _fix(rule: str, failure: Failure, spot: SourceSpan) -> str:
    """A duration in words becomes one in Go's; a number or a boolean where text must be is what it says, in quotes."""
    if rule == "duration":
        return loose_duration(failure.given) or ""
    is_text_wanted = rule == "type" and failure.bound == "string" and failure.schema.get("title") != "duration"
    is_plain = isinstance(failure.given, bool | int | float) and re.fullmatch(r"[\w.+-]+", spot.text)
    return f'"{spot.text}"' if is_text_wanted and is_plain else ""


def _wrong_type(field: str, failure: Failure) -> tuple[str, str]:
    wanted, given = failure.bound, failure.given
    words = " or ".join(_TYPES[kind] for kind in ([wanted] if isinstance(wanted, str) else wanted))
    if given is None:
        return f"{field} has no value; it must be {words}", "give it a value, or remove the line"
    if wanted == "string" and not isinstance(given, dict | list):
        is_duration = failure.schema.get("title") == "duration"
        return f"{field} must be text, not {_kind(given)}", "give it a unit, like 30s" if is_duration else "quote it"
    return f"{field} must be {words}, not {_kind(given)}", _meant(wanted, given)


def _meant(wanted: Any, given: Any) -> str:
    if not isinstance(given, str) or wanted not in ("boolean", "integer", "number"):
        return ""
    if wanted == "boolean":
        return f"write {_BOOLEANS.get(given.lower(), 'true or false')}, without quotes"
    return "write the number without quotes"


def _not_a_word(field: str, failure: Failure) -> tuple[str, str]:
    words = [str(word) for word in failure.bound]
    if not isinstance(failure.given, str):
        return f"{field} must be one of {', '.join(words)}", ""
    hint = suggestions.did_you_mean(failure.given, words) or f"one of {', '.join(words)}"
    return f'{field} cannot be "{short(failure.given)}"', hint


def _not_the_form(field: str, failure: Failure) -> tuple[str, str]:
    title = failure.schema.get("title", "value of this form")
    examples = ", ".join(json.dumps(example) for example in failure.schema.get("examples", ()))
    return f'{field} "{short(failure.given)}" is not a {title}', f"write it like {examples}" if examples else ""


def _out_of_bounds(field: str, failure: Failure) -> tuple[str, str]:
    if failure.keyword in ("minLength", "minItems"):
        return f"{field} is empty", "give it a value, or remove the line"
    unit = {"maxLength": " characters", "maxItems": " entries"}.get(failure.keyword, "")
    least_or_most = "least" if failure.keyword == "minimum" else "most"
    return f"{field} must {'have' if unit else 'be'} at {least_or_most} {failure.bound}{unit}", ""


_EXPLAIN: dict[str, Callable[[str, Failure], tuple[str, str]]] = {
    "type": _wrong_type,
    "enum": _not_a_word,
    "pattern": _not_the_form,
    **dict.fromkeys(("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems"), _out_of_bounds),
}


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return "a number" if isinstance(value, int) else str(value)
    return "a map" if isinstance(value, dict) else "a list" if isinstance(value, list) else "text"
