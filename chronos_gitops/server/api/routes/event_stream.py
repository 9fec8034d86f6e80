"""Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html): one thread for each reader."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, cast

from flask import Response, stream_with_context

from chronos_gitops.observability.event_log import EventLog
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.server.api.problems import ApiError

MEDIA_TYPE = "text/event-stream"
MOST, PER_CALLER, LIMITED = 8, 2, 4
"""Streams in all, for one caller, and for all callers that see only some jobs, of the server's 24 threads."""
HEARTBEAT = 15.0
LONGEST = 600.0
"""Then a reader is sent away and comes back by itself, with the number of the last event it saw."""
_LOOK_EVERY = 0.5


class TooManyStreams(ApiError):
    kind = "too-many-streams"


class StreamSlots:
    """As many as MOST at once; taken before the first byte, given back when the reader is gone.

    A known caller has PER_CALLER of them, and those that see only some jobs have LIMITED together, so that they never
    take the last one from an operator.
    """

    def __init__(self, most: int = MOST, per_caller: int = PER_CALLER, *, displaces: bool = False) -> None:
        """``displaces``: where all are taken, the oldest one ends in place of a refusal."""
        self._most = most
        self._displaces = displaces
        self._per_caller = per_caller
        self._lock = threading.Lock()
        self._open: list[StreamSubscriber] = []

    def take(self, reader: "StreamSubscriber") -> None:
        """The stream that the same tab of a browser had before, on another page, ends: it shows up as closed only when
        something is sent."""
        with self._lock:
            if reader.tab is not None:
                self._open = [one for one in self._open if (one.caller, one.tab) != (reader.caller, reader.tab)]
            while (full := self._full(reader)) is not None:
                if not self._displaces:
                    raise _too_many(full[0])
                oldest = full[1][0]
                self._open = [one for one in self._open if one is not oldest]
            self._open.append(reader)

    def give_back(self, reader: "StreamSubscriber") -> None:
        with self._lock:
            self._open = [one for one in self._open if one is not reader]

    def holds(self, reader: "StreamSubscriber") -> bool:
        """False once it was given back, or another stream of its tab took its place."""
        return any(one is reader for one in self._open)

    def _full(self, reader: "StreamSubscriber") -> tuple[str, list["StreamSubscriber"]] | None:
        """The limit that is reached, in words, and the streams that it counts, oldest first."""
        own = [one for one in self._open if one.caller == reader.caller]
        limited = [one for one in self._open if one.is_limited]
        if len(self._open) >= self._most:
            return f"{self._most} streams are open already.", self._open
        if reader.caller is not None and len(own) >= self._per_caller:
            return f"This caller has {self._per_caller} streams open already.", own
        if reader.is_limited and len(limited) >= LIMITED:
            return f"{LIMITED} streams of callers who see only some jobs are open already.", limited
        return None

    @property
    def taken(self) -> int:
        return len(self._open)


@dataclass(frozen=True, slots=True, eq=False)
class StreamSubscriber:
    """Whose stream it is; ``caller`` is None where the runner knows no callers. ``tab`` is one of a browser."""

    caller: str | None = None
    is_limited: bool = False
    tab: str | None = None


def _too_many(message: str) -> TooManyStreams:
    return TooManyStreams(message, hint="Ask for the same as JSON, or try again later.")


@dataclass(frozen=True, slots=True)
class StreamTiming:
    heartbeat: float = HEARTBEAT
    longest: float = LONGEST


def lines(
    events: EventLog,
    after: int,
    shown: Callable[[int, Any], dict[str, Any] | None],
    *,
    pace: StreamTiming,
    is_over: Callable[[], bool],
) -> Iterator[bytes]:
    """The events above a number as they come."""

    def look() -> Iterator[bytes]:
        nonlocal after
        for number, event in events.after(after, timeout=min(_LOOK_EVERY, pace.heartbeat)):
            after = number
            document = shown(number, event)
            if document is not None:
                yield _message(number, document)

    return _paced(look, pace, is_over)


def changes(
    events: EventLog, state: Callable[[], object], *, pace: StreamTiming, is_over: Callable[[], bool]
) -> Iterator[bytes]:
    """One message ``changed`` for all that happened since the last one: the pages of its reader are out of date."""
    seen = events.last, state()

    def look() -> Iterator[bytes]:
        nonlocal seen
        events.after(seen[0], timeout=min(_LOOK_EVERY, pace.heartbeat))
        now = events.last, state()
        if now != seen:
            seen = now
            yield b"event: changed\ndata: changed\n\n"

    return _paced(look, pace, is_over)


def _paced(look: Callable[[], Iterator[bytes]], pace: StreamTiming, is_over: Callable[[], bool]) -> Iterator[bytes]:
    """The messages of each look, a comment where none comes for long, until ``is_over`` or the longest time."""
    begun = spoken = time.monotonic()
    yield b"retry: 5000\n\n"
    while not is_over() and time.monotonic() - begun < pace.longest:
        for message in look():
            yield message
            spoken = time.monotonic()
        if time.monotonic() - spoken >= pace.heartbeat:
            yield b": still here\n\n"
            spoken = time.monotonic()


def response(chunks: Iterator[bytes], places: StreamSlots, reader: StreamSubscriber) -> Response:
    """A stream whose place is taken already; it is given back when the stream ends."""
    found = Response(_Body(stream_with_context(chunks), places, reader), mimetype=MEDIA_TYPE)
    found.headers["X-Accel-Buffering"] = "no"
    return found


class _Body:
    """Gives its place back exactly once, also when the stream was never begun: WSGI closes every body (PEP 3333)."""

    def __init__(self, chunks: Iterator[bytes], places: StreamSlots, reader: StreamSubscriber) -> None:
        self._chunks = chunks
        self._reader = reader
        self._places: StreamSlots | None = places

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks

    def close(self) -> None:
        places, self._places = self._places, None
        if places is not None:
            places.give_back(self._reader)
            cast(Any, self._chunks).close()


def _message(number: int, document: dict[str, Any]) -> bytes:
    """JSON has no line breaks of its own, so it is one line of data."""
    data = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return f"id: {number}\nevent: {document['type']}\ndata: {data}\n\n".encode("utf-8", "replace")
