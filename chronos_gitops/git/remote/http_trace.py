"""HTTP details of a git server's response: git prints a status at most, and neither Retry-After nor Location.

git writes the heads of all responses, without contents and credentials, into a file that only this user can read
(GIT_TRACE_CURL, git(1)); it is gone when the command has ended.
"""

import contextlib
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

from chronos_gitops.process.lazy_dataclass import dataclass

PREFIX: Final = ".git-trace-"
_MOST_BYTES: Final = 1 << 20
_LINE: Final = re.compile(r"^\S+ http\.c:\d+ +<= Recv header: ?(.*)$")
_MOST_SECONDS: Final = 86_400 * 365


@dataclass(frozen=True, slots=True)
class Response:
    """The head of one response; names of fields are in lower case."""

    status: int
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_page(self) -> bool:
        """True if this is HTML for a browser where git's protocol was asked for."""
        return self.status == 200 and self.fields.get("content-type", "").lower().startswith("text/html")

    def retry_after(self) -> timedelta:
        """RFC 9110, 10.2.3: seconds, or a date by the server's own clock; zero for what cannot be read."""
        text = self.fields.get("retry-after", "")
        if text.isascii() and text.isdigit():
            return timedelta(seconds=min(int(text[:10]), _MOST_SECONDS))
        until, now = _date(text), _date(self.fields.get("date", ""))
        return max(timedelta(), until - now) if until and now else timedelta()


@contextlib.contextmanager
def recorded() -> Iterator[tuple[Mapping[str, str], Callable[[], Sequence[Response]]]]:
    """The environment of the command to be recorded, and what answers its responses afterwards."""
    with tempfile.NamedTemporaryFile(prefix=PREFIX) as file:
        yield (
            {"GIT_TRACE_CURL": file.name, "GIT_TRACE_CURL_NO_DATA": "1", "GIT_TRACE_REDACT": "1"},
            lambda: responses(_tail(Path(file.name))),
        )


def responses(trace: str) -> Sequence[Response]:
    """The heads in a trace, in order."""
    found: list[tuple[int, dict[str, str]]] = []
    for line in trace.splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        status = re.match(r"HTTP/[\d.]+ (\d{3})", match[1])
        if status is not None:
            found.append((int(status[1]), {}))
        elif found and ":" in match[1]:
            name, _, value = match[1].partition(":")
            found[-1][1][name.strip().lower()] = value.strip()
    return [Response(status, fields) for status, fields in found]


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _MOST_BYTES))
            return file.read(_MOST_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
