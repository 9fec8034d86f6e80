"""Values of another form than their field has: what to write instead, and the text that ``--fix`` puts there."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from chronos_gitops.jobs.validation.quoting import short
from chronos_gitops.jobs.validation.yaml.positions import Path

_BOOLEANS: Final = dict.fromkeys(("true", "yes", "on", "y"), "true") | dict.fromkeys(
    ("false", "no", "off", "n"), "false"
)
_CODES: Final[Path] = ("webhook", "success_codes")
_CLASS: Final = re.compile(r"([1-5])(?:xx|\*\*|\*)", re.IGNORECASE)
_RANGE: Final = re.compile(r"([1-5][0-9]{2}) *(?:\.\.\.?|to|–|:|-) *([1-5][0-9]{2})")
_CODE: Final = re.compile(r"[1-5][0-9]{2}")
_NUMBERS: Final = {"integer": re.compile(r"-?[0-9]{1,9}"), "number": re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,6})?")}
_LONGEST: Final = 120


class ValueHint(NamedTuple):
    """``fix`` is empty where only the author knows what was meant."""

    text: str
    fix: str = ""


def for_type(path: Path, wanted: str, given: Any, written: str) -> ValueHint:
    """For a value of a wrong type; ``written`` is its text in the file."""
    if wanted == "boolean" and isinstance(given, str):
        meant = _BOOLEANS.get(given.lower(), "")
        quoted = ", without quotes" if written[:1] in ("'", '"') else ""
        return ValueHint(f"write {meant or 'true or false'}{quoted}", meant)
    if wanted in ("integer", "number") and isinstance(given, str):
        number = given.strip() if _NUMBERS[wanted].fullmatch(given.strip()) else ""
        return ValueHint("write the number without quotes" if number else "write a number", number)
    if path == _CODES and not isinstance(given, dict):
        code = success_code(str(given))
        return ValueHint(f"write a list: [{code}]", f"[{code}]") if code else ValueHint('write a list: ["200-299"]')
    if path == ("webhook", "body") and isinstance(given, dict | list):
        body = json.dumps(given, ensure_ascii=False, default=str)
        shown = body.replace("'", "''") if len(body) <= _LONGEST else '{"key": "value"}'
        return ValueHint(f"the body is text; write JSON in quotes: '{short(shown) if shown != body else shown}'")
    if wanted == "object":
        return ValueHint("write one `name: value` on each line")
    if wanted == "array" and isinstance(given, str | int | float):
        return ValueHint("write a list, in brackets or with a line `- value` for each entry")
    return ValueHint("")


def for_pattern(path: Path, given: str) -> ValueHint:
    """For a text that is not of the form of its field."""
    code = success_code(given) if path[:-1] == _CODES else ""
    return ValueHint(f"write it like {code}", code) if code else ValueHint("")


def for_enum(given: Any, words: Mapping[str, str]) -> str:
    """The word that was meant but for its case, as a fix; ``words`` are the words by their lower case."""
    return words.get(given.lower(), "") if isinstance(given, str) else ""


def success_code(text: str) -> str:
    """``2xx`` as ``"200-299"``, ``200..204`` as ``"200-204"``; empty for what is no code."""
    text = text.strip()
    if found := _CLASS.fullmatch(text):
        return f'"{found[1]}00-{found[1]}99"'
    if found := _RANGE.fullmatch(text):
        return f'"{found[1]}-{found[2]}"'
    return text if _CODE.fullmatch(text) else ""
