"""Replays: scheduled times of a job that run again (TIME 8)."""

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, jsonify, url_for
from flask.typing import ResponseReturnValue

from chronos_gitops.engine.model import Execution, ExecutionQuery
from chronos_gitops.engine.operations import replays
from chronos_gitops.engine.operations.replays import (
    MOST_ROWS,
    PlannedItem,
    Replay,
    ReplayClass,
    ReplayRequest,
    ReplayState,
    TooManyReplayItems,
)
from chronos_gitops.errors import ConflictError, NotFoundError
from chronos_gitops.jobs.model import JobVersion
from chronos_gitops.observability.audit_log import AuditAction
from chronos_gitops.observability.event_log import EventKind
from chronos_gitops.plurals import plural
from chronos_gitops.schedule import durations
from chronos_gitops.schedule.durations import DurationError
from chronos_gitops.server.api import endpoint, form_notice, held_times
from chronos_gitops.server.api.auth import caller_scope
from chronos_gitops.server.api.endpoint import OPERATE, READ, ApiOperation, Audited, Endpoint, JsonBody, answer
from chronos_gitops.server.api.openapi import responses
from chronos_gitops.server.api.openapi.shapes import ref
from chronos_gitops.server.api.params import body, idempotency, instants, job_lookup
from chronos_gitops.server.api.params.body import InvalidBody
from chronos_gitops.server.api.request_context import caller, record_target, service

blueprint = Blueprint("replays", __name__, url_prefix="/api/v1")
ID = endpoint.path("replay_id", "The id of the replay")
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://chronos-gitops/replay")
_BEFORE = timedelta(milliseconds=1)


@blueprint.post(
    "/jobs/<name>/replays",
    declared=Endpoint(
        ApiOperation(
            "replayJob",
            "executions",
            "Replay scheduled times",
            "Replays scheduled times from `from` (inclusive) to `until` (exclusive) that failed or were missed, "
            "oldest first and one at a time, with the current definition of the job and the original scheduled "
            "time. Each has the Idempotency-Key of its first execution as long as that scheduled time has no "
            "success. An item starts only while no other execution of the job is pending or running. It also runs on "
            "closed days (`closed` names the calendar entry). With `dry_run` nothing runs.",
            {
                200: answer("Dry run: the scheduled times that would run", ref("ReplayPlan")),
                202: answer("The replay has started", ref("ReplayPlan")),
            },
            errors=(404, 409, 422),
        ),
        role=OPERATE,
        is_scoped=True,
        audit=Audited(AuditAction.REPLAY, EventKind.JOB_REPLAYED, answers="replay"),
        parameters=(job_lookup.NAME,),
        body=JsonBody("ReplayRequest"),
    ),
)
def replay(name: str) -> ResponseReturnValue:
    given = body.fields()
    definition = job_lookup.definition(service(), name)
    request, pace = _request(definition, given), _pace(given)
    key = idempotency.callers_key()
    replay_id = str(uuid.uuid4() if key is None else uuid.uuid5(_NAMESPACE, f"{definition.job.name}#{key}"))
    known = None if key is None or given.get("dry_run") else _known(replay_id)
    if known is not None:
        return _begun(definition, known.id, _items_of(known), replays.checksum(known.items))
    items = _plan(definition, request)
    run = replays.to_run(items)
    checksum = replays.checksum(run)
    times = f"{responses.instant(request.since)} to {responses.instant(request.until)}"
    record_target(f"{replay_id}: {plural(len(run), 'item')} of {times}")
    if given.get("dry_run"):
        return jsonify(_answer(definition, None, [_planned(item) for item in items], checksum)), 200
    if given.get("checksum", checksum) != checksum:
        raise ConflictError("Something else would run by now.", hint="Repeat the dry run, and look at its items.")
    if not run:
        raise ConflictError("Nothing in this range would run.", hint="Look at the items of a dry run.")
    begun = Replay(replay_id, definition.job.name, caller(), given["reason"].strip(), service().now(), pace, items=run)
    service().engine.replay(begun)
    return _begun(definition, replay_id, [_planned(item) for item in items], checksum)


@blueprint.get(
    "/replays/<replay_id>",
    declared=Endpoint(
        ApiOperation(
            "getReplay",
            "executions",
            "One replay",
            "The state of each item so far.",
            {200: answer("The replay", ref("Replay"))},
            errors=(404, 409),
        ),
        role=READ,
        is_scoped=True,
        parameters=(ID,),
    ),
)
def one_replay(replay_id: str) -> dict[str, Any]:
    return rendered(found(replay_id))


@blueprint.post(
    "/replays/<replay_id>/cancel",
    declared=Endpoint(
        ApiOperation(
            "cancelReplay",
            "executions",
            "Cancel a replay",
            "The running item continues, no further item starts. Idempotent.",
            {200: answer("The replay", ref("Replay"))},
            errors=(404, 409),
        ),
        role=OPERATE,
        is_scoped=True,
        audit=Audited(AuditAction.REPLAY_CANCEL, EventKind.REPLAY_CANCELLED, target="replay_id", answers="replay"),
        notice=form_notice.replay_cancelled,
        parameters=(ID,),
    ),
)
def cancel(replay_id: str) -> dict[str, Any]:
    return rendered(service().engine.cancel_replay(found(replay_id).id))


def found(replay_id: str) -> Replay:
    """One replay of a job that the caller sees; NotFoundError as for one that never was."""
    known = service().engine.replay_of_id(replay_id)
    if not caller_scope.sees(known.job):
        caller_scope.refuse_known(known.job)
        raise NotFoundError(f'there is no replay "{replay_id[:64]}"')
    return known


def _known(replay_id: str) -> Replay | None:
    try:
        return service().engine.replay_of_id(replay_id)
    except NotFoundError:
        return None


def _request(definition: JobVersion, given: dict[str, Any]) -> ReplayRequest:
    since, until = (instants.read(field, given[field]) for field in ("from", "until"))
    if since >= until:
        raise InvalidBody('"from" is not before "until".')
    request = ReplayRequest(
        definition.job.name, since, until, again=given.get("again", False), new_key=given.get("new_key", False)
    )
    return replace(request, only=frozenset(map(ReplayClass, given["only"]))) if "only" in given else request


def _pace(given: dict[str, Any]) -> timedelta:
    try:
        return durations.parse(given.get("pace", "0s"))
    except DurationError as error:
        raise InvalidBody(f'"pace": {error}.') from None


def _plan(definition: JobVersion, request: ReplayRequest) -> tuple[PlannedItem, ...]:
    engine, name = service().engine, definition.job.name
    rows = list(engine.executions(ExecutionQuery(job=name, since=request.since, until=request.until, limit=MOST_ROWS)))
    if len(rows) == MOST_ROWS:
        raise TooManyReplayItems(f"The range has {MOST_ROWS} executions or more.", hint="Narrow it.")
    last = request.until - _BEFORE
    known = {row.id for row in rows}
    rows += [row for row in engine.ticks(name, last, last) if row.id not in known]
    return replays.plan(
        request,
        rows,
        ticks_of=lambda row: _ticks(definition, row, request),
        tick_id=lambda tick: engine.tick_id(name, tick),
        now=service().now(),
    )


def _ticks(definition: JobVersion, row: Execution, request: ReplayRequest) -> Sequence[datetime] | None:
    """Of a row that stands for several: by the job whose ticks they were, where it has as many there."""
    job = service().engine.execution(row.id).job
    if job is None and row.version == definition.version:
        job = definition.job
    if job is None or row.range_start is None:
        return None
    before = row.range_start - _BEFORE
    edges = job.timing.next_after(before), *job.timing.latest(before, row.scheduled_time, 1)
    if edges != (row.range_start, row.scheduled_time) or job.timing.count(before, row.scheduled_time) != row.count:
        return None
    since = max(before, request.since - _BEFORE)
    found: list[datetime] = []
    for tick in job.timing.between(since, min(row.scheduled_time, request.until)):
        found.append(tick)
        if len(found) > MOST_ROWS:
            raise TooManyReplayItems(f"The range has more than {MOST_ROWS} scheduled times.", hint="Narrow it.")
    return found


def _begun(definition: JobVersion, replay_id: str, items: list[dict[str, Any]], checksum: str) -> ResponseReturnValue:
    location = url_for("replays.one_replay", replay_id=replay_id)
    return jsonify(_answer(definition, replay_id, items, checksum)), 202, {"Location": location}


def _answer(
    definition: JobVersion, replay_id: str | None, items: list[dict[str, Any]], checksum: str
) -> dict[str, Any]:
    closed = held_times.closed_now(definition.job.timing, service().now())
    return {"id": replay_id, "checksum": checksum, "items": items, "closed": closed}


def _planned(item: PlannedItem) -> dict[str, Any]:
    return {
        "scheduled_time": responses.instant(item.scheduled_time),
        "now": item.now,
        "execution": item.execution,
        "becomes": "run" if item.runs else "leave",
        "why": item.why,
    }


def _items_of(found: Replay) -> list[dict[str, Any]]:
    """Of a call that is repeated: the items that it has begun with."""
    why, waits = "it was asked for before", "pending"
    items = ((item, str(item.status or waits)) for item in found.items)
    return [_planned(PlannedItem(item.scheduled_time, now, item.replay_of, runs=True, why=why)) for item, now in items]


def rendered(found: Replay) -> dict[str, Any]:
    """As the API answers it."""
    is_over = found.state is not ReplayState.RUNNING
    return {
        "id": found.id,
        "job": found.job,
        "state": found.state.value,
        "by": found.by,
        "reason": found.reason,
        "created_at": responses.instant(found.created_at),
        "ended_at": responses.instant(found.ended_at),
        "items": [
            {
                "scheduled_time": responses.instant(item.scheduled_time),
                "replay_of": item.replay_of,
                "idempotency_key": item.key,
                "execution": item.execution,
                "status": item.status or ("cancelled" if is_over and item.execution is None else None),
            }
            for item in found.items
        ],
    }
