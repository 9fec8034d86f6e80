"""The words of one simple shell command (POSIX.1-2024, 2.2 and 2.3); what needs a shell is refused with a reason."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import Final

from chronos_gitops.cli.importers.model import Unconvertible
from chronos_gitops.jobs.secrets.masking import is_literal, is_sensitive
from chronos_gitops.process.lazy_dataclass import dataclass

_OPERATOR: Final = re.compile(r"&&|\|\||;;|<<<|<<-|<<|<&|<>|>>|>&|>\||&>>|&>|[|&;()<>\n]")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SPECIAL: Final = re.compile(r"[0-9@*#?$!-]")
_DELIMITER: Final = re.compile(r"[ \t]*(?:'([^'\n]+)'|\"([^\"\n]+)\"|\\?([^\s'\"\\|&;()<>$`]+))")
_BRACES: Final = re.compile(r"\{[^{}\n]*(?:,|\.\.)[^\n]*\}")
_BLANK: Final = re.compile(r"[ \t\n]+")
_REFERENCE: Final = "secret:"
SHELLS: Final = frozenset({"sh", "bash", "ash", "dash"})
_WITH_FILE: Final = ("--rcfile", "--init-file")
_DESCRIPTORS: Final = ("/dev/null", "/dev/stdout", "/dev/stderr", "1", "2", "-")
_WHY: Final = {
    "|": "it sends its output to another command",
    "<": "it reads a file",
    "<>": "it reads a file",
    "<&": "it reads a file",
    "<<<": "it uses what only bash has (<<<)",
    "(": "it needs a shell",
    ")": "it needs a shell",
}


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its words, its standard input, the parts of the line that a webhook does not do, and the variables
    in its environment."""

    words: tuple[str, ...]
    stdin: str = ""
    lost: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)


def read(text: str, variables: Mapping[str, str]) -> Command:
    """The command with quotes taken off and known variables put in.

    Unconvertible for pipes, lists, substitutions, files that it reads and variables that are not set.
    """
    return replace(_command(_ShellReader(text, variables).run()), variables=variables)


def script_of(words: Sequence[str]) -> str | None:
    """The script of ``sh -c SCRIPT``, also after ``-euo pipefail``; None for another command."""
    if not words or words[0].rpartition("/")[2] not in SHELLS:
        return None
    is_script = False
    rest = iter(words[1:])
    for word in rest:
        if word in ("-", "--"):
            return next(rest, None) if is_script else None
        if not word.startswith(("-", "+")):
            return word if is_script else None
        if word.startswith("--"):
            if word in _WITH_FILE:
                return None
        else:
            is_script = is_script or (word[0] == "-" and "c" in word)
            for _ in range(word.lower().count("o")):  # the name of an option
                next(rest, None)
    return None


def secret_or_value(name: str, value: str) -> str:
    """A variable that is called like a credential becomes a reference: its value stays out of git."""
    if not is_sensitive(name) or not is_literal(value):
        return value
    return f"${{secret:{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-')}}}"


@dataclass(frozen=True, slots=True)
class _Operator:
    """``descriptor`` is the number before a redirection; ``here`` is the document of a ``<<``."""

    text: str
    descriptor: str = ""
    here: str = ""


class _ShellReader:
    """One pass over the text."""

    def __init__(self, text: str, variables: Mapping[str, str]) -> None:
        self._text, self._variables, self._at = text.replace("\r\n", "\n"), variables, 0
        self._done: list[str | _Operator] = []
        self._word: str | None = None
        self._is_quoted = False
        self._awaited: list[tuple[int, str, bool]] = []

    def run(self) -> list[str | _Operator]:
        while self._at < len(self._text):
            self._step(self._take())
        self._end_word()
        if self._awaited:
            raise Unconvertible("a document that << begins is never ended")
        return self._done

    def _step(self, letter: str) -> None:
        if letter in " \t":
            self._end_word()
        elif letter == "#" and self._word is None:
            end = self._text.find("\n", self._at)
            self._at = len(self._text) if end < 0 else end
        elif letter == "'":
            self._quoted(self._until("'"))
        elif letter == '"':
            self._quoted(self._filled('"'))
        elif letter == "\\":
            self._escape()
        elif letter in "$`":
            self._unquoted_expansion(letter)
        elif letter == "{" and (braces := _BRACES.match(self._text, self._at - 1)):
            raise Unconvertible(f"bash makes several words of {braces[0][:40]}, and other shells one: quote it")
        elif letter == "~" and self._word is None:
            raise Unconvertible("it names the home folder of a user (~)")
        elif _OPERATOR.match(letter):
            self._operator()
        else:
            self._word = (self._word or "") + letter

    def _take(self) -> str:
        self._at += 1
        return self._text[self._at - 1]

    def _quoted(self, text: str) -> None:
        self._word = (self._word or "") + text
        self._is_quoted = True

    def _until(self, end: str) -> str:
        start, found = self._at, self._text.find(end, self._at)
        if found < 0:
            raise Unconvertible("a quote is never closed")
        self._at = found + 1
        return self._text[start:found]

    def _escape(self) -> None:
        letter = self._take() if self._at < len(self._text) else "\\"
        if letter != "\n":
            self._quoted(letter)

    def _filled(self, end: str) -> str:
        """Up to ``end``, with expansions: a double quote, or nothing for a whole document, where one is a letter."""
        found: list[str] = []
        while self._at < len(self._text):
            letter = self._take()
            if letter == end:
                return "".join(found)
            following = self._text[self._at : self._at + 1]
            if letter == "\\" and following and following in f"$`\\\n{end}":
                found.append(self._take().replace("\n", ""))
            else:
                found.append(self._expansion(letter) if letter in "$`" else letter)
        if end:
            raise Unconvertible("a quote is never closed")
        return "".join(found)

    def _unquoted_expansion(self, letter: str) -> None:
        """Its value is split into words at blanks (2.6.5), and an empty one is no word."""
        if letter == "$" and self._text[self._at : self._at + 1] in ("'", '"'):
            raise Unconvertible("it uses what only bash has ($'...')")
        value = self._expansion(letter)
        first, *others = _BLANK.split(value)
        if first:
            self._word = (self._word or "") + first
        for one in others:
            self._end_word()
            self._word = one or None

    def _expansion(self, letter: str) -> str:
        following = self._text[self._at : self._at + 1]
        if letter == "`" or following == "(":
            raise Unconvertible("it puts in the output of another command")
        if following == "{":
            self._at += 1
            name = self._until("}")
        elif _SPECIAL.match(following):
            raise Unconvertible(f"it uses the shell's own variable ${following}")
        else:
            match = _NAME.match(self._text, self._at)
            name = match[0] if match else ""
            self._at += len(name)
        if not name:
            return "$"
        if name.startswith(_REFERENCE):
            return f"${{{name}}}"
        if name not in self._variables:
            raise Unconvertible(f"the variable {name[:40]} is not set here")
        return secret_or_value(name, self._variables[name])

    def _operator(self) -> None:
        match = _OPERATOR.match(self._text, self._at - 1)
        text = match[0] if match else ""
        self._at += len(text) - 1
        descriptor = ""
        if text[0] in "<>" and not self._is_quoted and (self._word or "").isdigit():
            descriptor, self._word = self._word or "", None
        self._end_word()
        if text in ("<<", "<<-"):
            self._begin_document(is_indented=text == "<<-")
            return
        self._done.append(_Operator(text, descriptor))
        if text == "\n":
            self._read_documents()

    def _begin_document(self, *, is_indented: bool) -> None:
        """The document itself follows the line; a delimiter with a quote in it keeps it as it is (2.7.4)."""
        match = _DELIMITER.match(self._text, self._at)
        if match is None:
            raise Unconvertible("a document that << begins has no delimiter")
        self._at = match.end()
        delimiter = match[1] or match[2] or match[3]
        is_literal_text = match[3] is None or "\\" in match[0]
        self._awaited.append((len(self._done), f"{delimiter}\t" if is_indented else delimiter, is_literal_text))
        self._done.append(_Operator("<<"))

    def _read_documents(self) -> None:
        for place, delimiter, is_literal_text in self._awaited:
            lines: list[str] = []
            while True:
                if self._at >= len(self._text):
                    raise Unconvertible("a document that << begins is never ended")
                end = self._text.find("\n", self._at)
                end = len(self._text) if end < 0 else end
                line = self._text[self._at : end]
                self._at = end + 1
                line = line.lstrip("\t") if delimiter.endswith("\t") else line
                if line == delimiter.rstrip("\t"):
                    break
                lines.append(f"{line}\n")
            body = "".join(lines)
            self._done[place] = _Operator(
                "<<", here=body if is_literal_text else _ShellReader(body, self._variables)._filled("")
            )
        self._awaited.clear()

    def _end_word(self) -> None:
        if self._word is not None:
            self._done.append(self._word)
        self._word, self._is_quoted = None, False


_LINE_END: Final = _Operator("\n")
_ENDS: Final = (_LINE_END, _Operator(";"), _Operator("&&"))
_SET: Final = re.compile(r"[-+][a-zA-Z]+|pipefail|posix")


def _command(parts: list[str | _Operator]) -> Command:
    """Where its output goes, and ``|| true``, change nothing about the request."""
    while parts and isinstance(parts[-1], _Operator) and parts[-1].text in ("\n", ";"):
        parts.pop()
    parts = _without_options(parts)
    kept: list[str] = []
    lost: list[str] = []
    stdin = ""
    rest = iter(parts)
    for part in rest:
        if isinstance(part, str):
            kept.append(part)
        elif part.text == "<<":
            stdin = part.here
        elif ">" in part.text and part.text != "<>":
            target = _word(rest)
            if target not in _DESCRIPTORS:
                lost.append(f"its output is not written to {target[:100]}")
        elif part.text == "||" and (after := _harmless([*rest])):
            lost += ["a failure counts as one, whatever stands after ||"] if after != "exit" else []
        else:
            raise Unconvertible(_WHY.get(part.text, "it is more than one command"))
    return Command(tuple(kept), stdin, tuple(lost))


def _without_options(parts: list[str | _Operator]) -> list[str | _Operator]:
    """Without blank lines and ``set -eu`` before the command: options of the shell change no request."""
    at = 0
    while at < len(parts):
        if parts[at] == _LINE_END:
            at += 1
            continue
        end = next((place for place in range(at, len(parts)) if isinstance(parts[place], _Operator)), len(parts))
        first, *words = parts[at:end] or [""]
        is_options = first == "set" and words and all(_SET.fullmatch(str(word)) for word in words)
        if not is_options or end == len(parts) or parts[end] not in _ENDS:
            break
        at = end + 1
    return parts[at:]


def _word(rest: Iterator[str | _Operator]) -> str:
    target = next(rest, None)
    if not isinstance(target, str):
        raise Unconvertible("a redirection names no file")
    return target


def _harmless(after: list[str | _Operator]) -> str:
    """``true``, ``:`` or ``exit``, with which a line may end that fails; empty for anything else."""
    words = [one for one in after if isinstance(one, str)]
    if len(words) != len(after) or not words or not all(word.isdigit() for word in words[1:]):
        return ""
    return words[0] if words[0] in ("true", ":", "exit") else ""
