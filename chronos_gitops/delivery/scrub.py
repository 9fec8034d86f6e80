"""Takes secrets out of text that is kept, whichever way the other side has written them."""

import base64
import html
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import lru_cache
from urllib.parse import quote, quote_plus

EXCERPT = 4 * 1024
"""Bytes (UTF-8) of a response that are kept."""
_SHORTEST_BASE64 = 6
"""Characters of a base64 core below which it would match by chance."""
_SUSPECT = re.compile(r"[^\x20-\x7e\n\t]+")


def scrub(text: str, values: Mapping[str, str]) -> str:
    """The text with every secret replaced by its label; ``values`` maps secret values to labels.

    Known forms: as it is, base64 (standard and URL-safe, also inside a longer base64), URL-encoded, JSON- and
    HTML-escaped. The longest form wins where several fit.
    """
    # Looking for each form is quick; the alternation, slow on long text, is only made of those that are there.
    labels = {form: label for value, label in values.items() for form in _forms(value) if form in text}
    if not labels:
        return text
    pattern = "|".join(re.escape(form) for form in sorted(labels, key=len, reverse=True))
    return re.sub(pattern, lambda match: labels[match.group()], text)


def excerpt(body: bytes, values: Mapping[str, str]) -> str:
    """What is kept of a response: at most 4 KiB of printable text, scrubbed before it is cut, so that the cut cannot
    leave the beginning of a secret behind."""
    text = scrub(body.decode(errors="replace"), values)[:EXCERPT]
    return printable(text).encode()[:EXCERPT].decode(errors="ignore")


def printable(text: str) -> str:
    """Control, format and unassigned characters as ``\\x1b`` and the like, so that text can neither move a terminal's
    cursor nor turn the order of what is shown; line feeds and tabs stay."""
    return _SUSPECT.sub(_escaped, text.replace("\r\n", "\n"))


def _escaped(match: re.Match[str]) -> str:
    return "".join(map(_shown, match.group()))


@lru_cache(maxsize=4096)
def _shown(character: str) -> str:
    if character.isprintable() or unicodedata.category(character) == "Zs":
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _forms(value: str) -> Iterator[str]:
    if not value:
        return
    yield from (value, value.replace("\n", "\r\n"))
    yield from _url_forms(value)
    yield from _json_forms(value)
    yield from (html.escape(value), html.escape(value, quote=False))
    yield from _base64_forms(value.encode())


def _url_forms(value: str) -> Iterator[str]:
    for form in (quote(value, safe=""), quote(value), quote_plus(value)):
        yield form
        yield re.sub(r"%[0-9A-F]{2}", lambda match: match.group().lower(), form)


def _json_forms(value: str) -> Iterator[str]:
    for form in (json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]):
        yield form
        yield form.replace("/", "\\/")


def _base64_forms(value: bytes) -> Iterator[str]:
    """The characters that only the value decides, for each of the three places it can have among groups of three."""
    for ahead in range(3):
        encoded = base64.b64encode(bytes(ahead) + value)
        first = (0, 2, 3)[ahead]
        end = (ahead + len(value)) * 8 // 6
        core = encoded[first:end].decode()
        if len(core) >= _SHORTEST_BASE64:
            yield core
            yield core.translate(_URL_SAFE)


_URL_SAFE = str.maketrans("+/", "-_")
