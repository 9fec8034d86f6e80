"""A small file system in a mount namespace of its own: a disk that a test fills, and processes that live on it."""

import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from harness.machine.namespaces import unshare
from harness.programs.tools import tool

_MOUNT = 'mount -t tmpfs -o size="$1" tmpfs "$0" && echo mounted && exec cat'


class SmallDisk:
    """A tmpfs at ``folder``, which only processes started with ``within`` see there; this process sees it at ``root``.

    It lives as long as the process that holds the namespace, so that what runs on it can end and start again.
    """

    def __init__(self, folder: Path, size: str) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        words = unshare("--mount")
        self._holder = subprocess.Popen(
            [*words, "sh", "-c", _MOUNT, str(folder), size],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # a signal to the group of this process leaves the disk to what lives on it
        )
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == "mounted\n", f"no tmpfs can be mounted at {folder}"
        user = ("--user", "--preserve-credentials") if "--user" in words else ()
        self.within = (tool("nsenter"), "--target", str(self._holder.pid), "--mount", *user, "--")
        self.root = Path(f"/proc/{self._holder.pid}/root{folder}")
        self._ballast = self.root / "ballast"

    def fill(self) -> None:
        """Takes what is left of it, to the last byte."""
        with self._ballast.open("ab", buffering=0) as file:
            for size in (1 << 20, 1 << 12, 1):
                try:
                    while file.write(b"\xff" * size) == size:
                        pass
                except OSError:
                    continue

    def empty(self) -> None:
        """Takes the filling away."""
        self._ballast.unlink(missing_ok=True)

    def close(self) -> None:
        self._holder.communicate()
        assert self._holder.returncode == 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
