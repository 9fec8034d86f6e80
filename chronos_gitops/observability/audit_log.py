"""Who asked the runner for what, and what came of it: one line of JSON each, only ever added to."""

import json
import os
import threading
from array import array
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

from chronos_gitops.state.atomic_files import sync_folder

Entry: TypeAlias = Mapping[str, Any]
_LONGEST_LINE: Final = 64 * 1024


class AuditLog:
    """The file ``audit.jsonl`` of a data folder that this process owns. Safe from any thread.

    An entry's number is that of its line, from 1. A line that a crash cut short stays where it is and is passed over.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._starts: array[int] | None = None  # where each line begins
        self._end = 0

    def append(self, entry: Entry) -> None:
        """Durable when it returns. OSError when it cannot be, and then nothing of it is kept."""
        line = json.dumps(entry, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        with self._lock:
            starts = self._known()
            descriptor = self._opened()
            try:
                _write_at(descriptor, self._end, line)
            except OSError:
                os.ftruncate(descriptor, self._end)
                raise
            finally:
                os.close(descriptor)
            starts.append(self._end)
            self._end += len(line)

    def newest(self, limit: int, *, before: int | None = None) -> list[tuple[int, Entry]]:
        """At most ``limit`` numbered entries below the number ``before``, newest first."""
        with self._lock:
            starts, end = self._known(), self._end
            last = len(starts) if before is None else min(before - 1, len(starts))
            if last < 1:
                return []
            found: list[tuple[int, Entry]] = []
            with self._path.open("rb") as file:
                for number in range(last, 0, -1):
                    if len(found) == limit:
                        break
                    start, stop = starts[number - 1], starts[number] if number < len(starts) else end
                    entry = _read_at(file.fileno(), start, stop - start)
                    if entry is not None:
                        found.append((number, entry))
            return found

    def _opened(self) -> int:
        is_new = not self._path.exists()
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if is_new:
            sync_folder(self._path.parent)
        return descriptor

    def _known(self) -> "array[int]":
        if self._starts is None:
            self._starts, self._end = self._scanned()
        return self._starts

    def _scanned(self) -> "tuple[array[int], int]":
        """The lines on disk; the last one is ended where a crash has not let it."""
        starts, end = array("Q"), 0
        try:
            with self._path.open("rb+") as file:
                line = b""
                for line in file:
                    starts.append(end)
                    end += len(line)
                if line and not line.endswith(b"\n"):
                    file.write(b"\n")
                    end += 1
        except FileNotFoundError:
            return starts, 0
        return starts, end


def _write_at(descriptor: int, position: int, content: bytes) -> None:
    while content:
        written = os.pwrite(descriptor, content, position)
        content, position = content[written:], position + written
    os.fsync(descriptor)


def _read_at(descriptor: int, position: int, size: int) -> Entry | None:
    try:
        entry = json.loads(os.pread(descriptor, min(size, _LONGEST_LINE), position))
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None
