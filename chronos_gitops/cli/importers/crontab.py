"""A crontab(5): lines that call curl or wget become webhooks, all others are listed."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from chronos_gitops.cli.importers import commands
from chronos_gitops.cli.importers.commands import shell_words, wrappers
from chronos_gitops.cli.importers.model import ImportedJob, ImportResult, RefusedEntry, Unconvertible, reading

_VARIABLE: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)\Z")
_LINE: Final = re.compile(r"(?P<schedule>@\w+|\S+(?:[ \t]+\S+){4})[ \t]+(?P<command>\S.*)\Z")
_NEWLINE: Final = re.compile(r"(?<!\\)%")
_PROGRAMS: Final = "|".join(("curl", "wget", *sorted(wrappers.NAMES)))
_PROGRAM: Final = re.compile(rf"(?:\S*/)?(?:{_PROGRAMS})(?!\S)")
_USER: Final = re.compile(
    rf"\A[a-z_][a-z0-9_-]{{0,31}}[ \t]+(?=(?:\S*/)?(?:{_PROGRAMS})(?!\S)|[A-Za-z_][A-Za-z0-9_]*=)"
)
_DISABLED: Final = re.compile(
    r"(?:@[a-z]+|[\d*/,-]+[ \t]+[\d*/,-]+(?:[ \t]+\S+){3})[ \t]+\S|.*\b(?:curl|wget)\b.*(?:\s-|://)"
)
"""A line that was commented out: it describes no job, and may hold a credential."""
_UNDECODED: Final = re.compile("[\ud800-\udfff]")
_MAIL: Final = "MAILTO: no effect; configure notifications instead"
_NO_ZONE: Final = "crontab says no zone: its times are read in {zone}; give the machine's own with --timezone"
_COMMANDS_ZONE: Final = (
    "TZ: no effect on times (crontab(5): it is for commands only); name the zone with CRON_TZ or --timezone"
)
_OFF: Final = "every job is written with enabled: false; enable one when its line leaves the crontab (--enable for all)"


def read(content: bytes, *, timezone: str, is_enabled: bool) -> ImportResult:
    """``timezone`` is for lines above which there is no CRON_TZ."""
    lines = content.decode("utf-8-sig", "surrogateescape").split("\n")
    notes = [] if is_enabled else [_OFF]
    variables: dict[str, str] = {}
    entries: list[ImportedJob | RefusedEntry] = []
    comment = ""
    for number, line in enumerate(map(str.strip, lines), 1):
        assigned = _VARIABLE.match(line)
        if not line or line.startswith("#"):
            said = line.lstrip("# ")
            comment = "" if _DISABLED.match(said) or _UNDECODED.search(said) else said
        elif assigned:
            variables.pop(assigned[1], None)
            if not _UNDECODED.search(assigned[2]):
                variables[assigned[1]] = _unquoted(assigned[2])
            comment = ""
        else:
            zone = variables.get("CRON_TZ")
            notes += [] if zone else [_NO_ZONE.format(zone=timezone)]
            entries.append(_entry(number, line, variables, zone or timezone, comment, is_enabled=is_enabled))
            comment = ""
    notes += [_COMMANDS_ZONE] if variables.get("TZ") else []
    return reading(entries, [*notes, _MAIL] if variables.get("MAILTO") else notes)


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def _entry(
    number: int, line: str, variables: dict[str, str], timezone: str, comment: str, *, is_enabled: bool
) -> ImportedJob | RefusedEntry:
    place, match = f"line {number}", _LINE.match(line)
    if _UNDECODED.search(line):
        return RefusedEntry(place, line.encode("utf-8", "replace").decode(), "it is not UTF-8")
    if match is None:
        return RefusedEntry(place, line, "it is not a schedule and a command")
    if match["schedule"].lower() == "@reboot":
        return RefusedEntry(place, line, "there is no start of a machine here")
    command, *stdin = (part.replace("\\%", "%") for part in _NEWLINE.split(_without_user(match["command"])))
    try:
        read = shell_words.read(command, variables)
        made, lost = commands.webhook(replace(read, stdin=_input(stdin)) if stdin else read)
    except Unconvertible as why:
        return RefusedEntry(place, line, str(why))
    head = {"description": comment, "schedule": " ".join(match["schedule"].split()), "timezone": timezone}
    document = {key: value for key, value in head.items() if value} | {"enabled": is_enabled}
    return ImportedJob(place, "", document | made, tuple(lost))


def _input(parts: Sequence[str]) -> str:
    """As cron writes it: one line for each part, and a line feed at the end where there is none."""
    text = "\n".join(parts)
    return text if not text or text.endswith("\n") else f"{text}\n"


def _without_user(command: str) -> str:
    """/etc/crontab and /etc/cron.d name a user before the command."""
    return command if _PROGRAM.match(command) else _USER.sub("", command, count=1)
