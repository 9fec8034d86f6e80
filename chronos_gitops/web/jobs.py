"""The first page: what is red, what comes, every job in a row."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from flask import render_template

from chronos_gitops.api import jobs as api_jobs
from chronos_gitops.api import query, render, upcoming
from chronos_gitops.api.context import service
from chronos_gitops.api.query import InvalidParameter
from chronos_gitops.engine import streak
from chronos_gitops.engine.model import Execution, ExecutionQuery, Status
from chronos_gitops.jobs.model import Definition
from chronos_gitops.web import charts
from chronos_gitops.web.frame import blueprint, in_words
from chronos_gitops.web.outlook import day
from chronos_gitops.web.standing import WORDS, Standing, counted, standing

SHOWN = 200
RUNS = 20
_STEP = timedelta(minutes=5)
_STEPS = 18
_TIMELINE = 1000


class Found(NamedTuple):
    """A job, how it stands, and its newest execution."""

    definition: Definition
    standing: Standing
    latest: Execution | None


@blueprint.get("/")
def jobs() -> str:
    wanted = query.choice("standing", Standing)
    found = _found(list(api_jobs.matching()))
    shown = [one for one in found if wanted is None or one.standing is wanted]
    page = query.integer("page", default=1, low=1, high=10_000)
    start = (page - 1) * SHOWN
    return render_template(
        "jobs.html",
        rows=_rows(shown[start : start + SHOWN]),
        count=len(shown),
        tiles=counted(one.standing for one in found),
        words=WORDS,
        wanted=wanted,
        page=page,
        pages=-(-len(shown) // SHOWN) or 1,
        asked=_asked(),
        load=day(service().now()),
        timeline=_timeline(found),
        runs=RUNS,
    )


def _found(definitions: Sequence[Definition]) -> list[Found]:
    """Those that want attention first, then by name."""
    pauses, now = service().engine.pauses(), service().now()
    latest = service().engine.latest([definition.job.name for definition in definitions])
    found = []
    for definition in definitions:
        name = definition.job.name
        found.append(Found(definition, standing(definition, latest.get(name), pauses.get(name), now), latest.get(name)))
    order = list(Standing)
    return sorted(found, key=lambda one: (order.index(one.standing), one.definition.job.name))


def _rows(found: Sequence[Found]) -> list[dict[str, Any]]:
    names = [one.definition.job.name for one in found]
    recent: Mapping[str, Sequence[Execution]] = service().engine.recent(names, RUNS) if names else {}
    rendered = render.jobs(service(), [one.definition for one in found])
    return [
        job
        | {
            "standing": one.standing,
            "words": in_words(one.definition.job.schedule),
            "bars": charts.bars(recent.get(one.definition.job.name, ()), RUNS),
            "in_a_row": _in_a_row(recent.get(one.definition.job.name, ())),
        }
        for one, job in zip(found, rendered, strict=True)
    ]


def _in_a_row(runs: Sequence[Execution]) -> int:
    """Failures since the last success, among the runs that are shown."""
    found = streak.newest(runs)
    return 0 if found is None else found.count


def _asked() -> dict[str, str]:
    tags = {f"tag.{key}": value for key, value in query.tags().items()}
    state = query.text("state")
    return {"q": query.text("q") or "", **tags, **({} if state is None else {"state": state})}


def _timeline(found: Sequence[Found]) -> dict[str, Any]:
    """Ninety minutes back and ahead in steps of five: what ended well, what failed, what is due."""
    now = service().now()
    start = now - _STEP * _STEPS
    steps = [{"success": 0, "failed": 0, "other": 0, "due": 0} for _ in range(2 * _STEPS)]
    newest = service().engine.executions(ExecutionQuery(limit=_TIMELINE)) if found else ()
    shown = {one.definition.job.name for one in found}
    for run in newest:
        if run.job in shown and start <= run.scheduled_time <= now:
            index = min((run.scheduled_time - start) // _STEP, _STEPS - 1)
            steps[index][run.status.value if run.status in (Status.SUCCESS, Status.FAILED) else "other"] += 1
    try:
        ahead = upcoming.load(now, _STEP, _STEPS).counts
    except InvalidParameter:
        ahead = ()
    for index, count in enumerate(ahead):
        steps[_STEPS + index]["due"] = count
    most = max((sum(step.values()) for step in steps), default=0) or 1
    return {
        "steps": [
            {"x": index, "at": start + _STEP * index, "parts": _parts(step, most)} for index, step in enumerate(steps)
        ],
        "scale": charts.scale(start, _STEP * _STEPS * 2),
        "partial": len(newest) == _TIMELINE and newest[-1].scheduled_time > start,
    }


def _parts(step: Mapping[str, int], most: int) -> list[dict[str, Any]]:
    """Stacked from the bottom: kind, count, where it begins and how high it is."""
    parts, below = [], 0
    for kind, count in step.items():
        if count:
            height = max(2, round(charts.HEIGHT * count / most))
            below += height
            parts.append({"kind": kind, "count": count, "y": charts.HEIGHT - below, "height": height})
    return parts
