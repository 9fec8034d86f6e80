"""Fingerprint of everything validation depends on: while it is the same, equal content has an equal result.

This program's files and schema, Python, every package installed beside it, the rules of time zones and the operator's
bindings of secrets. A developer's change counts too, for files are told apart by size and time and not by a version.
"""

import hashlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import chronos_gitops
from chronos_gitops.errors import NotFoundError
from chronos_gitops.jobs.schemas.resources import shipped
from chronos_gitops.jobs.secrets.bindings import Bindings
from chronos_gitops.schedule.zones.timezones import rules_version

_ROOMS: Final = ("jobs", "schedule")
_PACKAGES: Final = ("croniter", "jsonschema", "tzdata", "yaml")


def validator_fingerprint(bindings: Bindings | None) -> str | None:
    """None where it cannot be told: then every file is judged anew."""
    if rules_version() == "of this machine":
        return None
    try:
        told = (chronos_gitops.__version__, sys.version, rules_version(), _bound(bindings), *_files(), *_installed())
    except (OSError, NotFoundError, AttributeError, ImportError, ValueError):
        return None
    return hashlib.sha256(repr(told).encode()).hexdigest()


def _bound(bindings: Bindings | None) -> object:
    if bindings is None or bindings == Bindings():
        return None
    tables = (bindings.by_name, bindings.audiences.by_name)
    return bindings.unbound, *(sorted(table.items(), key=lambda entry: entry[0]) for table in tables)


def _files() -> Iterator[tuple[str, int, int]]:
    """Path, size and time of change of our own files, and of the first file of each package that has a say."""
    package = Path(chronos_gitops.__file__).parent
    for room in _ROOMS:
        os.stat(package / room)  # noqa: PTH116 - os.walk says nothing of what is not there
        for folder, folders, names in os.walk(package / room):
            folders.sort()
            yield from (_stamp(os.path.join(folder, name)) for name in sorted(names) if name.endswith(".py"))  # noqa: PTH118
    yield _stamp(str(shipped("schemas.json")))
    for name in _PACKAGES:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin is not None:
            yield _stamp(spec.origin)


def _stamp(path: str) -> tuple[str, int, int]:
    status = os.stat(path)  # noqa: PTH116 - 60 of them at each start
    return path, status.st_size, status.st_mtime_ns


def _installed() -> Iterator[str]:
    """Names and versions: ``croniter-6.0.0.dist-info``."""
    for folder in sys.path:
        if os.path.isdir(folder):  # noqa: PTH112
            yield from sorted(name for name in os.listdir(folder) if name.endswith(".dist-info"))  # noqa: PTH208
