"""A release of the time zone database out of a tzdata wheel, a tzdata package or a zoneinfo folder; no network."""

import io
import re
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final
from zoneinfo import ZoneInfo

from chronos_gitops.errors import UsageError
from chronos_gitops.process.small_files import read_small_file
from chronos_gitops.schedule.zones.timezones import ZoneData

_LARGEST: Final = 1 << 20
_MOST_FILES: Final = 5_000
_MAGIC: Final = b"TZif"
_RELEASE: Final = re.compile(rb"(?:IANA_VERSION\s*=\s*[\"']|# version |\A)([0-9]{4}[a-z]{1,2})\b")
_NAMES_THE_RELEASE: Final = ("tzdata.zi", "+VERSION", "version", "__init__.py")
_NOT_ZONES: Final = ("posix", "right")
"""Copies of every zone that folders of Linux hold beside them; those in ``right`` count leap seconds."""
_HINT: Final = "give a tzdata wheel (pip download tzdata), or a folder such as /usr/share/zoneinfo"


class NoZoneData(UsageError):
    """The path holds no release that can be read."""

    kind = "no-zone-data"


def read_zone_data(path: Path) -> ZoneData:
    """NoZoneData for anything else."""
    try:
        found = dict(_files_of_folder(path) if path.is_dir() else _files_of_wheel(path))
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        raise NoZoneData(f"{path}: {error}", hint=_HINT) from error
    root = next((name.removesuffix("UTC") for name in sorted(found, key=len) if name.endswith("UTC")), "")
    zones = {
        name.removeprefix(root): content
        for name, content in found.items()
        if name.startswith(root) and content.startswith(_MAGIC)
    }
    files = {name: content for name, content in zones.items() if name.partition("/")[0] not in _NOT_ZONES}
    if "UTC" not in files:
        raise NoZoneData(f"{path} holds no time zones", hint=_HINT)
    for name, content in files.items():
        try:
            ZoneInfo.from_file(io.BytesIO(content), key=name)
        except (ValueError, EOFError, IndexError, struct.error) as error:
            raise NoZoneData(f"{path}: the zone {name} cannot be read: {error}", hint=_HINT) from error
    return ZoneData(_release(found) or f"of {path.name}", files)


def _files_of_folder(path: Path) -> Iterator[tuple[str, bytes]]:
    for number, file in enumerate(sorted(path.rglob("*"))):
        if number > _MOST_FILES:
            raise ValueError(f"more than {_MOST_FILES} files")
        if file.is_file() and file.stat().st_size <= _LARGEST:
            yield file.relative_to(path).as_posix(), read_small_file(file, limit=_LARGEST)


def _files_of_wheel(path: Path) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as wheel:
        infos = wheel.infolist()
        if len(infos) > _MOST_FILES:
            raise ValueError(f"more than {_MOST_FILES} files")
        for info in infos:
            if not info.is_dir() and info.file_size <= _LARGEST:
                yield info.filename, wheel.read(info)


def _release(found: dict[str, bytes]) -> str:
    """As its own files name it; empty where none does."""
    for wanted in _NAMES_THE_RELEASE:
        for name, content in sorted(found.items()):
            said = _RELEASE.search(content[:4096]) if PurePosixPath(name).name == wanted else None
            if said is not None:
                return said[1].decode()
    return ""
