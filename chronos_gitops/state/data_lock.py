"""The data folder of a runner: locked by one process, and watched for being removed or replaced."""

import contextlib
import os
from pathlib import Path

from chronos_gitops.errors import ChronosError
from chronos_gitops.state import disk_space, file_lock
from chronos_gitops.state.atomic_files import open_private


class DataFolderInUse(ChronosError):
    """Two runners on one data folder would both claim the same ticks."""

    kind = "data-folder-in-use"


class DataFolderUnusable(ChronosError):
    """State cannot be kept where the operator said."""

    kind = "data-folder-unusable"


class DataFolderFull(DataFolderUnusable):
    """There is no room for it now."""


class OpenFile:
    """A file that is open, and whether its path still leads to it."""

    def __init__(self, path: Path, opened: os.stat_result | None = None) -> None:
        self._path = path
        self._opened = opened or path.stat()

    def loss(self) -> str:
        """Empty while the path leads to the file. A disk that does not answer says nothing."""
        try:
            found = self._path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return f"{self._path} was removed while the runner had it open; restart the runner"
        except OSError:
            return ""
        if os.path.samestat(found, self._opened):
            return ""
        return f"{self._path} was replaced while the runner had it open; restart the runner"


class DataLock:
    """Held by the one runner that owns a data folder; the kernel frees it however the process ends (flock(2))."""

    def __init__(self, data: Path) -> None:
        try:
            data.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = open(data / "runner.lock", "a+", opener=open_private)  # noqa: SIM115 - see release
        except OSError as error:
            kind = DataFolderFull if disk_space.is_full(error) else DataFolderUnusable
            raise kind(
                f"{data} cannot keep the runner's state: {error.strerror}", hint="choose another folder with --data"
            ) from error
        try:
            file_lock.lock(self._file)
        except OSError as error:
            self._file.seek(0)
            owner = self._file.read(20).strip()
            self._file.close()
            raise DataFolderInUse(
                f"another runner{f' (process {owner})' if owner else ''} works on {data}",
                hint="stop it, or give this one another folder with --data",
            ) from error
        self._open = OpenFile(data / "runner.lock", os.fstat(self._file.fileno()))
        with contextlib.suppress(OSError):  # on a full disk others read no number, and are refused all the same
            os.ftruncate(self._file.fileno(), 0)
            os.write(self._file.fileno(), str(os.getpid()).encode())

    def loss(self) -> str:
        """Why another runner may own the folder by now; empty while this one does."""
        return self._open.loss()

    def release(self) -> None:
        self._file.close()
