"""The words of one simple shell command (POSIX.1-2024, 2.2 and 2.3); what needs a shell is refused with a reason."""

import re
from collections.abc import Mapping
from typing import Final

from chronos_gitops.cli.importers.model import Unconvertible
from chronos_gitops.jobs.secrets.masking import is_literal, is_sensitive

_OPERATORS: Final = "|&;()<>"


def words(command: str, variables: Mapping[str, str]) -> list[str]:
    """The words with quotes taken off and known variables put in; output that is thrown away is left out.

    Unconvertible for pipes, lists, substitutions, other files and variables that nobody set.
    """
    reader = _Reader(command, variables)
    return _without_output(reader.run())


def secret_or_value(name: str, value: str) -> str:
    """A variable that is called like a credential becomes a reference: its value stays out of git."""
    if not is_sensitive(name) or not is_literal(value):
        return value
    return f"${{secret:{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-')}}}"


class _Reader:
    """One pass over the text. Operators are kept apart from words by a leading NUL."""

    def __init__(self, text: str, variables: Mapping[str, str]) -> None:
        self._text, self._variables, self._at = text, variables, 0
        self._done: list[str] = []
        self._word: str | None = None

    def run(self) -> list[str]:
        while self._at < len(self._text):
            self._step(self._take())
        self._end_word()
        return self._done

    def _step(self, letter: str) -> None:
        if letter in " \t\n":
            self._end_word()
        elif letter == "#" and self._word is None:
            self._at = len(self._text)
        elif letter == "'":
            self._add(self._until("'"))
        elif letter == '"':
            self._double()
        elif letter == "\\":
            self._add(self._take() if self._at < len(self._text) else "")
        elif letter in "$`":
            self._add(self._expansion(letter))
        elif letter in _OPERATORS:
            self._operator(letter)
        else:
            self._add(letter)

    def _take(self) -> str:
        self._at += 1
        return self._text[self._at - 1]

    def _until(self, end: str) -> str:
        start, found = self._at, self._text.find(end, self._at)
        if found < 0:
            raise Unconvertible("a quote is never closed")
        self._at = found + 1
        return self._text[start:found]

    def _double(self) -> None:
        self._add("")
        while self._at < len(self._text):
            letter = self._take()
            if letter == '"':
                return
            if letter == "\\" and self._text[self._at : self._at + 1] in ("$", "`", '"', "\\"):
                letter = self._take()
                self._add(letter)
            else:
                self._add(self._expansion(letter) if letter in "$`" else letter)
        raise Unconvertible("a quote is never closed")

    def _expansion(self, letter: str) -> str:
        following = self._text[self._at : self._at + 1]
        if letter == "`" or following == "(":
            raise Unconvertible("it puts in the output of another command")
        if following == "{":
            self._at += 1
            name = self._until("}")
        else:
            start = self._at
            while self._text[self._at : self._at + 1].replace("_", "a").isalnum():
                self._at += 1
            name = self._text[start : self._at]
        if not name:
            return "$"
        if name not in self._variables:
            raise Unconvertible(f"the variable {name[:40]} is not set here")
        return secret_or_value(name, self._variables[name])

    def _operator(self, letter: str) -> None:
        number = self._word if letter in "<>" and (self._word or "").isdigit() else ""
        if number:
            self._word = None
        self._end_word()
        while self._text[self._at : self._at + 1] in tuple(">&|;") and letter[-1] in ">&|;":
            letter += self._take()
        self._done.append(f"\0{number}{letter}")

    def _add(self, text: str) -> None:
        self._word = (self._word or "") + text

    def _end_word(self) -> None:
        if self._word is not None:
            self._done.append(self._word)
        self._word = None


def _without_output(parts: list[str]) -> list[str]:
    """``> /dev/null 2>&1`` and ``|| true`` change nothing about the request."""
    kept: list[str] = []
    rest = iter(parts)
    for part in rest:
        if not part.startswith("\0"):
            kept.append(part)
            continue
        operator, target = part[1:].lstrip("0123456789"), next(rest, "")
        if operator in (">&", "&>", ">", ">>", "&>>") and target in ("/dev/null", "1", "2"):
            continue
        if operator == "||" and target in ("true", ":") and next(rest, None) is None:
            continue
        raise Unconvertible(_WHY.get(operator[:1], "it needs a shell"))
    return kept


_WHY: Final = {
    "|": "it sends its output to another command",
    "&": "it is more than one command",
    ";": "it is more than one command",
    ">": "it writes to a file",
    "<": "it reads a file",
}
