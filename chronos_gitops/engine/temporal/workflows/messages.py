"""What travels through Temporal: plain values that its JSON converter carries. Instants are whole milliseconds.

Everything here is kept in workflow histories, which outlive a release: a field that is added needs a default, and none
is ever renamed. A secret is only ever a reference here; its value is looked up by the activity that sends.
"""

from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from chronos_gitops.engine.model import Attempt, Execution, Pause, Status, Trigger
from chronos_gitops.webhooks.transport.timings import PhaseTimes

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

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
    }
)
OVERDUE = "overdue"
"""A row's own: by the number of an attempt, why its callback was too late."""


def to_ms(instant: datetime) -> int:
    return (instant - _EPOCH) // _MILLISECOND


def maybe_ms(instant: datetime | None) -> int | None:
    return None if instant is None else to_ms(instant)


def instant(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)


def maybe_instant(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else instant(milliseconds)


@dataclass(frozen=True)
class Applied:
    """A job as a reconciler handed it over, and where it stands in git. ``digest`` is computed there, once."""

    document: dict[str, Any]
    digest: str
    version: int | None = None
    commit: str | None = None
    path: str | None = None


@dataclass(frozen=True)
class Held:
    """A pause; ``until`` is its end, and for one that is over the end it had."""

    reason: str
    by: str
    at: int
    until: int | None = None

    def pause(self, job: str) -> Pause:
        return Pause(job, self.reason, self.by, instant(self.at), maybe_instant(self.until))


@dataclass
class TimetableState:
    """All that a timetable knows, carried over when it continues as new. ``running`` and ``waiting`` are ids."""

    job: str
    applied: Applied | None = None
    is_removed: bool = False
    mark: int | None = None
    pause: Held | None = None
    ended_pauses: list[Held] = field(default_factory=list)
    running: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    newest: str = ""
    newest_at: int = 0


@dataclass(frozen=True)
class Situation:
    """The question of a timetable to ``decide`` (``after`` is None) and to ``settle``."""

    now: int
    mark: int | None
    before: Applied | None
    after: Applied | None = None
    is_resumed: bool = False
    until: int | None = None
    """When the pause that ends was to end; None when none does."""


@dataclass
class Order:
    """One execution to make, or a row to keep when its status is final. ``is_held``: it waits for ``go``."""

    row: Row
    document: dict[str, Any] | None = None
    not_before: int | None = None
    is_held: bool = False


@dataclass(frozen=True)
class Verdict:
    """The answer of ``decide`` and ``settle``: orders, oldest first; ``wake_at`` None: nothing is due by itself."""

    mark: int | None
    wake_at: int | None = None
    orders: list[Order] = field(default_factory=list)


@dataclass(frozen=True)
class AttemptOrder:
    document: dict[str, Any]
    execution_id: str
    scheduled_time: int
    number: int
    commit: str | None = None
    path: str | None = None


@dataclass(frozen=True)
class Awaited:
    """A callback that has to come ``until`` then, which is ``within`` the timeout; ``wait`` is that of an attempt whose
    callback did not."""

    until: int
    within: str
    wait: int | None = None


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
    """What an attempt brought. ``wait``: milliseconds until the next one, None when there is none. ``awaited``: it is
    not over before its callback."""

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
        )


@dataclass(frozen=True)
class TriggerRequest:
    id: str
    at: int


def row(execution: Execution) -> Row:
    return {
        name: maybe_ms(value) if name in _INSTANTS else value
        for name, value in asdict(execution).items()
        if value is not None
    }


def execution(row: Row) -> Execution:
    """The inverse of ``row``; fields that another release added are passed over."""
    known = {field.name for field in fields(Execution)}
    values: dict[str, Any] = {name: maybe_instant(value) if name in _INSTANTS else value for name, value in row.items()}
    values |= {"trigger": Trigger(row["trigger"]), "status": Status(row["status"])}
    return Execution(**{name: value for name, value in values.items() if name in known})
