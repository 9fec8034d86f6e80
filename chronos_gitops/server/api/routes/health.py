"""Probes and numbers: /livez, /readyz, /health, /metrics, /version (the words of Kubernetes' API server)."""

import platform
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, request

import chronos_gitops
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.zones.timezones import rules_version
from chronos_gitops.server.api.auth import caller_scope, roles
from chronos_gitops.server.api.endpoint import METRICS, READ, ApiOperation, Endpoint, answer
from chronos_gitops.server.api.openapi.shapes import TEXT, ref
from chronos_gitops.server.api.params import query
from chronos_gitops.server.api.request_context import service

blueprint = Blueprint("health", __name__)
VERBOSE = query.text("verbose", "One line for each check", allowEmptyValue=True)
_GOOD, _BAD = (answer(words, TEXT, media="text/plain") for words in ("Good", "Not good"))


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """``status`` is pass, warn or fail; a warning never makes a runner unready: the last good jobs keep running."""

    name: str
    status: str
    detail: str = ""


@blueprint.get(
    "/livez",
    declared=Endpoint(
        ApiOperation(
            "livez",
            "runner",
            "Liveness probe",
            "Fails when the scheduler has stalled or cannot renew its lease; restart the runner then.",
            {200: _GOOD, 503: _BAD},
        ),
        role=None,
        is_probe=True,
        parameters=(VERBOSE,),
    ),
)
def livez() -> Response:
    return _plain([_liveness()], "livez")


@blueprint.get(
    "/readyz",
    declared=Endpoint(
        ApiOperation(
            "readyz",
            "runner",
            "Readiness probe",
            "A failed sync is a warning, never a failure: the last good jobs keep running.",
            {200: _GOOD, 503: _BAD},
        ),
        role=None,
        is_probe=True,
        parameters=(VERBOSE,),
    ),
)
def readyz() -> Response:
    return _plain(checks(), "readyz")


@blueprint.get(
    "/health",
    declared=Endpoint(
        ApiOperation(
            "health",
            "runner",
            "Liveness and readiness as JSON",
            "Details need the role read.",
            {200: answer("Healthy, or healthy with warnings", ref("Health")), 503: answer("Not good", ref("Health"))},
        ),
        role=None,
        is_probe=True,
    ),
)
def health() -> tuple[dict[str, Any], int]:
    found = checks()
    answer: dict[str, Any] = {
        "status": _worst(found),
        "version": chronos_gitops.__version__,
        "tzdata": rules_version(),
    }
    if _tells_all():
        answer["checks"] = {check.name: {"status": check.status, "detail": check.detail} for check in found}
    return answer, 503 if _worst(found) == "fail" else 200


@blueprint.get(
    "/metrics",
    declared=Endpoint(
        ApiOperation(
            "metrics",
            "runner",
            "Prometheus metrics",
            "Text format, or OpenMetrics by Accept.",
            {
                200: answer(
                    "Prometheus' text format, or OpenMetrics by Accept",
                    TEXT,
                    "application/openmetrics-text",
                    media="text/plain",
                )
            },
        ),
        role=READ,
        narrow_role=METRICS,
        is_scraped=True,
    ),
)
def metrics() -> Response:
    content, content_type = service().metrics.exposition(request.headers.get("Accept", ""))
    return Response(content, content_type=content_type)


@blueprint.get(
    "/version",
    declared=Endpoint(
        ApiOperation(
            "version",
            "runner",
            "Version and dependencies of the runner",
            "The program, its Python, and the commit that is applied.",
            {200: answer("The build", ref("Build"))},
        ),
        role=READ,
        is_scoped=True,
        is_early=True,
    ),
)
def version() -> dict[str, Any]:
    return {
        "version": chronos_gitops.__version__,
        "python": platform.python_version(),
        "commit": service().jobs().revision,
    }


def checks() -> list[HealthCheck]:
    return [
        _liveness(),
        *_disk(),
        _engine(),
        *_backlog(),
        _targets(),
        _sync(),
        *_secrets(),
        *_notifications(),
        *_forge(),
        _draining(),
    ]


def told_checks() -> list[HealthCheck]:
    """For a page. A limited caller gets the verdicts on the runner itself: the others are about jobs of all callers."""
    return [replace(check, detail="") for check in _own_checks()] if caller_scope.is_limited() else checks()


def _own_checks() -> list[HealthCheck]:
    return [_liveness(), *_disk(), _engine(), _draining()]


def alarms() -> list[HealthCheck]:
    """Failures of the runner itself, for every page; git has a banner of its own."""
    found = [check for check in _own_checks() if check.status == "fail"]
    return [replace(check, detail="") for check in found] if caller_scope.is_limited() else found


def _liveness() -> HealthCheck:
    failure = service().liveness_failure()
    return HealthCheck("scheduler", "fail" if failure else "pass", failure)


def _disk() -> list[HealthCheck]:
    """None but while a start waits for room: a restart would wait as long, so that liveness does not fail."""
    found = service().shortage
    return [HealthCheck("disk", "fail", found)] if found else []


def _engine() -> HealthCheck:
    found = service().engine.health()
    return HealthCheck("engine", "pass" if found.ok else "fail", found.detail)


def _backlog() -> list[HealthCheck]:
    """None while there is room."""
    found = service().engine.health().backlog
    return [HealthCheck("backlog", "warn", found)] if found else []


def _targets() -> HealthCheck:
    hosts = service().engine.health().open_circuits
    return HealthCheck(
        "targets",
        "warn" if hosts else "pass",
        f"requests suspended after failures: {', '.join(hosts)}" if hosts else "",
    )


def _sync() -> HealthCheck:
    status = service().follower.status()
    if status.state == "starting":
        return HealthCheck("git", "fail", "nothing is loaded yet")
    if not status.has_job_set:
        return HealthCheck("git", "fail", f"no jobs are loaded: {status.reason}: {status.message}")
    return HealthCheck("git", "pass" if status.state == "synced" else "warn", status.message)


def _secrets() -> list[HealthCheck]:
    """None where no job uses a secret. Never a failure: one team's secret must not take the runner out."""
    if not service().secrets.uses():
        return []
    found = service().secrets.summary()
    return [HealthCheck("secrets", "warn" if found else "pass", found)]


def _notifications() -> list[HealthCheck]:
    """None where no channel is configured."""
    told = service().notifier.standing()
    return (
        [HealthCheck("notifications", "warn" if service().notifier.is_troubled() else "pass", "; ".join(told))]
        if told
        else []
    )


def _forge() -> list[HealthCheck]:
    """None while the forge takes the commit statuses, or where there is none."""
    found = service().forge.trouble
    return [HealthCheck("forge", "warn", found)] if found else []


def _draining() -> HealthCheck:
    if service().draining():
        return HealthCheck("draining", "fail", "the runner is shutting down")
    return HealthCheck("draining", "pass")


def _tells_all() -> bool:
    """Details name files and hosts of any job, so a stranger gets the verdict only, and so does a limited token."""
    return roles.may(READ) and not caller_scope.is_limited()


def _worst(checks: Iterable[HealthCheck]) -> str:
    found = {check.status for check in checks}
    return next(status for status in ("fail", "warn", "pass") if status in found)


def _plain(checks: list[HealthCheck], probe: str) -> Response:
    """As Kubernetes' API server says it: a word, or with ``verbose`` a line for each check and the verdict."""
    failed = _worst(checks) == "fail"
    lines = [f"{probe} check failed" if failed else "ok"]
    if VERBOSE.value() is not None and _tells_all():
        lines = [_line(check) for check in checks] + [f"{probe} check {'failed' if failed else 'passed'}"]
    return Response("\n".join(lines) + "\n", 503 if failed else 200, mimetype="text/plain")


def _line(check: HealthCheck) -> str:
    mark = {"pass": "[+]{} ok", "warn": "[!]{} warn", "fail": "[-]{} failed"}[check.status].format(check.name)
    return mark + (f": {check.detail}" if check.detail else "")
