"""Views of a text: its escapes decoded, its white space taken out; each knows where its bytes stood. Pure."""

import html
import re
from array import array
from collections.abc import Callable, Iterator
from dataclasses import field
from functools import cached_property
from typing import Final

from chronos_gitops.process.lazy_dataclass import dataclass

_LAYERS: Final = 3
_ESCAPE: Final = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|\\u[0-9a-fA-F]{4}|\\u\{[0-9a-fA-F]{1,6}\}|\\U[0-9a-fA-F]{8}|\\x[0-9a-fA-F]{2}|\\[/\"'\\bfnrt&<>]"
    rb"|%[0-9a-fA-F]{2}"
    rb"|&#[0-9]{1,7};?|&#[xX][0-9a-fA-F]{1,6};?|&[A-Za-z]{2,31};"
    rb"|=[0-9A-F]{2}|=\r?\n"
    # What a cut has left of an escape says nothing.
    rb"|(?P<cut>(?:\\u[dD][89abAB][0-9a-fA-F]{2})?\\(?:u[0-9a-fA-F]{0,3}|u\{[0-9a-fA-F]{0,6}|U[0-9a-fA-F]{0,7}|x.?)?\Z"
    rb"|%.?\Z|=.?\Z|&[#0-9A-Za-z]{0,31}\Z)"
)
_BLANK: Final = re.compile(rb"[\s\x00]+")
_LETTERS: Final = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}


@dataclass(frozen=True)
class View:
    """``starts`` and ``ends`` say where in the original each byte stood; None for the original itself."""

    content: bytes
    starts: "array[int] | None" = field(default=None, repr=False)
    ends: "array[int] | None" = field(default=None, repr=False)
    has_encoded: bool = True
    size: int = 0
    """Bytes of the original."""

    @cached_property
    def folded(self) -> bytes:
        return self.content.lower()

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The part of the original that these bytes come from; ``end`` is past ``start``."""
        return (start, end) if self.starts is None or self.ends is None else (self.starts[start], self.ends[end - 1])


def views(content: bytes) -> Iterator[View]:
    """The original, each layer of escapes decoded, with ``+`` as a blank, and each of these without white space."""
    view = View(content, size=len(content))
    for layer in range(_LAYERS + 1):
        yield view
        if b"+" in view.content:
            yield View(view.content.replace(b"+", b" "), view.starts, view.ends, has_encoded=False, size=len(content))
        if _BLANK.search(view.content):
            yield _mapped(view, _BLANK, lambda _: b"")
        if layer == _LAYERS or not _ESCAPE.search(view.content):
            return
        decoded = _mapped(view, _ESCAPE, _decoded)
        if decoded.content == view.content:
            return
        view = decoded


def _mapped(view: View, pattern: "re.Pattern[bytes]", replacement: "Callable[[re.Match[bytes]], bytes]") -> View:
    """The view with each match replaced; bytes of a replacement stand for the whole of the match."""
    parts: list[bytes] = []
    starts, ends = array("I"), array("I")
    done = 0
    size = len(view.content)
    old_starts = view.starts if view.starts is not None else array("I", range(size))
    old_ends = view.ends if view.ends is not None else array("I", range(1, size + 1))
    for match in pattern.finditer(view.content):
        start, end = match.span()
        fresh = replacement(match)
        parts += [view.content[done:start], fresh]
        starts.extend(old_starts[done:start])
        starts.extend([old_starts[start]] * len(fresh))
        ends.extend(old_ends[done:start])
        ends.extend([old_ends[end - 1]] * len(fresh))
        done = end
    parts.append(view.content[done:])
    starts.extend(old_starts[done:])
    ends.extend(old_ends[done:])
    return View(b"".join(parts), starts, ends, size=view.size)


def _decoded(match: "re.Match[bytes]") -> bytes:
    whole = match.group()
    if match["cut"] is not None:
        return b""
    first = whole[:1]
    if first == b"\\":
        return _backslashed(whole)
    if first == b"%":
        return bytes([int(whole[1:], 16)])
    if first == b"=":
        return b"" if whole[-1:] == b"\n" else bytes([int(whole[1:], 16)])
    return _character(html.unescape(whole.decode("ascii")))


def _backslashed(whole: bytes) -> bytes:
    kind = whole[1:2]
    if kind == b"u" and len(whole) == 12:
        high, low = int(whole[2:6], 16), int(whole[8:], 16)
        return _character(chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)))
    if kind in (b"u", b"U"):
        code = int(whole[2:].strip(b"{}"), 16)
        return _character(chr(code)) if code < 0x110000 else whole
    if kind == b"x":
        return bytes([int(whole[2:], 16)])
    return _LETTERS.get(kind, kind)


def _character(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
