"""Events of Cronicle, as its API's get_schedule answers them: those of the HTTP client, and shells that call curl or
wget."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from chronos_gitops.cli.importers import commands
from chronos_gitops.cli.importers.commands import request_fields, shell_words
from chronos_gitops.cli.importers.documents import at, json_documents, text
from chronos_gitops.cli.importers.model import (
    ImportedJob,
    ImportResult,
    NotReadable,
    RefusedEntry,
    Unconvertible,
    reading,
)
from chronos_gitops.cli.importers.timings.fields import DAYS, HOURS, MINUTES, MONTHS, WEEKDAYS, YEARS, Fields, Range

_OFF: Final = "every job is written with enabled: false; enable one when Cronicle has it disabled (--enable for all)"
_HTTP: Final = "urlplug"
_SHELL: Final = "shellplug"
_TIMING: Final = {
    "minutes": MINUTES,
    "hours": HOURS,
    "days": DAYS,
    "months": MONTHS,
    "weekdays": WEEKDAYS,
    "years": YEARS,
}
_LOST: Final = {
    "notify_success": "notify_success: notifications have channels of their own",
    "notify_fail": "notify_fail: notifications have channels of their own",
    "web_hook": "web_hook: notifications have channels of their own",
    "chain": "chain: it does not start the event that ran after it",
    "chain_error": "chain_error: it does not start the event that ran after a failure",
    "multiplex": "multiplex: it ran on each server of its group",
    "detached": "detached: the request ends with the runner's own timeout",
}
_FILLED: Final = re.compile(
    r"\[/?(?:id|event|event_title|category|category_title|plugin|plugin_title|hostname|now|time_start|username|source"
    r"|timezone|nice_target|log_file|notes|target|pid|chain_code|chain_description|escape_chain_description"
    r"|(?:params|chain_data|memo|env)/[^\[\]]*)\]"
)
_SECONDS_OF_CATCH_UP: Final = "catch_up: scheduled times of the last hour are caught up; see catchup_window"


def read(content: bytes, *, timezone: str, is_enabled: bool) -> ImportResult:
    """``timezone`` is for events that name none; a disabled one stays disabled whatever ``is_enabled`` says."""
    events = [event for document in json_documents(content) for event in _events(document)]
    if not events or not all(isinstance(event, dict) and "plugin" in event for event in events):
        hint = 'curl "http://cronicle:3012/api/app/get_schedule/v1?api_key=..." > schedule.json'
        raise NotReadable("this is not Cronicle's schedule", hint=hint)
    entries = [_entry(number, event, timezone, is_enabled=is_enabled) for number, event in enumerate(events, 1)]
    notes = [] if is_enabled else [_OFF]
    if not all(event.get("timezone") for event in events):
        notes.append(f"events without a timezone are read in {timezone}; give that of the server with --timezone")
    return reading(entries, notes, has_limits=False)


def _events(document: Any) -> list[Any]:
    """Of a whole answer, of its rows, of get_event, or one alone."""
    if isinstance(document, dict):
        document = next(
            (document[key] for key in ("rows", "event") if isinstance(document.get(key), list | dict)), document
        )
    return document if isinstance(document, list) else [document]


def _entry(number: int, event: Mapping[str, Any], timezone: str, *, is_enabled: bool) -> ImportedJob | RefusedEntry:
    title = text(event.get("title"))
    place = f"event {number}, {title[:60] or 'without a title'}"
    try:
        timed = _timing(event)
        made, lost = _call(event)
        document = {
            "description": text(event.get("notes")) or None,
            **timed,
            "timezone": text(event.get("timezone")) or timezone,
            "enabled": is_enabled and bool(event.get("enabled")),
            "concurrency": _concurrency(event, lost),
            "missed_run_policy": "execute_all" if event.get("catch_up") else "ignore",
            **made,
            "retry_policy": _retries(event, made),
        }
    except Unconvertible as why:
        return RefusedEntry(place, "", str(why))
    lost += [said for field, said in _LOST.items() if event.get(field)]
    lost += [_SECONDS_OF_CATCH_UP] if event.get("catch_up") else []
    return ImportedJob.of(place, title, document, lost)


def _timing(event: Mapping[str, Any]) -> dict[str, Any]:
    """A field that is missing or empty is every number."""
    timing = event.get("timing")
    if not isinstance(timing, dict):
        raise Unconvertible("it has no timing: it runs on demand only")
    unknown = next((str(name) for name in timing if name not in _TIMING), None)
    if unknown is not None:
        raise Unconvertible(f"{unknown[:40]} of its timing is not known here")
    given: dict[str, Any] = {name: _numbers(timing[name], name, _TIMING[name]) for name in timing}
    return Fields(**given).schedule()


def _numbers(given: Any, name: str, field: Range) -> frozenset[int] | None:
    numbers = given if isinstance(given, list) else []
    if not all(isinstance(one, int) and not isinstance(one, bool) and one in field.all() for one in numbers):
        raise Unconvertible(f"{name} of its timing is not a list of numbers from {field.first} to {field.last}")
    return frozenset(numbers) or None


def _concurrency(event: Mapping[str, Any], lost: list[str]) -> str:
    most = event.get("max_children", 0)
    if most == 1:
        return "queue" if event.get("queue") else "forbid"
    if isinstance(most, int) and most > 1:
        lost.append(f"max_children: any number run at the same time, not {most} at most")
    return "allow"


def _retries(event: Mapping[str, Any], made: Mapping[str, Any]) -> dict[str, Any]:
    """A command's own retries win."""
    own: dict[str, Any] = made.get("retry_policy") or {}
    if own.get("max_attempts", 1) > 1:
        return own
    retries, delay = _whole(event, "retries"), _whole(event, "retry_delay")
    waits = {"initial_interval": f"{delay}s", "multiplier": 1, "max_interval": f"{delay}s"} if retries and delay else {}
    return {"max_attempts": request_fields.limited(retries + 1)} | waits


def _whole(given: Mapping[str, Any], name: str) -> int:
    found = text(given.get(name) or 0)
    if not re.fullmatch(r"[0-9]{1,6}", found):
        raise Unconvertible(f"its {name} is not a whole number")
    return int(found)


def _call(event: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    params = at(event, "params")
    if event["plugin"] == _HTTP:
        made, lost = _http(params)
    elif event["plugin"] == _SHELL:
        made, lost = commands.webhook(shell_words.read(_script(text(params.get("script"))), {}))
    else:
        raise Unconvertible(f"its plugin is {text(event['plugin'])[:60]}, and chronos-gitops sends HTTP requests")
    longest = _whole(event, "timeout")
    if longest and "timeout" not in made:
        made["timeout"] = f"{longest}s"
    return made, lost


def _script(script: str) -> str:
    """The line with the shell is a comment for it."""
    first = script.partition("\n")[0]
    if first.startswith("#!") and not re.search(r"\b(?:ba|da|a)?sh\b", first):
        raise Unconvertible("its script is not one of a shell")
    return script.strip()


def _http(params: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    lost: list[str] = []
    headers = request_fields.Headers(lost)
    for name, value in _headers(text(params.get("headers"))):
        headers.add(name, value)
    method = request_fields.method(text(params.get("method")) or "GET", lost)
    body = (text(params.get("data")) or None) if method == "POST" else None
    url = text(params.get("url"))
    filled = next(filter(None, map(_FILLED.search, (url, body or "", *headers.values.values()))), None)
    if filled is not None:
        raise Unconvertible(f"it has {filled[0][:40]} in it, which Cronicle fills in")
    made = request_fields.document(url, method, headers, body, None)
    if body and not headers.has("Content-Type"):
        lost.append("it sent no Content-Type; the runner sends the one of its body")
    if params.get("follow"):
        lost.append("redirects are not followed: name the address that answers")
    else:
        made["webhook"]["success_codes"] = ["200-399"]
    lost += ["ssl_cert_bypass: certificates are always verified"] if params.get("ssl_cert_bypass") else []
    lost += [f"{name}: write it as webhook.success" for name in ("success_match", "error_match") if params.get(name)]
    longest = _whole(params, "timeout")
    return made | ({"timeout": f"{longest}s"} if longest else {}), lost


def _headers(lines: str) -> Iterator[tuple[str, str]]:
    for line in lines.splitlines():
        name, colon, value = line.partition(":")
        if colon and name.strip() and value.strip():
            yield name, value
