"""Events, newest first; as a stream for ``text/event-stream``."""

import re
from dataclasses import replace
from functools import partial
from typing import Any, cast

from flask import Blueprint, Flask, Response, current_app, request

from chronos_gitops.observability.event_log import (
    CHANGES,
    QUARANTINES,
    Event,
    EventKind,
    Numbered,
    changes_message,
    layer_message,
)
from chronos_gitops.server.api import endpoint
from chronos_gitops.server.api.auth import caller_scope, roles
from chronos_gitops.server.api.endpoint import READ, ApiOperation, Endpoint
from chronos_gitops.server.api.params import pagination, query
from chronos_gitops.server.api.problems import ApiError
from chronos_gitops.server.api.request_context import service
from chronos_gitops.server.api.routes import event_stream
from chronos_gitops.server.api.routes.event_stream import StreamSlots, StreamSubscriber, StreamTiming

blueprint = Blueprint("events", __name__, url_prefix="/api/v1/events")
PLACES, PACE = "chronos_gitops.streams", "chronos_gitops.pace"
_NUMBER = re.compile(r"[0-9]{1,15}\Z", re.ASCII)


class InvalidEventId(ApiError):
    kind = "bad-request"


def install(app: Flask) -> None:
    app.extensions[PLACES] = StreamSlots()
    app.extensions[PACE] = StreamTiming()


FIELDS = pagination.fields("Event")
TYPE = query.choice("type", EventKind, "Only events of this type")
JOB = query.text("job", "Only events of the job with this name")
LAST_EVENT_ID = endpoint.header("Last-Event-ID", "For a stream: the events after this one; only new ones when absent")


@blueprint.get(
    "",
    declared=Endpoint(
        ApiOperation(
            "listEvents",
            "records",
            "Events",
            "Newest first. With `Accept: text/event-stream` the same as they come; a client that was "
            "away sends Last-Event-ID. Only a few streams may be open at once.",
            {
                200: pagination.listed(
                    "Events, newest first; or as they come, as server-sent events by Accept",
                    "EventList",
                    media=(event_stream.MEDIA_TYPE,),
                )
            },
        ),
        role=READ,
        is_scoped=True,
        parameters=(*pagination.PAGED, FIELDS, TYPE, JOB, LAST_EVENT_ID),
    ),
)
def list_events() -> Response:
    """The stream wins only where it is what the client wants most: a browser takes anything, and gets JSON."""
    if request.accept_mimetypes.best_match(["application/json", event_stream.MEDIA_TYPE]) == event_stream.MEDIA_TYPE:
        return _streamed()
    return _page()


def _page() -> Response:
    start, wanted = pagination.position(lambda values: int(values[0])), _EventFilter()

    def read(count: int, after: Numbered | None) -> list[Numbered]:
        return service().events.newest(count, before=start if after is None else after[0], wanted=wanted)

    rows, last = caller_scope.page(
        read, lambda row: _job_of(row[1]), pagination.limit(), path_of=lambda row: _path_of(row[1])
    )
    items = [document for number, event in rows if (document := _shown(number, event)) is not None]
    return pagination.answer(items, None if last is None else [last[0]])


def newest(count: int) -> list[Event]:
    """The newest events that the caller sees, each as far as it sees its jobs."""
    rows, _ = caller_scope.page(
        lambda size, after: service().events.newest(size, before=None if after is None else after[0]),
        lambda row: _job_of(row[1]),
        count,
        path_of=lambda row: _path_of(row[1]),
    )
    return [visible for _, event in rows if (visible := _visible(event)) is not None]


def _streamed() -> Response:
    for name in pagination.ON_THE_WAY:
        if name in request.args:
            raise query.InvalidParameter(f"{name} does not go with a stream; Last-Event-ID says where it goes on.")
    events, wanted, after = service().events, _EventFilter(), _last_seen()
    places, pace = cast(StreamSlots, current_app.extensions[PLACES]), cast(StreamTiming, current_app.extensions[PACE])
    draining, ended = service().draining, roles.has_ended()

    def shown(number: int, event: Event) -> dict[str, Any] | None:
        return _shown(number, event) if wanted(event) else None

    reader = StreamSubscriber(roles.caller_name(), caller_scope.is_limited())
    places.take(reader)
    found = event_stream.lines(events, after, shown, pace=pace, is_over=lambda: draining() or ended())
    return event_stream.response(found, places, reader)


class _EventFilter:
    """The filters ``type`` and ``job`` of the request; a job that the caller does not see is in no event."""

    def __init__(self) -> None:
        self._type = TYPE.value()
        self._job = JOB.value()

    def __call__(self, event: Event) -> bool:
        if self._type is not None and event.type is not self._type:
            return False
        return self._job is None or (self._job in event.names and _is_seen(event, self._job))


def _last_seen() -> int:
    """From there on, or from now on."""
    text = request.headers.get(LAST_EVENT_ID.name)
    if text is None:
        return service().events.last
    if not _NUMBER.match(text):
        raise InvalidEventId("Last-Event-ID is not the id of an event.", hint="Leave it out to begin now.")
    return int(text)


def _shown(number: int, event: Event) -> dict[str, Any] | None:
    visible = _visible(event)
    return None if visible is None else {"id": number} | visible.document()


def _visible(event: Event) -> Event | None:
    """The event as far as the caller sees its jobs; None when it is about others."""
    if not caller_scope.is_limited():
        return event
    layers = tuple(filter(None, (layer.only(partial(_is_seen, event)) for layer in event.layers)))
    if event.type in QUARANTINES:
        message = "; ".join(layer_message(event.type, layer) for layer in layers)
        return replace(event, message=message, layers=layers) if layers else None
    if event.type not in CHANGES:
        return event if event.job is not None and _is_seen(event, event.job) else None
    added, changed, removed = (_seen(event, names) for names in (event.added, event.changed, event.removed))
    if not (added or changed or removed):
        return None
    words = changes_message(event.type, added, changed, removed, layers)
    return replace(event, message=words, added=added, changed=changed, removed=removed, layers=layers)


def _job_of(event: Event) -> str | None:
    """A job that the caller sees, if the event is about one."""
    return next(filter(partial(_is_seen, event), event.names), None)


def _path_of(event: Event) -> str | None:
    """The file of that job when it happened."""
    name = _job_of(event)
    return None if name is None else _path(event, name)


def _path(event: Event, name: str) -> str | None:
    """The file of the job when it happened; of an event from before that was recorded, the file now."""
    return event.paths.get(name) or caller_scope.path_now(name)


def _seen(event: Event, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if _is_seen(event, name))


def _is_seen(event: Event, name: str) -> bool:
    return caller_scope.sees_row(name, _path(event, name))
