"""``validate --fix``: what can be mended without a person, in the text itself, so that every other byte stays."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from chronos_gitops.jobs.problem import Problem, is_error
from chronos_gitops.jobs.validation.rule_texts import yaml
from chronos_gitops.jobs.validation.validate import validate_file
from chronos_gitops.process.lazy_dataclass import dataclass

_LINE_END: Final = re.compile(r"(\r\n|\r|\n)")
_BOM: Final = "\ufeff"
_ABOUT_TEXT: Final = frozenset(rule.name for rule in yaml.RULES)
_MOST_PASSES: Final = 20
"""A syntax error hides what comes after it, so one file is mended in several passes."""


Judge = Callable[[str, bytes], Sequence[Problem]]


def judge_alone(path: str, content: bytes) -> Sequence[Problem]:
    """A job file without layers."""
    return validate_file(path, content).problems


@dataclass(frozen=True, slots=True)
class FixedFile:
    """``problems`` are those that are gone, as they stood when they were mended."""

    content: bytes
    problems: tuple[Problem, ...]


def autofix(path: str, content: bytes, judge: Judge = judge_alone) -> FixedFile:
    """The file with every problem mended that has a fix; as it is when that would not make it better."""
    gone: list[Problem] = []
    for _ in range(_MOST_PASSES):
        before = judge(path, content)
        fixes = [problem for problem in before if problem.fix]
        if not fixes:
            break
        better = _applied(content.decode("utf-8"), fixes).encode()
        if not _is_better(before, judge(path, better), fixes):
            break
        gone += fixes
        content = better
    return FixedFile(content, tuple(gone))


def _is_better(before: Iterable[Problem], after: Iterable[Problem], fixes: Iterable[Problem]) -> bool:
    """Each fixed problem is gone, and the text reads no worse; a key that is known now may say more about its value."""
    old, fixed = set(map(_told, before)), set(map(_told, fixes))
    left = {_told(problem) for problem in after if is_error(problem)}
    lines = {line for line, _, _ in fixed}
    return not left & fixed and not any(line in lines and rule in _ABOUT_TEXT for line, rule, _ in left - old)


def _told(problem: Problem) -> tuple[int, str, str]:
    return problem.line, problem.rule, problem.message


def _applied(text: str, fixes: Iterable[Problem]) -> str:
    """Lines and columns count without the byte order mark; from the right, so that columns stay true."""
    mark = _BOM if text.startswith(_BOM) else ""
    parts = _LINE_END.split(text.removeprefix(_BOM))
    for problem in sorted(fixes, key=lambda problem: (problem.line, problem.column), reverse=True):
        at = 2 * (problem.line - 1)
        line = parts[at]
        parts[at] = line[: problem.column - 1] + problem.fix + line[problem.end_column - 1 :]
    return mark + "".join(parts)
