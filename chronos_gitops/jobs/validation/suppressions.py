"""``# chronos: ignore[rule] reason``: a finding that a reviewer has accepted.

At the end of a line it is about that line; on a line of its own about the next line with content. Errors cannot be
ignored: a job with one does not run.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from chronos_gitops.jobs.problem import Problem, Severity
from chronos_gitops.jobs.validation import suggestions
from chronos_gitops.jobs.validation.document import Document, SourceSpan, spot_at
from chronos_gitops.jobs.validation.quoting import short
from chronos_gitops.jobs.validation.rule_texts.registry import RULES
from chronos_gitops.jobs.validation.yaml.positions import MAX_FINDINGS
from chronos_gitops.process.lazy_dataclass import dataclass

_COMMENT: Final = re.compile(r"(?:^|(?<=[ \t]))#[ \t]*chronos:[ \t]*(?P<said>.*)")
_IGNORE: Final = re.compile(r"ignore\[(?P<rules>[^\]]{0,400})\](?P<reason>.*)")
_FORM: Final = "write # chronos: ignore[rule] and the reason"
_WITH_A_CALENDAR: Final = frozenset({"daylight-saving-gap"})
"""Rules that find nothing where the date is not given."""


@dataclass(frozen=True, slots=True)
class _Suppression:
    """One rule of one comment; ``line`` is the line it is about, counted from 1."""

    rule: str
    line: int
    spot: SourceSpan


def apply(source: Document, problems: Iterable[Problem], *, has_calendar: bool) -> tuple[Problem, ...]:
    """The problems without those that a comment ignores, and what is wrong with such comments, in no order."""
    found = tuple(problems)
    if not any("chronos:" in line for line in source.lines):
        return found
    wanted: list[_Suppression] = []
    about_comments: list[Problem] = []
    for one in _statements(source):
        if isinstance(one, Problem):
            about_comments.append(one)
        else:
            wanted.append(one)
        if len(about_comments) == MAX_FINDINGS:
            break
    kept, used = _split(found, wanted)
    silent = frozenset() if has_calendar else _WITH_A_CALENDAR
    unused = (one for one in wanted if one not in used and one.rule not in silent)
    reported = islice((_unused(one) for one in unused), MAX_FINDINGS - len(about_comments))
    return (*kept, *about_comments, *reported)


def _statements(source: Document) -> Iterator[_Suppression | Problem]:
    following = _following_content(source)
    for number, match in _comments(source):
        spot = spot_at(source.file, source.lines, (number, match.start(), number, match.end()))
        is_trailing = bool(source.lines[number][: match.start()].strip())
        yield from _read(match, spot, number + 1 if is_trailing else following[number])


def _split(found: tuple[Problem, ...], wanted: list[_Suppression]) -> tuple[list[Problem], set[_Suppression]]:
    """The problems that remain, and the suppressions that had an effect."""
    by_place = {(one.rule, one.line): one for one in wanted}
    kept: list[Problem] = []
    used: set[_Suppression] = set()
    for problem in found:
        one = None if problem.severity is Severity.ERROR else by_place.get((problem.rule, problem.line))
        if one is None:
            kept.append(problem)
        else:
            used.add(one)
    return kept, used


def _comments(source: Document) -> Iterator[tuple[int, re.Match[str]]]:
    """Every comment to this program, with its line from 0; the same words inside a value are text."""
    starts, ends = _values(source)
    for number, line in enumerate(source.lines):
        match = _COMMENT.search(line) if "chronos:" in line else None
        if match is None:
            continue
        before = bisect_right(starts, (number, match.start()))
        if not before or ends[before - 1] <= (number, match.start()):
            yield number, match


def _values(source: Document) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Where keys and values start, in order, and how far everything that has started by then reaches."""
    marks = sorted((*source.values.values(), *source.keys.values()))
    starts, ends, reach = [], [], (0, 0)
    for line, column, end_line, end_column in marks:
        reach = max(reach, (end_line, end_column))
        starts.append((line, column))
        ends.append(reach)
    return starts, ends


def _read(match: re.Match[str], spot: SourceSpan, line: int) -> Iterator[_Suppression | Problem]:
    said = _IGNORE.match(match["said"])
    if said is None:
        yield spot.problem("suppression", "this comment says nothing that is known", _FORM)
        return
    if not said["reason"].strip(" \t-:#"):
        hint = "give a reason after the brackets; without one the comment has no effect"
        yield spot.problem("suppression", "the reason is missing", hint)
        return
    for rule in filter(None, (part.strip() for part in said["rules"].split(","))):
        wrong = _why_not(rule)
        yield spot.problem("suppression", *wrong) if wrong else _Suppression(rule, line, spot)


def _following_content(source: Document) -> list[int]:
    """For each line, the number (from 1) of the next line that is neither blank nor a comment; 0 for none."""
    following, upcoming = [0] * len(source.lines), 0
    for number in range(len(source.lines) - 1, -1, -1):
        following[number] = upcoming
        text = source.lines[number].lstrip()
        if text and text[0] != "#":
            upcoming = number + 1
    return following


def _why_not(rule: str) -> tuple[str, str] | None:
    if rule not in RULES:
        hint = suggestions.did_you_mean(rule, RULES) or "chronos-gitops explain lists the rules"
        return f'there is no rule "{short(rule)}"', hint
    if RULES[rule].severity is Severity.ERROR:
        return f"{rule} is an error, and errors cannot be ignored", "fix it, or delete the comment"
    return None


def _unused(one: _Suppression) -> Problem:
    return one.spot.problem("unused-suppression", f"there is no {one.rule} here to ignore", "remove it")
