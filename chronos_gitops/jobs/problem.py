"""A problem: what is wrong in a job file, where, and how to mend it."""

from collections.abc import Iterable
from dataclasses import field
from enum import StrEnum
from operator import attrgetter
from typing import Any, Final

from chronos_gitops.process.lazy_dataclass import dataclass


class Severity(StrEnum):
    """``rank`` is 0 for the worst one."""

    rank: int
    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


for _rank, _severity in enumerate(Severity):
    _severity.rank = _rank


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding in one file. ``line`` and ``column`` count from 1, columns in code points.

    ``end_column`` is one past the last marked column of the same line; ``excerpt`` is the whole source line, so that a
    renderer needs no file. ``rule`` is kebab-case and known to ``jobs.rules.RULES``. ``fix`` is what may safely stand
    in place of the marked columns, "" where only a person can tell; it is not veiled as the excerpt is: never show it.
    ``jobs`` counts those that a finding in a layer is about, ``job_names`` are the first ten of them. ``environments``
    are those that it is one in, None where none are declared. ``policy`` is the policy and its rule that find it,
    ``payments/owner``.
    """

    file: str
    line: int
    column: int
    severity: Severity
    rule: str
    message: str
    hint: str = ""
    end_column: int = 0
    excerpt: str = ""
    fix: str = field(default="", repr=False)
    jobs: int = 1
    job_names: tuple[str, ...] = ()
    environments: tuple[str, ...] | None = None
    used_at: str = field(default="", compare=False)
    policy: str = ""

    @property
    def statement(self) -> str:
        """The message, and how many jobs inherit the value."""
        return self.message if self.jobs == 1 else f"{self.message} ({self.jobs:,} jobs)"

    def document(self) -> dict[str, Any]:
        """As JSON, in reports and in answers of the API; ``hint`` is "" when there is none."""
        return {
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "severity": self.severity.value,
            "rule": self.rule,
            "message": self.message,
            "hint": self.hint,
            "jobs": self.jobs,
            "job_names": list(self.job_names),
            "environments": None if self.environments is None else list(self.environments),
            "policy": self.policy or None,
        }

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.severity}[{self.rule}]: {self.statement}"


def ordered(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """By place, the worst first at one place."""
    found = tuple(problems)
    return found if len(found) < 2 else tuple(sorted(found, key=_PLACE))


_PLACE: Final = attrgetter("file", "line", "column", "severity.rank", "rule", "message")


def is_error(problem: Problem) -> bool:
    return problem.severity is Severity.ERROR


def counts_in(problem: Problem, environment: str | None) -> bool:
    """True if the problem is one in this environment; None asks about all."""
    return environment is None or problem.environments is None or environment in problem.environments
