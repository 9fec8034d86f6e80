"""Replays: scheduled times of one job that are run again, oldest first and one at a time. The plan is pure."""

import hashlib
import json
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from chronos_gitops.engine.model import Execution, Reason, Status, Trigger
from chronos_gitops.errors import ChronosError, ConflictError
from chronos_gitops.process.lazy_dataclass import dataclass

MOST_ITEMS: Final = 1000
MOST_ROWS: Final = 10_000


class TooManyReplayItems(ChronosError):
    kind = "too-many-items"


class ReplayUnderWay(ConflictError):
    kind = "replay-under-way"


class ReplayClass(StrEnum):
    """Outcome of a scheduled time. ``SKIPPED`` is every reason but ``missed``."""

    MISSED = "missed"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class ReplayState(StrEnum):
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """Scheduled times in [since, until). ``again``: also those that succeeded. ``new_key``: with a key of their own."""

    job: str
    since: datetime
    until: datetime
    only: frozenset[ReplayClass] = frozenset({ReplayClass.MISSED, ReplayClass.FAILED})
    again: bool = False
    new_key: bool = False


@dataclass(frozen=True, slots=True)
class PlannedItem:
    """``execution`` is the row of the scheduled time, ``key`` the Idempotency-Key it would be sent with; None: that of
    the new execution. ``runs`` is False where it stays as it is, and ``why`` says the reason."""

    scheduled_time: datetime
    now: str
    execution: str
    runs: bool
    why: str
    key: str | None = None


@dataclass(frozen=True, slots=True)
class ReplayItem:
    """``execution`` is the new one; None before the item has begun. ``status`` is None then, too."""

    scheduled_time: datetime
    replay_of: str
    key: str | None
    execution: str | None = None
    status: Status | None = None


@dataclass(frozen=True, slots=True)
class Replay:
    """``request_key``: the Idempotency-Key of the call that began it."""

    id: str
    job: str
    by: str
    reason: str
    created_at: datetime
    pace: timedelta = timedelta(0)
    state: ReplayState = ReplayState.RUNNING
    ended_at: datetime | None = None
    items: tuple[ReplayItem, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class ReplayEnd:
    """``begun`` of its items have an execution."""

    id: str
    job: str
    by: str
    state: ReplayState
    begun: int
    total: int

    @classmethod
    def of(cls, replay: Replay) -> "ReplayEnd":
        begun = sum(item.execution is not None for item in replay.items)
        return cls(replay.id, replay.job, replay.by, replay.state, begun, len(replay.items))


def item_id(replay: str, position: int) -> str:
    """The id of the execution of an item, so that none has two."""
    return str(uuid.uuid5(uuid.UUID(replay), str(position)))


def plan(
    request: ReplayRequest,
    rows: Iterable[Execution],
    *,
    ticks_of: Callable[[Execution], Sequence[datetime] | None],
    tick_id: Callable[[datetime], str],
    now: datetime,
) -> tuple[PlannedItem, ...]:
    """An item for each scheduled time of the rows in the range, oldest first.

    ``ticks_of`` enumerates a row that stands for several, None where that cannot be told; ``tick_id`` is the execution
    id of a scheduled time. TooManyReplayItems for more than MOST_ITEMS that would run.
    """
    replays = defaultdict(list)
    found: dict[datetime, PlannedItem] = {}
    for row in rows:
        if row.trigger is Trigger.REPLAY:
            replays[row.scheduled_time].append(row)
    for row in rows:
        if row.trigger in (Trigger.REPLAY, Trigger.MANUAL):
            continue
        ticks = [row.scheduled_time] if row.count == 1 else ticks_of(row)
        if ticks is None:
            found[row.scheduled_time] = PlannedItem(
                row.scheduled_time, str(row.reason), row.id, runs=False, why="its scheduled times cannot be told"
            )
        for tick in ticks or ():
            if request.since <= tick < request.until:
                found[tick] = _planned(request, row, tick, replays[tick], tick_id, now)
    items = tuple(item for _, item in sorted(found.items()))
    running = [item for item in items if item.runs]
    if len(running) > MOST_ITEMS:
        beyond = running[MOST_ITEMS].scheduled_time
        raise TooManyReplayItems(
            f"One replay runs at most {MOST_ITEMS} scheduled times; the first one beyond is {beyond.isoformat()}.",
            hint="Replay the time before it first.",
        )
    return items


def _planned(
    request: ReplayRequest,
    row: Execution,
    tick: datetime,
    again: Sequence[Execution],
    tick_id: Callable[[datetime], str],
    now: datetime,
) -> PlannedItem:
    own_id = row.id if row.count == 1 else tick_id(tick)
    is_success = row.status is Status.SUCCESS or any(one.status is Status.SUCCESS for one in again)
    state = "success" if is_success else str(row.reason if row.status is Status.SKIPPED else row.status)

    def item(why: str, *, runs: bool = False) -> PlannedItem:
        key = None if request.new_key or is_success else own_id
        return PlannedItem(tick, state, row.id, runs, why, key if runs else None)

    if tick > now:
        return item("it lies in the future")
    if not row.status.is_final or any(not one.status.is_final for one in again):
        return item("it is not over")
    if is_success:
        return item("again", runs=True) if request.again else item("it succeeded")
    kind = _class_of(row)
    return item(kind.value, runs=True) if kind in request.only else item(f"{kind.value} is not asked for")


def _class_of(row: Execution) -> ReplayClass:
    if row.status is Status.SKIPPED:
        return ReplayClass.MISSED if row.reason == Reason.MISSED else ReplayClass.SKIPPED
    return ReplayClass.CANCELLED if row.status is Status.CANCELLED else ReplayClass.FAILED


def to_run(items: Iterable[PlannedItem]) -> tuple[ReplayItem, ...]:
    return tuple(ReplayItem(item.scheduled_time, item.execution, item.key) for item in items if item.runs)


def checksum(items: Iterable[ReplayItem]) -> str:
    """Of what runs, so that the plan that was reviewed is the one that begins."""
    content = [[item.scheduled_time.isoformat(), item.replay_of, item.key] for item in items]
    return f"sha256:{hashlib.sha256(json.dumps(content).encode()).hexdigest()}"
