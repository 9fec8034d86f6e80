"""One rule of validation, told with a bad and a good example."""

from chronos_gitops.jobs.problem import Severity
from chronos_gitops.process.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """``bad`` and ``good`` are lines of a job file; fields they leave out are those of a sound job."""

    name: str
    severity: Severity
    summary: str
    explanation: str
    bad: str = ""
    good: str = ""


def error(name: str, summary: str, explanation: str, bad: str = "", good: str = "") -> Rule:
    return Rule(name, Severity.ERROR, summary, explanation, bad, good)


def warning(name: str, summary: str, explanation: str, bad: str = "", good: str = "") -> Rule:
    return Rule(name, Severity.WARNING, summary, explanation, bad, good)


def note(name: str, summary: str, explanation: str, bad: str = "", good: str = "") -> Rule:
    return Rule(name, Severity.NOTE, summary, explanation, bad, good)
