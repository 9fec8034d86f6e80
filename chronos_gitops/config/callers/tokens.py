"""Tokens of our own make: a prefix that scanners find, 178 bits, and a checksum that tells a typo without a server.

``chr_<role><id>_<secret><checksum>``, as GitHub makes its own: ``<role>`` is the first letter of the strongest role
(``r``, ``o``, ``w`` for what writes to git, ``n`` for a role that opens one address), ``<id>`` names the token in a
log, ``<checksum>`` is a CRC-32.
https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/
"""

import hashlib
import re
import secrets
import string
import zlib
from collections.abc import Collection
from typing import Final

_LETTERS: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_ID, _SECRET, _CHECKSUM = 8, 30, 6
_ROLE_LETTERS: Final = dict.fromkeys(("metrics", "feed", "sync"), "n") | {"read": "r", "operate": "o", "rollback": "w"}
_SHAPE: Final = re.compile(rf"(chr_[nrow][0-9A-Za-z]{{{_ID}}}_[0-9A-Za-z]{{{_SECRET}}})([0-9A-Za-z]{{{_CHECKSUM}}})\Z")


def mint(roles: Collection[str]) -> str:
    """A new token; only the strongest of its roles shows."""
    strongest = next(role for role in reversed(_ROLE_LETTERS) if role in roles)
    body = f"chr_{_ROLE_LETTERS[strongest]}{_random(_ID)}_{_random(_SECRET)}"
    return body + _checksum(body)


def is_minted(text: str) -> bool:
    """True for a whole token that this program made. Such a token is too long to be guessed."""
    match = _SHAPE.match(text)
    return match is not None and match[2] == _checksum(match[1])


def looks_minted(text: str) -> bool:
    return text.startswith("chr_")


def handle(token: str) -> str:
    """The part that may be shown: enough to find it in a log, nothing of the secret."""
    return token.rpartition("_")[0]


def digest(token: str) -> str:
    """The stored form of a token. SHA-256 suffices, because tokens are random and cannot be guessed."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def _random(length: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(length))


def _checksum(body: str) -> str:
    number, found = zlib.crc32(body.encode()), ""
    for _ in range(_CHECKSUM):
        number, rest = divmod(number, len(_LETTERS))
        found = _LETTERS[rest] + found
    return found
