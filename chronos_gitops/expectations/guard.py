"""Decides whether to stop a new version that only fails. Pure."""

from collections.abc import Collection, Iterable
from enum import StrEnum

from chronos_gitops.engine.answers import failure_streak
from chronos_gitops.engine.answers.failure_streak import position
from chronos_gitops.engine.model import Execution, Status, Trigger
from chronos_gitops.plurals import plural
from chronos_gitops.process.lazy_dataclass import dataclass


class GuardVerdict(StrEnum):
    """``PASSED`` is for ever: it succeeded, or no change began the failures. ``STOPPED``: its pause was made."""

    WAITING = "waiting"
    PASSED = "passed"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class GuardJudgement:
    """``failures`` are the first executions of the version, ``good`` the success before it."""

    verdict: GuardVerdict
    failures: tuple[Execution, ...] = ()
    good: Execution | None = None


def judge(rows: Iterable[Execution], commits: Collection[str], executions: int) -> GuardJudgement:
    """By outcomes of scheduled and caught-up executions in the order of their ends; ``commits`` are those that left the
    job as the version has made it."""
    outcomes = [row for row in failure_streak.ended(rows) if _counts(row)]
    first = [row for row in outcomes if row.commit in commits][:executions]
    if any(row.status is Status.SUCCESS for row in first):
        return GuardJudgement(GuardVerdict.PASSED)
    if len(first) < executions:
        return GuardJudgement(GuardVerdict.WAITING)
    others = [row for row in outcomes if row.commit not in commits]
    good = next((row for row in reversed(others) if row.status is Status.SUCCESS), None)
    if good is not None and any(row.commit == good.commit and position(row) > position(good) for row in others):
        return GuardJudgement(GuardVerdict.PASSED)
    return GuardJudgement(GuardVerdict.FAILED, tuple(first), good)


def reason(version: int | None, commit: str | None, judged: GuardJudgement) -> str:
    """``version 7 (1a2b3c4d) failed its first 3 runs; version 6 had succeeded``."""
    count = len(judged.failures)
    runs = "its first run" if count == 1 else f"its first {plural(count, 'run')}"
    number = "an unnumbered version" if version is None else f"version {version}"
    made = f"{number} ({(commit or '')[:8]}) failed {runs}"
    good = judged.good
    return made if good is None or good.version is None else f"{made}; version {good.version} had succeeded"


def _counts(row: Execution) -> bool:
    return row.trigger in (Trigger.SCHEDULE, Trigger.CATCHUP) and not row.draft and row.commit is not None
