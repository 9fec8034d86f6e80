"""The order of a list of jobs, for the API and the page: by one key, then by name; jobs without a value come last."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from operator import itemgetter
from typing import Any, Final, NamedTuple

from chronos_gitops.engine.model import Status
from chronos_gitops.jobs.model import JobVersion
from chronos_gitops.plurals import plural
from chronos_gitops.process.engine_priority import yielding
from chronos_gitops.server.api import job_health
from chronos_gitops.server.api.job_health import JobHealth, JobSearch
from chronos_gitops.server.api.params import query
from chronos_gitops.server.api.params.query import DefaultedParameter, InvalidParameter
from chronos_gitops.server.api.request_context import service

_CHUNK = 1000
RUNS: Final = 20
"""Executions of each job that ``failures`` looks at, and that the page shows."""
MOST_BY_FAILURES: Final = 1000
_PLACES: Final = {health: number for number, health in enumerate(JobHealth)}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class JobOrder(NamedTuple):
    key: str
    is_descending: bool = False

    def __str__(self) -> str:
        return f"-{self.key}" if self.is_descending else self.key


BY_NAME: Final = JobOrder("name")


class JobPosition(NamedTuple):
    """The place of a job in an order; the next page starts behind it."""

    is_missing: bool
    value: int
    name: str


def _next_run(found: JobSearch) -> datetime | None:
    return next(iter(service().next_runs(found.definition.job.name, 1)), None)


def _interval(found: JobSearch) -> int | None:
    coming = service().next_runs(found.definition.job.name, 2)
    return (coming[1] - coming[0]) // _MICROSECOND if len(coming) > 1 else None


_Value = int | datetime | None
_EACH: Final[Mapping[str, Callable[[JobSearch], _Value]]] = {
    "name": lambda _: 0,
    "health": lambda found: _PLACES[found.standing],
    "schedule": _interval,
    "next_run": _next_run,
    "last_run": lambda found: None if found.latest is None else found.latest.scheduled_time,
    "duration_ms": lambda found: None if found.latest is None else found.latest.duration_ms,
    "updated_at": lambda found: found.definition.updated_at,
}


def _failures(found: Sequence[JobSearch]) -> list[_Value]:
    """The failed ones among the newest executions of each job; None where a job has none."""
    names = [one.definition.job.name for one in found if one.latest is not None]
    if len(found) > MOST_BY_FAILURES:
        raise InvalidParameter(
            f"{plural(len(found), 'job')} match, which is too many for `sort=failures`.",
            hint=f"Narrow the list to {MOST_BY_FAILURES:,} jobs with tag, state, health or q, or use another order.",
        )
    recent = service().engine.recent(names, RUNS)
    counts = {name: sum(run.status is Status.FAILED for run in runs) for name, runs in recent.items()}
    return [counts.get(one.definition.job.name) for one in found]


KEYS: Final = (*_EACH, "failures")


def parameter(default: str) -> DefaultedParameter[JobOrder]:
    """``sort=KEY``, or ``sort=-KEY`` for the other direction."""
    allowed = [word for key in KEYS for word in (key, f"-{key}")]
    about = (
        "Order of the list, with `-` descending; equal jobs by name, and jobs without a value last. `schedule` is the "
        f"time between the next two runs, `failures` the number of failures among the newest "
        f"{plural(RUNS, 'execution')} (of at most {MOST_BY_FAILURES:,} jobs)"
    )
    return query.word("sort", allowed, about, _order, default=default)


def _order(word: str) -> JobOrder:
    return JobOrder(word.removeprefix("-"), word.startswith("-"))


def placed(
    found: Iterable[JobSearch], order: JobOrder, after: JobPosition | None = None
) -> list[tuple[JobPosition, JobSearch]]:
    """In this order, from behind a position on.

    A job whose value changes between two pages may be missed or come twice; every other one comes exactly once.
    """
    every = list(found)
    values = _failures(every) if order.key == "failures" else map(_EACH[order.key], every)
    places = (_position(order, one, value) for one, value in zip(every, values, strict=True))
    rows = sorted(zip(places, every, strict=True), key=itemgetter(0))
    if order == JobOrder("name", is_descending=True):
        return [row for row in reversed(rows) if after is None or row[0] < after]
    return [row for row in rows if after is None or row[0] > after]


def _position(order: JobOrder, found: JobSearch, value: _Value) -> JobPosition:
    number = (value - _EPOCH) // _MICROSECOND if isinstance(value, datetime) else value
    return JobPosition(number is None, (number or 0) * (-1 if order.is_descending else 1), found.definition.job.name)


def read_position(values: Any) -> JobPosition:
    """Out of a cursor."""
    return JobPosition(bool(values[0]), int(values[1]), str(values[2]))


def searched(found: Iterator[JobVersion]) -> Iterator[JobSearch]:
    """Each with its health and newest execution, a thousand to a question."""
    while chunk := list(islice(found, _CHUNK)):
        yield from yielding(job_health.search(service(), chunk))
