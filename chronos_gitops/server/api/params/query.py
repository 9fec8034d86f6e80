"""Query parameters: known ones only, each at most once, with a did-you-mean for the others."""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar

from flask import Flask, request

from chronos_gitops.jobs.validation.suggestions import closest
from chronos_gitops.server.api.auth import tag_scope
from chronos_gitops.server.api.problems import ApiError

Choice = TypeVar("Choice", bound=StrEnum)
TAG = "tag."
_YEARS = (1970, 9000)
_PAGED = ("limit", "cursor")
PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "jobs.list_jobs": (*_PAGED, "state", "q", TAG),
    "jobs.next_runs": ("count",),
    "upcoming.next_runs": (*_PAGED, "from", "until", "bucket", "state", "q", TAG),
    "versions.list_versions": _PAGED,
    "versions.diff": ("against",),
    "executions.list_of_job": (*_PAGED, "status", "at"),
    "executions.list_all": (*_PAGED, "status"),
    "callbacks.receive": ("signature",),
    "audit.list_entries": _PAGED,
    "events.list_events": (*_PAGED, "type", "job"),
    "validate.job_file": ("path",),
    "health.livez": ("verbose",),
    "health.readyz": ("verbose",),
    "login.form": ("next",),
    "pages.jobs": ("state", "standing", "page", "q", TAG),
    "pages.outlook": ("state", "q", TAG),
}
"""What each endpoint takes; ``tag.`` stands for any ``tag.<key>``. An endpoint that is not here takes none."""


class UnknownParameter(ApiError):
    kind = "unknown-parameter"


class InvalidParameter(ApiError):
    kind = "invalid-parameter"


def install(app: Flask) -> None:
    app.before_request(_check)


def _check() -> None:
    if request.url_rule is None or request.method == "OPTIONS":
        return
    allowed = PARAMETERS.get(request.endpoint or "", ())
    for name, values in request.args.lists():
        if name == TAG or (name not in allowed and not (TAG in allowed and name.startswith(TAG))):
            raise _unknown(name, allowed)
        if len(values) > 1:
            raise InvalidParameter(f'The parameter "{name[:80]}" is given {len(values)} times.', hint="Give it once.")


def _unknown(name: str, allowed: tuple[str, ...]) -> UnknownParameter:
    known = [parameter for parameter in allowed if parameter != TAG]
    tags = [TAG + key for key in _tag_keys()] if TAG in allowed else []
    meant = TAG + name if TAG + name in tags else closest(name, [*known, *tags])
    takes = ", ".join(known + (["tag.<key>"] if TAG in allowed else [])) or "none"
    return UnknownParameter(
        f'There is no parameter "{name[:80]}"' + (f'; did you mean "{meant}"?' if meant else "."),
        hint=f"{request.path} takes: {takes}.",
        extra={"parameter": name[:80], "did_you_mean": meant},
    )


def _tag_keys() -> list[str]:
    return sorted({key for definition in tag_scope.jobs() for key, _ in definition.job.tags})


def integer(name: str, *, default: int, low: int, high: int) -> int:
    text = request.args.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise InvalidParameter(f'{name} is a whole number from {low} to {high}, not "{text[:40]}".')
    value = int(text)
    if not low <= value <= high:
        raise InvalidParameter(f"{name} is a whole number from {low} to {high}, not {value}.")
    return value


def choice(name: str, values: type[Choice]) -> Choice | None:
    text = request.args.get(name)
    if text is None:
        return None
    try:
        return values(text)
    except ValueError:
        meant = closest(text, list(values))
        did_you_mean = f' Did you mean "{meant}"?' if meant else ""
        raise InvalidParameter(
            f'{name} is one of {", ".join(values)}, not "{text[:40]}".{did_you_mean}', extra={"did_you_mean": meant}
        ) from None


def text(name: str) -> str | None:
    return request.args.get(name)


def instant(name: str) -> datetime | None:
    """RFC 3339, or what ISO 8601 writes for it; UTC without an offset. A ``+`` may have come as a space."""
    text = request.args.get(name)
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text.strip().upper().replace(" ", "+" if "T" in text.upper() else "T"))
        found = (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidParameter(
            f'{name} is a time, not "{text[:40]}".', hint="Write one like 2026-03-08T02:00:00Z."
        ) from None
    if not _YEARS[0] <= found.year <= _YEARS[1]:
        raise InvalidParameter(f"{name} lies outside the years {_YEARS[0]} to {_YEARS[1]}.")
    return found


def tags() -> dict[str, str]:
    """``tag.team=backend`` as ``{"team": "backend"}``."""
    return {name.removeprefix(TAG): value for name, value in request.args.items() if name.startswith(TAG)}
