"""The order of a list of executions, for the API and the page: newest first, or by one of their values."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final, NamedTuple

from chronos_gitops.engine.model import Execution, ExecutionQuery
from chronos_gitops.process.engine_priority import yielding
from chronos_gitops.server.api.params import query
from chronos_gitops.server.api.params.query import DefaultedParameter, InvalidParameter

MOST: Final = 10_000
"""Executions that are put in another order than the engine's."""
_CHUNK: Final = 1000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
Page = Callable[[ExecutionQuery, int], tuple[Sequence[Execution], Any]]


class ExecutionOrder(NamedTuple):
    key: str
    is_descending: bool = False

    def __str__(self) -> str:
        return f"-{self.key}" if self.is_descending else self.key


class OrderPosition(NamedTuple):
    """The place of an execution in an order; ``value`` is None for one without, which comes last."""

    value: int | str | None
    id: str


NEWEST_FIRST: Final = ExecutionOrder("scheduled_time", is_descending=True)
_VALUES: Final[Mapping[str, Callable[[Execution], int | str | datetime | None]]] = {
    "scheduled_time": lambda run: run.scheduled_time,
    "started_at": lambda run: run.started_at,
    "completed_at": lambda run: run.completed_at,
    "duration_ms": lambda run: run.duration_ms,
    "attempts": lambda run: run.attempts,
    "status": lambda run: run.status.value,
    "job": lambda run: run.job,
}


def parameter() -> DefaultedParameter[ExecutionOrder]:
    """``sort=KEY``, or ``sort=-KEY`` for the other direction."""
    allowed = [word for key in _VALUES for word in (f"-{key}", key)]
    about = (
        f"Order of the list, with `-` descending; equal ones newest first, and those without a value last. Another "
        f"order than the default is given to at most {MOST:,} executions"
    )
    return query.word("sort", allowed, about, _order, default=str(NEWEST_FIRST))


def _order(word: str) -> ExecutionOrder:
    return ExecutionOrder(word.removeprefix("-"), word.startswith("-"))


def placed(
    read: Page, asked: ExecutionQuery, order: ExecutionOrder, size: int, after: OrderPosition | None
) -> tuple[Sequence[Execution], OrderPosition | None]:
    """One page in this order, and the position of its last row when more follow.

    ``read`` gives pages newest first. InvalidParameter when more match than are put in order.
    """
    rows = _ordered(_all(read, asked), order)
    left = rows if after is None else _behind(rows, order, after)
    shown = left[:size]
    return shown, OrderPosition(_value(order, shown[-1]), shown[-1].id) if len(left) > size else None


def read_position(values: Any) -> OrderPosition:
    """Out of a cursor."""
    value, key = values
    if value is not None and not isinstance(value, int | str):
        raise TypeError("the cursor holds no value of an execution")
    return OrderPosition(value, str(key))


def _all(read: Page, asked: ExecutionQuery) -> list[Execution]:
    rows: list[Execution] = []
    before = None
    while True:
        found, after = read(replace(asked, before=before), _CHUNK)
        rows += islice(yielding(found), MOST + 1 - len(rows))
        if len(rows) > MOST:
            raise InvalidParameter(
                f"More than {MOST:,} executions match, which is too many for `sort`.",
                hint="Narrow the list with since, until, status or job, or leave sort out.",
            )
        if after is None or not found:
            return rows
        before = (found[-1].scheduled_time, found[-1].id)


def _ordered(rows: Sequence[Execution], order: ExecutionOrder) -> list[Execution]:
    """A stable sort: the engine's order, newest first, stays among equal ones."""
    known = [(value, row) for row in rows if (value := _value(order, row)) is not None]
    known.sort(key=lambda pair: pair[0], reverse=order.is_descending)
    return [row for _, row in known] + [row for row in rows if _value(order, row) is None]


def _behind(rows: list[Execution], order: ExecutionOrder, after: OrderPosition) -> list[Execution]:
    """Behind that execution; behind its value where the execution has gone, or has another value by now."""
    for number, row in enumerate(rows):
        if row.id == after.id and _value(order, row) == after.value:
            return rows[number + 1 :]
    return [row for row in rows if _is_behind(_value(order, row), order, after.value)]


def _is_behind(value: Any, order: ExecutionOrder, mark: Any) -> bool:
    if value is None or mark is None:
        return mark is not None
    return bool(value < mark if order.is_descending else value > mark)


def _value(order: ExecutionOrder, run: Execution) -> int | str | None:
    value = _VALUES[order.key](run)
    return (value - _EPOCH) // _MICROSECOND if isinstance(value, datetime) else value
