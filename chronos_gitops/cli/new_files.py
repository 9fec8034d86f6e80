"""Files that a command creates: each is whole or not there, and none that exists is overwritten."""

import os
from collections.abc import Mapping
from pathlib import Path

from chronos_gitops.errors import UsageError
from chronos_gitops.jobs.validation.quoting import printable


def create(path: Path, text: str) -> bool:
    """False if something is there already. Folders above it are made."""
    _make_folder(path.parent)
    try:
        file = path.open("x", encoding="utf-8")  # x: also a file that appears meanwhile is not overwritten
    except FileExistsError:
        return False
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        with file:
            file.write(text)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise _unwritable(path, error) from error
    return True


def create_all(files: Mapping[Path, str]) -> Path | None:
    """All of them, or none: the first path that exists already, where there is one."""
    created: list[Path] = []
    try:
        for path, text in files.items():
            if not create(path, text):
                _remove(created)
                return path
            created.append(path)
    except UsageError:
        _remove(created)
        raise
    return None


def _remove(paths: list[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        there = next(place for place in (folder, *folder.parents) if os.path.lexists(place))
        hint = "move it away, or name another folder"
        raise UsageError(f"{_shown(there)} is not a folder", hint=hint) from error
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(path: Path, error: OSError) -> UsageError:
    return UsageError(f"{_shown(path)} cannot be written: {error.strerror}", hint="name a folder that can be written")


def _shown(path: Path) -> str:
    return printable(os.fsencode(path).decode("utf-8", "backslashreplace"))
