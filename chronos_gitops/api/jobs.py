"""The jobs that run now: the list with its filters, one job, its next ticks."""

from enum import StrEnum
from itertools import islice
from typing import Any

from flask import Blueprint, Response, jsonify

from chronos_gitops.api import etag, lookup, paging, query, render, scope
from chronos_gitops.api.context import service
from chronos_gitops.jobs.model import Definition

blueprint = Blueprint("jobs", __name__, url_prefix="/api/v1/jobs")


class State(StrEnum):
    ENABLED = "enabled"
    DISABLED = "disabled"
    PAUSED = "paused"


@blueprint.get("")
def list_jobs() -> Response:
    size = paging.limit()
    after = paging.position(lambda values: str(values[0])) or ""
    matching = (found for found in filtered() if found.job.name > after)
    page = list(islice(matching, size + 1))
    more = len(page) > size
    return paging.answer(render.jobs(service(), page[:size]), [page[size - 1].job.name] if more else None)


@blueprint.get("/<name>")
def one_job(name: str) -> Response:
    definition = lookup.definition(service(), name)
    return etag.with_definition(jsonify(render.job(service(), definition)), definition.blob)


@blueprint.get("/<name>/next")
def next_runs(name: str) -> dict[str, Any]:
    definition = lookup.definition(service(), name)
    count = query.integer("count", default=5, low=1, high=1000)
    return {"items": [render.instant(tick) for tick in service().next_runs(definition.job.name, count)]}


def filtered() -> list[Definition]:
    """The jobs that the request's ``state``, ``q`` and ``tag.*`` ask for, by name."""
    state, text, tags = query.choice("state", State), (query.text("q") or "").lower(), query.tags()
    pauses = service().engine.pauses()

    def matches(definition: Definition) -> bool:
        job = definition.job
        return (
            (state is None or render.state(job, pauses.get(job.name)) == state)
            and (text in job.name.lower() or text in job.description.lower())
            and tags.items() <= dict(job.tags).items()
        )

    return [definition for definition in scope.jobs() if matches(definition)]
