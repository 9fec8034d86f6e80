"""Kubernetes CronJobs (batch/v1): those whose one container calls curl or wget become webhooks."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from chronos_gitops.cli.importers import commands
from chronos_gitops.cli.importers.commands import shell_words
from chronos_gitops.cli.importers.commands.shell_words import Command
from chronos_gitops.cli.importers.documents import at, text, yaml_documents
from chronos_gitops.cli.importers.model import (
    ImportedJob,
    ImportResult,
    RefusedEntry,
    Unconvertible,
    reading,
)

_ZONE_INSIDE: Final = re.compile(r"(?:CRON_)?TZ=(\S+)\s+(.*)\Z")
_VARIABLE: Final = re.compile(r"(\$?)\$\(([A-Za-z_.-][A-Za-z0-9_.-]*)\)")
_LISTS: Final = ("List", "CronJobList")
_CONCURRENCY: Final = {"Allow": "allow", "Forbid": "forbid", "Replace": "replace"}
_DEFAULT_RETRIES: Final = 6  # backoffLimit, batch/v1
_OFF: Final = "every job is written with enabled: false; enable one when its CronJob is gone (--enable for all)"
_PODS: Final = ("completions", "parallelism")
_HISTORY: Final = ("successfulJobsHistoryLimit", "failedJobsHistoryLimit")


def read(content: bytes, *, timezone: str, is_enabled: bool) -> ImportResult:
    """``timezone`` is for CronJobs that name none; a suspended one stays disabled whatever ``is_enabled`` says."""
    entries = [_entry(*each, timezone, is_enabled=is_enabled) for each in _objects(yaml_documents(content))]
    zoneless = any(isinstance(entry, ImportedJob) and "no zone" in entry.lost for entry in entries)
    notes = [] if is_enabled else [_OFF]
    if zoneless:
        notes.append(f"CronJobs without timeZone are read in {timezone}; give the cluster's own with --timezone")
    kept = (
        ImportedJob(e.place, e.name, e.document, tuple(lost for lost in e.lost if lost != "no zone"))
        if isinstance(e, ImportedJob)
        else e
        for e in entries
    )
    return reading(kept, notes)


def _objects(documents: list[Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for number, document in enumerate(documents, 1):
        items = document.get("items") if isinstance(document, dict) and document.get("kind") in _LISTS else [document]
        for item in items if isinstance(items, list) else []:
            if isinstance(item, dict):
                # The items of a CronJobList need not say their kind.
                item = {"kind": "CronJob"} | item if document.get("kind") == "CronJobList" else item
                name = text(at(item, "metadata").get("name")) or "without a name"
                yield f"document {number}, {text(item.get('kind')) or 'no kind'} {name}", item


def _entry(place: str, item: Mapping[str, Any], timezone: str, *, is_enabled: bool) -> ImportedJob | RefusedEntry:
    if item.get("kind") != "CronJob":
        return RefusedEntry(place, "", "it is not a CronJob")
    try:
        return _cron_job(place, item, timezone, is_enabled=is_enabled)
    except Unconvertible as why:
        return RefusedEntry(place, "", str(why))


def _cron_job(place: str, item: Mapping[str, Any], timezone: str, *, is_enabled: bool) -> ImportedJob:
    spec, metadata = at(item, "spec"), at(item, "metadata")
    job = at(spec, "jobTemplate", "spec")
    if any(job.get(field, 1) != 1 for field in _PODS):
        raise Unconvertible("its completions or parallelism start several pods, and each would send the request")
    made, lost = commands.webhook(_command(_container(job)))
    schedule = text(spec.get("schedule"))
    inside = _ZONE_INSIDE.match(schedule)
    if inside:
        schedule = inside[2]
    zone = spec.get("timeZone") or (inside[1] if inside else None)
    document: dict[str, Any] = {
        "schedule": schedule,
        "timezone": text(zone) or timezone,
        "enabled": is_enabled and not spec.get("suspend"),
        "concurrency": _CONCURRENCY.get(text(spec.get("concurrencyPolicy")) or "Allow", "allow"),
    }
    document |= made | _limits(spec, job, made)
    labels = {text(key): text(value) for key, value in at(metadata, "labels").items()}
    lost += [f"{field}: executions are kept by the runner's own rule" for field in _HISTORY if field in spec]
    lost += ["annotations are not kept"] if metadata.get("annotations") else []
    lost += [] if zone else ["no zone"]
    host = urlsplit(at(made, "webhook").get("url") or "").hostname or ""
    if host and "." not in host and ":" not in host and host != "localhost":
        lost.append(f"the host {host} is looked up in the namespace of the CronJob: write {host}.NAMESPACE")
    return ImportedJob(place, text(metadata.get("name")), document | ({"tags": labels} if labels else {}), tuple(lost))


def _limits(spec: Mapping[str, Any], job: Mapping[str, Any], made: Mapping[str, Any]) -> dict[str, Any]:
    """A pod that fails is started again, backoffLimit times; a command's own retries win over that."""
    limits: dict[str, Any] = {}
    if isinstance(spec.get("startingDeadlineSeconds"), int):
        limits["catchup_window"] = f"{spec['startingDeadlineSeconds']}s"
    if isinstance(job.get("activeDeadlineSeconds"), int) and "timeout" not in made:
        limits["timeout"] = f"{job['activeDeadlineSeconds']}s"
    if at(made, "retry_policy").get("max_attempts", 1) == 1:
        retries = job.get("backoffLimit", _DEFAULT_RETRIES)
        limits["retry_policy"] = {"max_attempts": min(retries, 99) + 1 if isinstance(retries, int) else 1}
    return limits


def _container(job: Mapping[str, Any]) -> dict[str, Any]:
    pod = at(job, "template", "spec")
    containers = pod.get("containers")
    if not isinstance(containers, list) or len(containers) != 1 or pod.get("initContainers"):
        raise Unconvertible("it has not one container but several, or none")
    return at({"container": containers[0]}, "container")


def _command(container: Mapping[str, Any]) -> Command:
    """command and args together; the image's own entry point counts when it is called like curl or wget."""
    words = [text(word) for field in ("command", "args") for word in _list(container.get(field))]
    image = text(container.get("image")).rpartition("/")[2].partition("@")[0].partition(":")[0]
    if not container.get("command") and image in ("curl", "wget"):
        words = [image, *words]
    variables = dict(_variables(container))
    script = shell_words.script_of(words)
    if script is not None:
        return shell_words.read(_expanded(script, variables, is_shell=True), variables)
    return Command(tuple(_expanded(word, variables) for word in words))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _expanded(text: str, variables: Mapping[str, str], *, is_shell: bool = False) -> str:
    """``$(NAME)`` by its value and ``$$(NAME)`` to ``$(NAME)``; one that is not set stays, which a shell reads."""

    def one(match: re.Match[str]) -> str:
        name = match[2]
        if match[1]:
            return f"$({name})"
        if name in variables:
            return shell_words.secret_or_value(name, variables[name])
        if is_shell:
            return match[0]
        raise Unconvertible(f"the variable {name[:40]} is not set here")

    return _VARIABLE.sub(one, text)


def _variables(container: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each may use those before it."""
    known: dict[str, str] = {}
    for one in _list(container.get("env")):
        name, reference = text(at({"one": one}, "one").get("name")), at(one, "valueFrom", "secretKeyRef")
        if reference:
            key = f"{text(reference.get('name'))}-{text(reference.get('key'))}"
            known[name] = f"${{secret:{re.sub(r'[^a-z0-9]+', '-', key.lower()).strip('-')}}}"
        elif isinstance(one, dict) and "value" in one:
            known[name] = _expanded(text(one["value"]), known, is_shell=True)
    yield from known.items()
