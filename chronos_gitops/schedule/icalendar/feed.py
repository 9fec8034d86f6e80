"""A calendar of scheduled times for calendar programs, in UTC (RFC 5545; names and refresh: RFC 7986)."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import Final

from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.icalendar.content_line import escape, fold
from chronos_gitops.schedule.timestamps import compact_utc

MEDIA_TYPE: Final = "text/calendar; charset=utf-8"
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """One scheduled time, or a whole day. Programs keep an event as long as its ``uid`` stays."""

    uid: str
    start: datetime | date
    summary: str
    description: str
    url: str = ""


def write(events: Iterable[FeedEvent], *, name: str, description: str, made: datetime) -> bytes:
    """The calendar; ``made`` is the time stamp of every event, so that the same events are the same bytes."""
    return b"".join(piece for line in _lines(events, name, description, made) for piece in fold(line))


def _lines(events: Iterable[FeedEvent], name: str, description: str, made: datetime) -> Iterator[str]:
    yield from ("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//chronos-gitops//next runs//EN", "CALSCALE:GREGORIAN")
    yield from (f"NAME:{escape(name)}", f"X-WR-CALNAME:{escape(name)}")
    yield from (f"DESCRIPTION:{escape(description)}", f"X-WR-CALDESC:{escape(description)}")
    yield from ("REFRESH-INTERVAL;VALUE=DURATION:PT1H", "X-PUBLISHED-TTL:PT1H")
    for event in events:
        yield from _event(event, made)
    yield "END:VCALENDAR"


def _event(event: FeedEvent, made: datetime) -> Iterator[str]:
    yield from ("BEGIN:VEVENT", f"UID:{event.uid}", f"DTSTAMP:{compact_utc(made)}")
    if isinstance(event.start, datetime):
        yield f"DTSTART:{compact_utc(event.start)}"
    else:
        yield f"DTSTART;VALUE=DATE:{event.start:%Y%m%d}"
        yield f"DTEND;VALUE=DATE:{event.start + _DAY:%Y%m%d}"
    yield f"SUMMARY:{escape(event.summary)}"
    if event.description:
        yield f"DESCRIPTION:{escape(event.description)}"
    if event.url:
        yield f"URL:{event.url}"
    yield from ("TRANSP:TRANSPARENT", "END:VEVENT")
