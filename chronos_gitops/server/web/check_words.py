"""The runner's health checks in words, for people who do not know their names. Pure."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from chronos_gitops.server.api.routes.health import HealthCheck


class CheckWords(NamedTuple):
    """The part of the runner that a check looks at, and its state when the check passes, fails or warns.

    ``has_detail``: the detail of a check that passes says more than ``passed`` does.
    """

    title: str
    passed: str
    failed: str = "failing"
    warned: str = "warning"
    has_detail: bool = False


WORDS: Final[Mapping[str, CheckWords]] = {
    "scheduler": CheckWords("Scheduler", "running"),
    "disk": CheckWords("Disk", "enough space", "full"),
    "engine": CheckWords("Engine", "available", "unavailable"),
    "backlog": CheckWords("Backlog", "enough space", warned="full"),
    "targets": CheckWords("Targets", "none suspended"),
    "git": CheckWords("Git", "synced", "no jobs loaded", "has problems"),
    "secrets": CheckWords("Secrets", "all are available"),
    "notifications": CheckWords("Notifications", "delivered", has_detail=True),
    "forge": CheckWords("Forge", "commit statuses are accepted"),
    "draining": CheckWords("Shutdown", "not in progress", "in progress"),
}


def detail(check: HealthCheck) -> str:
    return check.detail if check.status != "pass" or WORDS[check.name].has_detail else ""


def title(check: HealthCheck) -> str:
    return WORDS[check.name].title


def state(check: HealthCheck) -> str:
    words = WORDS[check.name]
    return {"pass": words.passed, "warn": words.warned, "fail": words.failed}[check.status]
