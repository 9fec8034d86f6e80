"""``/next-runs.ics``: scheduled times as a calendar that other programs subscribe to (RFC 5545)."""

from datetime import timedelta

from flask import Blueprint, Response

from chronos_gitops.jobs.planning import calendar_feed
from chronos_gitops.jobs.planning.calendar_feed import MOST_EVENTS, FeedSource
from chronos_gitops.plurals import plural
from chronos_gitops.schedule.icalendar import feed
from chronos_gitops.server.api.auth import caller_scope
from chronos_gitops.server.api.auth.tokens import IN_ADDRESS
from chronos_gitops.server.api.endpoint import FEED, READ, ApiOperation, Endpoint, answer
from chronos_gitops.server.api.openapi.shapes import TEXT
from chronos_gitops.server.api.params import query
from chronos_gitops.server.api.params.query import InvalidParameter
from chronos_gitops.server.api.request_context import service
from chronos_gitops.server.api.routes.jobs import jobs, next_runs

blueprint = Blueprint("calendar_feed", __name__, url_prefix="/api/v1")
DAYS = query.integer("days", "Days from midnight UTC on", default=30, high=366)
TOKEN = query.text(IN_ADDRESS, "A token whose only role is `feed`, for programs that send no Authorization header")
_MOST_COUNTS = 200_000


@blueprint.get(
    "/next-runs.ics",
    declared=Endpoint(
        ApiOperation(
            "nextRunsCalendar",
            "jobs",
            "Scheduled times as an iCalendar feed",
            "For calendar programs: one event per scheduled time from midnight UTC on, one a day for jobs with "
            f"more than {calendar_feed.OFTEN} a day, at most {MOST_EVENTS} events. Times that calendars hold are left "
            "out. UIDs stay, and the feed is the same for a day unless the jobs change.",
            {200: answer("The calendar", TEXT, media="text/calendar")},
        ),
        role=READ,
        narrow_role=FEED,
        takes_token_in_address=True,
        is_scoped=True,
        is_heavy=True,
        parameters=(DAYS, *jobs.FILTERS, TOKEN),
    ),
)
def calendar() -> Response:
    due, days = next_runs.due(), DAYS.value()
    if len({(one.timing, one.since) for one in due}) * days > _MOST_COUNTS:
        raise InvalidParameter(
            "The feed would have too many different schedules.", hint="Ask for fewer days or jobs (tag.<key>, q)."
        )
    settings = service().settings
    everything = {definition.job.name: definition.job for definition in caller_scope.jobs()}
    source = FeedSource(everything, due, settings.environment or "", settings.public_url)
    start = service().now().replace(hour=0, minute=0, second=0, microsecond=0)
    events, is_cut = calendar_feed.events(source, start, start + timedelta(days=days))
    content = feed.write(events, name=_name(), description=_about(days, is_cut=is_cut), made=start)
    return Response(content, content_type=feed.MEDIA_TYPE)


def _name() -> str:
    chosen = ", ".join(f"{key}={value}" for key, value in query.tags().items())
    return " ".join(filter(None, ("Next runs", service().settings.environment, chosen)))


def _about(days: int, *, is_cut: bool) -> str:
    cut = f" Only the first {MOST_EVENTS} events; narrow it with tag.<key> or q." if is_cut else ""
    return f"Scheduled times of {plural(days, 'day')} by chronos-gitops.{cut}"
