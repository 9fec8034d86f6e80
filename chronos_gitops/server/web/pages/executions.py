"""Executions of all jobs, newest first, with filters that stand in the address."""

from typing import Final

from flask import request, url_for

from chronos_gitops.engine.model import ExecutionQuery, Status, Trigger
from chronos_gitops.errors import NotFoundError
from chronos_gitops.server.api.endpoint import READ, Endpoint
from chronos_gitops.server.api.params import job_lookup, pagination, query
from chronos_gitops.server.api.request_context import service
from chronos_gitops.server.api.routes.executions import executions as api
from chronos_gitops.server.api.routes.executions.execution_order import NEWEST_FIRST, ExecutionOrder
from chronos_gitops.server.web import list_filters, run_rows
from chronos_gitops.server.web.layout import blueprint, render_page

_SHOWN = 50


WITHIN = list_filters.within("Only scheduled times of this long until now")
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
    within = WITHIN.value()
    fault, job = "", JOB.value()
    try:
        name = None if job is None else job_lookup.name(service(), job)
    except NotFoundError as error:
        fault, name = error.message, None
    asked = ExecutionQuery(
        job=name,
        statuses=api.STATUS.value() or (),
        trigger=TRIGGER.value(),
        since=list_filters.begin(within, SINCE.value()),
        until=UNTIL.value(),
    )
    rows, after = ((), None) if fault else api.in_order(asked, order, _SHOWN)
    return render_page(
        "executions.html",
        rows=[run_rows.row(row) for row in rows],
        following=None if after is None else list_filters.relative(pagination.next_url(after)),
        columns=_columns(order),
        sort="" if order == NEWEST_FIRST else str(order),
        first=list_filters.first(),
        is_first=pagination.CURSOR.value() is None,
        job=job or "",
        statuses=asked.statuses,
        trigger=asked.trigger,
        within=within,
        since=list_filters.local(SINCE.value()),
        until=list_filters.local(UNTIL.value()),
        tags=query.tags(),
        fault=fault,
        choices={"status": list(Status), "trigger": list(Trigger), "within": list_filters.WORDS},
        shortcuts=_shortcuts(),
        is_filtered=bool(request.args),
    )


def _columns(order: ExecutionOrder) -> dict[str, dict[str, str]]:
    """A click on the column that orders the list turns it round."""
    found = {}
    for word, first in _SORTED.items():
        is_ordered = first.removeprefix("-") == order.key
        following = str(order._replace(is_descending=not order.is_descending)) if is_ordered else first
        direction = "descending" if order.is_descending else "ascending"
        found[word] = {"url": list_filters.first(sort=following), "order": direction if is_ordered else ""}
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
