"""Messages through Temporal: plain values that its JSON converter carries. Instants are whole milliseconds.

Everything here is kept in workflow histories, which outlive a release: a field that is added needs a default, and none
is ever renamed. A secret is only ever a reference here; its value is looked up by the activity that sends.
"""

from dataclasses import asdict, field, fields
from typing import Any

from chronos_gitops.engine.milliseconds import instant, maybe_instant, maybe_ms, to_ms
from chronos_gitops.engine.model import Attempt, Execution, HeldBy, Pause, Status, Trigger
from chronos_gitops.engine.requires import gate_document
from chronos_gitops.engine.temporal.workflows.replay_messages import ReplayTurn
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.webhooks.observed import Observed
from chronos_gitops.webhooks.transport.timings import PhaseTimes

Row = dict[str, Any]
"""An Execution as it stands in the memo of its workflow."""
CUT_OFF = "cancelled"
"""The error class of an attempt that was cut off because its execution was cancelled."""
_INSTANTS = frozenset(
    {
        "scheduled_time",
        "created_at",
        "started_at",
        "completed_at",
        "range_start",
        "callback_deadline",
        "heartbeat_at",
        "moved_to",
        "moved_from",
    }
)
OVERDUE = "overdue"
"""A row's own: by the number of an attempt, why its callback was too late."""
RESTING = "resting_since"
"""A row's own: when its execution began to wait for its next attempt or its callback."""
OWN = frozenset({OVERDUE, RESTING})
REQUIRES = "requires"
"""A row's gate."""


Pairs = list[list[int]]
"""Moves: origin and target each."""


@dataclass(frozen=True)
class Applied:
    """A job as a reconciler handed it over, and where it stands in git. ``digest`` is computed there, once.
    ``draft``: version and commit are what the draft that runs is based on."""

    document: dict[str, Any]
    digest: str
    version: int | None = None
    commit: str | None = None
    path: str | None = None
    draft: bool = False
    calendars: dict[str, Any] | None = None
    """For a job with calendars: their contents and the files they stand in, as ``embedded_calendars`` has them."""
    revision: str | None = None
    """Of the repository, when the reconciler learned of the job as it is here; earlier releases did not say."""


@dataclass(frozen=True)
class PauseRecord:
    """A pause; ``until`` is its end, and for one that is over the end it had."""

    reason: str
    by: str
    at: int
    until: int | None = None
    bulk: str | None = None
    extends: "PauseRecord | None" = None
    version: int | None = None
    content: str | None = None
    beside: "PauseRecord | None" = None

    @classmethod
    def of(cls, pause: Pause) -> "PauseRecord":
        extends, beside = (None if one is None else cls.of(one) for one in (pause.extends, pause.beside))
        about = pause.bulk, extends, pause.version, pause.content, beside
        return cls(pause.reason, pause.by, to_ms(pause.at), maybe_ms(pause.until), *about)

    def pause(self, job: str) -> Pause:
        extends, beside = (None if one is None else one.pause(job) for one in (self.extends, self.beside))
        about = self.bulk, extends, self.version, self.content, beside
        return Pause(job, self.reason, self.by, instant(self.at), maybe_instant(self.until), *about)


@dataclass(frozen=True)
class BulkAnswer:
    """Result of a bulk call for the job, stored under the call's id. ``held`` is the pause right after the call,
    ``current`` the pause now, because the call may be repeated."""

    id: str
    outcome: str
    held: PauseRecord | None = None
    current: PauseRecord | None = None


@dataclass(frozen=True)
class BulkResume:
    """``bulk``: only a pause of that call ends."""

    id: str
    bulk: str | None = None


@dataclass(frozen=True)
class PublishedSchedule:
    """Scheduled times that a timetable will claim, as published in its memo: those of this schedule after ``mark``.
    None while ``mark`` is None (the job is disabled), or unless ``is_awake`` (none is due, or the job is unreadable).
    """

    schedule: str
    timezone: str
    mark: int | None
    is_awake: bool
    moves: Pairs = field(default_factory=list)


@dataclass
class TimetableState:
    """All that a timetable knows, carried over when it continues as new. ``running``, ``waiting`` and ``held``, which
    are those in the queue that wait until the pause ends, are ids."""

    job: str
    applied: Applied | None = None
    is_removed: bool = False
    mark: int | None = None
    pause: PauseRecord | None = None
    ended_pauses: list[PauseRecord] = field(default_factory=list)
    running: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    newest: str = ""
    newest_at: int = 0
    moves: Pairs = field(default_factory=list)
    """Origin and target of the moves under way."""
    held: list[str] = field(default_factory=list)
    bulk: BulkAnswer | None = None
    replay: ReplayTurn | None = None
    item: str | None = None
    """The item of a replay that runs; it goes on when its replay has ended."""
    held_up: dict[str, int] = field(default_factory=dict)
    """Scheduled times of the unfinished executions that an item of a replay has made wait."""
    earlier_marks: list[int] = field(default_factory=list)
    """Marks that one decision has left far behind, the newest last."""
    unclaimed: list["Order"] = field(default_factory=list)
    """Orders of the last decision that no run has started yet."""


@dataclass(frozen=True)
class AheadMark:
    """The question of a timetable to ``reclaim``: a ``mark`` later than ``now``, and the one to go back to."""

    job: str
    mark: int
    now: int
    back_to: int


@dataclass(frozen=True)
class Situation:
    """The question of a timetable to ``decide`` and to ``settle``; only an edit has an ``after``."""

    now: int
    mark: int | None
    before: Applied | None
    after: Applied | None = None
    is_resumed: bool = False
    until: int | None = None
    """When the pause that ends was to end; None when none does."""
    is_released: bool = False
    """An edit ends the guard's pause: the ticks that fell in it are given up."""
    moves: Pairs = field(default_factory=list)
    is_paused: bool = False
    begins_pause: bool = False
    """Of ``decide``: nothing is due, and the row of the date under way ends here."""


@dataclass
class Order:
    """One execution to make, or a row to keep when its status is final. ``is_held``: it waits for ``go``."""

    row: Row
    document: dict[str, Any] | None = None
    not_before: int | None = None
    is_held: bool = False
    is_correction: bool = False
    """The row takes the place of one that was told before."""


@dataclass(frozen=True)
class TimetableOrders:
    """The answer of ``decide`` and ``settle``: orders, oldest first; ``wake_at`` None: nothing is due by itself."""

    mark: int | None
    wake_at: int | None = None
    orders: list[Order] = field(default_factory=list)
    moves: Pairs = field(default_factory=list)
    withdrawn: list[int] = field(default_factory=list)
    """Targets of moves that an edit ends; ``why`` is what the rows that name them say."""
    why: str = ""


@dataclass(frozen=True)
class Withdrawal:
    """Of a timetable to ``withdraw_moves``: no tick of the job moves to these ``targets`` any more."""

    job: str
    targets: list[int]
    why: str


@dataclass(frozen=True)
class AttemptOrder:
    document: dict[str, Any]
    execution_id: str
    scheduled_time: int
    number: int
    commit: str | None = None
    path: str | None = None
    version: int | None = None
    trigger: str | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True)
class GateOrder:
    """An execution that would start ``now``, as its row and its job say; once its gate is known the row has it."""

    row: Row
    document: dict[str, Any]
    now: int


@dataclass(frozen=True)
class GateReport:
    """The gate as a row has it, empty where there is none, and what the execution does."""

    gate: dict[str, Any]
    passage: str


@dataclass(frozen=True)
class Awaited:
    """A callback that has to come ``until`` then, which is ``within`` the timeout; ``wait`` is that of an attempt whose
    callback did not."""

    until: int
    within: str
    wait: int | None = None
    within_ms: int | None = None


@dataclass(frozen=True)
class Posted:
    """A callback, checked and scrubbed by the runner that it was posted to; ``spacing`` in milliseconds."""

    told: str
    message: str | None = None
    spacing: int = 0


@dataclass(frozen=True)
class Heard:
    """The row after a callback; ``late`` is a sentence when it came too late to mean anything."""

    row: Row
    late: str | None = None


@dataclass(frozen=True)
class AttemptReport:
    """Result of an attempt; ``context`` is its context. ``wait``: milliseconds until the next attempt, None when there
    is none. ``awaited``: the execution waits for its callback."""

    number: int
    started_at: int
    duration_ms: int
    kind: str
    status_code: int | None = None
    error_class: str | None = None
    error: str | None = None
    response: str | None = None
    phases: dict[str, float | None] | None = None
    wait: int | None = None
    awaited: Awaited | None = None
    context: dict[str, Any] | None = None

    def attempt(self) -> Attempt:
        return Attempt(
            self.number,
            instant(self.started_at),
            self.duration_ms,
            self.status_code,
            self.error_class,
            self.error,
            self.response,
            None if self.phases is None else PhaseTimes(**self.phases),
            None if self.context is None else Observed.from_document(self.context),
        )


@dataclass(frozen=True)
class TriggerRequest:
    """``document`` is the job with the ``variables`` that were given; None for the job as it is."""

    id: str
    at: int
    document: dict[str, Any] | None = None
    variables: dict[str, str] | None = None


def row(execution: Execution) -> Row:
    gate = {} if execution.requires is None else {REQUIRES: gate_document.document(execution.requires)}
    return {
        name: maybe_ms(value) if name in _INSTANTS else value
        for name, value in asdict(execution).items()
        if value is not None
    } | gate


def execution(row: Row) -> Execution:
    """The inverse of ``row``; fields that another release added are passed over."""
    known = {field.name for field in fields(Execution)}
    values: dict[str, Any] = {name: maybe_instant(value) if name in _INSTANTS else value for name, value in row.items()}
    values |= {"trigger": Trigger(row["trigger"]), "status": Status(row["status"])}
    if values.get("calendar") is not None:
        values["calendar"] = HeldBy(**values["calendar"])
    if values.get(REQUIRES) is not None:
        values[REQUIRES] = gate_document.of_document(values[REQUIRES])
    return Execution(**{name: value for name, value in values.items() if name in known})
