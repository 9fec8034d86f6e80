"""Logging: one event, one line; plain for a person at a terminal, JSON lines for everything else.

Logging never waits for the reader of the log: lines go through a queue to a thread of their own. A stderr without a
reader costs lines, which are counted, and neither a tick nor an answer.
"""

import contextlib
import json
import logging
import os
import queue
import re
import select
import sys
import time
from datetime import UTC, datetime
from typing import Final, Literal, TextIO

from chronos_gitops.observability.repeated_lines import RepeatedLines, fields_of
from chronos_gitops.process.background_thread import BackgroundThread
from chronos_gitops.process.sleep import sleep
from chronos_gitops.schedule.timestamps import rfc3339

_NOISY = ("asyncio", "git", "httpcore", "httpx", "waitress", "watchfiles", "werkzeug")
_WAITING_LINES: Final = 10_000
_GATHERED: Final = 0.01
"""Seconds in which lines gather to be written at once: waking the thread for each costs more than writing it."""
_AT_ONCE: Final = 1000
_PATIENCE: Final = 2.0
"""Seconds that the end of the program waits for lines that are still to be written."""


def configure(style: Literal["auto", "plain", "json"], level: str, stream: TextIO | None = None) -> None:
    """Sends every record to ``stream`` (stderr) from now on; ``level`` is debug, info, warning or error."""
    target = sys.stderr if stream is None else stream
    plain = style == "plain" or (style == "auto" and target.isatty())
    handler = Lines(target, PlainFormatter() if plain else JsonFormatter())
    handler.addFilter(RepeatedLines())
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    # Never shown, and a third of a record's cost: see "Optimization" in Python's logging HOWTO.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))


def dropped() -> int:
    """Number of log lines dropped because their reader was too slow."""
    return sum(handler.dropped for handler in logging.getLogger().handlers if isinstance(handler, Lines))


class Lines(logging.Handler):
    """Writes what it is given in a thread of its own; at most ``waiting`` lines wait, and newer ones are dropped.

    Once it gets through again, a line tells how many are missing. ``logging.shutdown`` at the end of the program waits
    for the rest, for two seconds at most. Records are made to lines by the caller: a value may change later.
    """

    def __init__(self, stream: TextIO, formatter: logging.Formatter, *, waiting: int = _WAITING_LINES) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self.dropped = 0
        self._told = 0
        self._stream = stream
        self._queue: queue.Queue[str | None] = queue.Queue(waiting)
        self._thread = BackgroundThread("chronos-log", self._run)
        self._thread.launch()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._queue.put_nowait(self.format(record))
        except queue.Full:
            self.dropped += 1
        except Exception:  # the contract of logging: a line that cannot be made ends nothing
            self.handleError(record)

    def flush(self) -> None:
        """Returns when all is written, or after two seconds."""
        deadline = time.monotonic() + _PATIENCE
        with self._queue.all_tasks_done:
            while self._queue.unfinished_tasks and self._thread.is_alive():
                left = deadline - time.monotonic()
                if left <= 0:
                    return
                self._queue.all_tasks_done.wait(min(left, 0.1))

    def close(self) -> None:
        self.flush()
        with contextlib.suppress(queue.Full):  # then the thread hangs in a write, and ends with the process
            self._queue.put_nowait(None)
        super().close()

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            sleep(_GATHERED)
            lines, is_end = self._waiting_after(first)
            self._write("\n".join(lines))
            if self.dropped > self._told and self._queue.empty():
                missing, self._told = self.dropped - self._told, self.dropped
                self._write(self.format(_missing(missing)))
            for _ in range(len(lines) + is_end):
                self._queue.task_done()
            if is_end:
                return
        self._queue.task_done()

    def _waiting_after(self, first: str) -> tuple[list[str], bool]:
        """The lines that wait, and whether the end comes after them."""
        lines = [first]
        with contextlib.suppress(queue.Empty):
            while len(lines) < _AT_ONCE:
                line = self._queue.get_nowait()
                if line is None:
                    return lines, True
                lines.append(line)
        return lines, False

    def _write(self, line: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # the reader is gone, or the stream is closed
            try:
                descriptor = self._stream.fileno()
            except OSError:  # a stream in memory
                self._stream.write(f"{line}\n")
                self._stream.flush()
                return
            _write_all(descriptor, f"{line}\n".encode("utf-8", "backslashreplace"))


def _write_all(descriptor: int, content: bytes) -> None:
    """Past the stream's buffer: a thread that hangs in it would keep the interpreter from ending."""
    rest = memoryview(content)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:
            select.select([], [descriptor], [], 1)


def _missing(count: int) -> logging.LogRecord:
    words = {"name": __name__, "levelno": logging.WARNING, "levelname": "WARNING", "msg": "log lines were dropped"}
    return logging.makeLogRecord(words | {"event": "log_lines_dropped", "count": count})


_JSON: Final = json.JSONEncoder(default=str, ensure_ascii=False)


class JsonFormatter(logging.Formatter):
    """``{"ts": ..., "level": ..., "event": ..., "msg": ..., <fields>, "logger": ...}``, times in RFC 3339 UTC
    milliseconds. ``event`` is a name to filter on: what the call gave, or else the message up to its first value."""

    def format(self, record: logging.LogRecord) -> str:
        at = rfc3339(datetime.fromtimestamp(record.created, UTC), milliseconds=True)
        fields = fields_of(record)
        event = fields.pop("event", None) or _event(str(record.msg))
        line = {"ts": at, "level": record.levelname.lower(), "event": event, "msg": record.getMessage()}
        line |= {key: value for key, value in fields.items() if key not in line} | {"logger": record.name}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return _JSON.encode(line)


class PlainFormatter(logging.Formatter):
    """``12:30:00 INFO reloaded jobs=7 commit=1a2b3c4``, in UTC."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC)
        fields = "".join(f" {key}={value}" for key, value in fields_of(record).items())
        line = f"{at:%H:%M:%S} {record.levelname:<7} {record.getMessage()}{fields}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _event(message: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", message.partition("%")[0].lower()).strip("_") or "message"
