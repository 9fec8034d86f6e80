"""One job: how it stands and why, what comes, its runs, its file, its versions, and the way back to one of them."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from chronos_gitops.engine import failure_streak
from chronos_gitops.engine.model import Execution, ExecutionQuery
from chronos_gitops.errors import ChronosError
from chronos_gitops.git.errors import GitError
from chronos_gitops.jobs.model import JobVersion
from chronos_gitops.notifications import suspects
from chronos_gitops.rollback.revert import RollbackRequest
from chronos_gitops.schedule import timezones as zones
from chronos_gitops.server.api.middleware import conditional
from chronos_gitops.server.api.openapi import responses
from chronos_gitops.server.api.params import job_lookup
from chronos_gitops.server.api.request_context import service
from chronos_gitops.server.api.routes.jobs import version_diff, versions
from chronos_gitops.server.api.routes.jobs.rollback import person, planned
from chronos_gitops.server.web import charts
from chronos_gitops.server.web.blame import BlamedLine, annotate
from chronos_gitops.server.web.job_health import WORDS, JobHealth, standing
from chronos_gitops.server.web.layout import blueprint, in_words, render_page
from chronos_gitops.versions.version_log import Version

NEWEST = 50
_RUNS = 40
_ANNOTATED = 100
_ANNOTATED_CHARS = 512 * 1024
"""Older versions than these many characters hold are not looked at: their lines count as the oldest one's."""
_PAUSES = (("an hour", timedelta(hours=1)), ("8 hours", timedelta(hours=8)), ("a day", timedelta(days=1)))


@blueprint.get("/jobs/<name>")
def job(name: str) -> str:
    known = job_lookup.name(service(), name)
    definition = service().jobs().get(known)
    history = service().follower.index().versions(known)
    runs = service().engine.executions(ExecutionQuery(job=known, limit=NEWEST))
    current = versions.current_commit(known)
    return render_page(
        "job.html",
        name=known,
        job=None if definition is None else responses.job(service(), definition),
        standing=None if definition is None else _standing(definition, runs),
        words={} if definition is None else {"schedule": in_words(definition.job.schedule), "standing": WORDS},
        next_runs=_next_runs(known),
        runs=[responses.execution(run) | {"late_ms": _late(run)} for run in runs],
        bars=charts.bars(runs, _RUNS),
        bar_count=_RUNS,
        typical=charts.typical(runs),
        blamed=_failing_since(runs, history),
        versions=[_shown(version, current) for version in reversed(history[-NEWEST:])],
        lines=_lines(_up_to(history, current)),
        authors={version.position: version for version in history},
        pauses=[(words, responses.instant(service().now() + span)) for words, span in _PAUSES],
    )


@blueprint.get("/jobs/<name>/versions/<n>")
def version(name: str, n: str) -> str:
    known = job_lookup.name(service(), name)
    after = versions.at(known, n)
    before = versions.before_that(after)
    later = next(iter(service().follower.index().versions(known)[after.version.position :]), None)
    current = versions.current_commit(known)
    return render_page(
        "version.html",
        name=known,
        version=_shown(after.version, current),
        earlier=None if before is None else before.version.label,
        later=None if later is None else later.label,
        yaml=after.yaml,
        problems=[responses.problem(found) for found in (after.parsed.problems if after.parsed else ())],
        diff=version_diff.versions(before, after, now=service().now()),
    )


@blueprint.get("/jobs/<name>/rollback/<n>")
def rollback(name: str, n: str) -> str:
    """What the commit would be; the form below it makes it."""
    known = job_lookup.name(service(), name)
    running = service().jobs().get(known)
    target = service().follower.index().version(known, n)
    plan, refusal = None, None
    try:
        plan = planned(service().rollbacks.plan(RollbackRequest(known, n, "", person(), "")))
    except ChronosError as error:
        refusal = error
    return render_page(
        "rollback.html",
        name=known,
        target=_shown(target, versions.current_commit(known)),
        plan=plan,
        refusal=refusal,
        match=conditional.match_of(None if running is None else running.blob),
    )


def _standing(definition: JobVersion, runs: Sequence[Execution]) -> JobHealth:
    pause = service().engine.pauses().get(definition.job.name)
    return standing(definition, runs[0] if runs else None, pause, service().now())


def _next_runs(name: str) -> list[dict[str, str]]:
    definition = service().jobs().get(name)
    if definition is None:
        return []
    zone = zones.load(definition.job.timezone)
    return [
        {"at": str(responses.instant(tick)), "wall": f"{tick.astimezone(zone):%a %Y-%m-%d %H:%M:%S %Z}"}
        for tick in service().next_runs(name, 5)
    ]


def _late(run: Execution) -> float | None:
    """Milliseconds from the tick to the start; none where nothing was due at an instant."""
    if run.started_at is None or run.trigger.value != "schedule":
        return None
    return max(0.0, (run.started_at - run.scheduled_time).total_seconds() * 1000)


def _failing_since(runs: Sequence[Execution], history: Sequence[Version]) -> dict[str, Any] | None:
    """The first of the newest failures in a row, and who made the version that it ran."""
    found = failure_streak.newest(runs)
    if found is None:
        return None
    made = suspects.version_of(found.first, history)
    before = None if found.before is None else found.before.version
    return {"run": responses.execution(found.first), "count": found.count, "version": made, "before": before}


def _shown(version: Version, current: str | None) -> dict[str, Any]:
    return versions.rendered(version, current) | {"label": version.label}


def _up_to(history: Sequence[Version], commit: str | None) -> Sequence[Version]:
    position = next((version.position for version in history if version.commit == commit), len(history))
    return history[:position]


def _lines(history: Sequence[Version]) -> Sequence[BlamedLine]:
    """The file as committed, each line with the version that wrote it; none where a content is away."""
    written = [version for version in history[-_ANNOTATED:] if version.blob]
    contents: list[tuple[int, str]] = []
    size = 0
    try:
        for one in reversed(written):
            then = versions.content_of(one)
            size += len(then.source or "")
            if contents and size > _ANNOTATED_CHARS:
                break
            contents.append((one.position, then.yaml or ""))
    except GitError:
        return ()
    return annotate(reversed(contents))
