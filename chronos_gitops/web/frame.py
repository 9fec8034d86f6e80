"""What every page shares: its blueprint, who may press what, times and numbers as people say them."""

from datetime import datetime, timedelta
from typing import Any, cast

from flask import Blueprint, current_app, request, stream_template
from markupsafe import Markup

from chronos_gitops.api import guard, render, scope
from chronos_gitops.api.context import caller, service
from chronos_gitops.precedence import politely
from chronos_gitops.timing.schedule import Schedule
from chronos_gitops.timing.timestamps import utc_text
from chronos_gitops.web import words
from chronos_gitops.web.kept import Kept

blueprint = Blueprint("pages", __name__, template_folder="templates", static_folder="static", static_url_path="/static")
IN_WORDS = "chronos_gitops.in_words"
CHARTS, SHAPES = "chronos_gitops.charts", "chronos_gitops.shapes"


def filled_in(template: str, **values: Any) -> str:
    """Piece by piece, and giving way in between: a page of many jobs takes tens of milliseconds."""
    return "".join(politely(stream_template(template, **values)))


def in_words(schedule: Schedule) -> str:
    """A millisecond each, and a page has hundreds: kept, for what a schedule means never changes."""
    said: str = current_app.extensions[IN_WORDS](schedule)
    return said


def charts_kept() -> Kept:
    """Counts of what is due, which cost a tenth of a second with many different schedules."""
    return cast(Kept, current_app.extensions[CHARTS])


def shapes_kept() -> Kept:
    """How the newest runs of a job look, until it has news."""
    return cast(Kept, current_app.extensions[SHAPES])


@blueprint.context_processor
def _shared() -> dict[str, Any]:
    """For these pages only, which the guard has let in: what is open to all knows nothing of git or the caller."""
    status = scope.status(service().follower.status())
    return {
        "sync": render.sync(status),
        "may_operate": guard.may(guard.OPERATE),
        "may_roll_back": guard.may(guard.ROLLBACK),
        "is_limited": scope.is_limited(),
        "has_login": guard.has_tokens(),
        "who": caller(),
        "here": request.path,
    }


@blueprint.app_template_filter("moment")
def moment(value: str | datetime | None) -> Markup | str:
    """A time as people say it, with the exact one behind it."""
    if value is None:
        return "–"
    instant = datetime.fromisoformat(value) if isinstance(value, str) else value
    relative = words.relative(instant, service().now())
    # Digits and words of ours: nothing to escape, four hundred times on a page.
    return Markup(f'<time datetime="{render.instant(instant)}" title="{utc_text(instant)}">{relative}</time>')


@blueprint.app_template_filter("milliseconds")
def milliseconds(value: float | None) -> str:
    if value is None:
        return "–"
    if value < 10 and value % 1:
        return f"{value:.1f} ms"
    return f"{value:.0f} ms" if value < 1000 else words.length(timedelta(milliseconds=value))
