"""Days in seconds on a Temporal server, whose own clock cannot be turned.

The decisions of a runner are translated: the server and its workflows live in real time, and a schedule is asked about
a story in which time runs ``SPEED`` times as fast. Half an hour of it is whole milliseconds, so nothing is rounded.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random

from harness.clock import RealClock
from harness.engines import EngineMaker
from temporalio import activity

from chronos_gitops.config.groups import TemporalAccess
from chronos_gitops.engine.clock_watch import ClockWatch
from chronos_gitops.engine.milliseconds import instant, to_ms
from chronos_gitops.engine.model import Execution
from chronos_gitops.engine.observer import Observer
from chronos_gitops.engine.temporal import names
from chronos_gitops.engine.temporal.connection.connection import TemporalConnection
from chronos_gitops.engine.temporal.engine import TemporalEngine
from chronos_gitops.engine.temporal.worker.activities import TimingActivities
from chronos_gitops.engine.temporal.workflows.messages import Order, Pairs, Situation, TimetableOrders
from chronos_gitops.webhooks.attempt import Delivery

SPEED = 9_000
"""An hour in 0.4 seconds. At four times as much a story alone keeps a third of a core busy, and a machine that has less
never comes to a verdict: time goes on while it works."""
LATE = timedelta(hours=20)
"""Eight seconds: a machine under load decides later than at the very instant."""
_SOONEST_MS = 20
_TIMES = ("scheduled_time", "created_at", "completed_at", "range_start", "moved_to", "moved_from")


@dataclass(frozen=True)
class TimeScale:
    """Milliseconds at which the story begins, there and on the server."""

    story: int
    server: int

    def told(self, at: int) -> int:
        return self.story + (at - self.server) * SPEED

    def real(self, at: int) -> int:
        return self.server + (at - self.story) // SPEED

    def execution(self, row: Execution) -> Execution:
        """As the story has it."""
        found = {name: getattr(row, name) for name in _TIMES}
        return replace(row, **{name: at and instant(self.told(to_ms(at))) for name, at in found.items()})


class FastClock:
    """The time of a story; the calls of HandClock."""

    def __init__(self, start: datetime) -> None:
        self.scale = TimeScale(to_ms(start), to_ms(datetime.now(UTC)))

    def now(self) -> datetime:
        return instant(self.scale.told(to_ms(datetime.now(UTC))))

    def turn(self, duration: timedelta) -> None:
        threading.Event().wait(duration.total_seconds() / SPEED)

    leap = turn


class FastTiming(TimingActivities):
    """Decides about the times of a story."""

    def __init__(self, scale: TimeScale, usual: TimingActivities) -> None:
        super().__init__(late=LATE, backlog=usual._backlog, clock_watch=ClockWatch(), ancestry=usual.ancestry)
        self._scale = scale

    @activity.defn(name=names.DECIDE)
    async def decide(self, situation: Situation) -> TimetableOrders:
        return self._real(await super().decide(self._told(situation)), situation.now)

    @activity.defn(name=names.SETTLE)
    async def settle(self, situation: Situation) -> TimetableOrders:
        return self._real(await super().settle(self._told(situation)), situation.now)

    def _told(self, asked: Situation) -> Situation:
        told = self._scale.told
        mark, until = (None if at is None else told(at) for at in (asked.mark, asked.until))
        return replace(asked, now=told(asked.now), mark=mark, until=until, moves=_pairs(told, asked.moves))

    def _real(self, verdict: TimetableOrders, now: int) -> TimetableOrders:
        real = self._scale.real
        mark = None if verdict.mark is None else real(verdict.mark)
        wake_at = None if verdict.wake_at is None else max(real(verdict.wake_at), now + _SOONEST_MS)
        orders = [self._order(order) for order in verdict.orders]
        moves, withdrawn = _pairs(real, verdict.moves), list(map(real, verdict.withdrawn))
        return replace(verdict, mark=mark, wake_at=wake_at, orders=orders, moves=moves, withdrawn=withdrawn)

    def _order(self, order: Order) -> Order:
        real, row = self._scale.real, order.row
        times = {name: real(row[name]) for name in _TIMES if row.get(name) is not None}
        return replace(order, row=row | times, not_before=None if order.not_before is None else real(order.not_before))


def _pairs(translated: Callable[[int], int], pairs: Pairs) -> Pairs:
    return [list(map(translated, pair)) for pair in pairs]


def on_fast_temporal(url: str, scale: TimeScale) -> EngineMaker:
    def make(delivery: Callable[[], Delivery], _: object, observer: Observer) -> TemporalEngine:
        access = TemporalConnection.parse(url, TemporalAccess())
        engine = TemporalEngine(access, delivery=delivery, clock=RealClock(), observer=observer, random=Random(7))
        engine._timing = FastTiming(scale, engine._timing)
        return engine

    return make


def as_told(scale: TimeScale, rows: Iterable[Execution]) -> list[Execution]:
    return list(map(scale.execution, rows))
