"""The jobs that run now: the list with its filters, one job, its next ticks."""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from functools import partial
from itertools import islice
from typing import Any

from flask import Blueprint, Response, jsonify

from chronos_gitops.expectations.judging.state import ExpectationState
from chronos_gitops.jobs.model import JobSet, JobVersion
from chronos_gitops.jobs.state import JobState, state_of
from chronos_gitops.process.engine_priority import yielding
from chronos_gitops.server.api import held_times, job_health
from chronos_gitops.server.api.auth import caller_scope
from chronos_gitops.server.api.endpoint import READ, ApiOperation, Endpoint, answer
from chronos_gitops.server.api.job_health import JobHealth
from chronos_gitops.server.api.middleware import conditional
from chronos_gitops.server.api.openapi import responses
from chronos_gitops.server.api.openapi.shapes import ref
from chronos_gitops.server.api.params import job_lookup, pagination, query
from chronos_gitops.server.api.request_context import service
from chronos_gitops.server.api.routes.jobs import job_order
from chronos_gitops.server.api.routes.jobs.job_order import JobOrder, JobPosition

blueprint = Blueprint("jobs", __name__, url_prefix="/api/v1/jobs")
_YEAR = timedelta(days=366)


STATE = query.choice("state", JobState, "Only jobs in this state")
TEXT = query.text("q", "Only jobs whose name or description contains this text (case-insensitive)")
EXPECTATION = query.choice("expectation", ExpectationState, "Only jobs with an expectation in this state")
FILTERS = (STATE, TEXT, EXPECTATION, query.TAGS)
SORT, FIELDS = job_order.parameter("name"), pagination.fields("Job")
HEALTH = query.choice("health", JobHealth, "Only jobs with this health, as shown on the page")


class Flag(StrEnum):
    TRUE = "true"
    FALSE = "false"


CLOSED = query.choice("closed", Flag, "Include scheduled times that calendars drop or move, at most 1000")
COUNT = query.integer("count", "Number of scheduled times", default=5, high=1000)


@blueprint.get(
    "",
    declared=Endpoint(
        ApiOperation(
            "listJobs",
            "jobs",
            "Jobs",
            "Sorted by name, or by `sort`. Filters are combined with AND, several tags included. Unknown parameters "
            "are refused.",
            {200: pagination.listed("Jobs in the order of `sort`", "JobList")},
        ),
        role=READ,
        is_scoped=True,
        parameters=(*pagination.PAGED, SORT, FIELDS, *FILTERS, HEALTH),
    ),
)
def list_jobs() -> Response:
    size, after = pagination.limit(), pagination.position(job_order.read_position)
    rows = list(islice(_ordered(SORT.value(), after), size + 1))
    page = rows[:size]
    items = responses.jobs(service(), job_health.search(service(), [definition for _, definition in page]))
    return pagination.answer(items, page[-1][0] if len(rows) > size else None)


def _ordered(order: JobOrder, after: JobPosition | None) -> Iterator[tuple[JobPosition, JobVersion]]:
    """By name each is looked at as it is asked for; any other order looks at all of them."""
    health = HEALTH.value()
    is_by_name = order == job_order.BY_NAME
    found = matching(after=after.name if is_by_name and after else "")
    if health is None and is_by_name:
        return ((JobPosition(False, 0, one.job.name), one) for one in found)
    asked = (one for one in job_order.searched(found) if health in (None, one.standing))
    if is_by_name:
        return ((JobPosition(False, 0, one.definition.job.name), one.definition) for one in asked)
    return ((place, one.definition) for place, one in job_order.placed(asked, order, after))


@blueprint.get(
    "/<name>",
    declared=Endpoint(
        ApiOperation(
            "getJob",
            "jobs",
            "One job",
            "All fields with their defaults, its state, next run, version and last execution. The ETag goes "
            "into If-Match of a rollback; it begins with the job's definition.",
            {200: answer("The job", ref("Job"))},
            errors=(404,),
        ),
        role=READ,
        is_scoped=True,
        parameters=(job_lookup.NAME,),
    ),
)
def one_job(name: str) -> Response:
    definition = job_lookup.definition(service(), name)
    found = responses.job(service(), definition) | {
        "sources": responses.sources(service(), definition),
        "expectations": [responses.expectation(one) for one in service().expectations.ask(definition)],
        "preflight": responses.preflight(service().preflights.failures().get(definition.job.name)),
    }
    return conditional.with_definition(jsonify(found), definition.identity)


@blueprint.get(
    "/<name>/next",
    declared=Endpoint(
        ApiOperation(
            "nextRuns",
            "jobs",
            "Next scheduled times of the job",
            "Empty while the job is disabled; from the end of its pause while it is paused.",
            {200: answer("Scheduled times", ref("NextRuns"))},
            errors=(404,),
        ),
        role=READ,
        is_scoped=True,
        parameters=(job_lookup.NAME, COUNT, CLOSED),
    ),
)
def next_runs(name: str) -> dict[str, Any]:
    definition = job_lookup.definition(service(), name)
    upcoming = service().next_runs(definition.job.name, COUNT.value())
    timing = definition.job.timing
    applied = service().engine.moving().get(definition.job.name, timing) if timing.moves_ticks else timing
    found: dict[str, Any] = {
        "items": [responses.instant(tick) for tick in upcoming],
        "runs": held_times.runs(applied, upcoming),
    }
    if CLOSED.value() is Flag.TRUE:
        until = upcoming[-1] if upcoming else service().now() + _YEAR
        found["closed"] = held_times.closed_of(applied, service().now(), until)
    return found


def filtered() -> list[JobVersion]:
    """The jobs that the request's ``state``, ``q`` and ``tag.*`` ask for, by name."""
    return list(matching())


def matching(*, after: str = "") -> Iterator[JobVersion]:
    """The same, from behind a name on, looked at as they are asked for: a page of many costs what is on it."""
    found = _behind(caller_scope.jobs(), after)
    for tag in query.tags().items():
        found = filter(partial(_has_tag, tag), found)
    if text := (TEXT.value() or "").lower():
        found = (one for one in found if text in one.job.name or text in one.job.description.lower())
    if (state := STATE.value()) is not None:
        pauses, now = service().engine.pauses(), service().now()
        found = (one for one in found if state_of(one.job, now, is_paused=one.job.name in pauses) is state)
    if (expected := EXPECTATION.value()) is not None:
        looks = service().expectations.snapshot()
        found = (one for one in found if any(look.state is expected for look in looks.get(one.job.name, ())))
    return found


def _has_tag(tag: tuple[str, str], definition: JobVersion) -> bool:
    return tag in definition.job.tags


def _behind(jobs: JobSet, after: str) -> Iterator[JobVersion]:
    names = list(jobs.definitions)
    return (jobs.definitions[name] for name in yielding(islice(names, bisect_right(names, after), None)))
