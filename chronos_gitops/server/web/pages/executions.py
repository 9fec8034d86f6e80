"""Executions of all jobs, newest first, with filters that stand in the address."""

from datetime import datetime
from enum import StrEnum
from typing import Final
from urllib.parse import urlencode, urlsplit

from flask import request, url_for

from chronos_gitops.engine.model import ExecutionQuery, Status, Trigger
from chronos_gitops.errors import NotFoundError
from chronos_gitops.schedule import durations
from chronos_gitops.server.api import links
from chronos_gitops.server.api.endpoint import READ, Endpoint
from chronos_gitops.server.api.params import job_lookup, pagination, query
from chronos_gitops.server.api.request_context import service
from chronos_gitops.server.api.routes.executions import executions as api
from chronos_gitops.server.api.routes.executions.execution_order import NEWEST_FIRST, ExecutionOrder
from chronos_gitops.server.web import run_rows
from chronos_gitops.server.web.layout import blueprint, render_page

_SHOWN = 50


class Within(StrEnum):
    """Lengths that the page offers."""

    HOUR = "1h"
    SHIFT = "8h"
    DAY = "24h"
    WEEK = "168h"


WORDS = {Within.HOUR: "hour", Within.SHIFT: "8 hours", Within.DAY: "24 hours", Within.WEEK: "week"}
WITHIN = query.of_form(query.choice("within", Within, "Only scheduled times of this long until now"))
JOB, TRIGGER = query.of_form(api.JOB), query.of_form(api.TRIGGER)
SINCE, UNTIL = query.of_form(api.SINCE), query.of_form(api.UNTIL)
_SORTED: Final = {
    "Job": "job",
    "Scheduled": "-scheduled_time",
    "Result": "status",
    "Duration": "-duration_ms",
    "Attempts": "-attempts",
}
"""Columns, and the order that a first click asks for."""
FILTERS = (JOB, api.STATUS, TRIGGER, WITHIN, SINCE, UNTIL)


@blueprint.get(
    "/executions",
    declared=Endpoint(role=READ, is_scoped=True, parameters=(*FILTERS, api.SORT, pagination.CURSOR, query.TAGS)),
)
def executions() -> str:
    order = api.SORT.value()
    within, since = WITHIN.value(), SINCE.value()
    if within is not None:
        begin = service().now() - durations.parse(within)
        since = begin if since is None else max(begin, since)
    fault, job = "", JOB.value()
    try:
        name = None if job is None else job_lookup.name(service(), job)
    except NotFoundError as error:
        fault, name = error.message, None
    asked = ExecutionQuery(
        job=name,
        statuses=api.STATUS.value() or (),
        trigger=TRIGGER.value(),
        since=since,
        until=UNTIL.value(),
    )
    rows, after = ((), None) if fault else api.in_order(asked, order, _SHOWN)
    return render_page(
        "executions.html",
        rows=[run_rows.row(row) for row in rows],
        following=None if after is None else _relative(pagination.next_url(after)),
        columns=_columns(order),
        sort="" if order == NEWEST_FIRST else str(order),
        first=_first(),
        is_first=pagination.CURSOR.value() is None,
        job=job or "",
        statuses=asked.statuses,
        trigger=asked.trigger,
        within=within,
        since=_local(SINCE.value()),
        until=_local(UNTIL.value()),
        tags=query.tags(),
        fault=fault,
        choices={"status": list(Status), "trigger": list(Trigger), "within": WORDS},
        shortcuts=_shortcuts(),
        is_filtered=bool(request.args),
    )


def _first(**changed: str) -> str:
    """The address of the first page, with these parameters in place of those that it had."""
    kept = [pair for pair in request.args.items(multi=True) if pair[0] != "cursor" and pair[0] not in changed]
    asked = [*kept, *changed.items()]
    return f"{links.here()}?{urlencode(asked)}" if asked else links.here()


def _columns(order: ExecutionOrder) -> dict[str, dict[str, str]]:
    """A click on the column that orders the list turns it round."""
    found = {}
    for word, first in _SORTED.items():
        is_ordered = first.removeprefix("-") == order.key
        following = str(order._replace(is_descending=not order.is_descending)) if is_ordered else first
        direction = "descending" if order.is_descending else "ascending"
        found[word] = {"url": _first(sort=following), "order": direction if is_ordered else ""}
    return found


def _shortcuts() -> list[tuple[str, str]]:
    """Labels and addresses of the most frequent filters."""
    asked = (
        ("failed in the last hour", {"status": "failed", "within": "1h"}),
        ("failed in the last 24 hours", {"status": "failed", "within": "24h"}),
        ("running and waiting", {"status": ["running", "pending"]}),
        ("skipped in the last 24 hours", {"status": "skipped", "within": "24h"}),
    )
    return [(words, url_for("pages.executions", **fields)) for words, fields in asked]


def _local(instant: datetime | None) -> str:
    """As the field of a form takes it: UTC, to the minute."""
    return "" if instant is None else f"{instant:%Y-%m-%dT%H:%M}"


def _relative(address: str) -> str:
    return urlsplit(address)._replace(scheme="", netloc="").geturl()
