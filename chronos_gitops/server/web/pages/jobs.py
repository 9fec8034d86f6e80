"""The first page: what is red, what comes, every job in a row."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, cast

from flask import g, url_for

from chronos_gitops.engine.answers import failure_streak
from chronos_gitops.engine.model import Execution, ExecutionQuery, Status
from chronos_gitops.jobs.model import Job
from chronos_gitops.plurals import plural
from chronos_gitops.server.api import links
from chronos_gitops.server.api.auth import caller_scope
from chronos_gitops.server.api.endpoint import READ, Endpoint
from chronos_gitops.server.api.job_health import WORDS, JobHealth, JobSearch, counted, search
from chronos_gitops.server.api.openapi import responses
from chronos_gitops.server.api.params import query
from chronos_gitops.server.api.request_context import service
from chronos_gitops.server.api.routes.jobs import job_order
from chronos_gitops.server.api.routes.jobs import jobs as api_jobs
from chronos_gitops.server.api.routes.jobs.job_order import MOST_BY_FAILURES, RUNS, JobOrder
from chronos_gitops.server.web import charts
from chronos_gitops.server.web.layout import PAUSES, blueprint, in_words, render_page, shapes_kept
from chronos_gitops.server.web.pages.upcoming import aligned, day, due

SHOWN = 100
"""Jobs on a page: as many as a list of the API has by default."""
_STEP = timedelta(minutes=5)
_MINUTE = timedelta(minutes=1)
_STEPS = 18
_TIMELINE = 1000
_READ = 200
_NAMED = 1000
_WORDS = 22
"""Characters of a schedule in words that fit into its column."""


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
    return render_page(
        "jobs.html",
        rows=_rows(shown[start : start + SHOWN]),
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
        runs=RUNS,
        run_place=_place("pages.execution", "execution_id"),
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


def _rows(found: Sequence[JobSearch]) -> list[dict[str, Any]]:
    rendered = responses.jobs(service(), found)
    shapes = _shapes(found)
    return [
        job
        | {
            "standing": one.standing,
            "words": in_words(one.definition.job.timing),
            "short": _short_schedule(one.definition.job),
            "shape": shapes.get(one.definition.job.name),
            "since": _since(one, shapes.get(one.definition.job.name)),
            "url": f"{_place('pages.job', 'name')}{job['name']}",
            "tag_urls": [_tag_url(*tag) for tag in one.definition.job.tags[:1]],
            "folded": ", ".join(f"{key}={value}" for key, value in one.definition.job.tags[1:]),
        }
        for one, job in zip(found, rendered, strict=True)
    ]


def _short_schedule(job: Job) -> str:
    """In words where these fit into a column, else as it is written; the first of several."""
    words, written = in_words(job.timing), job.timing.schedules.schedules
    if len(words) <= _WORDS:
        return words
    return written[0].text if len(written) == 1 else f"{written[0].text} +{len(written) - 1}"


def _place(endpoint: str, variable: str) -> str:
    """The part of an endpoint's address before its last variable, which needs no escaping. ``url_for`` takes 15 µs, and
    a page has six hundred links."""
    if endpoint not in g:
        values: Any = {variable: "x"}
        setattr(g, endpoint, url_for(endpoint, **values).removesuffix("x"))
    return cast(str, getattr(g, endpoint))


def _tag_url(key: str, value: str) -> str:
    """Many jobs share few tags."""
    known = g.setdefault("tag_urls", {})
    if (key, value) not in known:
        asked: Any = {f"tag.{key}": value}
        known[key, value] = url_for("pages.jobs", **asked)
    return cast(str, known[key, value])


class Shape(NamedTuple):
    """The newest runs of a job: one outline for each status, what they came to in words, failures in a row, and the
    commit of the first of them."""

    outlines: Sequence[tuple[str, str]]
    words: str
    in_a_row: int
    since: str | None


def _since(found: JobSearch, shape: Shape | None) -> dict[str, str] | None:
    """The commit that a failing job began to fail with, where it made a version of it."""
    if found.standing is not JobHealth.FAILING or shape is None or shape.since is None:
        return None
    made = service().follower.index().versions(found.definition.job.name).made_by(shape.since)
    version = next(iter(made), None)
    if version is None:
        return None
    title = f"version {version.label} by {version.author_name}: {version.subject}"
    return {"commit": version.commit, "title": title, "url": url_for("pages.commit", commit=version.commit)}


def _shapes(found: Sequence[JobSearch]) -> Mapping[str, Shape]:
    """By name. A job without news looks as it did; but an older run that has not ended may bring some."""
    jobs, kept = service().jobs(), shapes_kept()
    keys = {one.latest.job: (one.latest.job, one.latest.id, one.latest.status) for one in found if one.latest}
    shapes = {name: shape for name, key in keys.items() if (shape := kept.get(jobs, key)) is not None}
    asked = [name for name in keys if name not in shapes]
    recent = service().engine.recent(asked, RUNS) if asked else {}
    for name, runs in recent.items():
        shapes[name] = Shape(charts.outlines(charts.bars(runs, RUNS)), charts.told(runs), *_streak(runs))
        if jobs.get(name) is not None and all(run.status.is_final for run in runs):
            kept.put(jobs, keys[name], shapes[name])
    return shapes


def _streak(runs: Sequence[Execution]) -> tuple[int, str | None]:
    """Failures since the last success among the runs that are shown, and the commit of the first of them."""
    found = failure_streak.newest(runs)
    return (0, None) if found is None else (found.count, found.first.commit)


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
        page = service().engine.executions(ExecutionQuery(limit=_READ, before=before))
        rows += page
        if len(page) < _READ or page[-1].scheduled_time < since:
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
