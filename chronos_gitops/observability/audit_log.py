"""The audit log: calls, their callers and results, one line of JSON each."""

import json
import logging
import socket
import threading
from collections.abc import Hashable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeAlias

from chronos_gitops.observability.audit_files import AuditFiles
from chronos_gitops.process.bounded_dict import BoundedDict
from chronos_gitops.process.lazy_dataclass import dataclass

log = logging.getLogger(__name__)
Entry: TypeAlias = Mapping[str, Any]
WINDOW: Final = timedelta(minutes=1)
"""Equal refusals within it are one entry."""
_WINDOWS: Final = 1024
_COUNT_WIDTH: Final = 9


def runner_name(port: int) -> str:
    """A runner's machine and port: those of a fleet differ in one of them."""
    return f"{_host_name()}:{port}"


@cache
def _host_name() -> str:
    return socket.gethostname()


class AuditAction(StrEnum):
    ROLLBACK = "rollback"
    UNDO = "undo"
    TRIGGER = "trigger"
    PAUSE = "pause"
    RESUME = "resume"
    BULK_TRIGGER = "bulk_trigger"
    BULK_PAUSE = "bulk_pause"
    BULK_RESUME = "bulk_resume"
    CANCEL = "cancel"
    REPLAY = "replay"
    REPLAY_CANCEL = "replay_cancel"
    REPLAY_END = "replay_end"
    PREFLIGHT = "preflight"
    SYNC = "sync"
    APPROVE = "approve"
    LOGIN = "login"
    LOGOUT = "logout"
    SESSION_ENDED = "session_ended"
    REFUSED = "refused"


class AuditResult(StrEnum):
    DONE = "done"
    UNCHANGED = "unchanged"
    PROPOSED = "proposed"
    REFUSED = "refused"
    FAILED = "failed"


class AuditLog:
    """``audit.jsonl`` of a data folder that this process owns, and the files before it. Safe from any thread.

    An entry's number is that of its line, from 1, and goes on from file to file. Each entry is a line of the log, too.
    """

    def __init__(self, path: Path, *, max_size: int = 64 * 1024**2, keep: int = 8) -> None:
        self._files = AuditFiles(path, max_size=max_size, keep=keep)
        self._lock = threading.Lock()
        self._refusals: BoundedDict[Hashable, _RepeatedRefusal] = BoundedDict(
            _WINDOWS, lambda oldest: oldest.log_count()
        )

    def append(self, entry: Entry) -> None:
        """Durable when it returns. OSError when it cannot be, and then nothing of it is kept."""
        _log(entry, 1)
        with self._lock:
            self._written(entry)

    def append_refusal(self, key: Hashable, entry: Entry, now: datetime) -> bool:
        """As ``append``, but the equal refusals of a minute, those with one ``key``, are one entry with a ``count``.

        Whether the entry is a new one. OSError as above."""
        with self._lock:
            self._end_windows(now)
            refusal = self._refusals.get(key)
            if refusal is None:
                _log(entry, 1)
                self._refusals[key] = _RepeatedRefusal(self._written(entry), entry, now)
                return True
            refusal.count += 1
            self._files.overwrite_end(refusal.number, _count(refusal.count))
            return False

    def newest(self, limit: int, *, before: int | None = None) -> list[tuple[int, Entry]]:
        """At most ``limit`` numbered entries below ``before``, newest first, without those that a crash has cut."""
        with self._lock:
            read = ((number, _read(line)) for number, line in self._files.lines(before))
            return list(islice(((number, entry) for number, entry in read if entry is not None), limit))

    def number_at(self, instant: datetime) -> int:
        """The number of the first entry at or after an instant; one above the newest where there is none."""
        newest = self.newest(1)
        low, high = 1, newest[0][0] + 1 if newest else 1
        while low < high:
            middle = (low + high) // 2
            found = self.newest(1, before=middle + 1)  # a line that a crash has cut has no time: the one below it
            at = time_of(found[0][1]) if found else None
            if at is None or at < instant:
                low = middle + 1
            else:
                high = middle
        return low

    def close(self) -> None:
        """Logs how often refusals came that are counted still."""
        with self._lock:
            while self._refusals:
                self._refusals.popitem(last=False)[1].log_count()

    def _written(self, entry: Entry) -> int:
        content = json.dumps({name: value for name, value in entry.items() if name != "count"}, ensure_ascii=False)
        counted = int(entry.get("count", 1))

        def line(number: int) -> bytes:
            return f'{{"id": {number}, {content[1:-1]}, "count": '.encode("utf-8", "replace") + _count(counted)

        return self._files.append(line)

    def _end_windows(self, now: datetime) -> None:
        while self._refusals:
            key, oldest = next(iter(self._refusals.items()))
            if timedelta() <= now - oldest.began_at < WINDOW:
                return
            del self._refusals[key]
            oldest.log_count()


@dataclass(slots=True)
class _RepeatedRefusal:
    """Equal refusals since ``began_at``: their entry, its number and how many they are."""

    number: int
    entry: Entry
    began_at: datetime
    count: int = 1

    def log_count(self) -> None:
        if self.count > 1:
            _log(self.entry, self.count)


def time_of(entry: Entry) -> datetime | None:
    """None where the entry names no time that can be read."""
    try:
        return datetime.fromisoformat(str(entry.get("at")))
    except ValueError:
        return None


def _count(count: int) -> bytes:
    """The end of a line, always as long, so that a higher count can take its place."""
    return f"{count:<{_COUNT_WIDTH}}}}\n".encode()


def _read(line: bytes) -> Entry | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def _log(entry: Entry, count: int) -> None:
    """A refusal that came more than once is logged when it comes first, and when its minute is over with its count."""
    is_good = entry.get("result") not in (AuditResult.REFUSED, AuditResult.FAILED)
    given = {name: value for name, value in entry.items() if value is not None} | {"count": count}
    words = " ".join(dict.fromkeys(("audit:", str(entry.get("action")), str(entry.get("result", "")))))
    log.log(logging.INFO if is_good else logging.WARNING, words, extra={"event": "audit", **given})
