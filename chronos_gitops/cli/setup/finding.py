"""Findings about an installation: a verdict, a sentence, and a way out."""

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import Any

import click

from chronos_gitops.errors import ChronosError
from chronos_gitops.exit_codes import ExitCode
from chronos_gitops.process.lazy_dataclass import dataclass

_COLOURS = {"ok": "green", "warning": "yellow", "failed": "red"}


class FindingResult(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """``hint`` says what to do; only a finding that is ok has none."""

    subject: str
    verdict: FindingResult
    message: str
    hint: str = ""

    def __post_init__(self) -> None:
        if self.verdict is not FindingResult.OK and not self.hint:
            raise ValueError(f"{self.subject}: a finding needs a way out")

    def document(self) -> dict[str, str]:
        return {"subject": self.subject, "verdict": self.verdict, "message": self.message, "hint": self.hint}


def ok(subject: str, message: str) -> Finding:
    return Finding(subject, FindingResult.OK, message)


def warning(subject: str, message: str, hint: str) -> Finding:
    return Finding(subject, FindingResult.WARNING, message, hint)


def failed(subject: str, message: str, hint: str) -> Finding:
    return Finding(subject, FindingResult.FAILED, message, hint)


def of_error(subject: str, error: ChronosError, otherwise: str) -> Finding:
    """``otherwise`` is the way out of an error that has none."""
    return failed(subject, error.message, error.hint or otherwise)


def guarded(subject: str, look: Callable[[], Iterable[Finding]], otherwise: str) -> Iterator[Finding]:
    """The findings, the last of which is the error that ended the look."""
    try:
        yield from look()
    except ChronosError as error:
        yield of_error(subject, error, otherwise)
    except OSError as error:
        yield failed(subject, f"{error.filename or subject}: {error.strerror}", otherwise)


def text(findings: Iterable[Finding]) -> str:
    """One line for each finding, and one for its way out."""
    lines: list[str] = []
    for one in findings:
        verdict = click.style(one.verdict.value.ljust(8), fg=_COLOURS[one.verdict])
        lines.append(f"{verdict} {one.subject.ljust(12)} {one.message}")
        lines += [f"{'':21} {line}" for line in one.hint.splitlines()]
    return "\n".join(lines)


def document(findings: Iterable[Finding]) -> dict[str, Any]:
    return {"items": [one.document() for one in findings]}


def exit_code(findings: Iterable[Finding]) -> ExitCode:
    is_failed = any(one.verdict is FindingResult.FAILED for one in findings)
    return ExitCode.FAILED if is_failed else ExitCode.FINE
