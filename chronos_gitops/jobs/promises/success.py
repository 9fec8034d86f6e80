"""``webhook.success``: what the body of an answer must say for an attempt to succeed (PROMISES section 1)."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from chronos_gitops.process.lazy_dataclass import dataclass

Scalar = str | int | float | bool

COMPARISONS = ("equals", "not", "exists", "at_least", "at_most")
TEXT_RULES = ("contains", "lacks")


class Otherwise(StrEnum):
    """Result of an attempt whose body breaks a rule."""

    FAIL = "fail"
    RETRY = "retry"


@dataclass(frozen=True, slots=True, eq=False)
class JsonRule:
    """Compares the value at a JSON Pointer (RFC 6901); ``values`` has one entry, or several for equals and not. Rules
    are equal with values of equal types: ``1`` is not ``true``."""

    pointer: str
    comparison: str
    values: tuple[Scalar, ...]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, JsonRule) and self._typed == other._typed

    def __hash__(self) -> int:
        return hash(self._typed)

    @property
    def _typed(self) -> tuple[str, str, tuple[tuple[type, Scalar], ...]]:
        return self.pointer, self.comparison, tuple((type(value), value) for value in self.values)


@dataclass(frozen=True, slots=True)
class TextRule:
    """``contains`` or ``lacks`` a text, as UTF-8 bytes in the raw body."""

    kind: str
    text: str


BodyRule = JsonRule | TextRule


@dataclass(frozen=True, slots=True)
class Success:
    """All rules must hold, else ``otherwise``."""

    body: tuple[BodyRule, ...]
    otherwise: Otherwise = Otherwise.FAIL

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Success":
        """Of a document that validation accepted; anything else may raise anything."""
        rules = tuple(_rule(rule) for rule in document["body"])
        return cls(rules, Otherwise(document.get("otherwise") or Otherwise.FAIL))

    def document(self) -> dict[str, Any]:
        """The inverse of ``from_document``, with ``otherwise`` written out."""
        return {"body": [_document(rule) for rule in self.body], "otherwise": self.otherwise.value}


def _rule(document: Mapping[str, Any]) -> BodyRule:
    for kind in TEXT_RULES:
        if kind in document:
            return TextRule(kind, document[kind])
    comparison = next(name for name in COMPARISONS if name in document)
    value = document[comparison]
    return JsonRule(document["json"], comparison, tuple(value) if isinstance(value, list) else (value,))


def _document(rule: BodyRule) -> dict[str, Any]:
    if isinstance(rule, TextRule):
        return {rule.kind: rule.text}
    many = len(rule.values) != 1
    return {"json": rule.pointer, rule.comparison: list(rule.values) if many else rule.values[0]}
