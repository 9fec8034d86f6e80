"""The order of a list of jobs, for the API and the page: by one key, then by name; jobs without a value come last."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice
from operator import itemgetter
from typing import Any, Final, NamedTuple

from chronos_gitops.jobs.model import JobVersion
from chronos_gitops.process.engine_priority import yielding
from chronos_gitops.server.api import job_health
from chronos_gitops.server.api.job_health import JobHealth, JobSearch
from chronos_gitops.server.api.params import query
from chronos_gitops.server.api.params.query import DefaultedParameter
from chronos_gitops.server.api.request_context import service

_CHUNK = 1000
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


_Placed = tuple[JobPosition, JobSearch]


def _next_run(found: JobSearch) -> datetime | None:
    return next(iter(service().next_runs(found.definition.job.name, 1)), None)


_VALUES: Final[Mapping[str, Callable[[JobSearch], int | datetime | None]]] = {
    "name": lambda _: 0,
    "health": lambda found: _PLACES[found.standing],
    "next_run": _next_run,
    "last_run": lambda found: None if found.latest is None else found.latest.scheduled_time,
    "duration_ms": lambda found: None if found.latest is None else found.latest.duration_ms,
    "updated_at": lambda found: found.definition.updated_at,
}
KEYS: Final = tuple(_VALUES)


def parameter(default: str) -> DefaultedParameter[JobOrder]:
    """``sort=KEY``, or ``sort=-KEY`` for the other direction."""
    allowed = [word for key in KEYS for word in (key, f"-{key}")]
    about = "Order of the list, with `-` descending; equal ones by name, and those without a value last"
    return query.word("sort", allowed, about, _order, default=default)


def _order(word: str) -> JobOrder:
    return JobOrder(word.removeprefix("-"), word.startswith("-"))


def placed(
    found: Iterable[JobSearch], order: JobOrder, after: JobPosition | None = None
) -> list[tuple[JobPosition, JobSearch]]:
    """In this order, from behind a position on.

    A job whose value changes between two pages may be missed or come twice; every other one comes exactly once.
    """
    rows = sorted(((position(order, one), one) for one in found), key=itemgetter(0))
    if order == JobOrder("name", is_descending=True):
        return [row for row in reversed(rows) if after is None or row[0] < after]
    return [row for row in rows if after is None or row[0] > after]


def position(order: JobOrder, found: JobSearch) -> JobPosition:
    value = _VALUES[order.key](found)
    number = (value - _EPOCH) // _MICROSECOND if isinstance(value, datetime) else value
    return JobPosition(number is None, (number or 0) * (-1 if order.is_descending else 1), found.definition.job.name)


def read_position(values: Any) -> JobPosition:
    """Out of a cursor."""
    return JobPosition(bool(values[0]), int(values[1]), str(values[2]))


def searched(found: Iterator[JobVersion]) -> Iterator[JobSearch]:
    """Each with its health and newest execution, a thousand to a question."""
    while chunk := list(islice(found, _CHUNK)):
        yield from yielding(job_health.search(service(), chunk))
