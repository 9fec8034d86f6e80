"""The JSON object of a write call: optional, strict about its fields, content type of no importance."""

import json
import unicodedata
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from flask import request
from werkzeug.exceptions import HTTPException

from chronos_gitops.jobs.validation.suggestions import closest
from chronos_gitops.server.api.problems import ApiError

LONGEST_TEXT = 2000
_WORDS = {str: "a string", bool: "true or false"}


class InvalidBody(ApiError):
    kind = "invalid-body"


def fields(types: dict[str, type], *, required: tuple[str, ...] = (), free: tuple[str, ...] = ()) -> dict[str, Any]:
    """The body's fields, each of its type; no body at all is an empty object. Nulls count as absent. What stands in
    ``free`` may be any text."""
    found = {name: value for name, value in _object().items() if value is not None or name not in types}
    for name, value in found.items():
        if name not in types:
            raise _unknown(name, list(types))
        if not isinstance(value, types[name]):
            raise InvalidBody(f'"{name}" is {_WORDS[types[name]]}.')
        if isinstance(value, str) and name not in free:
            _check_text(name, value)
    for name in required:
        if name not in found:
            raise InvalidBody(f'"{name}" is missing.', hint=f"The fields are: {', '.join(types)}.")
    return found


def _check_text(name: str, value: str) -> None:
    """Text that every store, log and commit message can hold: no control characters, no lone surrogates."""
    if len(value) > LONGEST_TEXT:
        raise InvalidBody(f'"{name}" is longer than {LONGEST_TEXT} characters.')
    if any(unicodedata.category(character) in ("Cc", "Cs") and character not in "\n\t" for character in value):
        raise InvalidBody(f'"{name}" has control characters in it.')


def form() -> dict[str, str] | None:
    """The fields of a form of our own page, those left empty apart; None for a body that is none.

    ``curl --data '{...}'`` says that it sends a form, and sends JSON. Names that begin with ``_`` are about the form.
    """
    if request.mimetype != "application/x-www-form-urlencoded":
        return None
    try:
        content = request.get_data().strip()
    except HTTPException:  # too large, or cut off: that was the answer already
        return None
    if not content or content.startswith(b"{"):
        return None
    try:
        pairs = parse_qsl(content.decode("utf-8"), keep_blank_values=True, max_num_fields=20)
    except ValueError:
        return None
    return {name: value.replace("\r\n", "\n") for name, value in pairs if value}


def given() -> dict[str, Any]:
    """The same fields without any check, for who writes down what was asked; {} for what cannot be read."""
    try:
        return _object()
    except (InvalidBody, HTTPException):
        return {}


def _object() -> dict[str, Any]:
    content = request.get_data()
    if not content.strip():
        return {}
    filled_in = form()
    if filled_in is not None:
        return {name: value for name, value in filled_in.items() if not name.startswith("_")}
    try:
        value = json.loads(content, parse_constant=_refuse, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise InvalidBody(f"The body is not JSON: {str(error)[:200]}.") from None
    if not isinstance(value, dict):
        raise InvalidBody("The body is not a JSON object.")
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a field is given twice")
    return found


def _unknown(name: str, known: list[str]) -> InvalidBody:
    meant = closest(name, known)
    suffix = f'; did you mean "{meant}"?' if meant else "."
    takes = f"The fields are: {', '.join(known)}." if known else "This call takes no fields."
    return InvalidBody(f'There is no field "{name[:80]}"{suffix}', hint=takes)
