"""Timers whose service calls curl or wget become webhooks; OnCalendar= and OnUnitActiveSec= become their schedule."""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

from chronos_gitops.cli.importers import commands
from chronos_gitops.cli.importers.commands import shell_words
from chronos_gitops.cli.importers.documents import plain_text
from chronos_gitops.cli.importers.model import (
    ImportedJob,
    ImportResult,
    NotReadable,
    RefusedEntry,
    Unconvertible,
    reading,
)
from chronos_gitops.cli.importers.systemd import command_lines, units
from chronos_gitops.cli.importers.systemd.command_lines import expanded, without_specifiers
from chronos_gitops.cli.importers.systemd.units import Unit
from chronos_gitops.cli.importers.timings import calendar_events
from chronos_gitops.schedule import durations

_OFF: Final = "every job is written with enabled: false; enable one when its timer is disabled (--enable for all)"
_NO_ZONE: Final = "calendar events without a zone are read in {zone}; give the machine's own with --timezone"
_MONOTONIC: Final = ("OnActiveSec", "OnBootSec", "OnStartupSec", "OnUnitInactiveSec")
_EVENTS: Final = ("OnClockChange", "OnTimezoneChange")
_OF_TIMERS: Final = frozenset(
    {
        *("OnCalendar", "OnUnitActiveSec", "Persistent", "RandomizedDelaySec", "Unit", "AccuracySec"),
        *("RemainAfterElapse", *_MONOTONIC, *_EVENTS),
    }
)
_LIMITS: Final = ("TimeoutStartSec", "TimeoutSec", "RuntimeMaxSec")
_OTHERS: Final = ("ExecStartPre", "ExecStartPost", "ExecCondition", "ExecStop", "ExecStopPost")
_SPAN: Final = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)\s*([a-zA-Z]*)\s*")
_UNITS: Final = {
    **dict.fromkeys(("ms", "msec"), 0.001),
    **dict.fromkeys(("", "s", "sec", "second", "seconds"), 1),
    **dict.fromkeys(("m", "min", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hr", "hour", "hours"), 3600),
    **dict.fromkeys(("d", "day", "days"), 86400),
    **dict.fromkeys(("w", "week", "weeks"), 604800),
}
_PREFIX: Final = re.compile(r"[-@:+!|]*")
_SEPARATOR: Final = re.compile(r"(?<!\S)\\?;(?!\S)")
_TRUE: Final = ("1", "yes", "y", "true", "t", "on")
_LONGEST: Final = timedelta(days=36500)


def read(content: bytes, *, timezone: str, is_enabled: bool) -> ImportResult:
    """``timezone`` is for calendar events that name none."""
    found = units.read(plain_text(content), "imported")
    timers = [unit for name, unit in found.items() if name.endswith(".timer")]
    if not timers:
        hint = "systemctl cat '*.timer' '*.service' > units.txt"
        raise NotReadable("there is no timer in this", hint=hint)
    notes = [_NO_ZONE.format(zone=timezone)]
    entries = [_entry(timer, found, timezone, is_enabled=is_enabled) for timer in timers]
    return reading(entries, notes if is_enabled else [_OFF, *notes], has_limits=False)


def _entry(timer: Unit, known: Mapping[str, Unit], timezone: str, *, is_enabled: bool) -> ImportedJob | RefusedEntry:
    stem = timer.name.removesuffix(".timer")
    started = timer.value("Timer", "Unit") or f"{stem}.service"
    service = known.get(started)
    line = "" if service is None else service.value("Service", "ExecStart")
    try:
        if service is None:
            raise Unconvertible(f"its unit {started[:60]} is not in this; add systemctl cat {started[:60]}")
        made, lost = commands.webhook(_command(service))
        timed = _timing(timer, lost)
        document = {
            "description": timer.value("Unit", "Description") or service.value("Unit", "Description") or None,
            **timed,
            "timezone": timed.get("timezone", timezone),
            "enabled": is_enabled,
            "concurrency": "forbid",
            "missed_run_policy": "execute_one" if _is_true(timer.value("Timer", "Persistent")) else "ignore",
            "jitter": _rendered(timer.value("Timer", "RandomizedDelaySec")),
            **made,
        }
        if "timeout" not in made:
            limits = (_rendered(service.value("Service", name)) for name in _LIMITS)
            document["timeout"] = next(filter(None, limits), None)
    except Unconvertible as why:
        return RefusedEntry(timer.name, line, str(why))
    lost += [*_about(service), *_unheeded(timer, service)]
    return ImportedJob.of(timer.name, stem, document, lost)


def _about(service: Unit) -> Iterator[str]:
    if service.value("Unit", "OnFailure"):
        yield "OnFailure: configure notifications"
    if service.value("Service", "Restart") not in ("", "no"):
        yield "Restart: see retry_policy"
    if service.value("Service", "ExecStart").startswith("-"):
        yield "a failure counts as one, whatever the - before the command says"


def _unheeded(timer: Unit, service: Unit) -> Iterator[str]:
    """Settings that decide when or whether it runs, and have no counterpart."""
    yield from (f"{name}: it has no counterpart" for name in timer.names("Timer") if name not in _OF_TIMERS)
    for name in dict.fromkeys([*timer.names("Unit"), *service.names("Unit")]):
        if name.startswith(("Condition", "Assert")):
            yield f"{name}: it is not checked before a run"


def _timing(timer: Unit, lost: list[str]) -> dict[str, Any]:
    """``schedule`` (a list for several calendar events), and what else they name."""
    others = [name for name in (*_MONOTONIC, *_EVENTS) if timer.values("Timer", name)]
    events = timer.values("Timer", "OnCalendar")
    steps = timer.values("Timer", "OnUnitActiveSec")
    if events and not steps:
        lost += [f"{name}: only OnCalendar starts it here" for name in others]
        return _of_events([calendar_events.read(one) for one in events])
    if not steps:
        raise Unconvertible(f"it starts by {', '.join(others) or 'nothing'}, and not at a time")
    if events or len(steps) > 1:
        raise Unconvertible("it has several kinds of times")
    lost += [f"{name}: it starts at its next step" for name in others]
    return {"schedule": f"@every {_rendered(steps[0])}"}


def _of_events(events: list[dict[str, Any]]) -> dict[str, Any]:
    rest = [{key: value for key, value in one.items() if key != "schedule"} for one in events]
    if any(one != rest[0] for one in rest):
        raise Unconvertible("its calendar events are of several zones or years")
    schedules = list(dict.fromkeys(one["schedule"] for one in events))
    return {"schedule": schedules[0] if len(schedules) == 1 else schedules} | rest[0]


def _is_true(text: str) -> bool:
    return text.lower() in _TRUE


def _rendered(text: str) -> str | None:
    """A time span such as ``1h 30min``, as a duration; None for none."""
    if text in ("", "0", "infinity"):
        return None
    matches = list(_SPAN.finditer(text))
    if "".join(match[0] for match in matches) != text or not all(match[2] in _UNITS for match in matches):
        raise Unconvertible(f'"{text[:40]}" is not a time span that is known here')
    seconds = sum(float(match[1]) * _UNITS[match[2]] for match in matches)
    if seconds > _LONGEST.total_seconds():
        raise Unconvertible(f'"{text[:40]}" is too long')
    return durations.render(timedelta(seconds=seconds)) if seconds else None


def _command(service: Unit) -> shell_words.Command:
    """Its words are split without a shell: quotes, ${NAME} and $NAME of Environment=, and %% count."""
    lines = service.values("Service", "ExecStart")
    if len(lines) != 1 or any(service.values("Service", name) for name in _OTHERS):
        raise Unconvertible("it runs more than one command, or none")
    if service.value("Service", "StandardInput") not in ("", "null"):
        raise Unconvertible("it has a standard input (StandardInput)")
    prefix = _PREFIX.match(lines[0])
    if prefix and "@" in prefix[0]:
        raise Unconvertible("it gives its program another name (@)")
    variables = {name: shell_words.secret_or_value(name, value) for name, value in _variables(service)}
    line = lines[0][prefix.end() if prefix else 0 :]
    if _SEPARATOR.search(line):
        raise Unconvertible("it is more than one command, or has a ; alone")
    words = [word for one in command_lines.split(line) for word in expanded(without_specifiers(one), variables)]
    return shell_words.Command(tuple(words), variables=variables)


def _variables(service: Unit) -> Iterator[tuple[str, str]]:
    if service.values("Service", "EnvironmentFile"):
        raise Unconvertible("its variables are in a file (EnvironmentFile)")
    for line in service.values("Service", "Environment"):
        for word in map(without_specifiers, command_lines.split(line)):
            name, equals, value = word.partition("=")
            if equals:
                yield name, value
