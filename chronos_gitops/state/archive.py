"""One file that holds a runner's state: a zip archive with a list of its members and their checksums."""

import hashlib
import json
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from chronos_gitops.errors import ChronosError
from chronos_gitops.state.atomic_files import open_private, sync_folder

_MANIFEST: Final = "backup.json"
_KIND: Final = "chronos-gitops-backup"
_STATE: Final = (".json", ".jsonl")
_DAMAGE: Final = (
    *(zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError),
    *(KeyError, TypeError, ValueError, EOFError),
)
"""Errors that zipfile and json raise for damaged files."""
_HINT: Final = "take another backup"


class ArchiveError(ChronosError):
    """A file that is no backup, or is not as it was written."""

    kind = "backup"


def state_files(data: Path) -> tuple[Path, ...]:
    """The small files of a data folder; each is replaced whole or only appended to, so a copy of it can be used."""
    return tuple(sorted(path for path in data.iterdir() if path.suffix in _STATE and path.is_file()))


def write(target: Path, members: Mapping[str, Path], about: Mapping[str, Any]) -> dict[str, Any]:
    """Writes the archive for its owner only, on stable storage, and gives its manifest. OSError when it cannot be."""
    part = target.with_name(f".{target.name}.part")
    try:
        with os.fdopen(open_private(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC), "w+b") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                files = [_add(archive, name, path) for name, path in members.items()]
                manifest = {"kind": _KIND, **about, "files": files}
                archive.writestr(_MANIFEST, json.dumps(manifest, indent=2))
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
        sync_folder(target.parent)
    finally:
        part.unlink(missing_ok=True)
    return manifest


def _add(archive: zipfile.ZipFile, name: str, path: Path) -> dict[str, Any]:
    """In one pass, so that what is appended meanwhile is either in both or in none."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as source, archive.open(name, "w", force_zip64=True) as member:
        while block := source.read(1 << 20):
            digest.update(block)
            size += len(block)
            member.write(block)
    return {"name": name, "bytes": size, "sha256": digest.hexdigest()}


@contextmanager
def unpacked(source: Path, beside: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """A folder beside another one with the members, each compared with its checksum, and the manifest.

    ArchiveError for a file that is no backup, is cut off or was changed; OSError where a file cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix=".restore-", dir=beside) as folder:
        try:
            with zipfile.ZipFile(source) as archive:
                manifest = json.loads(archive.read(_MANIFEST))
                if manifest["kind"] != _KIND:
                    raise KeyError(_MANIFEST)
                for one in manifest["files"]:
                    _extract(archive, one, Path(folder), source)
        except _DAMAGE as error:
            raise ArchiveError(f"{source} is not a backup, or is damaged", hint=_HINT) from error
        yield Path(folder), manifest


def _extract(archive: zipfile.ZipFile, one: Mapping[str, Any], folder: Path, source: Path) -> None:
    name = one["name"]
    if Path(name).name != name or name.startswith("."):
        raise ArchiveError(f"{source} names a file outside of its folder", hint=_HINT)
    digest, path = hashlib.sha256(), folder / name
    with archive.open(name) as member, os.fdopen(open_private(path, os.O_WRONLY | os.O_CREAT), "wb") as file:
        while block := member.read(1 << 20):
            digest.update(block)
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    if digest.hexdigest() != one["sha256"]:
        raise ArchiveError(f"{source}: {name} is not as it was written", hint=_HINT)


def move_into(folder: Path, data: Path, names: Iterable[str]) -> None:
    for name in names:
        move_file(folder / name, data / name)


def move_file(source: Path, target: Path) -> None:
    """On stable storage when it returns."""
    shutil.move(source, target)
    sync_folder(target.parent)
