"""Settings with their values and sources, secrets redacted."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from chronos_gitops.config import setting
from chronos_gitops.config.settings import Settings
from chronos_gitops.git.remote.address import redact
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule import durations
from chronos_gitops.schedule.timestamps import rfc3339

HIDDEN: Final = "***"
_ADDRESSES: Final = ("repo", "engine")
"""Settings that may hold a password beside what an operator wants to see."""


@dataclass(frozen=True, slots=True)
class ShownSetting:
    """``value`` is JSON; ``source`` names a flag, a variable or a file with the key, and is ``default`` otherwise."""

    key: str
    value: Any
    source: str

    def document(self) -> dict[str, Any]:
        return {"key": self.key, "value": self.value, "source": self.source}


def shown(settings: Settings, sources: Mapping[str, str]) -> Iterator[ShownSetting]:
    """Every setting; of two keys for one value the one that was given, or else the first."""
    told: set[int] = set()
    for row, value in setting.chosen(settings):
        if row.key not in sources and (id(value) in told or _has_given_twin(settings, row, value, sources)):
            continue
        told |= {id(value)} if is_dataclass(value) else set()
        yield ShownSetting(row.key, _value(row, value), sources.get(row.key, "default"))


def _has_given_twin(settings: Settings, row: setting.Setting, value: Any, sources: Mapping[str, str]) -> bool:
    """True if another key has given the same value."""
    if not is_dataclass(value):
        return False
    return any(
        other.key != row.key and found is value and other.key in sources for other, found in setting.chosen(settings)
    )


def _value(row: setting.Setting, value: Any) -> Any:
    if row.spread:
        host, port = value
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if setting.is_secret(Settings, row):
        return _address(value) if row.key in _ADDRESSES else HIDDEN if value else None
    return document(value)


def _address(text: str) -> str:
    """Without user info and options, each of which may be a password."""
    if "://" not in text:
        return redact(text)
    parts = urlsplit(redact(text))
    return urlunsplit(parts._replace(query=HIDDEN if parts.query else "", fragment=""))


def document(value: Any) -> Any:
    """JSON of a value; a field that its class does not show is redacted."""
    match value:
        case timedelta():
            return durations.render(value)
        case datetime():
            return rfc3339(value)
        case Path():
            return str(value)
        case str():
            return redact(value)
        case Mapping():
            return {str(key): document(one) for key, one in value.items()}
        case tuple() | list():
            return [document(one) for one in value]
        case frozenset():
            return sorted(document(one) for one in value)
        case _ if is_dataclass(value):
            named = ((one, getattr(value, one.name)) for one in fields(value))
            return {
                one.name: document(inner) if one.repr else HIDDEN for one, inner in named if inner not in (None, "", ())
            }
        case _:
            return value
