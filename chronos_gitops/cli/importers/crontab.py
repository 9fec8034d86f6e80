"""A crontab(5): lines that call curl or wget become webhooks, all others are listed."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from chronos_gitops.cli.importers import commands
from chronos_gitops.cli.importers.commands import crontab_users, shell_words
from chronos_gitops.cli.importers.commands.shell_words import Command
from chronos_gitops.cli.importers.model import ImportedJob, ImportResult, RefusedEntry, Unconvertible, reading

_VARIABLE: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)\Z")
_LINE: Final = re.compile(r"(?P<schedule>@\w+|\S+(?:[ \t]+\S+){4})[ \t]+(?P<command>\S.*)\Z")
_NEWLINE: Final = re.compile(r"(?<!\\)%")
_ANACRON: Final = re.compile(r"(?:\d+[ \t]+\d+[ \t]+\S*[A-Za-z]{3}\S*|@\w+[ \t]+\d+[ \t]+\S+)[ \t]+\S")
"""A period in days, a delay in minutes and the name of a job (anacrontab(5)); no day of the month has three letters."""
_NOT_BACKGROUND: Final = ("&&", ">&", "\\&")
"""Ends of a command that are another operator, or an ampersand of its text."""
_DISABLED: Final = re.compile(
    r"(?:@[a-z]+|[\d*/,-]+[ \t]+[\d*/,-]+(?:[ \t]+\S+){3})[ \t]+\S|.*\b(?:curl|wget)\b.*(?:\s-|://)"
)
"""A line that was commented out: it describes no job, and may hold a credential."""
_UNDECODED: Final = re.compile("[\ud800-\udfff]")
_DELAY: Final = "RANDOM_DELAY: no effect; see jitter"
_MAIL: Final = "MAILTO: no effect; configure notifications instead"
_NO_ZONE: Final = "crontab says no zone: its times are read in {zone}; give the machine's own with --timezone"
_COMMANDS_ZONE: Final = (
    "TZ: no effect on times (crontab(5): it is for commands only); name the zone with CRON_TZ or --timezone"
)
_OFF: Final = "every job is written with enabled: false; enable one when its line leaves the crontab (--enable for all)"


def read(content: bytes, *, timezone: str, is_enabled: bool) -> ImportResult:
    """``timezone`` is for lines above which there is no CRON_TZ."""
    lines = content.decode("utf-8-sig", "surrogateescape").split("\n")
    users = crontab_users.of_commands(found["command"] for line in lines if (found := _entry_of(line.strip())))
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
            entries.append(_entry(number, line, variables, zone or timezone, comment, users, is_enabled=is_enabled))
            comment = ""
    notes += [_COMMANDS_ZONE] if variables.get("TZ") else []
    notes += [_DELAY] if variables.get("RANDOM_DELAY") else []
    notes += [_MAIL] if variables.get("MAILTO") else []
    return reading(entries, notes, has_limits=False)


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def _entry_of(line: str) -> re.Match[str] | None:
    """Its schedule and its command; None for comments, variables and lines that are no entry."""
    is_other = not line or line.startswith("#") or _VARIABLE.match(line)
    return None if is_other else _LINE.match(line)


def _entry(
    number: int,
    line: str,
    variables: dict[str, str],
    timezone: str,
    comment: str,
    users: crontab_users.Users,
    *,
    is_enabled: bool,
) -> ImportedJob | RefusedEntry:
    place, match = f"line {number}", _LINE.match(line)
    if _UNDECODED.search(line):
        return RefusedEntry(place, line.encode("utf-8", "replace").decode(), "it is not UTF-8")
    if _ANACRON.match(line):
        return RefusedEntry(place, line, "it is a line of anacron: its period counts days, write a schedule")
    if match is None:
        return RefusedEntry(place, line, "it is not a schedule and a command")
    if match["schedule"].lower() == "@reboot":
        return RefusedEntry(place, line, "there is no start of a machine here")
    whole, assumed = users.without(match["command"])
    command, *stdin = (part.replace("\\%", "%") for part in _NEWLINE.split(whole))
    try:
        made, lost = commands.webhook(_command(command, stdin, variables))
    except Unconvertible as why:
        return RefusedEntry(place, line, str(why))
    head = {"description": comment, "schedule": " ".join(match["schedule"].split()), "timezone": timezone}
    document = {key: value for key, value in head.items() if value} | {"enabled": is_enabled}
    return ImportedJob(place, "", document | made, (*assumed, *lost))


def _command(text: str, stdin: Sequence[str], variables: dict[str, str]) -> Command:
    """A shell gives a command in the background no standard input (POSIX.1-2024, 2.9.3.1)."""
    trimmed = text.rstrip(" \t")
    is_background = trimmed.endswith("&") and not trimmed.endswith(_NOT_BACKGROUND)
    if is_background and stdin:
        raise Unconvertible("it runs in the background (&), without the standard input after its %")
    read = shell_words.read(trimmed.removesuffix("&") if is_background else text, variables)
    return replace(read, stdin=_input(stdin)) if stdin else read


def _input(parts: Sequence[str]) -> str:
    """As cron writes it: one line for each part, and a line feed at the end where there is none."""
    text = "\n".join(parts)
    return text if not text or text.endswith("\n") else f"{text}\n"
