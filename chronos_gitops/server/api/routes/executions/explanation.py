"""``?at=<time>``: gathers what git and the ledger know about one instant of one job."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from flask import request

from chronos_gitops.engine.answers.explanation import NEAR, Explanation, JobAtTime, explain
from chronos_gitops.engine.model import ExecutionQuery, Trigger
from chronos_gitops.server.api.openapi import responses
from chronos_gitops.server.api.openapi.shapes import TEXT
from chronos_gitops.server.api.params import query
from chronos_gitops.server.api.params.query import InvalidParameter
from chronos_gitops.server.api.routes.executions import other_changes
from chronos_gitops.sync.content.last_valid import last_valid_version
from chronos_gitops.versions.version import counting

if TYPE_CHECKING:
    from chronos_gitops.service import Service
    from chronos_gitops.versions.version import Version

_NEXT = timedelta(milliseconds=1)
_MOST_REPLAYS = 5
AT = query.instant(
    "at", "Time to explain: why the job ran or did not run. RFC 3339, UTC without an offset; no filter beside it", TEXT
)


def instant() -> datetime | None:
    """The parameter ``at``; a time without an offset is UTC. It takes no other parameter beside it."""
    if "at" in request.args and len(request.args) > 1:
        raise InvalidParameter("at asks about one instant; it takes no filter and no page beside it.")
    return AT.value()


def answer(service: "Service", name: str, at: datetime) -> dict[str, Any]:
    rows = service.engine.ticks(name, at - NEAR, at + NEAR)
    pauses = service.engine.pauses_of(name, at - NEAR)
    told = replace(standing(service, name, at), calendars=service.jobs().calendars)
    if at >= service.now() and told.job is not None and told.job.timing.moves_ticks:
        told = replace(told, applied=service.engine.moving().get(name))
    found = explain(at, service.now(), told, rows, pauses)
    return _rendered(found if found.tick is None else _with_replays(service, name, found, found.tick))


def _with_replays(service: "Service", name: str, found: Explanation, tick: datetime) -> Explanation:
    """Names the rows of the scheduled time that replays have made, beside its own."""
    query = ExecutionQuery(job=name, trigger=Trigger.REPLAY, since=tick, until=tick + _NEXT, limit=_MOST_REPLAYS)
    rows = sorted(service.engine.executions(query), key=lambda row: row.created_at or tick)
    words = [f" It was replayed: execution {row.id}, {row.status.value}." for row in rows]
    return replace(found, message=found.message + "".join(words))


def _message(found: Explanation) -> str:
    """With what changed since the last success, where the execution failed."""
    if found.execution is None:
        return found.message
    since = other_changes.sentence(found.execution, other_changes.compared(found.execution))
    return found.message if since is None else f"{found.message} {since}"


def standing(service: "Service", name: str, at: datetime) -> JobAtTime:
    """The job by the newest version that was committed by then and is valid, as a runner would have run it."""
    versions = service.follower.index().versions(name)
    running = service.jobs().get(name)
    if not versions:
        return JobAtTime(None if running is None else running.job, is_absent=running is None)
    environment = None if running is None else running.identity.environment
    counted = versions if environment is None else counting(versions, environment)
    past = [version for version, began in _beginnings(service, counted, at) if began <= at]
    if not past:
        [(first, began), *_] = _beginnings(service, counted or versions, at)
        return JobAtTime(None, first.number, first.commit, is_absent=True, begins=began)
    newest = past[-1]
    if running is not None and running.runs_draft and at >= service.now():
        return JobAtTime(running.job, base=newest.label)  # since when a file is as it is on disk, no commit says
    if running is not None and running.commit == newest.commit and not (running.quarantined or running.runs_draft):
        return JobAtTime(running.job, newest.number, newest.commit)
    if not newest.blob:
        return JobAtTime(None, newest.number, newest.commit, is_absent=True)
    valid = last_valid_version(past, service.follower.read_many, service.follower.judge_version)
    if valid is None:
        return JobAtTime(None, newest.number, newest.commit)
    version, job, _ = valid
    return JobAtTime(job, version.number, version.commit, is_stale=version is not newest)


def _beginnings(service: "Service", versions: Sequence["Version"], at: datetime) -> list[tuple["Version", datetime]]:
    """Each version with when the runner took it, where it kept that at the time ``at``; else with its date."""
    deployments = service.follower.deployments
    if deployments.since is None or at < deployments.since:
        return [(version, version.committed_at) for version in versions]
    return [(version, deployments.at(version.job, version.commit) or version.committed_at) for version in versions]


def _rendered(found: Explanation) -> dict[str, Any]:
    return {
        "at": responses.instant(found.at),
        "due": found.due,
        "tick": responses.instant(found.tick),
        "outcome": found.fate.value,
        "reason": found.reason,
        "message": _message(found),
        "version": found.version,
        "commit": found.commit,
        "execution": None if found.execution is None else responses.execution(found.execution),
    }
