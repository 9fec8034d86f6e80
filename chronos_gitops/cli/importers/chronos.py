"""Jobs of Chronos itself: the JSON of its API and command line, and its ``ChronosJob`` YAML."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

import yaml

from chronos_gitops.cli.importers.model import ImportedJob, ImportResult, NotReadable, RefusedEntry, reading
from chronos_gitops.schedule import durations

_FIELDS: Final = ("description", "schedule", "timezone", "enabled", "webhook", "timeout", "retry_policy", "concurrency")
_OF_THE_SERVER: Final = frozenset({"id", "created_at", "updated_at", "next_run", "version", "updated_by", "name"})
_RETRY: Final = {
    "maxAttempts": "max_attempts",
    "initialInterval": "initial_interval",
    "maxInterval": "max_interval",
    **{name: name for name in ("max_attempts", "initial_interval", "max_interval", "multiplier")},
}
_SECRET_OF: Final = {"bearer": "token", "basic": "password", "api_key": "api_key"}
_LOST: Final = {
    "dependencies": "there are no dependencies between jobs: call the next one from the first one's target",
    "dependsOn": "there are no dependencies between jobs: call the next one from the first one's target",
    "secrets": "secrets are the operator's: chronos-gitops validate --secrets tells which ones are needed",
}


def read(content: bytes, *, timezone: str, is_enabled: bool) -> ImportResult:  # noqa: ARG001 - the form of every reader
    """JSON is YAML, so one parser reads both. A job keeps its own ``enabled``; jobs without a zone are in UTC."""
    try:
        documents = list(yaml.safe_load_all(content))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise NotReadable(f"this is neither JSON nor YAML: {' '.join(str(error).split())[:200]}") from error
    return reading(_entry(f"job {number}", item) for number, item in enumerate(_items(documents), 1))


def _items(value: Any) -> Iterator[Any]:
    """Jobs one by one: alone, in a list, or in the ``jobs``, ``items`` or ``data`` of an answer."""
    if isinstance(value, list):
        for one in value:
            yield from _items(one)
        return
    held = next((key for key in ("jobs", "items", "data") if isinstance(value, dict) and key in value), None)
    if held is not None and "schedule" not in value:
        yield from _items(value[held])
    elif value is not None:
        yield value


def _entry(place: str, item: Any) -> ImportedJob | RefusedEntry:
    if not isinstance(item, dict):
        return RefusedEntry(place, "", "it is not a job")
    if "spec" not in item and "kind" not in item:
        return _found(place, item, {}, item)
    if item.get("kind") != "ChronosJob" or not isinstance(item.get("spec"), dict):
        return RefusedEntry(place, "", f"its kind is {item.get('kind')}, not ChronosJob")
    metadata = item["metadata"] if isinstance(item.get("metadata"), dict) else {}
    return _found(place, metadata, metadata.get("labels") or {}, item["spec"])


def _found(place: str, named: Mapping[str, Any], labels: Mapping[str, Any], spec: Mapping[str, Any]) -> ImportedJob:
    lost = [_LOST.get(field, f"{field} is not known here") for field in spec if field not in _KNOWN and spec[field]]
    lost += [f"{field} of the metadata is not kept" for field in ("annotations",) if named.get(field)]
    fields = dict(spec) | {"retry_policy": _retry(spec.get("retry_policy") or spec.get("retry"))}
    document = {field: fields[field] for field in _FIELDS if fields.get(field) not in (None, "", {})}
    if "timeout" in document:
        document["timeout"] = _duration(document["timeout"])
    document["enabled"] = bool(fields.get("enabled", False))
    if isinstance(document.get("webhook"), dict):
        document["webhook"] = _webhook(document["webhook"])
    tags = {str(key): str(value) for key, value in {**labels, **(fields.get("tags") or {})}.items()}
    namespace = named.get("namespace") or ""
    name = f"{namespace}-{named.get('name') or ''}".strip("-") if namespace else str(named.get("name") or "")
    return ImportedJob(f"{place}, {name}", name, document | ({"tags": tags} if tags else {}), tuple(lost))


_KNOWN: Final = frozenset(_FIELDS) | _OF_THE_SERVER | {"retry", "tags", "namespace"}


def _webhook(given: Mapping[str, Any]) -> dict[str, Any]:
    webhook = {key: value for key, value in given.items() if value not in (None, "", [], {}) and key != "auth"}
    auth = {key: value for key, value in (given.get("auth") or {}).items() if value not in (None, "")}
    kind = str(auth.get("type") or "")
    if kind in _SECRET_OF and "secret" in auth:  # ChronosJob names a secret of its server there
        auth[_SECRET_OF[kind]] = f"${{secret:{auth.pop('secret')}}}"
    return webhook | ({"auth": auth} if kind else {})


def _retry(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        return {}
    kept = {_RETRY[key]: value for key, value in given.items() if key in _RETRY and value}
    return {key: _duration(value) if key.endswith("_interval") else value for key, value in kept.items()}


def _duration(given: Any) -> Any:
    """Go writes a duration as text, or as nanoseconds without a custom encoder."""
    is_number = isinstance(given, int) and not isinstance(given, bool)
    return durations.render(timedelta(microseconds=given // 1_000)) if is_number else given
