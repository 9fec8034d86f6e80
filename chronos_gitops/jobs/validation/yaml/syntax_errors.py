"""Syntax errors of the YAML parser, in words that say what to do."""

import re
from collections.abc import Sequence

from yaml import MarkedYAMLError, YAMLError

from chronos_gitops.jobs.validation.yaml.file_nouns import JOB, FileNoun
from chronos_gitops.jobs.validation.yaml.positions import Mark

Finding = tuple[str, Mark, str, str]
"""Rule, place, message, hint."""

_ENTRY = re.compile(r"""[\s-]*["']?(?P<key>[^\s:"'#]{1,100})["']?\s*:\s+(?P<value>\S.*)""")
_COMMENT = re.compile(r"(?<!\s)\s+#.*")
_CRON = re.compile(r"\*(?:/[0-9]{1,2})?[ ,]+[0-9*]")
_CONFLICT = re.compile(r"(?:<{7}|={7}|>{7})(?: |$)")
_RESERVED = "*&@`%!|>{[]},?"
_LONGEST_LINE = 1_000
_INDENTATION = "check the indentation, and quote text with special characters"

# What the parser says (in both its forms, C and Python) -> what that means, what to do. The first match counts.
_MEANINGS = (
    ("found unexpected end of stream", "the quote that opens here is never closed", "close it on the same line"),
    ("unexpected document", "the quote that opens here is never closed", "close it before the next document"),
    ("mapping values are not allowed", "mapping values are not allowed here", ""),
    ("could not find expected ':'", 'this line is not "key: value"', "a colon needs a space after it"),
    ("expected ',' or ']'", "the list that opens here is never closed", "close it with ]"),
    ("expected ',' or '}'", "the map that opens here is never closed", "close it with }"),
    ("found unknown escape", "the backslash starts no known escape", r"write \\ for a backslash, or use single quotes"),
    ("escape code", "the escape is not a character", r"write it as \uXXXX with four hexadecimal digits"),
    ("hexdecimal number", "the escape is not a character", r"write it as \uXXXX with four hexadecimal digits"),
    ("escape sequence", "the escape is not a character", r"write it as \uXXXX with four hexadecimal digits"),
    ("entries are not allowed", 'a "-" cannot stand here', "start the list on the next line, or quote the text"),
    ("mapping keys are not allowed", 'a "?" cannot stand here', "quote the text"),
    ("expected '-'", 'a list entry must start with "-"', "check the indentation"),
    ("block collection", 'a list entry must start with "-"', "check the indentation"),
    ("<document start>", "something follows the end of the document", JOB.one_each),
    ("block scalar", 'only a comment may follow "|" or ">" on its line', "start the text on the next line"),
    ("incompatible YAML", "this YAML version is not known", "remove the %YAML line"),
    ("directive", 'a line that starts with "%" is a directive, and this one is not known', "quote the text"),
    ("expected key", "this does not fit the lines above", _INDENTATION),
    ("<block end>", "this does not fit the lines above", _INDENTATION),
    ("node content", "a value is missing here", "quote text that starts with a special character"),
    ("tag", "the tag is not complete", 'quote text that starts with "!"'),
)
_AT_CONTEXT = ("alias", "anchor", "quoted scalar", "flow sequence", "flow mapping", "simple key")


def explain(error: YAMLError, lines: tuple[str, ...], noun: FileNoun = JOB) -> Finding:
    """The parser's error as a finding: the place a person must look at, a message, a hint."""
    for number, line in enumerate(lines):
        if _CONFLICT.match(line):
            return "merge-conflict", (number, 0, number, len(line)), "an unresolved merge conflict", "resolve it first"
    line_number, column = _place(error)
    line = lines[line_number] if line_number < len(lines) else ""
    if line[column : column + 1] == "\t":
        return _at("tab", line_number, column, "a tab cannot indent YAML", "indent with spaces")
    unquoted = quotable(line)
    if unquoted is not None:
        start, end, hint = unquoted
        message = f'a value cannot start with "{line[start]}" unless it is quoted'
        return "syntax", (line_number, start, line_number, end), message, hint
    opened = _opened(lines) if "node content" in (getattr(error, "problem", None) or "") else None
    if opened is not None and not "".join((line[column:], *lines[line_number + 1 :])).strip():
        kind, closing = ("list", "]") if lines[opened[0]][opened[1]] == "[" else ("map", "}")
        return _at("syntax", *opened, f"the {kind} that opens here is never closed", f"close it with {closing}")
    message, meant = _meaning(error)
    meant = noun.one_each if meant == JOB.one_each else meant
    return _at("syntax", line_number, column, message, meant or _colon_hint(line, lines, line_number))


def quotable(line: str) -> tuple[int, int, str] | None:
    """Where the value of this line is text that YAML takes for something else, from and to, and how to quote it."""
    entry = _entry(line)
    if entry is None:
        return None
    key, value = entry["key"], _COMMENT.sub("", entry["value"]).rstrip()
    span = entry.start("value"), entry.start("value") + len(value)
    if (value[0] in "*@" and key == "schedule") or _CRON.match(value):
        return *span, f'quote the cron expression: {key}: "{value[:60]}"'
    if value[0] in "@`%" or value.startswith("{{"):
        return *span, f"quote the text: {key}: '{value[:60]}'"
    return None


def quoted(lines: Sequence[str], mark: Mark) -> str:
    """The marked text in quotes when quotes are what it needs, else ""."""
    line = lines[mark[0]] if mark[0] < len(lines) else ""
    unquoted = quotable(line)
    if unquoted is None or mark != (mark[0], unquoted[0], mark[0], unquoted[1]):
        return ""
    value = line[unquoted[0] : unquoted[1]]
    if value[-1] in "\"'" or "{{" in value:  # who knows where its author wanted the quotes to be
        return ""
    return f'"{value}"' if not {'"', "\\"} & set(value) else "'" + value.replace("'", "''") + "'"


def _entry(line: str) -> re.Match[str] | None:
    """The key and value of a line a person may have written; the patterns are for short lines only."""
    return _ENTRY.match(line) if len(line) <= _LONGEST_LINE else None


def _place(error: YAMLError) -> tuple[int, int]:
    if not isinstance(error, MarkedYAMLError):
        return 0, 0
    at_context = any(word in (error.context or "") for word in _AT_CONTEXT) and "escape" not in (error.problem or "")
    mark = (error.context_mark if at_context else None) or error.problem_mark or error.context_mark
    return (mark.line, mark.column) if mark is not None else (0, 0)


def _opened(lines: Sequence[str]) -> tuple[int, int] | None:
    """The last bracket of a text that nothing after it closes."""
    depth = 0
    for number in range(len(lines) - 1, -1, -1):
        for column in range(len(lines[number]) - 1, -1, -1):
            char = lines[number][column]
            if char in "]}":
                depth += 1
            elif char in "[{":
                if not depth:
                    return number, column
                depth -= 1
    return None


def _meaning(error: YAMLError) -> tuple[str, str]:
    said = f"{getattr(error, 'problem', None) or ''} {getattr(error, 'context', None) or ''}"
    for words, message, hint in _MEANINGS:
        if words in said:
            return message, hint
    return "this is not YAML", ""


def _colon_hint(line: str, lines: tuple[str, ...], number: int) -> str:
    entry = _entry(line)
    if entry is not None and re.search(r":(\s|$)", entry["value"]):
        return 'quote text that contains ": "'
    above = lines[number - 1].strip() if number else ""
    if above and ":" in above and ": " not in above and not above.endswith(":"):
        return "a colon needs a space after it, in the line above"
    return "check the indentation, and quote text that contains a colon"


def _at(rule: str, line: int, column: int, message: str, hint: str) -> Finding:
    return rule, (line, column, line, column + 1), message, hint
