"""The address that a program would ask, as it is sent: what a webhook would send otherwise is refused."""

import re
from typing import Final
from urllib.parse import unquote

from chronos_gitops.cli.importers.model import Unconvertible

_SCHEME: Final = re.compile(r"(?i)([a-z][a-z0-9+.-]*)://")
_ONE_SLASH: Final = re.compile(r"(?i)[a-z][a-z0-9+.-]*:/")
_AUTHORITY: Final = re.compile(r"([^/?#]*)(.*)\Z", re.DOTALL)
_REFERENCE: Final = re.compile(r"\$\{secret:[^${}]*\}")
_GUESSED: Final = ("ftp.", "dict.", "ldap.", "imap.", "smtp.", "pop3.")
_ENCODED_BY_WEBHOOK: Final = re.compile(r"[\x00-\x20\x7f\"<>\\^`{|}]|%(?![0-9A-Fa-f]{2})")


def address(text: str, *, is_kept_as_is: bool) -> tuple[str, tuple[str, str] | None]:
    """The address without user info and fragment, its dot segments removed, and the (user, password) in it."""
    match = _SCHEME.match(text)
    if match is None and text.startswith(_GUESSED):
        raise Unconvertible("its address has no scheme, and curl takes another than http for it")
    if match is None and _ONE_SLASH.match(text):
        raise Unconvertible("its address has one slash after its scheme: write two")
    scheme, rest = (match[1].lower(), text[match.end() :]) if match else ("http", text)
    if text.startswith("${secret:"):
        return text, None
    found = _AUTHORITY.match(rest.partition("#")[0])
    authority, path = (found[1], found[2]) if found else (rest, "")
    info, at, host = authority.rpartition("@")
    odd = _ENCODED_BY_WEBHOOK.search(_REFERENCE.sub("", f"{host}{path}"))
    if odd:
        raise Unconvertible(f"its address has the character {odd[0]!r}: write it percent-encoded")
    path, question, query = path.partition("?")
    if not is_kept_as_is:
        path = without_dots(path)
    user, colon, password = info.partition(":")
    given = (unquote(user), unquote(password)) if at and colon else None
    if at and not colon:
        raise Unconvertible("it asks for a password")
    return f"{scheme}://{host}{path}{question}{query}", given


def without_dots(path: str) -> str:
    """RFC 3986, 5.2.4."""
    if not path:
        return path
    done: list[str] = []
    parts = path.split("/")[1:]
    for number, part in enumerate(parts):
        is_last = number == len(parts) - 1
        if part == "..":
            done = done[:-1]
        elif part != ".":
            done.append(part)
            continue
        if is_last:
            done.append("")
    return "/" + "/".join(done)
