"""``?at=<time>``: gathers what git and the ledger know about one instant of one job."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from flask import request

from chronos_gitops.engine.explain import NEAR, Explanation, JobAtTime, explain
from chronos_gitops.server.api.openapi import responses
from chronos_gitops.server.api.params import query
from chronos_gitops.server.api.params.query import InvalidParameter
from chronos_gitops.sync.last_valid import last_valid_version

if TYPE_CHECKING:
    from chronos_gitops.app import Service
    from chronos_gitops.versions.version_log import Version


def instant() -> datetime | None:
    """The parameter ``at``; a time without an offset is UTC. It takes no other parameter beside it."""
    if "at" in request.args and len(request.args) > 1:
        raise InvalidParameter("at asks about one instant; it takes no filter and no page beside it.")
    return query.instant("at")


def answer(service: "Service", name: str, at: datetime) -> dict[str, Any]:
    rows = service.engine.ticks(name, at - NEAR, at + NEAR)
    pauses = service.engine.pauses_of(name, at - NEAR)
    return _rendered(explain(at, service.now(), standing(service, name, at), rows, pauses))


def standing(service: "Service", name: str, at: datetime) -> JobAtTime:
    """The job by the newest version that was committed by then and is valid, as a runner would have run it."""
    versions = service.follower.index().versions(name)
    running = service.jobs().get(name)
    if not versions:
        return JobAtTime(None if running is None else running.job, is_absent=running is None)
    past = _ran_by(service, versions, at)
    if not past:
        return JobAtTime(None, versions[0].number, versions[0].commit, is_absent=True)
    newest = past[-1]
    if running is not None and running.commit == newest.commit and not running.quarantined:
        return JobAtTime(running.job, newest.number, newest.commit)
    if not newest.blob:
        return JobAtTime(None, newest.number, newest.commit, is_absent=True)
    valid = last_valid_version(past, service.follower.read_many)
    if valid is None:
        return JobAtTime(None, newest.number, newest.commit)
    version, job = valid
    return JobAtTime(job, version.number, version.commit, is_stale=version is not newest)


def _ran_by(service: "Service", versions: Sequence["Version"], at: datetime) -> list["Version"]:
    """Versions up to this instant: by when the runner took them, where it kept that at the time, else by their date."""
    deployments = service.follower.deployments
    if deployments.since is None or at < deployments.since:
        return [version for version in versions if version.committed_at <= at]
    began = [(version, deployments.at(version.job, version.commit) or version.committed_at) for version in versions]
    return [version for version, moment in began if moment <= at]


def _rendered(found: Explanation) -> dict[str, Any]:
    return {
        "at": responses.instant(found.at),
        "due": found.due,
        "tick": responses.instant(found.tick),
        "outcome": found.fate.value,
        "reason": found.reason,
        "message": found.message,
        "version": found.version,
        "commit": found.commit,
        "execution": None if found.execution is None else responses.execution(found.execution),
    }
