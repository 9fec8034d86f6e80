"""Content lines of iCalendar: folding and the escapes of texts (RFC 5545 sections 3.1 and 3.3.11)."""

import re
from collections.abc import Iterator
from typing import Final

LONGEST: Final = 75
"""Octets of a line without its break."""
_ESCAPES: Final = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n"})
_BREAKS: Final = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
"""Of whatever system, and what some programs take for one."""
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff]")
_ESCAPED: Final = re.compile(r"\\([\\;,nN])")


def escape(text: str) -> str:
    """A text as a value; control characters, which no value may have, are left out."""
    return _CONTROLS.sub("", _BREAKS.sub("\n", text)).translate(_ESCAPES)


def unescape(value: str) -> str:
    return _ESCAPED.sub(lambda found: "\n" if found[1] in "nN" else found[1], value)


def fold(line: str) -> Iterator[bytes]:
    """The line with its break, in pieces of at most 75 octets; no character is cut."""
    rest, lead = line.encode(), b""
    while rest:
        room = LONGEST - len(lead)
        while 0 < room < len(rest) and rest[room] & 0xC0 == 0x80:  # inside of a character
            room -= 1
        yield lead + rest[:room] + b"\r\n"
        rest, lead = rest[room:], b" "
