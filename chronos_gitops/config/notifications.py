"""Parsers of ``[[notify]]`` tables; all raise ValueError."""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final, TypeVar, cast
from urllib.parse import urlsplit

from chronos_gitops.config import parsers
from chronos_gitops.config.channels import (
    MOST_FAILURES,
    Channel,
    Email,
    Kind,
    SecretValue,
    Slack,
    Tls,
    Way,
    WebhookChannel,
)
from chronos_gitops.config.toml_tables import refuse_unknown, tags_of
from chronos_gitops.jobs.templates.templates import is_secret_name, secrets

MOST: Final = 20
"""Channels: each has a thread of its own."""
_NAME: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\Z", re.ASCII)
_ADDRESS: Final = re.compile(r"[^\s@<>,;:\"()]{1,64}@[a-z0-9]([a-z0-9.-]{0,252}[a-z0-9])?\Z", re.ASCII | re.IGNORECASE)
_HOST: Final = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,252}[a-z0-9_])?\Z", re.ASCII | re.IGNORECASE)
_COMMON: Final = ("name", "type", "tags", "kinds", "threshold", "reminder", "recovery")
_OF_WEBHOOK: Final = ("url", "url_file", "secret", "secret_file")
_OF_SLACK: Final = ("url", "url_file")
_OF_EMAIL: Final = ("host", "port", "tls", "username", "password", "password_file", "from", "to")
_KINDS: Final = ("job", "sync")
_PORTS: Final[Mapping[Tls, int]] = {"starttls": 587, "tls": 465, "none": 25}
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")

T = TypeVar("T")
Entry = Mapping[str, Any]


def channels(value: Any, base: Path) -> tuple[Channel, ...]:
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise ValueError('write one [[notify]] table with name, type ("webhook", "slack" or "email") for each channel')
    if len(value) > MOST:
        raise ValueError(f"{len(value)} channels are too many; {MOST} is the most")
    found = tuple(_channel(entry, number, base) for number, entry in enumerate(value, 1))
    names = [channel.name for channel in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f'two channels have the name "{twice}"; what was told is kept by name, so give each its own')
    return found


def _channel(entry: Entry, number: int, base: Path) -> Channel:
    name = entry.get("name")
    if not isinstance(name, str) or len(name) > 100 or not _NAME.match(name):
        raise ValueError(f'table {number} has no name; write one like name = "backend-team"')
    try:
        kind = entry.get("type")
        if not isinstance(kind, str) or kind not in _WAYS:
            raise ValueError(f'type: "{kind}" is none of {", ".join(_WAYS)}')
        keys, way = _WAYS[kind]
        refuse_unknown(entry, (*_COMMON, *keys))
        return Channel(
            name,
            way(entry, base),
            tags := tags_of(entry),
            _kinds(entry, has_tags=bool(tags)),
            _threshold(entry),
            _read(entry, "reminder", timedelta(hours=24), lambda given: parsers.duration(timedelta())(given, base)),
            _read(entry, "recovery", True, _boolean),
        )
    except ValueError as error:
        raise ValueError(f'channel "{name}": {error}') from error


def _webhook(entry: Entry, base: Path) -> Way:
    return WebhookChannel(_url(entry, base), hidden(entry, "secret", base))


def _slack(entry: Entry, base: Path) -> Way:
    return Slack(_url(entry, base))


def _email(entry: Entry, base: Path) -> Way:
    host = _needed(entry, "host", "smtp.example.com")
    if not _is_host(host):
        raise ValueError(f'host: "{host}" is no host; write a name or an address, and the port as port = 587')
    tls = cast("Tls", _read(entry, "tls", "starttls", lambda given: parsers.choice(*_PORTS)(given, base)))
    username = _read(entry, "username", "", parsers.text)
    password = hidden(entry, "password", base)
    if (password is None) != (not username):
        raise ValueError("username and password_file go together; leave both out for a server that asks for none")
    if username and tls == "none" and host.lower() not in _LOOPBACK:
        raise ValueError('a password would be sent in the clear; write tls = "starttls" or tls = "tls"')
    recipients = parsers.texts(entry.get("to", ()))
    if not recipients:
        raise ValueError('there is no "to"; write one like to = ["oncall@example.com"]')
    sender = _needed(entry, "from", "chronos@example.com")
    odd = next((one for one in (sender, *recipients) if not _ADDRESS.match(one)), None)
    if odd is not None:
        raise ValueError(f'"{odd}" is no e-mail address; write one like oncall@example.com, without a display name')
    return Email(host, _port(entry, _PORTS[tls]), tls, sender, recipients, username, password)


_WAYS: Final[Mapping[str, tuple[tuple[str, ...], Callable[[Entry, Path], Way]]]] = {
    "webhook": (_OF_WEBHOOK, _webhook),
    "slack": (_OF_SLACK, _slack),
    "email": (_OF_EMAIL, _email),
}


def hidden(entry: Entry, key: str, base: Path) -> SecretValue | None:
    """``key`` or ``key_file``; the error tells no value."""
    if key in entry and f"{key}_file" in entry:
        raise ValueError(f"{key} and {key}_file are two answers; leave one out")
    if f"{key}_file" in entry:
        return SecretValue(file=_read(entry, f"{key}_file", Path(), lambda given: parsers.path(given, base)))
    if key not in entry:
        return None
    return _checked(SecretValue(_read(entry, key, "", lambda given: parsers.secret(given, base))), key)


def address(value: Any, base: Path) -> SecretValue:
    """An absolute http(s) address that is not shown, or one with references to secrets."""
    return _absolute(_checked(SecretValue(parsers.secret(value, base)), "it"), "it")


def address_file(value: Any, base: Path) -> SecretValue:
    return SecretValue(file=parsers.path(value, base))


def _url(entry: Entry, base: Path) -> SecretValue:
    found = hidden(entry, "url", base)
    if found is None:
        raise ValueError('there is no url; write url = "https://..." or url_file = "/run/secrets/channel-url"')
    return _absolute(found, "url")


def _absolute(found: SecretValue, key: str) -> SecretValue:
    if found.file is not None or secrets(found.text):
        return found
    try:
        parts = urlsplit(found.text)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        is_address = False
    if not is_address:
        raise ValueError(f"{key} is no address; write one like https://hooks.example.com/..., without user info")
    return found


def _checked(found: SecretValue, key: str) -> SecretValue:
    for _, name in secrets(found.text):
        if not is_secret_name(name):
            raise ValueError(f"{key} holds a reference that names no secret; write one like ${{secret:channel-url}}")
    return found


def _kinds(entry: Entry, *, has_tags: bool) -> frozenset[Kind]:
    """Sync is about no job, so a channel for some jobs hears of it only when it asks."""
    default: tuple[str, ...] = ("job",) if has_tags else _KINDS
    given = _read(entry, "kinds", default, parsers.texts)
    unknown = next((one for one in given if one not in _KINDS), None)
    if unknown is not None or not given:
        raise ValueError(f"kinds: some of {', '.join(_KINDS)}; got {unknown or 'none'}")
    return frozenset(cast("tuple[Kind, ...]", given))


def _threshold(entry: Entry) -> int:
    found = _read(entry, "threshold", 1, lambda given: parsers.at_least(1)(given, Path()))
    if found > MOST_FAILURES:
        raise ValueError(f"threshold: {found} is too many failures in a row; {MOST_FAILURES} is the most")
    return found


def _is_host(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return _HOST.match(text) is not None
    return True


def _port(entry: Entry, default: int) -> int:
    port = _read(entry, "port", default, lambda given: parsers.at_least(1)(given, Path()))
    if port > 65535:
        raise ValueError(f"port: {port} is not between 1 and 65535")
    return port


def _boolean(given: Any) -> bool:
    if not isinstance(given, bool):
        raise ValueError(f"{given!r} is neither true nor false")
    return given


def _needed(entry: Entry, key: str, example: str) -> str:
    if key not in entry:
        raise ValueError(f'there is no "{key}"; write one like {key} = "{example}"')
    return _read(entry, key, "", parsers.text)


def _read(entry: Entry, key: str, default: T, parse: Callable[[Any], T]) -> T:
    if key not in entry:
        return default
    try:
        return parse(entry[key])
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from error
