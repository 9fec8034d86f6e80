"""Kubernetes CronJobs (batch/v1): those whose one container calls curl or wget become webhooks."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
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
from chronos_gitops.cli.importers.timings import robfig
from chronos_gitops.jobs.validation.yaml.decoding import MAX_BYTES

_ZONE_INSIDE: Final = re.compile(r"(?:CRON_)?TZ=(\S+)\s+(.*)\Z")
_EXPANSION: Final = re.compile(r"\$(?:\$|\(([^)]{0,253})\)|[^$])", re.DOTALL)
_LISTS: Final = ("List", "CronJobList")
_CONCURRENCY: Final = {"Allow": "allow", "Forbid": "forbid", "Replace": "replace"}
_DEFAULT_RETRIES: Final = 6  # backoffLimit, batch/v1
_OFF: Final = "every job is written with enabled: false; enable one when its CronJob is gone (--enable for all)"
_PODS: Final = ("completions", "parallelism")
_HOSTS: Final = {
    "hostAliases": "hostAliases: the runner looks names up by itself",
    "dnsConfig": "dnsConfig: the runner looks names up by itself",
}
_OF_CONTAINERS: Final = {
    "envFrom": "envFrom: its variables, such as a proxy, are not known here",
    "lifecycle": "lifecycle: its hooks are not run",
}
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_FAILURES: Final = "podFailurePolicy: retry_policy and webhook.success_codes say which responses are tried again"
_DEADLINE: Final = "activeDeadlineSeconds was for all attempts together; timeout is for each"
_ENTRY_POINT: Final = "the entry point of its image is taken for one that runs its arguments"
_WITHOUT_ENTRY_POINT: Final = frozenset({"busybox", "alpine", "debian", "ubuntu", "curl", "wget"})
_HISTORY: Final = ("successfulJobsHistoryLimit", "failedJobsHistoryLimit")


def read(content: bytes, *, timezone: str, is_enabled: bool) -> ImportResult:
    """``timezone`` is for CronJobs that name none; a suspended one stays disabled whatever ``is_enabled`` says."""
    entries = [_entry(*each, timezone, is_enabled=is_enabled) for each in _named(_objects(yaml_documents(content)))]
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
    return reading(kept, notes, has_limits=False)


def _objects(documents: list[Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for number, document in enumerate(documents, 1):
        items = document.get("items") if isinstance(document, dict) and document.get("kind") in _LISTS else [document]
        for item in items if isinstance(items, list) else []:
            if isinstance(item, dict):
                # The items of a CronJobList need not say their kind.
                item = {"kind": "CronJob"} | item if document.get("kind") == "CronJobList" else item
                metadata = at(item, "metadata")
                names = filter(None, (text(metadata.get("namespace")), text(metadata.get("name")) or "without a name"))
                yield f"document {number}, {text(item.get('kind')) or 'no kind'} {'/'.join(names)}", item


def _named(objects: Iterable[tuple[str, Mapping[str, Any]]]) -> Iterator[tuple[str, Mapping[str, Any], str]]:
    """Each with a wish for its name; the namespace stands before one that several namespaces have."""
    found = list(objects)
    namespaces: dict[str, set[str]] = defaultdict(set)
    for _, item in found:
        metadata = at(item, "metadata")
        namespaces[text(metadata.get("name"))].add(text(metadata.get("namespace")))
    for place, item in found:
        metadata = at(item, "metadata")
        name, namespace = text(metadata.get("name")), text(metadata.get("namespace"))
        is_shared = name and namespace and len(namespaces[name]) > 1
        yield place, item, f"{namespace}-{name}" if is_shared else name


def _entry(
    place: str, item: Mapping[str, Any], name: str, timezone: str, *, is_enabled: bool
) -> ImportedJob | RefusedEntry:
    if item.get("kind") != "CronJob":
        return RefusedEntry(place, "", "it is not a CronJob")
    try:
        return _cron_job(place, item, name, timezone, is_enabled=is_enabled)
    except Unconvertible as why:
        return RefusedEntry(place, "", str(why))


def _cron_job(place: str, item: Mapping[str, Any], name: str, timezone: str, *, is_enabled: bool) -> ImportedJob:
    spec, metadata = at(item, "spec"), at(item, "metadata")
    job = at(spec, "jobTemplate", "spec")
    if job.get("parallelism") == 0:
        raise Unconvertible("its parallelism is 0: it starts no pod")
    if any(job.get(field, 1) != 1 for field in _PODS):
        raise Unconvertible("its completions or parallelism start several pods, and each would send the request")
    made, lost = commands.webhook(_command(_container(job)))
    schedule = text(spec.get("schedule"))
    inside = _ZONE_INSIDE.match(schedule)
    if inside:
        schedule = inside[2]
    zone = spec.get("timeZone") or (inside[1] if inside else None)
    document: dict[str, Any] = {
        "schedule": robfig.schedule(schedule),
        "timezone": text(zone) or timezone,
        "enabled": is_enabled and not (spec.get("suspend") or job.get("suspend")),
        "concurrency": _CONCURRENCY.get(text(spec.get("concurrencyPolicy")) or "Allow", "allow"),
    }
    document |= made | _limits(spec, job, made)
    labels = {text(key): text(value) for key, value in at(metadata, "labels").items()}
    lost += [f"{field}: executions are kept by the runner's own rule" for field in _HISTORY if field in spec]
    lost += ["annotations are not kept"] if metadata.get("annotations") else []
    lost += _about(job)
    lost += [_DEADLINE] if "timeout" not in made and "timeout" in document else []
    lost += [] if zone else ["no zone"]
    host = _host(made["webhook"]["url"])
    if host in _LOOPBACK:
        lost.append(f"the host {host} was the pod's own, and is the runner's here")
    elif host and "." not in host and ":" not in host:
        lost.append(f"the host {host} is looked up in the namespace of the CronJob: write {host}.NAMESPACE")
    return ImportedJob(place, name, document | ({"tags": labels} if labels else {}), tuple(lost))


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:  # its job is refused later, by the rule of addresses
        return ""


def _about(job: Mapping[str, Any]) -> Iterator[str]:
    """Fields of a pod that change where a request goes, or when it is sent again."""
    pod = at(job, "template", "spec")
    yield from (said for field, said in _HOSTS.items() if pod.get(field))
    if job.get("podFailurePolicy"):
        yield _FAILURES
    container = _container(job)
    yield from (said for field, said in _OF_CONTAINERS.items() if container.get(field))
    if not container.get("command") and _image(container) not in _WITHOUT_ENTRY_POINT:
        yield _ENTRY_POINT


def _image(container: Mapping[str, Any]) -> str:
    """The last part of its name, without tag and digest."""
    return text(container.get("image")).rpartition("/")[2].partition("@")[0].partition(":")[0]


def _limits(spec: Mapping[str, Any], job: Mapping[str, Any], made: Mapping[str, Any]) -> dict[str, Any]:
    """A pod that fails is started again, backoffLimit times; a command's own retries win over that."""
    limits: dict[str, Any] = {}
    if isinstance(spec.get("startingDeadlineSeconds"), int):
        limits["catchup_window"] = f"{spec['startingDeadlineSeconds']}s"
    deadlines = (job.get("activeDeadlineSeconds"), at(job, "template", "spec").get("activeDeadlineSeconds"))
    shortest = min((one for one in deadlines if isinstance(one, int)), default=None)
    if shortest is not None and "timeout" not in made:
        limits["timeout"] = f"{shortest}s"
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
    image = _image(container)
    if not container.get("command") and image in ("curl", "wget"):
        words = [image, *words]
    variables = dict(_variables(container))
    script = shell_words.script_of(words)
    if script is not None:
        return shell_words.read(_expanded(script, variables, is_shell=True), variables)
    return Command(tuple(_expanded(word, variables) for word in words), variables=variables)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _expanded(text: str, variables: Mapping[str, str], *, is_shell: bool = False) -> str:
    """As Kubernetes expands command, args and env: ``$(NAME)`` is its value, ``$$`` is ``$``, and an unset one
    stays.

    In a shell's script that is a substitution, which its reader refuses; elsewhere it is refused here.
    """
    found: list[str] = []
    size = 0
    for part in _parts(text, variables, is_shell=is_shell):
        found.append(part)
        size += len(part)
        if size > MAX_BYTES:  # values that double each other have no end
            raise Unconvertible("its variables make a text that no job file can hold")
    return "".join(found)


def _parts(text: str, variables: Mapping[str, str], *, is_shell: bool) -> Iterator[str]:
    """third_party/forked/golang/expansion/expand.go."""
    end = 0
    for match in _EXPANSION.finditer(text):
        yield text[end : match.start()]
        end = match.end()
        name = match[1]
        if name is None:
            yield "$" if match[0] == "$$" else match[0]
        elif name in variables:
            yield shell_words.secret_or_value(name, variables[name])
        elif is_shell:
            yield match[0]
        else:
            raise Unconvertible(f"the variable {name[:40]} is not set here")
    yield text[end:]


def _variables(container: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each may use those before it. One without a value in the file counts as not set, and so do those that use it."""
    known: dict[str, str] = {}
    for one in _list(container.get("env")):
        name, reference = text(at({"one": one}, "one").get("name")), at(one, "valueFrom", "secretKeyRef")
        known.pop(name, None)
        if reference:
            key = f"{text(reference.get('name'))}-{text(reference.get('key'))}"
            known[name] = f"${{secret:{re.sub(r'[^a-z0-9]+', '-', key.lower()).strip('-')}}}"
        elif isinstance(one, dict) and not one.get("valueFrom"):
            with suppress(Unconvertible):
                known[name] = _expanded(text(one.get("value")), known)
    yield from known.items()
