"""The forms in which a secret value may be written that decoding escapes does not undo: base64 and hex. Pure."""

import base64
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

SHORTEST_ENCODED: Final = 8
"""Bytes of a value below which its encoded forms would match by chance."""
_BLANK: Final = re.compile(r"[\s\x00]+")
_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")


class Needle(NamedTuple):
    """A text to search for; ``folds``: upper and lower case are equal and the content is lower case; ``is_encoded``:
    not searched where a plus sign was decoded as a space; ``is_short``: matches only in its exact form."""

    content: bytes
    folds: bool = True
    is_encoded: bool = False
    is_short: bool = False


@lru_cache(maxsize=256)
def needles(value: str) -> tuple[Needle, ...]:
    """Without repetitions, the value itself first."""
    return tuple(dict.fromkeys(_needles(value)))


def _needles(value: str) -> Iterator[Needle]:
    plain = value.encode("utf-8", "surrogatepass")
    if len(plain) < SHORTEST_ENCODED:
        yield Needle(plain, folds=False, is_short=True)
        return
    yield Needle(plain.lower())
    yield Needle(plain.replace(b"+", b" ").lower())  # form encoding, where a plus sign was read as a blank
    yield Needle(value.replace("\n", "\r\n").encode("utf-8", "surrogatepass").lower())
    packed = _BLANK.sub("", value).encode("utf-8", "surrogatepass")
    if len(packed) >= SHORTEST_ENCODED:
        yield Needle(packed.lower())
    wide = value.encode("utf-16-le", "surrogatepass")
    yield Needle(wide.lower())  # also found without its NULs, but a cut must not leave four characters of it
    for separator in (b"", b":", b"-", b" "):
        for content in (plain, wide):
            yield Needle(
                content.hex(separator.decode()).encode() if separator else content.hex().encode(), is_encoded=True
            )
    for content in (plain, wide):
        yield from _base64(content)
    for inner in (base64.b64encode(plain), base64.urlsafe_b64encode(plain)):
        yield from _base64(inner)
        yield from _base64(inner.rstrip(b"="))


def _base64(content: bytes) -> Iterator[Needle]:
    """The characters that the content alone decides, for each of the three places it can have among groups of three."""
    for ahead in range(3):
        encoded = base64.b64encode(bytes(ahead) + content)
        core = encoded[(0, 2, 3)[ahead] : (ahead + len(content)) * 8 // 6]
        yield Needle(core, folds=False, is_encoded=True)
        yield Needle(core.translate(_URL_SAFE), folds=False, is_encoded=True)
