"""Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html): one thread for each reader."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from chronos_gitops.api.problems import ApiError
from chronos_gitops.events import EventLog

MEDIA_TYPE = "text/event-stream"
MOST = 4
"""Of the server's 16 threads: readers that never leave must not keep anybody from asking."""
HEARTBEAT = 15.0
LONGEST = 600.0
"""Then a reader is sent away and comes back by itself, with the number of the last event it saw."""
_LOOK_EVERY = 0.5


class TooManyStreams(ApiError):
    kind = "too-many-streams"


class Places:
    """As many as MOST at once; taken before the first byte, given back when the reader is gone."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._taken = 0

    def take(self) -> None:
        with self._lock:
            if self._taken >= self._most:
                raise TooManyStreams(
                    f"{self._most} streams are open already.", hint="Ask for the same as JSON, or try again later."
                )
            self._taken += 1

    def give_back(self) -> None:
        with self._lock:
            self._taken -= 1

    @property
    def taken(self) -> int:
        return self._taken


@dataclass(frozen=True, slots=True)
class Pace:
    heartbeat: float = HEARTBEAT
    longest: float = LONGEST


def lines(
    events: EventLog,
    after: int,
    shown: Callable[[int, Any], dict[str, Any] | None],
    *,
    pace: Pace,
    is_over: Callable[[], bool],
) -> Iterator[bytes]:
    """The events above a number as they come, a comment where none does, until ``is_over`` or the longest time."""
    begun = spoken = time.monotonic()
    yield b"retry: 5000\n\n"
    while not is_over() and time.monotonic() - begun < pace.longest:
        found = events.after(after, timeout=min(_LOOK_EVERY, pace.heartbeat))
        for number, event in found:
            after = number
            document = shown(number, event)
            if document is not None:
                yield _message(number, document)
                spoken = time.monotonic()
        if time.monotonic() - spoken >= pace.heartbeat:
            yield b": still here\n\n"
            spoken = time.monotonic()


def _message(number: int, document: dict[str, Any]) -> bytes:
    """JSON has no line breaks of its own, so it is one line of data."""
    data = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return f"id: {number}\nevent: {document['type']}\ndata: {data}\n\n".encode("utf-8", "replace")
