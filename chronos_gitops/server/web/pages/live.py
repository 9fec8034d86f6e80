"""The stream that tells an open page when to refresh itself."""

from typing import cast

from flask import Response, current_app

from chronos_gitops.server.api.auth import caller_scope, roles
from chronos_gitops.server.api.endpoint import READ, Endpoint
from chronos_gitops.server.api.params import query
from chronos_gitops.server.api.request_context import service
from chronos_gitops.server.api.routes import event_stream, events
from chronos_gitops.server.api.routes.event_stream import StreamSlots, StreamSubscriber, StreamTiming
from chronos_gitops.server.web.layout import blueprint

STREAMS = "chronos_gitops.page_streams"
MOST, PER_CALLER = 6, 3
"""Beside those of the API. A page whose stream another one displaces asks for a stream again after some seconds."""


TAB = query.text("tab", "A name that the browser gives its tab: the stream of the page before ends")
_LONGEST_NAME = 64


@blueprint.get("/live", declared=Endpoint(role=READ, is_scoped=True, parameters=(TAB,)))
def live() -> Response:
    """Server-sent events without content: a page fetches itself again, as far as its reader sees it."""
    found, slots = service(), cast(StreamSlots, current_app.extensions[STREAMS])
    pace = cast(StreamTiming, current_app.extensions[events.PACE])
    feed, draining, ended = found.feed, found.draining, roles.has_ended()
    tab = TAB.value()
    reader = StreamSubscriber(
        roles.caller_name(), caller_scope.is_limited(), None if tab is None else tab[:_LONGEST_NAME]
    )
    slots.take(reader)
    chunks = event_stream.changes(
        found.events,
        lambda: feed.executions_finished,
        pace=pace,
        is_over=lambda: draining() or ended() or not slots.holds(reader),
    )
    return event_stream.response(chunks, slots, reader)
