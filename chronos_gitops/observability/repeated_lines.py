"""A fault that lasts is one line a minute, whichever loop meets it: the loops log it at each turn."""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Hashable
from typing import Final

from chronos_gitops.process.bounded_dict import BoundedDict
from chronos_gitops.process.lazy_dataclass import dataclass

_EVERY_S: Final = 60.0
_LINES: Final = 100
"""Different lines of one logger that are remembered."""
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def fields_of(record: logging.LogRecord) -> dict[str, object]:
    """Fields that a call passed as ``extra=``: job, execution, commit and the like."""
    return {key: value for key, value in vars(record).items() if key not in _STANDARD}


@dataclass(slots=True)
class _LastLine:
    at: float
    left_out: int = 0


class RepeatedLines(logging.Filter):
    """Leaves a warning or error out that is the same as one of the last minute, in its text and all its fields. The
    next one that is written has the number of those as ``repeated``. An information of the same logger ends that: the
    fault is over, and comes back as news."""

    def __init__(self, elapsed: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._elapsed = elapsed
        self._lock = threading.Lock()
        self._written: dict[str, BoundedDict[Hashable, _LastLine]] = defaultdict(lambda: BoundedDict(_LINES))

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.INFO:
            return True
        with self._lock:
            if record.levelno < logging.WARNING:
                self._written.pop(record.name, None)
                return True
            return self._is_news(record)

    def _is_news(self, record: logging.LogRecord) -> bool:
        lines, key, now = self._written[record.name], _key(record), self._elapsed()
        before = lines.pop(key, None)
        if before is not None and now - before.at < _EVERY_S:
            before.left_out += 1
            lines[key] = before
            return False
        lines[key] = _LastLine(now)
        if before is not None and before.left_out:
            record.repeated = before.left_out
        return True


def _key(record: logging.LogRecord) -> Hashable:
    error = record.exc_info[1] if record.exc_info else None
    fields = tuple(f"{key}={value}" for key, value in fields_of(record).items())
    return record.levelno, record.getMessage(), fields, None if error is None else repr(error)
