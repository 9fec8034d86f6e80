"""Words of systemd.service(5): quotes and C escapes, variables and specifiers; there is no shell."""

import re
from collections.abc import Mapping
from typing import Final

from chronos_gitops.cli.importers.model import Unconvertible

_BLANK: Final = " \t\n\r"
_LETTERS: Final = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "s": " "} | {
    letter: letter for letter in "\\\"'"
}
_CODE: Final = re.compile(r"x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})")
_OCTAL: Final = 4
_VARIABLE: Final = re.compile(r"\$(?:\$|\{([^}]*)(\}?))")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def split(text: str) -> list[str]:
    """Unconvertible for a quote that is never closed. ``\\;`` alone is a word."""
    words: list[str] = []
    word: str | None = None
    quote, at = "", 0
    while at < len(text):
        letter = text[at]
        at += 1
        if letter == "\\" and at < len(text):
            found, at = _escaped(text, at)
            word = (word or "") + found
        elif quote and letter == quote:
            quote = ""
        elif not quote and letter in "\"'":
            quote, word = letter, word or ""
        elif not quote and letter in _BLANK:
            words += [] if word is None else [word]
            word = None
        else:
            word = (word or "") + letter
    if quote:
        raise Unconvertible("a quote of its command is never closed")
    return words + ([] if word is None else [word])


def _escaped(text: str, at: int) -> tuple[str, int]:
    """The letter that a backslash before ``at`` makes; an unknown one keeps its backslash (extract_first_word)."""
    code = _CODE.match(text, at)
    if code is not None and code.lastindex is not None:
        number = int(code[code.lastindex], 8 if code.lastindex == _OCTAL else 16)
        if not 0 < number < 0x80:  # beyond it, \x is a byte and not a letter
            raise Unconvertible(f"it has the escape \\{code[0]}: write the letter itself")
        return chr(number), code.end()
    letter = text[at]
    return _LETTERS.get(letter, f"\\{letter}"), at + 1


def without_specifiers(word: str) -> str:
    if re.search(r"%[^%]|%\Z", word.replace("%%", "")):
        raise Unconvertible("it uses a specifier of systemd (%)")
    return word.replace("%%", "%")


def expanded(word: str, variables: Mapping[str, str]) -> list[str]:
    """``$NAME`` as a whole word becomes the words of its value, ``${NAME}`` anywhere its value, and ``$$`` a ``$``."""
    if word.startswith("$") and word[1:2] not in ("", "{", "$"):
        return split(_known(word[1:], variables))
    return [_VARIABLE.sub(lambda match: "$" if match[1] is None else _braced(match, variables), word)]


def _braced(match: re.Match[str], variables: Mapping[str, str]) -> str:
    return _known(match[1] if match[2] else match[0], variables)


def _known(name: str, variables: Mapping[str, str]) -> str:
    if not _NAME.fullmatch(name) or name not in variables:
        raise Unconvertible(f"the variable {name[:40]} is not set here")
    return variables[name]
