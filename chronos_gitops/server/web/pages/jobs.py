"""The first page: what is red, what comes, every job in a row."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from flask import url_for
from markupsafe import Markup

from chronos_gitops.engine.model import Execution, ExecutionQuery, Status
from chronos_gitops.plurals import plural
from chronos_gitops.server.api import links
from chronos_gitops.server.api.auth import caller_scope
from chronos_gitops.server.api.endpoint import READ, Endpoint
from chronos_gitops.server.api.job_health import WORDS, JobHealth, JobSearch, counted, search
from chronos_gitops.server.api.params import query
from chronos_gitops.server.api.request_context import service
from chronos_gitops.server.api.routes.jobs import job_order
from chronos_gitops.server.api.routes.jobs import jobs as api_jobs
from chronos_gitops.server.api.routes.jobs.job_order import MOST_BY_FAILURES, RUNS, JobOrder
from chronos_gitops.server.web import charts, job_rows
from chronos_gitops.server.web.layout import PAUSES, blueprint, render_page
from chronos_gitops.server.web.pages.upcoming import aligned, day, due

SHOWN = 100
"""Jobs on a page: as many as a list of the API has by default."""
_PAINTED_FIRST: Final = 30
"""Rows in the first frame; the style sheet shows the others right after it."""
_STEP = timedelta(minutes=5)
_MINUTE = timedelta(minutes=1)
_STEPS = 18
_TIMELINE = 1000
_READ = 200
_NAMED = 1000


STANDING = query.choice("standing", JobHealth, "What links of earlier releases call health")
SORT = job_order.parameter("health")
BY_HEALTH = JobOrder("health")
_COLUMNS: Final = (
    ("State", "health"),
    ("Job", "name"),
    ("Schedule", "schedule"),
    (f"Last {plural(RUNS, 'execution')}", "-failures"),
    ("Last result", "-last_run"),
    ("Next run", "next_run"),
    ("Version", "-updated_at"),
)
"""Words, and the order that a first click asks for."""
PAGE = query.integer("page", "Which page of the list", default=1, high=10_000)


@blueprint.get(
    "/",
    declared=Endpoint(role=READ, is_scoped=True, parameters=(api_jobs.HEALTH, STANDING, SORT, PAGE, *api_jobs.FILTERS)),
)
def jobs() -> str:
    wanted = api_jobs.HEALTH.value() or STANDING.value()
    order = SORT.value()
    found = [one for _, one in job_order.placed(search(service(), list(api_jobs.matching())), order)]
    shown = [one for one in found if wanted is None or one.standing is wanted]
    never_valid = _never_valid()
    page = PAGE.value()
    start = (page - 1) * SHOWN
    rows = job_rows.html(shown[start : start + SHOWN])
    return render_page(
        "jobs.html",
        rows=Markup("").join(rows[:_PAINTED_FIRST]),
        later_rows=Markup("").join(rows[_PAINTED_FIRST:]),
        count=len(shown),
        tiles=_tiles(found, never_valid),
        never_valid=never_valid if wanted is JobHealth.INVALID else (),
        words=WORDS,
        wanted=wanted,
        columns=_columns(order, wanted, len(found)),
        sort="" if order == BY_HEALTH else str(order),
        page=page,
        pages=-(-len(shown) // SHOWN) or 1,
        asked=_asked(),
        selected=_selected(shown, is_narrowed=wanted is not None),
        pause_lengths=PAUSES,
        back=links.here(with_query=True),
        load=day(service().now()),
        timeline=_timeline(found),
    )


def _columns(order: JobOrder, wanted: JobHealth | None, jobs: int) -> list[dict[str, str]]:
    """A click on the column that orders the list reverses it."""
    asked = _asked() | ({} if wanted is None else {"health": wanted.value})
    same: dict[str, Any] = {name: value for name, value in asked.items() if value}
    found = []
    for word, first in _COLUMNS:
        is_ordered = first.removeprefix("-") == order.key
        following = str(order._replace(is_descending=not order.is_descending)) if is_ordered else first
        is_refused = first == "-failures" and jobs > MOST_BY_FAILURES
        url = "" if is_refused else url_for("pages.jobs", **{**same, "sort": following})
        direction = "descending" if order.is_descending else "ascending"
        found.append({"word": word, "url": url, "order": direction if is_ordered else ""})
    return found


def _never_valid() -> Sequence[str]:
    """Names in files that never were valid, where nothing but their name can have been asked for: they have no tags."""
    if query.tags() or api_jobs.STATE.value() or api_jobs.EXPECTATION.value():
        return ()
    asked = (api_jobs.TEXT.value() or "").casefold()
    status = caller_scope.status(service().follower.status())
    names = [name for name in status.not_running if name not in status.other_kinds]
    return [name for name in names if asked in name.casefold()]


def _tiles(found: Sequence[JobSearch], never_valid: Sequence[str]) -> Mapping[JobHealth, int]:
    tiles = counted(one.standing for one in found)
    return {**tiles, JobHealth.INVALID: tiles[JobHealth.INVALID] + len(never_valid)}


def _asked() -> dict[str, str]:
    tags = {f"tag.{key}": value for key, value in query.tags().items()}
    state = api_jobs.STATE.value()
    return {"q": api_jobs.TEXT.value() or "", **tags, **({} if state is None else {"state": state})}


def _selected(shown: Sequence[JobSearch], *, is_narrowed: bool) -> dict[str, str] | None:
    """The fields that select the jobs of the list for a bulk call: by tags where these are all that was asked for, else
    by name; None for too many names."""
    if not (is_narrowed or api_jobs.TEXT.value() or api_jobs.STATE.value()):
        return {f"select.tags.{key}": value for key, value in query.tags().items()} or {"select.all": "true"}
    if len(shown) > _NAMED:
        return None
    return {"select.jobs": ",".join(one.definition.job.name for one in shown)}


def _timeline(found: Sequence[JobSearch]) -> dict[str, Any]:
    """Ninety minutes back and ahead in steps of five: what ended well, what failed, what is due."""
    now = service().now()
    ahead_from = aligned(now, _STEP) + _STEP
    start = ahead_from - _STEP * _STEPS
    steps = [{"success": 0, "failed": 0, "other": 0, "due": 0} for _ in range(2 * _STEPS)]
    newest = _newest(start) if found else []
    shown = {one.definition.job.name for one in found}
    for run in newest:
        if run.job in shown and start <= run.scheduled_time <= now:
            kind = run.status.value if run.status in (Status.SUCCESS, Status.FAILED) else "other"
            steps[(run.scheduled_time - start) // _STEP][kind] += 1
    soon = due(ahead_from - _STEP, _MINUTE, _STEP // _MINUTE) or ()
    steps[_STEPS - 1]["due"] = sum(soon[(now - ahead_from + _STEP) // _MINUTE + 1 :])
    for index, count in enumerate(due(ahead_from, _STEP, _STEPS) or ()):
        steps[_STEPS + index]["due"] = count
    most = max((sum(step.values()) for step in steps), default=0) or 1
    return {
        "steps": [
            {"x": index, "at": start + _STEP * index, "parts": _parts(step, most)} for index, step in enumerate(steps)
        ],
        "now": round(10 * (now - start) / _STEP),
        "scale": charts.scale(start, _STEP * _STEPS * 2),
        "partial": len(newest) >= _TIMELINE and newest[-1].scheduled_time > start,
    }


def _newest(since: datetime) -> list[Execution]:
    """Back to this instant, or the newest thousand."""
    rows: list[Execution] = []
    before = None
    while len(rows) < _TIMELINE:
        page = service().engine.executions(ExecutionQuery(since=since, limit=_READ, before=before))
        rows += page
        if len(page) < _READ:
            break
        before = (page[-1].scheduled_time, page[-1].id)
    return rows


def _parts(step: Mapping[str, int], most: int) -> list[dict[str, Any]]:
    """Stacked from the bottom: kind, count, where it begins and how high it is."""
    parts, below = [], 0
    for kind, count in step.items():
        if count:
            height = max(2, round(charts.HEIGHT * count / most))
            below += height
            parts.append({"kind": kind, "count": count, "y": charts.HEIGHT - below, "height": height})
    return parts
