"""The result of a backtest: what a definition would have done in past days, beside what happened (PROMISES 10)."""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime

from chronos_gitops.jobs.promises.expect import ExpectationKind
from chronos_gitops.process.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Outlook:
    """Results of one definition over past days. ``ticks`` are its scheduled times; of them ``overlap`` would be skipped
    and ``replaced`` cancelled by a newer one. ``p95_ms`` is the duration of those that run. Of the recorded successes
    its timeout would have ended ``cut``, and perhaps ``undecided`` more, whose attempts are not recorded one by one;
    its success codes would have failed ``refused``. ``broken``: times that each expectation would have been broken;
    ``guarded``: versions that the guard would have paused, None without a guard."""

    ticks: int
    overlap: int
    replaced: int
    p95_ms: int | None
    cut: int
    undecided: int
    refused: int
    broken: Mapping[ExpectationKind, int] = field(default_factory=dict)
    guarded: int | None = None


@dataclass(frozen=True, slots=True)
class OnRecord:
    """Recorded results: ``ran`` scheduled times were sent, ``overlap`` skipped and ``replaced`` cancelled. Outcomes and
    durations include manual triggers; drafts and replays are left out. The first record is of ``begins``; ``earlier``
    scheduled times of the old definition lie before it, as far as the backtest goes back."""

    ran: int
    overlap: int
    replaced: int
    success: int
    failed: int
    p95_ms: int | None
    begins: datetime
    earlier: int


@dataclass(frozen=True, slots=True)
class Backtest:
    """Of the ``days`` before the plan's instant, as far as ``since``: not ``complete`` where there were more rows or
    scheduled times than a backtest reads. ``rows`` executions were read; with none there is nothing to learn from, and
    the other fields are None."""

    days: int
    rows: int
    complete: bool
    since: datetime
    before: Outlook | None = None
    after: Outlook | None = None
    actual: OnRecord | None = None
