"""Messages between a replay and its job's timetable. Kept in histories, as ``messages`` is: a field that is added needs
a default, and none is ever renamed. Instants and durations are whole milliseconds."""

from dataclasses import field
from enum import StrEnum

from chronos_gitops.engine.operations.replays import ReplayState
from chronos_gitops.process.lazy_dataclass import dataclass

BATCH = 25
"""Items that a timetable holds at most: it runs them without asking the replay in between."""
ASK_AT = 5
"""Items left in a timetable when it asks for the next batch, so that it need not wait for it. Another number makes
other commands: it needs a patch."""


class News(StrEnum):
    """``ADMITTED``: its items take their turns; ``WANTED``: more of them are; ``REFUSED``: another replay has the job;
    ``DONE`` and ``CANCELLED`` end it."""

    ADMITTED = "admitted"
    WANTED = "wanted"
    REFUSED = "refused"
    DONE = "done"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Item:
    """A scheduled time, the row of it, and the Idempotency-Key to send; None: that of the new execution."""

    at: int
    of: str
    key: str | None = None


@dataclass
class ReplayRun:
    """All that the workflow of a replay knows, carried over when it continues as new. ``begun`` of the items have an
    execution, as far as the timetable has told."""

    id: str
    job: str
    by: str
    reason: str
    created_at: int
    pace: int
    items: list[Item] = field(default_factory=list)
    begun: int = 0
    is_admitted: bool = False
    is_cancelled: bool = False
    """An operator has asked for its end."""
    state: str = ReplayState.RUNNING.value
    ended_at: int | None = None


@dataclass(frozen=True)
class ReplayBatch:
    """Items from position ``first`` on, of ``total``. Repeatable: what has begun is passed over."""

    replay: str
    first: int
    total: int
    pace: int
    items: list[Item]


@dataclass
class ReplayTurn:
    """The replay whose items a timetable runs: ``items`` are the next ones, the first of them at position ``begun``."""

    replay: str
    begun: int
    total: int
    pace: int
    items: list[Item] = field(default_factory=list)
    next_at: int = 0
    has_asked: bool = False
    is_cancelled: bool = False


@dataclass(frozen=True)
class ReplayNews:
    """``begun`` None: the timetable does not know."""

    news: str
    begun: int | None = None


@dataclass(frozen=True)
class ReplayMemo:
    """State of a replay as published in its memo."""

    state: str
    begun: int = 0
    ended_at: int | None = None
