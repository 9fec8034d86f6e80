"""The rows of the list of jobs: their values, and their HTML, which is kept as long as a row shows the same."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple, cast

from flask import current_app, g, url_for
from markupsafe import Markup

from chronos_gitops.engine.answers import failure_streak
from chronos_gitops.engine.model import Execution, Status
from chronos_gitops.jobs.model import Job, JobVersion
from chronos_gitops.process.engine_priority import yielding
from chronos_gitops.server.api import links
from chronos_gitops.server.api.job_health import JobHealth, JobSearch
from chronos_gitops.server.api.request_context import service
from chronos_gitops.server.api.routes.jobs.job_order import RUNS
from chronos_gitops.server.web import charts, formatting
from chronos_gitops.server.web.layout import in_words, milliseconds, moment_html, rows_kept, shapes_kept

_WORDS: Final = 22
"""Characters of a schedule in words that fit into its column."""
_TEMPLATE: Final = "job_row.html"
_CLOCK: Final = "<!>"
"""In place of the words of a time, in the HTML that is kept: text of a job is escaped, so that it cannot be this."""


class Shape(NamedTuple):
    """The newest runs of a job: one outline for each status, what they came to in words, failures in a row, and the
    commit of the first of them."""

    outlines: Sequence[tuple[str, str]]
    words: str
    in_a_row: int
    since: str | None


class FirstBadCommit(NamedTuple):
    """The commit that a failing job began to fail with."""

    url: str
    title: str
    short: str


class LastRun(NamedTuple):
    """The newest execution: ``status`` also says why or what for, ``code`` what a failed one came to."""

    url: str
    kind: str
    status: str
    code: str
    at: Markup | str
    took: str


class JobRow(NamedTuple):
    """Everything that a row shows."""

    name: str
    url: str
    standing: str
    since: FirstBadCommit | None
    tag: tuple[str, str, str] | None
    """The first one: key, value, and the list of its jobs."""
    more_tags: tuple[str, ...]
    schedule: str
    about_schedule: str
    timezone: str
    shape: Shape | None
    last: LastRun | None
    next_run: Markup | str
    version: int | None
    note: str


class _Shown(NamedTuple):
    """All that a row is made of. Objects that are the same are not compared further."""

    found: JobSearch
    shape: Shape | None
    following: datetime | None
    versions: object
    root: str


class _KnownRow(NamedTuple):
    """``parts`` are the HTML of a row between the times in words, which change with the clock."""

    shown: _Shown
    parts: Sequence[str]


def html(found: Sequence[JobSearch]) -> list[Markup]:
    """A row of a template costs 150 µs and its values as much, and a page has a hundred; most look as they did when it
    was asked before."""
    jobs, kept, template = service().jobs(), rows_kept(), current_app.jinja_env.get_template(_TEMPLATE)
    shapes, versions, root, now = _shapes(found), service().follower.index(), links.path(""), service().now()
    rows = []
    for one in yielding(found):
        name = one.definition.job.name
        following = next(iter(service().next_runs(name, 1)), None)
        shown = _Shown(one, shapes.get(name), following, versions, root)
        known: _KnownRow | None = kept.get(jobs, name)
        if known is None or known.shown != shown:
            known = _KnownRow(shown, template.render(row=_row(shown), runs=RUNS).split(_CLOCK))
            kept.put(jobs, name, known)
        rows.append(_told(known, now))
    return rows


def _told(known: _KnownRow, now: datetime) -> Markup:
    """The row with its times in words: of the newest run, then of the next one."""
    latest, text = known.shown.found.latest, [known.parts[0]]
    times = (None if latest is None else latest.scheduled_time, known.shown.following)
    for instant, part in zip((one for one in times if one is not None), known.parts[1:], strict=True):
        text += formatting.relative(instant, now), part
    return Markup("".join(text))


def _row(shown: _Shown) -> JobRow:
    (definition, standing, latest), shape = shown.found, shown.shape
    job = definition.job
    schedules = "; ".join(schedule.text for schedule in job.timing.schedules.schedules)
    return JobRow(
        name=job.name,
        url=f"{_place('pages.job', 'name')}{job.name}",
        standing=standing.value,
        since=_since(shown.found, shape),
        tag=(*job.tags[0], _tag_url(*job.tags[0])) if job.tags else None,
        more_tags=tuple(f"{key}={value}" for key, value in job.tags[1:]),
        schedule=_short_schedule(job),
        about_schedule=f"{in_words(job.timing)} · {schedules} · {job.timing.timezone}",
        timezone=job.timing.timezone,
        shape=shape,
        last=None if latest is None else _last(latest),
        next_run="–" if shown.following is None else moment_html(shown.following, _CLOCK),
        version=definition.version,
        note=_note(definition, standing),
    )


def _last(run: Execution) -> LastRun:
    waits = f" (waiting for {run.waiting_for})" if run.waiting_for else ""
    code = (run.status_code or run.error_class or "") if run.status is Status.FAILED else ""
    return LastRun(
        url=f"{_place('pages.execution', 'execution_id')}{run.id}",
        kind=run.status.value,
        status=run.status.value + (f" ({run.reason})" if run.reason else waits),
        code=str(code),
        at=moment_html(run.scheduled_time, _CLOCK),
        took="" if run.duration_ms is None else milliseconds(run.duration_ms),
    )


def _note(definition: JobVersion, standing: JobHealth) -> str:
    if definition.quarantined:
        return "" if standing is JobHealth.INVALID else "invalid"
    return "draft" if definition.draft else ""


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


def _since(found: JobSearch, shape: Shape | None) -> FirstBadCommit | None:
    """The commit that a failing job began to fail with, where it made a version of it."""
    if found.standing is not JobHealth.FAILING or shape is None or shape.since is None:
        return None
    made = service().follower.index().versions(found.definition.job.name).made_by(shape.since)
    version = next(iter(made), None)
    if version is None:
        return None
    title = f"version {version.label} by {version.author_name}: {version.subject}"
    return FirstBadCommit(url_for("pages.commit", commit=version.commit), title, version.commit[:8])


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
