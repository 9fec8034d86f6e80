"""Probes and numbers: /livez, /readyz, /health, /metrics, /version (the words of Kubernetes' API server)."""

import platform
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from flask import Blueprint, Response, request

import chronos_gitops
from chronos_gitops.schedule.timezones import rules_version
from chronos_gitops.server.api.auth import roles, tag_scope
from chronos_gitops.server.api.request_context import service

blueprint = Blueprint("health", __name__)


@dataclass(frozen=True, slots=True)
class Check:
    """``status`` is pass, warn or fail; a warning never makes a runner unready: the last good jobs keep running."""

    name: str
    status: str
    detail: str = ""


@blueprint.get("/livez")
def livez() -> Response:
    return _plain([_liveness()], "livez")


@blueprint.get("/readyz")
def readyz() -> Response:
    return _plain(checks(), "readyz")


@blueprint.get("/health")
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


@blueprint.get("/metrics")
def metrics() -> Response:
    content, content_type = service().metrics.exposition(request.headers.get("Accept", ""))
    return Response(content, content_type=content_type)


@blueprint.get("/version")
def version() -> dict[str, Any]:
    return {
        "version": chronos_gitops.__version__,
        "python": platform.python_version(),
        "commit": service().jobs().revision,
    }


def checks() -> list[Check]:
    return [_liveness(), _engine(), *_backlog(), _targets(), _sync(), *_notifications(), _draining()]


def told_checks() -> list[Check]:
    """For a page: details name files and hosts of any job, so a limited token gets the verdicts."""
    return [replace(check, detail="") for check in checks()] if tag_scope.is_limited() else checks()


def _liveness() -> Check:
    failure = service().liveness_failure()
    return Check("scheduler", "fail" if failure else "pass", failure)


def _engine() -> Check:
    found = service().engine.health()
    return Check("engine", "pass" if found.ok else "fail", found.detail)


def _backlog() -> list[Check]:
    """None while there is room."""
    found = service().engine.health().backlog
    return [Check("backlog", "warn", found)] if found else []


def _targets() -> Check:
    hosts = service().engine.health().open_circuits
    return Check("targets", "warn" if hosts else "pass", f"left alone for a while: {', '.join(hosts)}" if hosts else "")


def _sync() -> Check:
    status = service().follower.status()
    if status.state == "starting":
        return Check("git", "fail", "nothing is loaded yet")
    if not status.has_job_set:
        return Check("git", "fail", f"no jobs are loaded: {status.reason}: {status.message}")
    return Check("git", "pass" if status.state == "synced" else "warn", status.message)


def _notifications() -> list[Check]:
    """None where nobody wants to be told."""
    told = service().notifier.standing()
    return (
        [Check("notifications", "warn" if service().notifier.is_troubled() else "pass", "; ".join(told))]
        if told
        else []
    )


def _draining() -> Check:
    if service().draining():
        return Check("draining", "fail", "the runner is shutting down")
    return Check("draining", "pass")


def _tells_all() -> bool:
    """Details name files and hosts of any job, so a stranger gets the verdict only, and so does a limited token."""
    return roles.may(roles.READ) and not tag_scope.is_limited()


def _worst(checks: Iterable[Check]) -> str:
    found = {check.status for check in checks}
    return next(status for status in ("fail", "warn", "pass") if status in found)


def _plain(checks: list[Check], probe: str) -> Response:
    """As Kubernetes' API server says it: a word, or with ``verbose`` a line for each check and the verdict."""
    failed = _worst(checks) == "fail"
    lines = [f"{probe} check failed" if failed else "ok"]
    if "verbose" in request.args and _tells_all():
        lines = [_line(check) for check in checks] + [f"{probe} check {'failed' if failed else 'passed'}"]
    return Response("\n".join(lines) + "\n", 503 if failed else 200, mimetype="text/plain")


def _line(check: Check) -> str:
    mark = {"pass": "[+]{} ok", "warn": "[!]{} warn", "fail": "[-]{} failed"}[check.status].format(check.name)
    return mark + (f": {check.detail}" if check.detail else "")
