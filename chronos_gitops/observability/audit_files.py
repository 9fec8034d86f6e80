"""The files of the audit log: lines with numbers that go on from file to file, the oldest file dropped in the end."""

import json
import os
import re
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from chronos_gitops.state.atomic_files import sync_folder

_LONGEST_LINE: Final = 64 * 1024


class AuditFile:
    """One file: its lines begin at ``first``. A line that a crash cut short keeps its number and has no end."""

    def __init__(self, path: Path, first: int | None = None) -> None:
        """``first`` is read from the first line where it is not given; 1 where that line does not tell it."""
        self.path = path
        self._starts: array[int] = array("Q")
        self.size = 0
        self._scan()
        self.first = first if first is not None else self._said_first() or 1

    @property
    def following(self) -> int:
        """The number of the line after the last one."""
        return self.first + len(self._starts)

    def append(self, line: bytes) -> None:
        """Durable when it returns. OSError when it cannot be, and then nothing of it stays."""
        is_new = not self.path.exists()
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _write_at(descriptor, self.size, line)
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, self.size)
            raise
        finally:
            os.close(descriptor)
        if is_new:
            sync_folder(self.path.parent)
        self._starts.append(self.size)
        self.size += len(line)

    def overwrite_end(self, number: int, end: bytes) -> None:
        """The last bytes of a line, by as many others. Not synced: the line itself is on stable storage."""
        start, stop = self._place(number)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            _write_at(descriptor, max(start, stop - len(end)), end)
        finally:
            os.close(descriptor)

    def lines_down_from(self, number: int) -> Iterator[tuple[int, bytes]]:
        """Numbered lines, newest first, from this number on."""
        with self.path.open("rb") as file:
            for one in range(min(number, self.following - 1), self.first - 1, -1):
                start, stop = self._place(one)
                yield one, os.pread(file.fileno(), min(stop - start, _LONGEST_LINE), start)

    def _place(self, number: int) -> tuple[int, int]:
        index = number - self.first
        following = index + 1
        return self._starts[index], self._starts[following] if following < len(self._starts) else self.size

    def _scan(self) -> None:
        """The lines on disk; the last one is ended where a crash has not let it."""
        try:
            with self.path.open("rb+") as file:
                line = b""
                for line in file:
                    self._starts.append(self.size)
                    self.size += len(line)
                if line and not line.endswith(b"\n"):
                    file.write(b"\n")
                    self.size += 1
        except FileNotFoundError:
            pass

    def _said_first(self) -> int | None:
        if not self._starts:
            return None
        with self.path.open("rb") as file:
            line = file.readline(_LONGEST_LINE)
        try:
            said = json.loads(line).get("id")
        except (ValueError, AttributeError):
            return None
        return said if isinstance(said, int) else None


class AuditFiles:
    """``audit.jsonl``, which is written, and beside it older files that are named for their first line. At most
    ``keep`` files of ``max_size`` bytes. One thread at a time."""

    def __init__(self, path: Path, *, max_size: int, keep: int) -> None:
        self._path = path
        self._max_size = max_size
        self._keep = keep
        self._opened: AuditFile | None = None
        self._older: AuditFile | None = None
        """The one that was read last: its lines are not looked for again."""

    def append(self, line_of: Callable[[int], bytes]) -> int:
        """The number of the new line. OSError when it cannot be written, and then nothing of it stays."""
        current = self._current()
        line = line_of(current.following)
        if current.size and current.size + len(line) > self._max_size:
            current = self._rotated(current)
        current.append(line)
        return current.following - 1

    def overwrite_end(self, number: int, end: bytes) -> None:
        """The last bytes of a line, by as many others; harmless when its file was dropped."""
        file = self._file_of(number)
        if file is not None and number < file.following:
            file.overwrite_end(number, end)

    def lines(self, before: int | None) -> Iterator[tuple[int, bytes]]:
        """Numbered lines below ``before``, newest first."""
        following = self._current().following
        number = following - 1 if before is None else min(before, following) - 1
        while (file := self._file_of(number)) is not None:
            yield from file.lines_down_from(number)
            number = file.first - 1

    def _current(self) -> AuditFile:
        if self._opened is None:
            older = self._older_files()
            found = AuditFile(self._path)
            if older and found.first == 1:
                found = AuditFile(self._path, AuditFile(older[-1][1], older[-1][0]).following)
            self._opened = found
        elif self._opened.size != _size(self._path):  # another program has removed or emptied the file
            self._opened = AuditFile(self._path, self._opened.following)
        return self._opened

    def _rotated(self, full: AuditFile) -> AuditFile:
        self._path.rename(self._path.with_name(f"{self._path.stem}.{full.first:012}{self._path.suffix}"))
        sync_folder(self._path.parent)
        older = self._older_files()
        for _, path in older[: max(0, len(older) + 1 - self._keep)]:
            path.unlink(missing_ok=True)
        self._opened, self._older = AuditFile(self._path, full.following), None
        return self._opened

    def _file_of(self, number: int) -> AuditFile | None:
        current = self._current()
        if current.first <= number < current.following:
            return current
        before = [(first, path) for first, path in self._older_files() if first <= number]
        if number >= current.first or not before:
            return None
        first, path = before[-1]
        if self._older is None or self._older.path != path:
            self._older = AuditFile(path, first)
        return self._older

    def _older_files(self) -> list[tuple[int, Path]]:
        """By their first number."""
        pattern = re.compile(rf"{re.escape(self._path.stem)}\.([0-9]{{12}}){re.escape(self._path.suffix)}\Z", re.ASCII)
        matches = ((pattern.match(path.name), path) for path in self._path.parent.iterdir())
        return sorted((int(match[1]), path) for match, path in matches if match)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _write_at(descriptor: int, position: int, content: bytes) -> None:
    while content:
        written = os.pwrite(descriptor, content, position)
        content, position = content[written:], position + written
