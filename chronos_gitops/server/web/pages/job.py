"""One job: how it stands and why, what comes, its runs, its file, its versions, and the way back to one of them."""

from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from typing import Any

from chronos_gitops.engine import drafts
from chronos_gitops.engine.answers import failure_streak
from chronos_gitops.engine.model import Execution, ExecutionQuery
from chronos_gitops.errors import ChronosError
from chronos_gitops.expectations.judging.state import ExpectationState
from chronos_gitops.git.errors import GitError
from chronos_gitops.jobs.model import JobVersion
from chronos_gitops.jobs.problem import Severity
from chronos_gitops.notifications.detection import suspects
from chronos_gitops.notifications.messages import expectation as expectation_message
from chronos_gitops.rollback.to_version import RollbackRequest
from chronos_gitops.schedule.zones import timezones as zones
from chronos_gitops.server.api import job_health
from chronos_gitops.server.api.endpoint import READ, Endpoint
from chronos_gitops.server.api.job_health import WORDS
from chronos_gitops.server.api.middleware import conditional
from chronos_gitops.server.api.openapi import responses
from chronos_gitops.server.api.params import job_lookup
from chronos_gitops.server.api.request_context import service
from chronos_gitops.server.api.routes.executions import explanation
from chronos_gitops.server.api.routes.versions import draft, version_diff, versions
from chronos_gitops.server.api.routes.versions.rollback import person, planned
from chronos_gitops.server.web import charts, held_runs, run_rows
from chronos_gitops.server.web.blame import BlamedLine, annotate
from chronos_gitops.server.web.layout import PAUSES, blueprint, in_words, render_page
from chronos_gitops.server.web.pages.job_fields import field_places
from chronos_gitops.versions.version import Version

NEWEST = 50
_RUNS = 40
_NEXT = 5
_MOST_HELD = 20
_ANNOTATED = 100
_ANNOTATED_CHARS = 512 * 1024
"""Older versions than these many characters hold are not looked at: their lines count as the oldest one's."""


_ONE_JOB = Endpoint(role=READ, is_scoped=True, is_heavy=True)


@blueprint.get(
    "/jobs/<name>", declared=Endpoint(role=READ, is_scoped=True, is_heavy=True, parameters=(explanation.AT,))
)
def job(name: str) -> str:
    known = job_lookup.name(service(), name)
    definition = service().jobs().get(known)
    history = service().follower.index().versions(known)
    runs = service().engine.executions(ExecutionQuery(job=known, limit=NEWEST))
    current, outcomes = versions.current_commit(known), service().engine.outcomes(known)
    return render_page(
        "job.html",
        about=known,
        name=known,
        job=None if definition is None else responses.job(service(), definition),
        standing=None if definition is None else job_health.of_job(service(), definition),
        words={} if definition is None else {"schedule": in_words(definition.job.timing), "standing": WORDS},
        next_runs=_next_runs(known),
        runs=[run_rows.row(run) for run in runs],
        bars=charts.bars(runs, _RUNS),
        bar_count=_RUNS,
        typical=charts.typical(runs),
        blamed=_failing_since(runs, history),
        waiting=_waiting(definition, runs, history),
        versions=[
            _shown(version, current) | versions.fate(version, outcomes) for version in reversed(history[-NEWEST:])
        ],
        lines=_lines(_up_to(history, current)),
        authors={version.position: version for version in history},
        draft=_draft(definition),
        pause_lengths=PAUSES,
        broken=_broken(definition),
        preflight=None if definition is None else responses.preflight(service().preflights.failures().get(name)),
        places=[] if definition is None else field_places(definition),
        calendars=[] if definition is None else _calendars(definition),
        asked=_asked(known),
        never_valid=_never_valid(known, history),
    )


@blueprint.get("/jobs/<name>/versions/<n>", declared=_ONE_JOB)
def version(name: str, n: str) -> str:
    known = job_lookup.name(service(), name)
    after = versions.at(known, n)
    before = versions.before_that(after)
    later = next(iter(service().follower.index().versions(known)[after.version.position :]), None)
    current = versions.current_commit(known)
    return render_page(
        "version.html",
        about=known,
        name=known,
        version=_shown(after.version, current),
        earlier=None if before is None else before.version.label,
        later=None if later is None else later.label,
        yaml=after.yaml,
        problems=[found.document() for found in (after.parsed.problems if after.parsed else ())],
        diff=version_diff.versions(before, after, now=service().now()),
    )


@blueprint.get("/jobs/<name>/rollback/<n>", declared=_ONE_JOB)
def rollback(name: str, n: str) -> str:
    """The page with the planned commit of a rollback, and the form that makes it."""
    known = job_lookup.name(service(), name)
    running = service().jobs().get(known)
    target = job_lookup.version(service(), known, n)
    plan, refusal = None, None
    try:
        plan = planned(service().reverter.plan(RollbackRequest(known, n, "", person(), "")))
    except ChronosError as error:
        refusal = error
    return render_page(
        "rollback.html",
        about=known,
        name=known,
        target=_shown(target, versions.current_commit(known)),
        plan=plan,
        refusal=refusal,
        match=conditional.match_of(None if running is None else running.identity),
    )


def _broken(definition: JobVersion | None) -> list[dict[str, Any]]:
    if definition is None:
        return []
    found = service().expectations.ask(definition)
    broken = [one for one in found if one.state is ExpectationState.BROKEN]
    return [responses.expectation(one) | {"sentence": expectation_message.sentence(one)} for one in broken]


def _never_valid(name: str, history: Sequence[Version]) -> list[dict[str, Any]] | None:
    """The errors of a job without a valid version; None for any other one."""
    status = service().follower.status()
    if name not in status.not_running or not history:
        return None
    errors = (one for one in status.problems if one.severity is Severity.ERROR and one.file == history[-1].path)
    return [one.document() for one in errors]


def _draft(definition: JobVersion | None) -> dict[str, Any] | None:
    """None also where HEAD cannot be read now: the badge stays."""
    if definition is None or not definition.draft:
        return None
    with suppress(GitError):
        return draft.rendered(definition) | {"commands": draft.commands(definition)}
    return None


def _next_runs(name: str) -> list[dict[str, Any]]:
    """With the scheduled times among them that calendars hold, and those that a run takes the place of."""
    definition = service().jobs().get(name)
    if definition is None:
        return []
    timing, ticks = definition.job.timing, service().next_runs(name, _NEXT)
    applied = service().engine.moving().get(name, timing) if timing.moves_ticks else timing
    now = service().now()
    notes = dict(islice(held_runs.held_notes(applied, now, ticks[-1]), _MOST_HELD)) if ticks else {}
    said = notes | {tick: held_runs.moved_note(applied, tick) for tick in ticks}
    zone = zones.load(timing.timezone)
    return [
        {
            "at": str(responses.instant(at)),
            "wall": "" if timing.timezone == "UTC" else f"{at.astimezone(zone):%a %Y-%m-%d %H:%M:%S %Z}",
            "note": said[at],
            "is_held": at not in ticks,
        }
        for at in sorted(said)
    ]


def _calendars(definition: JobVersion) -> list[held_runs.CalendarBox]:
    return held_runs.boxes(definition.job.timing, service().jobs().calendars, service().now())


def _asked(name: str) -> dict[str, Any] | None:
    """The answer to "why (not) at", as ``GET /jobs/{name}/executions?at=`` gives it."""
    at = explanation.AT.value()
    return None if at is None else explanation.answer(service(), name, at)


def _failing_since(runs: Sequence[Execution], history: Sequence[Version]) -> dict[str, Any] | None:
    """The first of the newest failures in a row, and who made the version that it ran."""
    found = failure_streak.newest(runs)
    if found is None:
        return None
    made = suspects.version_of(found.first, history)
    good = None if found.before is None or found.before.draft else suspects.version_of(found.before, history)
    before = None if good is None else good.number
    draft_sentence = drafts.sentence(found.first) if found.first.draft else None
    return {
        "run": responses.execution(found.first),
        "count": found.count,
        "version": made,
        "draft": draft_sentence,
        "before": before,
    }


def _waiting(definition: JobVersion | None, runs: Sequence[Execution], history: Sequence[Version]) -> Version | None:
    """The version that runs now, where nothing has run it yet but the version before has runs."""
    if definition is None or definition.commit is None or definition.draft or not runs:
        return None
    if any(run.commit == definition.commit for run in runs):
        return None
    return next((version for version in reversed(history) if version.commit == definition.commit), None)


def _shown(version: Version, current: str | None) -> dict[str, Any]:
    newest = service().follower.index().versions(version.job)[-1:]
    is_newest = bool(newest) and newest[0].commit == version.commit
    return versions.rendered(version, current) | {"label": version.label, "is_newest": is_newest}


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
