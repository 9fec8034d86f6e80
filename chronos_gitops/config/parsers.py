"""Parsers of single settings; all take the raw value and the base of relative paths, and raise ValueError."""

import ipaddress
import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import Any, Final
from urllib.parse import urlsplit

from chronos_gitops.config.repository_url import is_address
from chronos_gitops.jobs.layers.file_roles import is_environment_name
from chronos_gitops.jobs.origins.private_hosts import PrivateHosts
from chronos_gitops.process import failpoints
from chronos_gitops.schedule import durations as timing_duration
from chronos_gitops.schedule.daily import is_clock
from chronos_gitops.schedule.zones import timezones

_LISTEN: Final = re.compile(r"(?:(?P<host>\[[0-9a-fA-F:.]+\]|[^\s:\[\]/]*):)?(?P<port>[0-9]{1,5})\Z")

_ORIGIN: Final = re.compile(r"https?://[a-z0-9]([a-z0-9.-]{0,252}[a-z0-9])?(:[0-9]{1,5})?\Z", re.ASCII)
_VISIBLE: Final = re.compile(r"[\x21-\x7e]{1,2000}\Z", re.ASCII)
_COMMIT: Final = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})\Z", re.ASCII)
_HOST: Final = re.compile(r"[a-z0-9]([a-z0-9.-]{0,252}[a-z0-9])?\Z", re.ASCII)

_SIZE: Final = re.compile(r"([0-9]{1,9}) ?(KiB|MiB|GiB)\Z", re.ASCII)
_UNITS: Final = {"KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}


def text(value: Any, _base: Path = Path()) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{value!r} is not a text")
    return value


def texts(value: Any, _base: Path = Path()) -> tuple[str, ...]:
    entries = [one.strip() for one in value.split(",") if one.strip()] if isinstance(value, str) else value
    if not isinstance(entries, Sequence) or not all(isinstance(one, str) for one in entries):
        raise ValueError(f"{value!r} is not a list of texts")
    return tuple(entries)


def private_hosts(value: Any, _base: Path = Path()) -> tuple[str, ...]:
    return PrivateHosts.parse(texts(value)).hosts


def environment(value: Any, _base: Path = Path()) -> str:
    """The name of a file that declares it."""
    given = text(value).strip()
    if not is_environment_name(given):
        raise ValueError(f'"{given}" is no name of an environment; write one like staging, in lower case')
    return given


def commit_id(value: Any, _base: Path) -> str:
    """The full id of a commit, SHA-1 or SHA-256: a shorter one could become ambiguous."""
    given = text(value).strip().lower()
    if not _COMMIT.match(given):
        raise ValueError(f'"{given}" is no full commit id; write the 40 (SHA-256: 64) digits that git rev-parse prints')
    return given


def host_names(value: Any, _base: Path) -> tuple[str, ...]:
    """Names as a Host header has them, without a port, in lower case."""
    found = tuple(name.lower() for name in texts(value))
    odd = next((name for name in found if not _HOST.match(name)), None)
    if odd is not None:
        raise ValueError(f'"{odd}" is no name of a host; write one like chronos.example.com, without a port')
    return found


def origins(value: Any, _base: Path) -> tuple[str, ...]:
    """As a browser writes them: scheme, host and a port that is not the usual one; ``*`` is none."""
    found = texts(value)
    odd = next((one for one in found if not _ORIGIN.match(one)), None)
    if odd is not None:
        raise ValueError(f'"{odd}" is no origin; write one like https://dashboard.example.com, without a path')
    return found


def public_url(value: Any, _base: Path) -> str:
    """An address that paths of the API are put behind: it may have a path of its own, as behind a proxy."""
    given = text(value).strip()
    if not _is_plain_address(given):
        # It may hold a password, so it is not told.
        raise ValueError("it is no address of a server; write one like https://chronos.example.com, without a query")
    return given.rstrip("/")


def _is_plain_address(given: str) -> bool:
    try:
        parts = urlsplit(given)
        is_whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    is_plain = not parts.query and not parts.fragment and parts.username is None
    return is_whole and is_plain and _VISIBLE.match(given) is not None


def choice(*words: str) -> Callable[[Any, Path], str]:
    def parse(value: Any, _base: Path) -> str:
        if value not in words:
            raise ValueError(f'"{value}" is none of {", ".join(words)}')
        return str(value)

    return parse


def at_least(least: int) -> Callable[[Any, Path], int]:
    def parse(value: Any, _base: Path) -> int:
        number = int(value) if isinstance(value, str) and value.isdecimal() else value
        if not isinstance(number, int) or isinstance(number, bool) or number < least:
            raise ValueError(f'"{value}" is not a whole number from {least} on')
        return number

    return parse


def duration(least: timedelta, most: timedelta | None = None) -> Callable[[Any, Path], timedelta]:
    def parse(value: Any, _base: Path) -> timedelta:
        length = timing_duration.parse(text(value))
        if length < least:
            raise ValueError(f'"{value}" is too short; {timing_duration.render(least)} is the least')
        if most is not None and length > most:
            raise ValueError(f'"{value}" is too long; {timing_duration.render(most)} is the most')
        return length

    return parse


def wall_clock(value: Any, _base: Path = Path()) -> str:
    given = text(value).strip()
    if not is_clock(given):
        raise ValueError(f'"{given}" is not a wall clock time; write one like 16:00')
    return given


def timezone(value: Any, _base: Path = Path()) -> str:
    """ScheduleErrors, which are ValueErrors, say which zone is meant."""
    given = text(value).strip()
    timezones.load(given)
    return given


def size(least: int) -> Callable[[Any, Path], int]:
    """Bytes, written like ``64MiB``."""

    def parse(value: Any, _base: Path) -> int:
        match = _SIZE.match(text(value).strip())
        if match is None:
            raise ValueError(f'"{value}" is not a size; write one like 64MiB')
        found = int(match[1]) * _UNITS[match[2]]
        if found < least:
            raise ValueError(f'"{value}" is too small; {least // 1024}KiB is the least')
        return found

    return parse


def path(value: Any, base: Path) -> Path:
    return (base / Path(text(value)).expanduser()).resolve()


def paths(value: Any, base: Path) -> tuple[Path, ...]:
    return tuple(path(one, base) for one in texts(value))


def folder(value: Any, _base: Path = Path()) -> str:
    path = PurePosixPath(text(value))
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f'"{value}" is not a folder inside the repository')
    return str(path)


def listen(value: Any, _base: Path) -> tuple[str, int]:
    """``host:port``; without a host it is the loopback one, for a door that is open by mistake is the worse mistake."""
    match = _LISTEN.match(text(value))
    if match is None or int(match["port"]) > 65535:
        raise ValueError(f'"{value}" is not an address; write one like 127.0.0.1:8080 or [::1]:8080')
    return (match["host"] or "127.0.0.1").strip("[]"), int(match["port"])


def secret(value: Any, _base: Path) -> str:
    """The error does not tell it."""
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise ValueError("it is not a text on one line")
    return value


def secrets(value: Any, _base: Path) -> tuple[str, ...]:
    """Several, so that a new one can take over from an old one; the error tells none of them."""
    entries = [one.strip() for one in value.split(",")] if isinstance(value, str) else value
    if not isinstance(entries, list) or not entries or not all(isinstance(one, str) and one for one in entries):
        raise ValueError("it is not a list of texts that are not empty")
    return tuple(entries)


def repository(value: Any, base: Path) -> str:
    return value if is_address(text(value)) else str(path(value, base))


def engine(value: Any, _base: Path) -> str:
    text = str(value)
    if text == "sqlite" or text.startswith(("postgresql://", "temporal://")):
        return text
    if text.startswith("sqlite://"):
        path = text.removeprefix("sqlite://")
        if path.startswith("/") and not path.endswith("/"):
            return text
        raise ValueError(f'"{text}" names no file; write sqlite:///var/lib/chronos/ledger.db, with three slashes')
    raise ValueError(f'"{text.partition("://")[0]}" is none of sqlite, postgresql://..., temporal://...')


def failpoint(value: Any, _base: Path) -> str:
    failpoints.parse(text(value))
    return str(value)


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_unspecified(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False
