"""The jobs that run now: the list with its filters, one job, its next ticks."""

from bisect import bisect_right
from collections.abc import Iterator
from enum import StrEnum
from functools import partial
from itertools import islice
from typing import Any

from flask import Blueprint, Response, jsonify

from chronos_gitops.jobs.model import JobSet, JobVersion
from chronos_gitops.process.engine_priority import yielding
from chronos_gitops.server.api.auth import tag_scope
from chronos_gitops.server.api.middleware import conditional
from chronos_gitops.server.api.openapi import responses
from chronos_gitops.server.api.params import job_lookup, pagination, query
from chronos_gitops.server.api.request_context import service

blueprint = Blueprint("jobs", __name__, url_prefix="/api/v1/jobs")


class State(StrEnum):
    ENABLED = "enabled"
    DISABLED = "disabled"
    PAUSED = "paused"


@blueprint.get("")
def list_jobs() -> Response:
    size = pagination.limit()
    after = pagination.position(lambda values: str(values[0])) or ""
    page = list(islice(matching(after=after), size + 1))
    more = len(page) > size
    return pagination.answer(responses.jobs(service(), page[:size]), [page[size - 1].job.name] if more else None)


@blueprint.get("/<name>")
def one_job(name: str) -> Response:
    definition = job_lookup.definition(service(), name)
    return conditional.with_definition(jsonify(responses.job(service(), definition)), definition.blob)


@blueprint.get("/<name>/next")
def next_runs(name: str) -> dict[str, Any]:
    definition = job_lookup.definition(service(), name)
    count = query.integer("count", default=5, low=1, high=1000)
    return {"items": [responses.instant(tick) for tick in service().next_runs(definition.job.name, count)]}


def filtered() -> list[JobVersion]:
    """The jobs that the request's ``state``, ``q`` and ``tag.*`` ask for, by name."""
    return list(matching())


def matching(*, after: str = "") -> Iterator[JobVersion]:
    """The same, from behind a name on, looked at as they are asked for: a page of many costs what is on it."""
    found = _behind(tag_scope.jobs(), after)
    for tag in query.tags().items():
        found = filter(partial(_has_tag, tag), found)
    if text := (query.text("q") or "").lower():
        found = (one for one in found if text in one.job.name or text in one.job.description.lower())
    if (state := query.choice("state", State)) is not None:
        pauses = service().engine.pauses()
        found = (one for one in found if responses.state(one.job, pauses.get(one.job.name)) == state)
    return found


def _has_tag(tag: tuple[str, str], definition: JobVersion) -> bool:
    return tag in definition.job.tags


def _behind(jobs: JobSet, after: str) -> Iterator[JobVersion]:
    names = list(jobs.definitions)
    return (jobs.definitions[name] for name in yielding(islice(names, bisect_right(names, after), None)))
