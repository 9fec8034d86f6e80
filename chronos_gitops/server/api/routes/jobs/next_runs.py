"""``/next-runs``: the ticks of all jobs in a window, one by one or counted by bucket, with the peak."""

from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from flask import Blueprint, Response, request

from chronos_gitops.jobs.planning import load_forecast
from chronos_gitops.jobs.planning.load_forecast import Load, ScheduledJob
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule import durations
from chronos_gitops.server.api import held_times
from chronos_gitops.server.api.endpoint import READ, ApiOperation, Endpoint, answer
from chronos_gitops.server.api.openapi import responses
from chronos_gitops.server.api.openapi.shapes import DURATION, ref
from chronos_gitops.server.api.params import pagination, query
from chronos_gitops.server.api.params.query import InvalidParameter
from chronos_gitops.server.api.request_context import service
from chronos_gitops.server.api.routes.jobs import jobs

blueprint = Blueprint("upcoming", __name__, url_prefix="/api/v1/next-runs")
DAY = timedelta(days=1)
_LONGEST = timedelta(days=366)
_SHORTEST_BUCKET = timedelta(seconds=1)
_MOST_BUCKETS = 2000
_MOST_COUNTS = 400_000
"""About 10 µs each: what one question may cost."""
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


@dataclass(frozen=True, slots=True)
class Window:
    """[start, stop)."""

    start: datetime
    stop: datetime


def _read_bucket(text: str) -> timedelta:
    try:
        bucket = durations.parse(text)
    except durations.DurationError as error:
        raise InvalidParameter(f"bucket: {error}.") from None
    if bucket < _SHORTEST_BUCKET or bucket % _SHORTEST_BUCKET:
        raise InvalidParameter("bucket is whole seconds, at least 1s.", hint="Write one like 15m.")
    return bucket


FROM = query.instant("from", "The beginning; now when absent, with `bucket` the start of the one that now lies in")
UNTIL = query.instant("until", "The end, not included; a day after `from` when absent")
CLOSED = query.choice(
    "closed", jobs.Flag, "Include scheduled times of the page that calendars drop or move, at most 1000"
)
BUCKET = query.parameter(
    "bucket",
    DURATION,
    "Count by this length (`15m`) instead of listing; takes no `limit` and no `cursor`",
    _read_bucket,
)


@blueprint.get(
    "",
    declared=Endpoint(
        ApiOperation(
            "allNextRuns",
            "jobs",
            "Scheduled times of all jobs in a window",
            "Lists scheduled times in order, or counts them with `bucket`. The period is from `from` (inclusive) "
            "to `until` (exclusive), at most a year.",
            {
                200: answer(
                    "The scheduled times in order, or their number in each bucket",
                    {"oneOf": [ref("TickList"), ref("Load")]},
                )
            },
        ),
        role=READ,
        is_scoped=True,
        parameters=(*pagination.PAGED, FROM, UNTIL, BUCKET, CLOSED, *jobs.FILTERS),
    ),
)
def next_runs() -> Response | dict[str, Any]:
    bucket = BUCKET.value()
    if bucket is None:
        return _listed(_window(service().now()))
    for name in ("limit", "cursor", CLOSED.name):
        if name in request.args:
            raise InvalidParameter(f"{name} does not go with bucket: all buckets come at once, of open times.")
    return _counted(_window(_aligned(service().now(), bucket)), bucket)


def due() -> list[ScheduledJob]:
    """The jobs that the request selects (``state``, ``q``, ``tag.*``), with their pauses."""
    pauses, decided, now = service().engine.pauses(), service().engine.decided_until(), service().now()
    moving = service().engine.moving()
    found = []
    for definition in jobs.filtered():
        job, pause = definition.job, pauses.get(definition.job.name)
        if job.enabled and (pause is None or pause.until is not None):
            since = _EPOCH if pause is None or pause.until is None else pause.until
            since = max(since, decided.get(job.name, _EPOCH))
            found.append(ScheduledJob(job.name, moving.get(job.name, job.timing), since if since > now else _EPOCH))
    return found


def load(start: datetime, bucket: timedelta, buckets: int) -> Load:
    """The load of the jobs that the request asks for. InvalidParameter when it would cost too much to count."""
    alike = load_forecast.group_by_schedule(due())
    if len(alike) * buckets > _MOST_COUNTS:
        raise InvalidParameter(
            f"{buckets} buckets of {len(alike)} different schedules are more than can be counted at once.",
            hint="Take longer buckets, a shorter window, or fewer jobs (tag.<key>, q).",
        )
    return load_forecast.load(alike, start, bucket, buckets)


def _listed(window: Window) -> Response:
    size = pagination.limit()
    after = pagination.position(_position)
    start = window.start if after is None else max(window.start, after[0])
    alike = load_forecast.group_by_schedule(due())
    merged = load_forecast.ticks(alike, start, window.stop)
    rest = merged if after is None else (tick for tick in merged if tick > after)
    page = list(islice(rest, size + 1))
    last = page[size - 1] if len(page) > size else None
    moved = held_times.moved_from(alike, page[:size])
    items = [
        {"at": responses.instant(at), "job": job} | ({"moved_from": moved[at, job]} if (at, job) in moved else {})
        for at, job in page[:size]
    ]
    cursor = None if last is None else [last[0].isoformat(), last[1]]
    if CLOSED.value() is not jobs.Flag.TRUE:
        return pagination.answer(items, cursor)
    begin = start if after is None else after[0]
    closed = held_times.closed_of_all(alike, begin, window.stop if last is None else last[0])
    return pagination.answer(items, cursor, closed=closed)


def _counted(window: Window, bucket: timedelta) -> dict[str, Any]:
    buckets = -(-(window.stop - window.start) // bucket)
    if buckets > _MOST_BUCKETS:
        raise InvalidParameter(
            f"The window has {buckets} buckets; at most {_MOST_BUCKETS} are counted.",
            hint="Take longer buckets, or a shorter window.",
        )
    found = load(window.start, bucket, buckets)
    starts = [window.start + bucket * index for index in range(buckets)]
    items = [{"at": responses.instant(at), "count": count} for at, count in zip(starts, found.counts, strict=True)]
    return {
        "from": responses.instant(window.start),
        "until": responses.instant(window.start + bucket * buckets),
        "bucket": durations.render(bucket),
        "total": found.total,
        "peak": None if found.peak is None else items[found.peak],
        "buckets": items,
    }


def _window(default: datetime) -> Window:
    """``from`` is now, or the bucket that now lies in; ``until`` a day later."""
    start = FROM.value() or default
    stop = UNTIL.value() or start + DAY
    if not start < stop <= start + _LONGEST:
        raise InvalidParameter("until lies after from, by a year at most.")
    return Window(start, stop)


def _aligned(moment: datetime, bucket: timedelta) -> datetime:
    """Buckets start at multiples of their length, so that the same question has the same answer for a while."""
    return moment - (moment - _EPOCH) % bucket


def _position(values: Any) -> tuple[datetime, str]:
    return pagination.instant(values[0]), str(values[1])
