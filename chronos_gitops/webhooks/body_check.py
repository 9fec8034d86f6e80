"""Judges the body of an answer by the rules of ``webhook.success`` (PROMISES section 1). Pure.

JSON is RFC 8259 in UTF-8; pointers are RFC 6901. Numbers compare by their decimal value, and types must agree: ``1``
is neither ``true`` nor ``"1"``.
"""

import json
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any

from chronos_gitops.jobs.promises.success import BodyRule, JsonRule, Scalar, Success, TextRule
from chronos_gitops.process.lazy_dataclass import dataclass

JUDGED = 64 * 1024
"""Bytes of a body that are looked at: parsing more holds the interpreter's lock for too long."""
_LONGEST_FOUND = 200
_MOST_DIGITS = 4_300
_IN_NUMBERS = "0123456789.eE+-"
_RUN = re.compile(f"[{_IN_NUMBERS}]*")
_LEADS_NOWHERE = object()


@dataclass(frozen=True)
class Answer:
    """The first 64 KiB of a body. ``is_longer``: there was more. ``encoding``: its Content-Encoding, in lower case."""

    body: bytes
    is_longer: bool = False
    encoding: str = ""

    @cached_property
    def document(self) -> Any:
        """The parsed body, its numbers as int or Decimal. Raises ValueError for what is not JSON.

        The parser calls no function of ours for a number: 32,000 of them fit into 64 KiB and took 12 ms.
        """
        text = self.body.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
        numbers = _checked if _may_have_long_number(text) else Decimal
        try:
            return json.loads(text, parse_float=numbers, parse_constant=_refuse_constant)
        except RecursionError:
            raise ValueError("nested too deeply") from None
        except InvalidOperation:
            raise ValueError("a number is too large") from None


def broken_rule(success: Success, answer: Answer, shown: Callable[[str], str] = str) -> str | None:
    """The sentence about the first rule that fails, in the order of the file; None when all hold.

    ``shown`` makes a found text fit to be kept: it removes secrets and unprintable characters.
    """
    for number, rule in enumerate(success.body, start=1):
        why = _why_broken(rule, answer, shown)
        if why is not None:
            return f"body rule {number} ({_said(rule)}) failed: {why}"
    return None


def _why_broken(rule: BodyRule, answer: Answer, shown: Callable[[str], str]) -> str | None:
    if answer.encoding not in ("", "identity"):
        return f"the answer is compressed ({shown(answer.encoding)[:40]}), which was not asked for"
    if isinstance(rule, TextRule):
        return _why_text(rule, answer)
    if answer.is_longer:
        return f"it is longer than {JUDGED // 1024} KiB"
    try:
        found = _lookup(answer.document, rule.pointer)
    except ValueError:
        return "it is empty" if not answer.body else "it is not JSON"
    if _holds(rule, found):
        return None
    return "there is nothing" if found is _LEADS_NOWHERE else f"it is {_rendered(found, shown)}"


def _why_text(rule: TextRule, answer: Answer) -> str | None:
    is_there = rule.text.encode() in answer.body
    if rule.kind == "contains":
        missing = f"it is not in the first {JUDGED // 1024} KiB" if answer.is_longer else "it is not there"
        return None if is_there else missing
    if is_there:
        return "it is there"
    return f"it is longer than {JUDGED // 1024} KiB" if answer.is_longer else None


def _lookup(document: Any, pointer: str) -> Any:
    found = document
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict) and key in found:
            found = found[key]
        elif isinstance(found, list) and _is_index(key) and int(key) < len(found):
            found = found[int(key)]
        else:
            return _LEADS_NOWHERE
    return found


def _is_index(key: str) -> bool:
    """RFC 6901, section 4: digits without a leading zero; ``-`` is behind the end, so it leads nowhere."""
    return key.isascii() and key.isdigit() and len(key) < 10 and (key == "0" or not key.startswith("0"))


def _holds(rule: JsonRule, found: Any) -> bool:
    if rule.comparison == "exists":
        return (found is not _LEADS_NOWHERE) is rule.values[0]
    if found is _LEADS_NOWHERE or isinstance(found, dict | list):
        return False
    if rule.comparison in ("equals", "not"):
        return any(_equal(found, value) for value in rule.values) is (rule.comparison == "equals")
    limit = _decimal(rule.values[0])
    if not _is_number(found) or limit is None:
        return False
    return found >= limit if rule.comparison == "at_least" else found <= limit  # type: ignore[no-any-return]


def _equal(found: Any, value: Scalar) -> bool:
    if isinstance(value, bool) or isinstance(found, bool):
        return found is value
    if isinstance(value, str):
        return isinstance(found, str) and found == value
    return _is_number(found) and found == _decimal(value)


def _is_number(found: Any) -> bool:
    return isinstance(found, int | Decimal) and not isinstance(found, bool)


def _decimal(value: Scalar) -> Decimal | None:
    """Of a number in a file, by the decimal text that Python shows of it: 0.1 is 0.1."""
    return None if isinstance(value, bool | str) else Decimal(str(value))


def _may_have_long_number(text: str) -> bool:
    """True if a sequence of number characters may be longer than one number may be. It would cover a multiple of its
    length, so samples suffice; a regular expression with that repetition would start anew at each place."""
    longest = _MOST_DIGITS + 1
    for place in range(0, len(text), longest):
        before = text[max(0, place - longest) : place]
        run = _RUN.match(text, place, place + longest)
        if run is not None and len(before) - len(before.rstrip(_IN_NUMBERS)) + len(run.group()) >= longest:
            return True
    return False


def _checked(text: str) -> Decimal:
    """Of a number with a point or an exponent; of others Python refuses more than 4,300 digits itself."""
    if len(text) > _MOST_DIGITS:
        raise ValueError("a number is too long")
    return Decimal(text)


def _refuse_constant(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


def _rendered(found: Any, shown: Callable[[str], str]) -> str:
    if isinstance(found, dict | list):
        return "an object" if isinstance(found, dict) else "an array"
    if isinstance(found, str):
        return f'"{shown(found)[:_LONGEST_FOUND]}"'
    literals = {None: "null", True: "true", False: "false"}
    return shown(str(found))[:_LONGEST_FOUND] if _is_number(found) else literals[found]


def _said(rule: BodyRule) -> str:
    if isinstance(rule, TextRule):
        return f'{rule.kind} "{rule.text[:_LONGEST_FOUND]}"'
    name = rule.pointer or '""'
    if rule.comparison == "exists":
        return f"{name} exists" if rule.values[0] else f"{name} does not exist"
    words = {"equals": "equals", "not": "is not", "at_least": "is at least", "at_most": "is at most"}[rule.comparison]
    return f"{name} {words} {' or '.join(json.dumps(value, ensure_ascii=False) for value in rule.values)}"
