"""Jobs of Ofelia in the labels of containers: docker inspect, a compose file, or its own ini file."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any, Final

from chronos_gitops.cli.importers import commands
from chronos_gitops.cli.importers.commands import shell_words
from chronos_gitops.cli.importers.documents import at, plain_text, text, yaml_documents
from chronos_gitops.cli.importers.model import (
    ImportedJob,
    ImportResult,
    NotReadable,
    RefusedEntry,
    Unconvertible,
    reading,
)
from chronos_gitops.cli.importers.timings import robfig

_OFF: Final = "every job is written with enabled: false; enable one when Ofelia has it no more (--enable for all)"
_LABEL: Final = re.compile(r"ofelia\.(job-(?:exec|run|local|service-run))\.([^.]+)\.([^.]+)\Z")
_SECTION: Final = re.compile(r'^\[(job-(?:exec|run|local|service-run)) "([^"\n]*)"\][ \t\r]*$', re.MULTILINE)
_SETTING: Final = re.compile(r"^[ \t]*([A-Za-z-]+)[ \t]*=[ \t]*(.*?)[ \t\r]*$", re.MULTILINE)
_COMPOSE_VARIABLE: Final = re.compile(r"\$\{[^}]*\}?|\$[A-Za-z_]\w*")
_FIELDS_WITH_SECONDS: Final = 6
_ENVIRONMENT: Final = ("environment", "env")
_NO_EFFECT: Final = frozenset(
    {"schedule", "command", "no-overlap", "container", "image", "user", "tty", "delete", "network", "pull", "hostname"}
)
_REPORTS: Final = re.compile(r"(?:slack|smtp|email|mail|save|ntfy|pushover|teams|gotify)-")

Job = tuple[str, str, str, dict[str, str]]
"""Its place, its kind, its name and its parameters."""


def read(content: bytes, *, timezone: str, is_enabled: bool) -> ImportResult:
    ini = plain_text(content)
    found = list(_of_ini(ini)) if _SECTION.search(ini) else list(_of_labels(yaml_documents(content)))
    if not found:
        hint = "docker inspect $(docker ps -q) > containers.json, or give the compose file"
        raise NotReadable("there are no labels ofelia.job-* in this", hint=hint)
    entries = [one if isinstance(one, RefusedEntry) else _entry(one, timezone, is_enabled=is_enabled) for one in found]
    zone = f"the times are read in {timezone}; give the zone of Ofelia's container with --timezone"
    return reading(entries, [zone] if is_enabled else [_OFF, zone], has_limits=False)


def _of_ini(content: str) -> Iterator[Job]:
    sections = list(_SECTION.finditer(content))
    for section in sections:
        rest = content[section.end() :]
        body = rest[: min((found.start() for found in re.finditer(r"^\[", rest, re.MULTILINE)), default=len(rest))]
        given: dict[str, str] = {}
        for name, value in _SETTING.findall(body):
            kept = name.lower()
            given[kept] = f"{given[kept]}\n{value}" if kept in _ENVIRONMENT and kept in given else value
        yield f'{section[1]} "{section[2][:60]}"', section[1], section[2], given


def _of_labels(documents: list[Any]) -> Iterator[Job | RefusedEntry]:
    for container, labels, is_compose in _containers(documents):
        jobs: dict[tuple[str, str], dict[str, str]] = {}
        for label, value in labels.items():
            match = _LABEL.match(label)
            if match:
                jobs.setdefault((match[1], match[2]), {})[match[3].lower()] = value
        for (kind, name), given in jobs.items():
            place = f"{container[:60]}, {kind} {name[:60]}"
            if labels.get("ofelia.enabled") != "true":
                yield RefusedEntry(place, "", "its container has no label ofelia.enabled=true, so Ofelia ignores it")
                continue
            try:
                yield place, kind, name, _interpolated(given) if is_compose else given
            except Unconvertible as why:
                yield RefusedEntry(place, given.get("command", ""), str(why))


def _containers(documents: list[Any]) -> Iterator[tuple[str, dict[str, str], bool]]:
    """Each with its labels: services of a compose file, objects of docker inspect, or labels alone. Is it compose?"""
    for document in documents:
        for name, service in at(document, "services").items():
            yield f"service {text(name)}", _labels(at({"one": service}, "one").get("labels")), True
        for one in document if isinstance(document, list) else [document]:
            inspected = at(one, "Config").get("Labels")
            if inspected is not None:
                yield f"container {text(one.get('Name')).lstrip('/') or 'without a name'}", _labels(inspected), False
            elif isinstance(one, dict) and any(text(key).startswith("ofelia.") for key in one):
                yield "labels", _labels(one), False


def _interpolated(given: Mapping[str, str]) -> dict[str, str]:
    """As compose reads its file: ``$$`` is ``$``, and other ``$`` put in variables of its own environment."""
    found = {}
    for name, value in given.items():
        variable = _COMPOSE_VARIABLE.search(value.replace("$$", ""))
        if variable:
            raise Unconvertible(f"compose puts a variable in ({variable[0][:40]}): write its value, or $$ for a $")
        found[name] = value.replace("$$", "$")
    return found


def _labels(given: Any) -> dict[str, str]:
    """A map, or a list of NAME=value."""
    if isinstance(given, dict):
        return {text(key): text(value) for key, value in given.items()}
    pairs = (text(one).partition("=") for one in given) if isinstance(given, list) else ()
    return {name: value for name, _, value in pairs}


def _entry(job: Job, timezone: str, *, is_enabled: bool) -> ImportedJob | RefusedEntry:
    place, _, name, given = job
    try:
        made, lost = commands.webhook(_command(given))
        document = {
            "schedule": _schedule(given.get("schedule", "")),
            "timezone": timezone,
            "enabled": is_enabled,
            "concurrency": "forbid" if given.get("no-overlap", "").lower() == "true" else "allow",
            **made,
        }
    except Unconvertible as why:
        return RefusedEntry(place, given.get("command", ""), str(why))
    lost += [f"{field}: {_why(field)}" for field in given if field not in (*_NO_EFFECT, *_ENVIRONMENT)]
    return ImportedJob(place, name, document, tuple(lost))


def _why(field: str) -> str:
    is_report = _REPORTS.match(field) is not None
    return "notifications and history are the runner's" if is_report else "it is not known here"


def _schedule(given: str) -> str:
    words = given.split()
    if not words:
        raise Unconvertible("it has no schedule")
    if not words[0].startswith("@") and len(words) != _FIELDS_WITH_SECONDS:
        raise Unconvertible("its schedule has not six fields, the first one for seconds, which Ofelia needs")
    return robfig.schedule(given)


def _command(given: Mapping[str, str]) -> shell_words.Command:
    """Ofelia splits it into words without a shell."""
    try:
        words = shlex.split(given.get("command", ""))
    except ValueError:
        raise Unconvertible("a quote of its command is never closed") from None
    variables = dict(_variables(given))
    return shell_words.Command(tuple(words), variables=variables)


def _variables(given: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """One NAME=value, a list of them as JSON, or one in each line."""
    value = next((given[name] for name in _ENVIRONMENT if given.get(name)), "")
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        found = value.splitlines()
    for one in found if isinstance(found, list) else [value]:
        name, equals, rest = text(one).partition("=")
        if equals:
            yield name.strip(), rest
