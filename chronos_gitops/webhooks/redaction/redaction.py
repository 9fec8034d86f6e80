"""Removes secret values from text of unknown origin, in whichever form the other side has written them.

The text is looked at as bytes, in several views: as it is, and with up to three layers of escapes decoded (JSON, URL,
HTML, quoted-printable), with white space and NUL taken out (wrapped base64, UTF-16). Each view knows where each of its
bytes stood, so what is found in a view is removed from the original. The time is linear in the text.
"""

import logging
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from chronos_gitops.webhooks.redaction.escapes import View, views
from chronos_gitops.webhooks.redaction.written_forms import SHORTEST_ENCODED, needles

log = logging.getLogger(__name__)
EXCERPT = 4 * 1024
"""Bytes (UTF-8) of a response that are kept."""
EXAMINED = 16 * 1024
"""Bytes of a response that an excerpt is made of: looking through them takes some milliseconds."""
_SHORTEST_BEGINNING = 4
"""Bytes of a needle that may not stay at the end of a text that was cut."""
_SUSPECT = re.compile(r"[^\x20-\x7e\n\t]+")


def scrub(text: str, values: Mapping[str, str]) -> str:
    """The text with every secret replaced by its label; ``values`` maps secret values to labels.

    Parts, hashes and ciphers of a value are not found. A value under 8 bytes is only found as it is.
    """
    if not any(values):
        return text
    return _scrubbed(text.encode("utf-8", "surrogatepass"), values, is_cut=False).decode("utf-8", "replace")


def excerpt(body: bytes, values: Mapping[str, str]) -> str:
    """The stored part of a response: at most 4 KiB of printable text from its first 16 KiB, scrubbed before it is cut,
    so that no cut, ours or the target's, leaves the beginning of a secret behind."""
    if not body:
        return ""
    examined = body[:EXAMINED]
    if any(values):
        examined = _scrubbed(examined, values, is_cut=True)
    text = examined.decode("utf-8", "replace")[:EXCERPT]
    return printable_lines(text).encode()[:EXCERPT].decode(errors="ignore")


def printable_lines(text: str) -> str:
    """Control, format and unassigned characters as ``\\x1b`` and the like, so that text can neither move a terminal's
    cursor nor turn the order of what is shown; line feeds and tabs stay."""
    return _SUSPECT.sub(_escaped, text.replace("\r\n", "\n"))


def _scrubbed(content: bytes, values: Mapping[str, str], *, is_cut: bool) -> bytes:
    known = {value: label for value, label in values.items() if value}
    _warn_of_short(known)
    found: list[tuple[int, int, bytes]] = []
    for view in views(content):
        for value, label in known.items():
            found += _places(view, value, label.encode(), is_cut=is_cut)
    return _replaced(content, found)


def _places(view: View, value: str, label: bytes, *, is_cut: bool) -> Iterator[tuple[int, int, bytes]]:
    for needle in needles(value):
        if (needle.is_encoded and not view.has_encoded) or (needle.is_short and view.starts is not None):
            continue
        text = view.folded if needle.folds else view.content
        at = text.find(needle.content)
        while at >= 0:
            end = at + len(needle.content)
            yield *view.span(at, end), label
            at = text.find(needle.content, end)
        if is_cut:
            kept = _beginning_at_end(text, needle.content)
            if kept:
                yield view.span(len(text) - kept, len(text))[0], view.size, label


def _beginning_at_end(text: bytes, needle: bytes) -> int:
    """Bytes of the longest end of the text that begins the needle, from 4 on; 0 where there is none."""
    tail = text[-len(needle) + 1 :] if len(needle) > 1 else b""
    at = tail.find(needle[:_SHORTEST_BEGINNING]) if len(needle) > _SHORTEST_BEGINNING else -1
    while at >= 0:
        if needle.startswith(tail[at:]):
            return len(tail) - at
        at = tail.find(needle[:_SHORTEST_BEGINNING], at + 1)
    return 0


def _replaced(content: bytes, found: Iterable[tuple[int, int, bytes]]) -> bytes:
    """Overlapping places become one, with the label of the one that starts first and is longest."""
    parts: list[bytes] = []
    done = 0
    for start, end, label in sorted(found, key=lambda one: (one[0], -one[1])):
        if end <= done:
            continue
        if start >= done:
            parts += [content[done:start], label]
        done = end
    return b"".join([*parts, content[done:]])


def _warn_of_short(values: Mapping[str, str]) -> None:
    for value, label in values.items():
        if len(value.encode("utf-8", "surrogatepass")) < SHORTEST_ENCODED:
            _warn_once(label)


@lru_cache(maxsize=1000)
def _warn_once(label: str) -> None:
    """Without its value or length."""
    log.warning("short_secret", extra={"secret": label, "hint": f"use {SHORTEST_ENCODED} bytes or more"})


def _escaped(match: re.Match[str]) -> str:
    return "".join(map(_shown, match.group()))


@lru_cache(maxsize=4096)
def _shown(character: str) -> str:
    if character.isprintable() or unicodedata.category(character) == "Zs":
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
