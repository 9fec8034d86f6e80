"""Shared parts of every page: its blueprint, permissions of its buttons, times and numbers as text."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, cast

from flask import (
    Blueprint,
    Response,
    current_app,
    render_template,
    request,
    send_from_directory,
    stream_template,
    url_for,
)
from markupsafe import Markup

from chronos_gitops.forge.commit_links import commit_links
from chronos_gitops.jobs.problem import Problem, Severity
from chronos_gitops.plurals import plural
from chronos_gitops.process.engine_priority import yielding
from chronos_gitops.schedule.calendars.calendar import Calendar
from chronos_gitops.schedule.timestamps import utc_text
from chronos_gitops.schedule.timing import Timing
from chronos_gitops.schedule.zones import timezones as zones
from chronos_gitops.server.api import links, page_links
from chronos_gitops.server.api.auth import caller_scope, roles, session_cookie, tokens
from chronos_gitops.server.api.endpoint import OPERATE, READ, ROLLBACK, Endpoint
from chronos_gitops.server.api.middleware import form_redirect
from chronos_gitops.server.api.openapi import responses
from chronos_gitops.server.api.params import query
from chronos_gitops.server.api.request_context import caller, service, via
from chronos_gitops.server.api.routes import calendars, health
from chronos_gitops.server.web import check_words, formatting
from chronos_gitops.server.web.cache import PageCache

blueprint = Blueprint("pages", __name__, template_folder="templates")
PAUSES = (("1 hour", "1h"), ("2 hours", "2h"), ("8 hours", "8h"), ("24 hours", "24h"))
"""Lengths that the pages offer for a pause: in words, and as the API reads them."""
IN_WORDS = "chronos_gitops.in_words"
CHARTS, SHAPES, ROWS = "chronos_gitops.charts", "chronos_gitops.shapes", "chronos_gitops.rows"


_STATIC: Final = Path(__file__).parent / "static"
_IMMUTABLE: Final = "public, max-age=31536000, immutable"
DIGEST = query.text("v", "The digest of the file: a browser asks once for the file of each digest")


@blueprint.get("/static/<path:filename>", declared=Endpoint(role=None, parameters=(DIGEST,)))
def static(filename: str) -> Response:
    found = send_from_directory(_STATIC, filename)
    if DIGEST.value() == _digests().get(filename):  # another release's pages may ask, while replicas are upgraded
        found.headers["Cache-Control"] = _IMMUTABLE
    return found


@blueprint.app_template_global()
def asset(filename: str) -> str:
    """The address of a static file, which changes with its content."""
    return url_for("pages.static", filename=filename, v=_digests()[filename])


@cache
def _digests() -> Mapping[str, str]:
    return {file.name: sha256(file.read_bytes()).hexdigest()[:16] for file in _STATIC.iterdir()}


def render_page(template: str, *, about: str | None = None, **values: Any) -> str:
    """Piece by piece, and giving way in between: a page of many jobs takes tens of milliseconds. ``about`` is the job
    of the page: its buttons are those that the caller may press for it."""
    if about is not None:
        values["may_operate"] = caller_scope.may(OPERATE, about)
        values["may_roll_back"] = caller_scope.may(ROLLBACK, about)
    return "".join(yielding(stream_template(template, **values)))


def in_words(timing: Timing) -> str:
    """A millisecond each, and a page has hundreds: kept, for what a schedule means never changes."""
    said: str = current_app.extensions[IN_WORDS](timing)
    return said


def charts_kept() -> PageCache:
    """Counts of what is due, which cost a tenth of a second with many different schedules."""
    return cast(PageCache, current_app.extensions[CHARTS])


def shapes_kept() -> PageCache:
    """Cache of the newest runs' charts, by job, until the job has another run."""
    return cast(PageCache, current_app.extensions[SHAPES])


def rows_kept() -> PageCache:
    """Cache of the rows of the list of jobs, by what they show."""
    return cast(PageCache, current_app.extensions[ROWS])


@blueprint.context_processor
def _shared() -> dict[str, Any]:
    """For these pages only, which the guard has let in: what is open to all knows nothing of git or the caller."""
    status = caller_scope.status(service().follower.status())
    return {
        "environment": service().settings.environment,
        "sync": responses.sync(replace(status, problems=_errors(status.problems))),
        "not_running": status.not_running,
        "own_errors": status.without_layers,
        "invalid_counts": status.invalid_counts,
        "freezes": _freezes(),
        "may_operate": roles.may(OPERATE),
        "may_approve": roles.may(OPERATE) and _operators_approve() and _sees_all_held(),
        "may_roll_back": roles.may(ROLLBACK),
        "is_limited": caller_scope.is_limited(),
        "alarms": health.alarms(),
        "notice": form_redirect.notice(),
        "forge": commit_links(service().settings.forge, service().settings.repo),
        **head_values(),
    }


def _errors(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """Notes of the banner. Ten thousand jobs can have as many notes, which every page would render."""
    return tuple(one for one in problems if one.severity is Severity.ERROR)


def _freezes() -> list[dict[str, Any]]:
    """As the API answers them, with the end in the zone of the freeze."""
    return [
        calendars.freeze_in_force(freeze, until) | {"wall": "" if until is None else _wall(freeze, until)}
        for freeze, until in calendars.closed_freezes()
    ]


def _wall(freeze: Calendar, until: datetime) -> str:
    return f"{until.astimezone(zones.load(freeze.timezone)):%a %d %b %Y %H:%M %Z}"


def head_values() -> dict[str, Any]:
    """For the head of every page: the pages, the caller, and the way out of a session."""
    is_known = roles.has_callers() and _is_known()
    return {
        "has_login": is_known,
        "has_session": is_known and tokens.session() is not None,
        "who": caller(),
        "via": via(),
        "until": tokens.until() if is_known else None,
        "here": links.here(),
        "root": links.path(""),
        "pages_of_all": page_links.PAGES,
    }


def _is_known() -> bool:
    """True for a caller that was let in. A runner without callers looks at the cookie only: a wrong
    token would count as a failed attempt."""
    if via() != "none":
        return True
    has_cookie = session_cookie.value() is not None and "Authorization" not in request.headers
    return has_cookie and roles.role_needed() is None and roles.may(READ)


def problem_head() -> Markup:
    """The head of a page that tells of a problem. It shows nothing of git: that page may be read by anyone."""
    return Markup(render_template("head.html", **head_values()))


def _sees_all_held() -> bool:
    held = service().follower.status().held
    return held is None or not caller_scope.hidden((*held.names, *held.disabled))


def _operators_approve() -> bool:
    return service().settings.commits.deletions == "operator"


blueprint.add_app_template_filter(plural)
blueprint.add_app_template_filter(check_words.title, "check_title")
blueprint.add_app_template_filter(check_words.state, "check_state")
blueprint.add_app_template_filter(check_words.detail, "check_detail")


@blueprint.app_template_filter("moment")
def moment(value: str | datetime | None) -> Markup | str:
    """A time as people say it, with the exact one behind it."""
    if value is None:
        return "–"
    instant = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment_html(instant, formatting.relative(instant, service().now()))


def moment_html(instant: datetime, words: str) -> Markup:
    """Digits and words of ours: nothing to escape, four hundred times on a page."""
    return Markup(f'<time datetime="{responses.instant(instant)}" title="{utc_text(instant)}">{words}</time>')


blueprint.add_app_template_filter(formatting.indented_json)
blueprint.add_app_template_filter(formatting.spaced)


@blueprint.app_template_filter("milliseconds")
def milliseconds(value: float | None) -> str:
    if value is None:
        return "–"
    if value < 10 and value % 1:
        return f"{value:.1f} ms"
    return f"{value:.0f} ms" if value < 1000 else formatting.length(timedelta(milliseconds=value))
