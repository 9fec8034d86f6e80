"""Jobs of Dkron, as GET /v1/jobs has them: those of the HTTP executor, and shells that call curl or wget."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from chronos_gitops.cli.importers import commands
from chronos_gitops.cli.importers.commands import request_fields, shell_words
from chronos_gitops.cli.importers.documents import json_documents
from chronos_gitops.cli.importers.model import (
    ImportedJob,
    ImportResult,
    NotReadable,
    RefusedEntry,
    Unconvertible,
    reading,
)
from chronos_gitops.cli.importers.timings import robfig

_OFF: Final = "every job is written with enabled: false; enable one when Dkron has it disabled (--enable for all)"
_DEFAULT_TIMEOUT: Final = "30"
_SCHEDULES: Final = {"@minutely": "* * * * *"}
_OF_HTTP: Final = frozenset({"method", "url", "headers", "body", "timeout", "expectCode", "expectBody", "debug"})
_OF_SHELL: Final = frozenset({"command", "env", "shell", "timeout"})
_LOST: Final = {
    "owner_email": "the address of the owner: notifications have channels of their own",
    "processors": "processors: the runner keeps the beginning of each response",
    "tags": "tags choose the nodes of Dkron that run it",
    "expires_at": "expires_at: write it as end",
    "starts_at": "starts_at: write it as start",
    "ephemeral": "it was deleted after its first success",
    "dependent_jobs": "it does not start the jobs that ran after it",
}


def read(content: bytes, *, timezone: str, is_enabled: bool) -> ImportResult:
    """``timezone`` is for jobs that name none; a disabled one stays disabled whatever ``is_enabled`` says."""
    documents = json_documents(content)
    jobs = documents[0] if len(documents) == 1 and isinstance(documents[0], list) else documents
    if not all(isinstance(job, dict) and "executor" in job and "schedule" in job for job in jobs):
        raise NotReadable("this is not Dkron's list of jobs", hint="curl http://dkron:8080/v1/jobs > jobs.json")
    entries = [_entry(number, job, timezone, is_enabled=is_enabled) for number, job in enumerate(jobs, 1)]
    notes = [] if is_enabled else [_OFF]
    if any(not job.get("timezone") for job in jobs):
        notes.append(f"jobs without a timezone are read in {timezone}; give the one of Dkron's servers with --timezone")
    return reading(entries, notes)


def _entry(number: int, job: Mapping[str, Any], timezone: str, *, is_enabled: bool) -> ImportedJob | RefusedEntry:
    name = str(job.get("name") or "")
    place = f"job {number}, {name[:60] or 'without a name'}"
    try:
        made, lost = _call(job)
        document = {
            "description": str(job.get("displayname") or "") or None,
            "schedule": _schedule(job),
            "timezone": str(job.get("timezone") or timezone),
            "enabled": is_enabled and not job.get("disabled"),
            "concurrency": "forbid" if job.get("concurrency") == "forbid" else "allow",
            **made,
            "retry_policy": _retries(job, made),
            "tags": _tags(job) or None,
        }
    except Unconvertible as why:
        return RefusedEntry(place, "", str(why))
    lost += [text for field, text in _LOST.items() if job.get(field)]
    return ImportedJob.of(place, name, document, lost)


def _schedule(job: Mapping[str, Any]) -> str:
    text = str(job["schedule"]).strip()
    if job.get("parent_job"):
        parent = str(job["parent_job"])[:60]
        raise Unconvertible(f"it runs after {parent}, not at a time; see requires, or call it from that job's target")
    if text == "@manually":
        raise Unconvertible("it has no schedule (@manually)")
    if text.startswith("@at "):
        raise Unconvertible("it runs once (@at with an offset); write @at with the local time of its zone")
    return _SCHEDULES.get(text) or robfig.schedule(text)


def _retries(job: Mapping[str, Any], made: Mapping[str, Any]) -> dict[str, Any]:
    """A command's own retries win."""
    retries = job.get("retries")
    own: dict[str, Any] = made.get("retry_policy") or {}
    if own.get("max_attempts", 1) > 1:
        return own
    return {"max_attempts": request_fields.limited((retries if isinstance(retries, int) and retries > 0 else 0) + 1)}


def _tags(job: Mapping[str, Any]) -> dict[str, str]:
    metadata = job.get("metadata") if isinstance(job.get("metadata"), dict) else {}
    owner = {"owner": str(job["owner"])} if job.get("owner") else {}
    return owner | {str(key): str(value) for key, value in (metadata or {}).items()}


def _call(job: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    executor = job["executor"]
    given = job.get("executor_config")
    config = {str(key): str(value) for key, value in given.items()} if isinstance(given, dict) else {}
    if executor == "http":
        return _http(config)
    if executor == "shell":
        return _shell(config)
    raise Unconvertible(f"its executor is {str(executor)[:60]}, and chronos-gitops sends HTTP requests")


def _http(config: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    lost = [f"{name[:60]} of executor_config is not known here" for name in config if name not in _OF_HTTP]
    headers = request_fields.Headers(lost)
    for name, value in _headers(config.get("headers", "")):
        headers.add(name, value)
    method = request_fields.method(config.get("method", ""), lost)
    made = request_fields.document(config.get("url", ""), method, headers, config.get("body"), None)
    if config.get("body") and not headers.has("Content-Type"):
        lost.append("it sent no Content-Type; the runner sends the one of its body")
    if config.get("expectCode"):
        made["webhook"]["success_codes"] = _codes(config["expectCode"])
    else:
        lost.append("every status code counted as a success; webhook.success_codes says which do")
    if config.get("expectBody"):
        lost.append("expectBody: write it as webhook.success")
    made["timeout"] = f"{request_fields.seconds(config.get('timeout') or _DEFAULT_TIMEOUT)}s"
    return made, [*lost, "redirects are not followed: name the address that answers"]


def _headers(text: str) -> Iterator[tuple[str, str]]:
    """A list of "Name: value", as JSON in a string."""
    try:
        found = json.loads(text) if text else []
    except (ValueError, RecursionError):
        raise Unconvertible("its headers are not JSON, so Dkron sends none of them; correct them first") from None
    for line in found if isinstance(found, list) else []:
        name, colon, value = str(line).partition(":")
        if colon:
            yield name, value


def _codes(text: str) -> list[int]:
    codes = [one.strip() for one in text.split(",") if one.strip()]
    if not all(re.fullmatch(r"[1-5][0-9][0-9]", one) for one in codes):
        raise Unconvertible(f'its expectCode "{text[:60]}" is not a list of status codes')
    return [int(one) for one in codes]


def _shell(config: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    pairs = (one.partition("=") for one in config.get("env", "").split(",") if "=" in one)
    variables = {name.strip(): shell_words.secret_or_value(name.strip(), value) for name, _, value in pairs}
    made, lost = commands.webhook(shell_words.read(config.get("command", ""), variables))
    lost += [f"{name[:60]} of executor_config is not known here" for name in config if name not in _OF_SHELL]
    if config.get("timeout") and "timeout" not in made:
        made["timeout"] = config["timeout"]  # Go's form, as here
    return made, lost
