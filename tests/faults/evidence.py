"""Evidence of a fault programme: rows of the ledger, requests at the receiver, and what excuses a gap."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

FINAL = frozenset({"success", "failed", "skipped", "cancelled"})


@dataclass(frozen=True, slots=True)
class Row:
    """One execution of the ledger. It stands for the scheduled times from ``first`` to ``tick``, in milliseconds since
    1970; both are None for a manual trigger. ``is_archived``: of a ledger that no runner has any more."""

    id: str
    job: str
    tick: int | None
    first: int | None
    status: str
    created_at: int
    is_archived: bool = False
    identity: str = ""
    """Of the ledger, which keys are made of: an empty one that takes its place makes other keys."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request as the receiver got it; ``tick`` and ``at`` in milliseconds since 1970."""

    job: str
    execution: str
    key: str
    tick: int
    at: int


@dataclass(frozen=True, slots=True)
class WrongClock:
    """From ``since`` to ``until`` (true time) the runner's wall clock showed ``offset`` more, in milliseconds."""

    since: int
    until: int
    offset: int


@dataclass(frozen=True, slots=True)
class Window:
    since: int
    until: int


@dataclass(slots=True)
class Evidence:
    """``periods`` are the milliseconds between two scheduled times of each job; each scheduled time until ``until``
    must be recorded. ``lost_ledgers``: in these windows the ledger was replaced by an empty one."""

    rows: Sequence[Row]
    requests: Sequence[Request]
    periods: Mapping[str, int]
    until: int
    wrong_clocks: Sequence[WrongClock] = ()
    lost_ledgers: Sequence[Window] = ()


@dataclass(frozen=True, slots=True)
class Violation:
    rule: str
    detail: str


@dataclass(slots=True)
class Report:
    """Counts of one programme."""

    engine: str
    seed: int
    seconds: float = 0.0
    faults: dict[str, int] = field(default_factory=dict)
    slowest_recovery_s: dict[str, float] = field(default_factory=dict)
    restarts: dict[str, int] = field(default_factory=dict)
    ticks: int = 0
    rows: int = 0
    requests: int = 0
    sent_again: int = 0
    violations: list[Violation] = field(default_factory=list)
