"""The origin of a URL (scheme, host, port), read by one function wherever it is judged, and patterns of origins."""

import re
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from chronos_gitops.process.lazy_dataclass import dataclass

_PORTS = {"http": 80, "https": 443}
_URL = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?#\\]*)(?P<rest>[^#]*)(?:#.*)?\Z", re.ASCII | re.IGNORECASE)
_AUTHORITY = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^:\[\]@]+))(?::(?P<port>[0-9]{0,5}))?\Z", re.ASCII)
_HOST = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?\Z", re.ASCII)
_ENDS_IN_A_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?\Z", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LIKE_URL = "write it like https://api.example.com/backup"
_LIKE = "write one like https://api.example.com or https://*.example.com:8443"


class OriginError(ValueError):
    """Why a URL has no origin. Neither ``fault``, a predicate such as "is not absolute", nor the message holds anything
    of the URL."""

    def __init__(self, fault: str, hint: str = "") -> None:
        super().__init__(f"the url {fault}")
        self.fault = fault
        self.hint = hint


class UserInfoError(OriginError):
    """User and password before the host."""


class Origin(NamedTuple):
    """``host`` is ASCII, in lower case, without brackets; its final dot, if written, stays."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"

    @property
    def authority(self) -> str:
        """As a URL has it: IPv6 in brackets, without the usual port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def split(url: str) -> tuple[Origin, str]:
    """The origin of an http(s) URL, and what follows it, without the fragment. Raises OriginError."""
    if _CONTROL.search(url):
        raise OriginError("holds a control character")
    parts = _URL.match(url)
    if parts is None or parts["rest"][:1] == "\\":
        raise OriginError("is not absolute", "it begins with https:// or http:// and a host")
    if "@" in parts["authority"]:
        raise UserInfoError("holds user info", "use webhook.auth of type basic, with a secret")
    authority = _AUTHORITY.match(parts["authority"])
    if authority is None:
        raise OriginError("has no valid host and port", _LIKE_URL)
    scheme = parts["scheme"].lower()
    host = _ipv6(authority["v6"]) if authority["v6"] else _name(authority["host"])
    port = int(authority["port"] or _PORTS[scheme])
    if not 0 < port < 65536:
        raise OriginError("has a port that is not between 1 and 65535")
    return Origin(scheme, host, port), parts["rest"]


@dataclass(frozen=True, slots=True)
class OriginPattern:
    """``https://api.example.com``, or ``https://*.example.com:8443``, where ``*.`` is one or more labels."""

    origin: Origin
    is_suffix: bool

    @classmethod
    def parse(cls, text: str) -> "OriginPattern":
        """ValueError that names the text for what is no origin: a path, a network, user info, ``*``, an odd scheme."""
        scheme, separator, authority = text.partition("://")
        is_suffix = authority.startswith("*.")
        try:
            origin, rest = split(f"{scheme}{separator}{authority.removeprefix('*.')}")
        except OriginError as error:
            raise ValueError(f'"{text}" is no origin; {_LIKE}') from error
        is_address = ":" in origin.host or _ENDS_IN_A_NUMBER.match(origin.host)
        if rest or "#" in text or (is_suffix and is_address):
            raise ValueError(f'"{text}" is no origin; {_LIKE}')
        return cls(origin._replace(host=origin.host.removesuffix(".")), is_suffix)

    def __str__(self) -> str:
        return str(self.origin).replace("://", "://*.") if self.is_suffix else str(self.origin)

    def holds(self, origin: Origin) -> bool:
        if (origin.scheme, origin.port) != (self.origin.scheme, self.origin.port):
            return False
        host = origin.host.removesuffix(".")
        return host.endswith(f".{self.origin.host}") if self.is_suffix else host == self.origin.host


def is_host_in(host: str, pattern: str) -> bool:
    """``api.example.com`` is in itself and in ``*.example.com``; case and a final dot do not matter."""
    host, pattern = host.lower().rstrip("."), pattern.lower().rstrip(".")
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern


def _ipv6(text: str) -> str:
    try:
        return str(IPv6Address(text))
    except ValueError:
        raise OriginError("has a host that is not an IPv6 address", _LIKE_URL) from None


def _name(text: str) -> str:
    """A host name in ASCII (IDNA), or a dotted IPv4 address: ``127.1``, ``0x7f000001`` and other spellings that only
    old C libraries read as an address are refused, as in https://url.spec.whatwg.org/#ends-in-a-number-checker."""
    try:
        host = text.lower() if text.isascii() else _idna(text)
        if _ENDS_IN_A_NUMBER.match(host):
            return str(IPv4Address(host.removesuffix(".")))
    except ValueError:  # UnicodeError is one, too
        raise OriginError("has a host that is neither a name nor a dotted IPv4 address", _LIKE_URL) from None
    if not _HOST.match(host) or len(host) > 253:
        raise OriginError("has a host that is not a valid name", _LIKE_URL)
    return host


def _idna(text: str) -> str:
    import yarl  # seldom needed, and validating one file takes 80 ms in all

    return yarl.URL.build(scheme="http", host=text).raw_host or ""
