"""A quick "valid" for jobs whose variables are plain texts. Like every fast path it never says what is wrong: what it
does not accept is judged by ``effective``, which writes the messages."""

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from typing import Any

from chronos_gitops.jobs.layers import variables
from chronos_gitops.jobs.layers.comparison import bare_document
from chronos_gitops.jobs.layers.folder_edit import field_of
from chronos_gitops.jobs.layers.parts import FileParts
from chronos_gitops.jobs.secrets.references import texts
from chronos_gitops.jobs.validation.document import Document
from chronos_gitops.jobs.validation.rules import document_rules

Value = Mapping[str, Any]
FieldCheck = Callable[[Document, Set[str]], bool]
"""True if the schema and the rules that read these fields find nothing in the document."""


def filled_value(
    path: str, own: FileParts, merged: Sequence[Value], here: int, fields: Set[str], has_no_findings: FieldCheck
) -> Value | None:
    """The value of the job in the environment ``here`` with its variables in place. None where something may be wrong
    in any environment. ``fields`` are those in which the job, which has no null, may differ from one without a
    finding."""
    judged: list[tuple[Value, Mapping[str, str]]] = []
    first: Value | None = None
    unused = set(own.base.value.get(variables.VARIABLES, ()))
    together = document_rules.read_with(fields) - {variables.VARIABLES}
    for value in (merged[here], *merged[:here], *merged[here + 1 :]):
        used = _used_texts(value)
        if used is None:
            return None
        unused -= used.keys()
        if not any(used == there and is_same(value, one, together) for one, there in judged):
            filled = variables.fill(dict(value)).value
            if not has_no_findings(bare_document(filled, path), fields - {variables.VARIABLES}):
                return None
            judged.append((value, used))
            first = filled if first is None else first
    return None if unused else first


def is_same(value: Value, other: Value, fields: Set[str]) -> bool:
    """True if these fields are made of the same objects."""
    return all(field_of(value, name) is field_of(other, name) for name in fields)


def changed_texts(value: Value, given: Mapping[str, str], fields: Set[str], names: Set[str]) -> frozenset[str] | None:
    """Of a job with these plain variables, all fields that differ after an edit: ``fields`` but for its variables, and
    texts that use one of ``names``. None where a changed text is too long or uses what has no value."""
    found = set(fields)
    found.discard(variables.VARIABLES)
    for field, text in texts(value.get("webhook")):
        if variables.OPENING not in text:
            continue
        used, name = variables.references(text), f"webhook.{field[1]}"
        if names.isdisjoint(used) and name not in fields:
            continue
        found.add(name)
        if not all(one in given for one in used) or any(variables.unclosed(text)):
            return None
        if variables.filled_length(text, given) > variables.LONGEST_TEXT:
            return None
    return frozenset(found)


def _used_texts(value: Value) -> Mapping[str, str] | None:
    """The variables that the job uses. None if one has no value, or if a text is too long or a value not plain."""
    given = value.get(variables.VARIABLES, {})
    if not are_plain(given):
        return None
    used: dict[str, str] = {}
    for text in _with_variables(value):
        names = variables.references(text)
        if not given.keys() >= set(names) or any(variables.unclosed(text)):
            return None
        if variables.filled_length(text, given) > variables.LONGEST_TEXT:
            return None
        used.update((name, given[name]) for name in names)
    return used


def _with_variables(value: Value) -> Iterator[str]:
    return (text for _, text in texts(value.get("webhook")) if variables.OPENING in text)


def are_plain(given: Any) -> bool:
    """True if every value is a text of a valid length that no rule about variables can have a word on."""
    return (
        isinstance(given, dict)
        and len(given) <= variables.MOST_VARIABLES
        and all(
            type(text) is str
            and "$" not in text
            and len(text) <= variables.LONGEST_VALUE
            and variables.is_variable_name(name)
            for name, text in given.items()
        )
    )
