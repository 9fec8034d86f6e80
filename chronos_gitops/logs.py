"""Logging: one event, one line; plain for a person at a terminal, JSON lines for everything else."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Literal, TextIO

_NOISY = ("asyncio", "git", "httpcore", "httpx", "waitress", "watchfiles", "werkzeug")
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def configure(style: Literal["auto", "plain", "json"], level: str, stream: TextIO | None = None) -> None:
    """Sends every record to ``stream`` (stderr) from now on; ``level`` is debug, info, warning or error."""
    target = sys.stderr if stream is None else stream
    handler = logging.StreamHandler(target)
    plain = style == "plain" or (style == "auto" and target.isatty())
    handler.setFormatter(PlainFormatter() if plain else JsonFormatter())
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))


def fields_of(record: logging.LogRecord) -> dict[str, object]:
    """What a call gave with ``extra=``: job, execution, commit and the like."""
    return {key: value for key, value in vars(record).items() if key not in _STANDARD}


class JsonFormatter(logging.Formatter):
    """``{"ts": ..., "level": ..., "logger": ..., "message": ..., <fields>}``, times in RFC 3339 UTC milliseconds."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {"ts": at, "level": record.levelname.lower(), "logger": record.name, "message": record.getMessage()}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(fields_of(record) | line, default=str, ensure_ascii=False)


class PlainFormatter(logging.Formatter):
    """``12:30:00 INFO reloaded jobs=7 commit=1a2b3c4``, in UTC."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC)
        fields = "".join(f" {key}={value}" for key, value in fields_of(record).items())
        line = f"{at:%H:%M:%S} {record.levelname:<7} {record.getMessage()}{fields}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line
