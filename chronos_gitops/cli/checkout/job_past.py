"""The past of each changed job as a runner recorded it: an earlier version that comes back, and a backtest."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from chronos_gitops.cli.checkout.runner_answers import RunnerAnswers
from chronos_gitops.expectations.backtest.backtest import backtest
from chronos_gitops.jobs.model import JobSet
from chronos_gitops.jobs.planning.plan import JobChange, Operation
from chronos_gitops.jobs.planning.review_flags import FlagKind, ReviewFlag
from chronos_gitops.plurals import plural
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.versions.history import Versions
from chronos_gitops.versions.version import Version

_MOST_COMPARED: Final = 100
Digest = Callable[[Version], str | None]
"""Of the job that a version made, in the environment of the runner; None where it made none."""


@dataclass(frozen=True, slots=True)
class JobPast:
    """``versions`` are those before the change."""

    asked: RunnerAnswers
    before: JobSet
    after: JobSet
    versions: Versions
    digest: Digest
    at: datetime

    def told(self, change: JobChange) -> JobChange:
        old, new = self.before.get(change.job), self.after.get(change.job)
        if new is None or change.operation not in (Operation.ADDED, Operation.CHANGED):
            return change
        told = replace(change, flags=(*change.flags, *self._comes_back(change.job, new.job.digest)))
        rows = None if old is None else self.asked.past(change.job, self.at)
        if old is None or rows is None or self.asked.days is None:
            return told
        return replace(told, backtest=backtest(old.job, new.job, rows, days=self.asked.days, now=self.at))

    def _comes_back(self, job: str, digest: str) -> Iterator[ReviewFlag]:
        known = [version for version in self.versions.versions(job) if version.blob][-_MOST_COMPARED:]
        found = next((one for one in reversed(known) if self.digest(one) == digest), None)
        if found is not None:
            outcomes = self.asked.outcomes(job).get(found.commit)
            yield ReviewFlag(FlagKind.EARLIER_VERSION, fate(_name(found), outcomes))


def _name(version: Version) -> str:
    return f"the version of commit {version.commit[:12]}" if version.number is None else f"version {version.number}"


def fate(name: str, outcomes: Mapping[str, Any] | None) -> str:
    """``it is version 4 again: 12 runs, 4 failed, the first 2026-03-02T02:00:00Z``."""
    runs = 0 if outcomes is None else outcomes["success"] + outcomes["failed"]
    if outcomes is None or not runs:
        return f"it is {name} again; the runner keeps no run of it"
    at_least = "" if outcomes["complete"] else "at least "
    bad, first = outcomes["failed"], outcomes["first_failure"]
    failed = f"{bad:,} failed, the first {first}" if bad else "none failed"
    return f"it is {name} again: {at_least}{plural(runs, 'run')}, {failed}"
