"""Events out of an iCalendar file (RFC 5545), as they are written: nothing is computed from a rule, in linear time."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Final

from chronos_gitops.process.lazy_dataclass import dataclass

_DELIMITER: Final = re.compile(r'"[^"]*"|[:;]')


class IcalendarError(ValueError):
    """The text is no iCalendar file; the message says why."""


@dataclass(frozen=True, slots=True)
class Property:
    """``DTSTART;TZID=Europe/Paris:20261224T180000`` in a line of the file; names of parameters are in upper case."""

    line: int
    value: str
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class IcalendarEvent:
    """A VEVENT: its first line, and each property by its name in upper case, as often as it is there."""

    line: int
    properties: dict[str, list[Property]] = field(default_factory=dict)

    def first(self, name: str) -> Property | None:
        return next(iter(self.properties.get(name, ())), None)

    def text(self, name: str) -> str:
        found = self.first(name)
        return "" if found is None else found.value


def parse(text: str) -> tuple[IcalendarEvent, ...]:
    """The events in the order of the file. Parts inside of an event, such as alarms, are passed over."""
    events: list[IcalendarEvent] = []
    within: list[str] = []
    for number, line in _unfolded(text):
        name, found = _property(number, line)
        kind = found.value.strip().upper()
        if name == "BEGIN":
            within.append(kind)
            if within == ["VCALENDAR", "VEVENT"]:
                events.append(IcalendarEvent(number))
        elif not within:
            raise IcalendarError(f"line {number} is not within BEGIN:VCALENDAR")
        elif name == "END":
            if within.pop() != kind:
                raise IcalendarError(f"line {number} ends {kind[:40]}, which is not open")
        elif within == ["VCALENDAR", "VEVENT"]:
            events[-1].properties.setdefault(name, []).append(found)
    if within:
        raise IcalendarError(f"it ends inside of {within[-1][:40]}")
    return tuple(events)


def _unfolded(text: str) -> Iterator[tuple[int, str]]:
    """Content lines with the number of their first line; a line that begins with a space goes on the one before."""
    pieces: list[str] = []
    start = 0
    for number, line in enumerate(re.split(r"\r\n|\n|\r", text), 1):
        if line[:1] in (" ", "\t") and pieces:
            pieces.append(line[1:])
        elif line:
            if pieces:
                yield start, "".join(pieces)
            pieces, start = [line], number
    if pieces:
        yield start, "".join(pieces)


def _property(number: int, line: str) -> tuple[str, Property]:
    parts, begin = [], 0
    for found in _DELIMITER.finditer(line):
        if found[0] in (":", ";"):
            parts.append(line[begin : found.start()])
            begin = found.end()
        if found[0] == ":":
            name, *given = parts
            pairs = (one.partition("=") for one in given)
            parameters = {key.upper(): value.strip('"') for key, _, value in pairs}
            return name.strip().upper(), Property(number, line[begin:], parameters)
    raise IcalendarError(f"line {number} has no colon")
