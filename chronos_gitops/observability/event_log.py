"""The event log: commits applied and refused, jobs that fail or recover, and operations; numbered, kept."""

import json
import logging
import math
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from enum import StrEnum
from itertools import islice, takewhile
from pathlib import Path
from typing import Any, Final

from chronos_gitops.plurals import plural, verb
from chronos_gitops.process.engine_priority import yield_to_engine
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.state.atomic_files import open_private, write_atomically

log = logging.getLogger(__name__)
KEEP: Final = 10_000
NAMES_KEPT: Final = 1000
"""Jobs that an event names at most, in each of its lists."""
_NAMES_SHOWN: Final = 10
_BLOCK: Final = 64
"""Events that are packed together: 36 bytes for each, where an object and its texts take 880."""
_BLOCKS_AT_ONCE: Final = 2


class EventKind(StrEnum):
    COMMIT_APPLIED = "commit_applied"
    DRAFTS_APPLIED = "drafts_applied"
    COMMIT_REFUSED = "commit_refused"
    SYNC_FAILED = "sync_failed"
    SYNC_RECOVERED = "sync_recovered"
    JOB_QUARANTINED = "job_quarantined"
    JOB_RELEASED = "job_released"
    LAYER_QUARANTINED = "layer_quarantined"
    LAYER_RELEASED = "layer_released"
    FILE_QUARANTINED = "file_quarantined"
    FILE_RELEASED = "file_released"
    DELETIONS_HELD = "deletions_held"
    JOB_FAILING = "job_failing"
    JOB_RECOVERED = "job_recovered"
    EXPECTATION_BROKEN = "expectation_broken"
    EXPECTATION_MET = "expectation_met"
    PREFLIGHT_FAILED = "preflight_failed"
    PREFLIGHT_PASSED = "preflight_passed"
    CALENDAR_CLOSED = "calendar_closed"
    CALENDAR_OPENED = "calendar_opened"
    TZDATA_CHANGED = "tzdata_changed"
    JOB_TRIGGERED = "job_triggered"
    JOB_PAUSED = "job_paused"
    JOB_RESUMED = "job_resumed"
    JOBS_TRIGGERED = "jobs_triggered"
    JOBS_PAUSED = "jobs_paused"
    JOBS_RESUMED = "jobs_resumed"
    JOB_REPLAYED = "job_replayed"
    REPLAY_CANCELLED = "replay_cancelled"
    REPLAY_ENDED = "replay_ended"
    EXECUTION_CANCELLED = "execution_cancelled"
    JOB_ROLLED_BACK = "job_rolled_back"
    COMMIT_UNDONE = "commit_undone"
    CALL_REFUSED = "call_refused"
    SYNC_REQUESTED = "sync_requested"
    DELETIONS_APPROVED = "deletions_approved"
    NOTIFICATION_SENT = "notification_sent"
    NOTIFICATION_FAILED = "notification_failed"


@dataclass(frozen=True, slots=True)
class LayerReach:
    """A layer, and the jobs that inherit what the event is about: how many, and the names of the first of them."""

    file: str
    jobs: int
    job_names: tuple[str, ...] = ()

    @classmethod
    def of(cls, file: str, names: Sequence[str]) -> "LayerReach":
        return cls(file, len(names), tuple(sorted(names)[:NAMES_KEPT]))

    def only(self, is_meant: Callable[[str], bool]) -> "LayerReach | None":
        """For some jobs alone; None without any."""
        names = tuple(filter(is_meant, self.job_names))
        return replace(self, jobs=len(names), job_names=names) if names else None

    def document(self, most_names: int) -> dict[str, Any]:
        return {"file": self.file, "jobs": self.jobs, "job_names": list(self.job_names[:most_names])}

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "LayerReach":
        return cls(document["file"], document["jobs"], tuple(document["job_names"]))


@dataclass(frozen=True, slots=True)
class Event:
    """``at`` is RFC 3339. ``result`` is that of the audit, for what somebody asked for; ``by`` is who did.

    ``added``, ``changed`` and ``removed`` are names of jobs, for an applied commit and for files that were saved.
    ``calendar`` is the name of a freeze that begins or ends.
    ``layers`` are those whose edit, or whose errors, the event is about. ``paths`` has the file of each job when it
    happened: callers see the event by it (TEAMS section 3).
    """

    at: str
    type: EventKind
    message: str
    job: str | None = None
    commit: str | None = None
    execution: str | None = None
    replay: str | None = None
    by: str | None = None
    result: str | None = None
    request_id: str | None = None
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    calendar: str | None = None
    layers: tuple[LayerReach, ...] = ()
    paths: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Every job that it is about."""
        own = () if self.job is None else (self.job,)
        inheriting = (name for layer in self.layers for name in layer.job_names)
        return (*own, *self.added, *self.changed, *self.removed, *inheriting)

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "Event":
        """The inverse of ``document``; ValueError, TypeError or KeyError for anything else."""
        fields = dict(document)
        for name in ("added", "changed", "removed"):
            fields[name] = tuple(fields.get(name) or ())
        fields["layers"] = tuple(map(LayerReach.read, fields.get("layers") or ()))
        fields["paths"] = {str(name): str(path) for name, path in dict(fields.get("paths") or {}).items()}
        return cls(**fields | {"type": EventKind(fields["type"])})

    def document(self, *, most_names: int = _NAMES_SHOWN) -> dict[str, Any]:
        """``most_names`` is how many jobs of each layer are named; ``jobs`` counts all."""
        return {
            "at": self.at,
            "type": self.type.value,
            "message": self.message,
            "job": self.job,
            "commit": self.commit,
            "execution": self.execution,
            "replay": self.replay,
            "by": self.by,
            "result": self.result,
            "request_id": self.request_id,
            "calendar": self.calendar,
            "added": list(self.added),
            "changed": list(self.changed),
            "removed": list(self.removed),
            "layers": [layer.document(most_names) for layer in self.layers],
        }


Numbered = tuple[int, Event]
CHANGES: Final = frozenset({EventKind.COMMIT_APPLIED, EventKind.DRAFTS_APPLIED})
QUARANTINES: Final = frozenset({EventKind.LAYER_QUARANTINED, EventKind.LAYER_RELEASED})
"""Events about several jobs: what changed, and broken layers."""


def changes_message(
    kind: EventKind,
    added: Sequence[str],
    changed: Sequence[str],
    removed: Sequence[str],
    layers: Sequence[LayerReach] = (),
) -> str:
    message = f"{len(added)} added, {len(changed)} changed, {len(removed)} removed"
    if layers:
        message += "; " + ", ".join(f"{layer.file} changed {plural(layer.jobs, 'job')}" for layer in layers)
    return message if kind is EventKind.COMMIT_APPLIED else f"{message}, not committed"


def layer_message(kind: EventKind, layer: LayerReach, *, not_running: int = 0) -> str:
    """``not_running`` of its jobs have no last good version."""
    jobs = plural(layer.jobs, "job")
    if kind is EventKind.LAYER_RELEASED:
        return f"{layer.file} is valid again, or deleted; {jobs} had inherited its errors"
    rest = f"; {not_running:,} of them do not run, because no version is valid yet" if not_running else ""
    return f"{layer.file} is invalid; {jobs} {verb(layer.jobs, 'keeps', 'keep')} running the last good version{rest}"


_TROUBLE: Final = (
    EventKind.COMMIT_REFUSED,
    EventKind.SYNC_FAILED,
    EventKind.JOB_QUARANTINED,
    EventKind.LAYER_QUARANTINED,
    EventKind.FILE_QUARANTINED,
    EventKind.DELETIONS_HELD,
    EventKind.JOB_FAILING,
    EventKind.EXPECTATION_BROKEN,
    EventKind.PREFLIGHT_FAILED,
    EventKind.NOTIFICATION_FAILED,
)


def _log_line(event: Event) -> None:
    """Log the event with its fields; a commit with many jobs is one line with their counts."""
    fields = {"job": event.job, "commit": event.commit, "execution": event.execution, "by": event.by}
    fields |= {"result": event.result, "request_id": event.request_id, "calendar": event.calendar}
    level = logging.WARNING if event.type in _TROUBLE else logging.INFO
    given = {name: value for name, value in fields.items() if value is not None}
    words = event.type.value.replace("_", " ")
    log.log(level, "%s: %s", words, event.message, extra={"event": event.type.value, **given})


@dataclass(frozen=True, slots=True)
class _Block:
    """The lines of _BLOCK events, from the number ``first`` on."""

    first: int
    packed: bytes


class _KeptEvents:
    """The newest events, at most ``keep``, read from the end: the last ones are objects, the others compressed lines.
    For one thread at a time; an iterator may be read in any."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._recent: deque[Numbered] = deque(maxlen=keep)
        self._blocks: deque[_Block] = deque()

    def append(self, number: int, event: Event) -> None:
        self._recent.append((number, event))
        while self._blocks and len(self) > self._keep:
            self._blocks.popleft()

    def pack(self) -> None:
        """Pack a few of the oldest objects; called after each append, it bounds their number. Events of an earlier
        process, which a start reads several times, are objects until then."""
        for _ in range(_BLOCKS_AT_ONCE):
            if len(self._recent) < 2 * _BLOCK:
                return
            block = [self._recent.popleft() for _ in range(_BLOCK)]
            lines = b"".join(_line(number, event) for number, event in block)
            self._blocks.append(_Block(block[0][0], zlib.compress(lines, 1)))

    def __len__(self) -> int:
        return _BLOCK * len(self._blocks) + len(self._recent)

    @property
    def last(self) -> int:
        """The newest number; 0 for none."""
        return self._recent[-1][0] if self._recent else 0

    def newest(self, before: int | None = None) -> Iterator[Numbered]:
        """Those below the number ``before``, newest first; a block is unpacked when it is come to: all
        10,000 are 150 ms of work, in steps of 1 ms."""
        return self._below(before, tuple(self._recent), tuple(self._blocks))

    def lines(self) -> Iterator[bytes]:
        """All, oldest first."""
        for block in self._blocks:
            yield zlib.decompress(block.packed)
        for number, event in self._recent:
            yield _line(number, event)

    def _below(
        self, before: int | None, recent: tuple[Numbered, ...], blocks: tuple[_Block, ...]
    ) -> Iterator[Numbered]:
        limit = math.inf if before is None else before
        yield from (one for one in reversed(recent) if one[0] < limit)
        for block in reversed(blocks):
            if block.first < limit:
                yield_to_engine()
                lines = zlib.decompress(block.packed).removeprefix(b"\n").split(b"\n")
                yield from (one for one in map(_numbered, reversed(lines)) if one[0] < limit)


class EventLog:
    """The newest events, at most KEEP, in memory and in ``events.jsonl``. Safe from any thread; a full disk loses the
    file only.

    Numbers rise by one and go on after a restart, so that a reader can say which was the last one it saw. ``path_of``
    says where the file of a job is now.
    """

    def __init__(self, path: Path, *, keep: int = KEEP, path_of: Callable[[str], str | None] = lambda _: None) -> None:
        self._path = path
        self._path_of = path_of
        self._keep = keep
        self._changed = threading.Condition()
        self._events = _KeptEvents(keep)
        self._lines = 0
        for line in self._read():
            self._remember(line)
        self._last = self._events.last

    def add(self, event: Event) -> int:
        """Its number. Wakes everybody who waits, and is a line of the log."""
        _log_line(event)
        known = ((name, event.paths.get(name) or self._path_of(name)) for name in event.names)
        event = replace(event, paths={name: path for name, path in known if path is not None})
        with self._changed:
            self._last += 1
            self._events.append(self._last, event)
            self._events.pack()
            self._write(self._last, event)
            self._changed.notify_all()
            return self._last

    @property
    def last(self) -> int:
        return self._last

    def newest(
        self, limit: int, *, before: int | None = None, wanted: Callable[[Event], bool] = lambda _: True
    ) -> list[Numbered]:
        """At most ``limit`` wanted events below the number ``before``, newest first."""
        with self._changed:
            found = self._events.newest(before)
        return list(islice((one for one in found if wanted(one[1])), limit))

    def after(self, number: int, *, timeout: float = 0.0) -> list[Numbered]:
        """The events above the number, oldest first; waits for one for at most ``timeout`` seconds."""
        with self._changed:
            if self._last <= number:
                self._changed.wait(timeout)
            found = self._events.newest()
        return list(takewhile(lambda one: one[0] > number, found))[::-1]

    def _read(self) -> list[bytes]:
        try:
            return self._path.read_bytes().splitlines()
        except FileNotFoundError:
            return []
        except OSError as error:
            log.warning("events_unreadable", extra={"error": str(error)})
            return []

    def _remember(self, line: bytes) -> None:
        """A line that a crash cut short, or that another version wrote, is passed over."""
        self._lines += 1
        try:
            number, event = _numbered(line)
        except (ValueError, TypeError, KeyError, AttributeError):
            return
        if number > self._events.last:
            self._events.append(number, event)

    def _write(self, number: int, event: Event) -> None:
        try:
            if self._lines >= 2 * self._keep:
                self._rewrite()
                return
            with open(self._path, "ab", opener=open_private) as file:
                file.write(_line(number, event))
            self._lines += 1
        except OSError as error:
            log.warning("event_not_kept", extra={"event": event.type.value, "error": str(error)})

    def _rewrite(self) -> None:
        write_atomically(self._path, self._events.lines())
        self._lines = len(self._events)


def _numbered(line: bytes) -> Numbered:
    """The inverse of ``_line``; ValueError, TypeError, KeyError or AttributeError for anything else."""
    document = json.loads(line)
    return int(document.pop("id")), Event.read(document)


def _line(number: int, event: Event) -> bytes:
    """A leading newline ends what a crash may have cut short before it."""
    document = event.document(most_names=NAMES_KEPT) | {"paths": dict(event.paths)}
    text = json.dumps({"id": number} | document, ensure_ascii=False)
    return b"\n" + text.encode("utf-8", "replace")
