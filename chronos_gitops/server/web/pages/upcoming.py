"""The page of upcoming runs: 24 hours, a week as a heat map, and quiet times."""

from collections.abc import Hashable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from flask import request

from chronos_gitops.jobs.planning import load_forecast
from chronos_gitops.server.api.auth import caller_scope
from chronos_gitops.server.api.endpoint import READ, Endpoint
from chronos_gitops.server.api.openapi import responses
from chronos_gitops.server.api.params.query import InvalidParameter
from chronos_gitops.server.api.request_context import service
from chronos_gitops.server.api.routes.jobs import jobs, next_runs
from chronos_gitops.server.web import charts, held_runs
from chronos_gitops.server.web.layout import blueprint, charts_kept, render_page

_QUARTER = timedelta(minutes=15)
_HOUR = timedelta(hours=1)
_LISTED = 100
_QUIET = 5
_SHADES = 5
_ABOUT_THE_PAGE = ("page", "standing", "health")
"""Parameters that choose rows of a list, and nothing of the charts above it."""


@blueprint.get("/upcoming", declared=Endpoint(role=READ, is_scoped=True, parameters=jobs.FILTERS))
def outlook() -> str:
    now = service().now()
    return render_page(
        "upcoming.html",
        day=day(now),
        week=_week(now),
        minutes=_minutes(now),
        ticks=_ticks(now),
        listed=_LISTED,
        jobs=len(next_runs.due()),
    )


def day(now: datetime) -> charts.Strip | None:
    """24 hours from this quarter of an hour on; None when that is too much to count during a request."""
    start = aligned(now, _QUARTER)
    counts = due(start, _QUARTER, 96)
    return None if counts is None else charts.strip(counts, start, _QUARTER, _held(start, _QUARTER, 96))


def _held(start: datetime, bucket: timedelta, buckets: int) -> tuple[int, ...]:
    def counted() -> tuple[int, ...]:
        return held_runs.held_counts(load_forecast.group_by_schedule(next_runs.due()), start, bucket, buckets)

    return charts_kept().of(service().jobs(), ("held", *_asked(), start, bucket, buckets), counted) or ()


def _asked() -> tuple[Hashable, ...]:
    """The key of the cached answer apart from the jobs: the caller's grants, the filters, and the pauses."""
    pauses = frozenset((name, pause.until) for name, pause in service().engine.pauses().items())
    filters = frozenset(pair for pair in request.args.items(multi=True) if pair[0] not in _ABOUT_THE_PAGE)
    return caller_scope.grants(), filters, pauses


def aligned(now: datetime, step: timedelta) -> datetime:
    return now - (now - datetime.fromtimestamp(0, UTC)) % step


def due(start: datetime, bucket: timedelta, buckets: int) -> tuple[int, ...] | None:
    """Number of runs due in each bucket for the selected jobs, computed once for many refreshes."""

    def counted() -> tuple[int, ...] | None:
        try:
            return next_runs.load(start, bucket, buckets).counts
        except InvalidParameter:
            return None

    return charts_kept().of(service().jobs(), (*_asked(), start, bucket, buckets), counted)


def _week(now: datetime) -> dict[str, Any] | None:
    """Seven rows of 24 hours from midnight on, in shades from 0 (nothing) to 5, and the quietest hours of the day."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    counts = due(midnight, _HOUR, 7 * 24)
    if counts is None:
        return None
    most = max(counts)
    rows = [
        {
            "day": f"{midnight + timedelta(days=day):%a %d %b}",
            "cells": [(count, _shade(count, most)) for count in counts[day * 24 : day * 24 + 24]],
        }
        for day in range(7)
    ]
    return {"rows": rows, "most": most, "quiet": _quiet(counts)}


def _shade(count: int, most: int) -> int:
    """0 for nothing, 1 to 5 in proportion to the fullest hour: counts that differ little look alike."""
    return -(-_SHADES * count // most) if most else 0


def _minutes(now: datetime) -> list[tuple[int, int]]:
    """Minutes of the hour with the fewest ticks of a day; none when that is too much to count."""
    counts = due(aligned(now, _HOUR), timedelta(minutes=1), 24 * 60)
    if counts is None:
        return []
    by_minute = [(sum(counts[minute::60]), minute) for minute in range(60)]
    return [(minute, count) for count, minute in sorted(by_minute)[:_QUIET]]


def _quiet(counts: Sequence[int]) -> list[tuple[int, int]]:
    """Hours of the day with the fewest ticks over the week: where a new job would meet the fewest others."""
    by_hour = [(sum(counts[hour::24]), hour) for hour in range(24)]
    return [(hour, count) for count, hour in sorted(by_hour)[:_QUIET]]


def _ticks(now: datetime) -> list[dict[str, Any]]:
    """Runs, with those that calendars hold between them."""
    due, stop = load_forecast.group_by_schedule(next_runs.due()), now + timedelta(days=1)
    timings = held_runs.timings_by_job(due)
    runs = islice(load_forecast.ticks(due, now, stop), _LISTED)
    lines = [held_runs.ListedRun(at, job, held_runs.moved_note(timings[job], at)) for at, job in runs]
    last = lines[-1].at if len(lines) == _LISTED else stop
    shown = held_runs.in_order([*lines, *held_runs.held_lines(due, now, last)], _LISTED)
    return [asdict(one) | {"at": responses.instant(one.at)} for one in shown]
