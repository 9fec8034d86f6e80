"""The address of a request: any URL a person writes, as the exact ASCII that is sent, or a refusal."""

import re
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import quote

import yarl

from chronos_gitops.errors import ChronosError

_PORTS = {"http": 80, "https": 443}
_URL = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?#\\]*)(?P<rest>[^#]*)(?:#.*)?\Z", re.ASCII | re.IGNORECASE)
_AUTHORITY = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^:\[\]@]+))(?::(?P<port>[0-9]{0,5}))?\Z", re.ASCII)
_HOST = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?\Z", re.ASCII)
_ENDS_IN_A_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?\Z", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_KEPT = "!$%&'()*+,/:;=?@[]~"


class RequestError(ChronosError):
    """A request that cannot be made as the file says; the message holds no value that was filled in."""

    kind = "request"


@dataclass(frozen=True, slots=True)
class Target:
    """``url`` is ASCII, percent-encoded, without user info and fragment; ``host`` lower-case, without brackets."""

    url: str = field(repr=False)
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Target":
        """Quotes what may not stand in a URL (RFC 3986) and keeps what may; RequestError for what is no http(s) URL."""
        if _CONTROL.search(text):
            raise RequestError("the url holds a control character")
        url = _URL.match(text)
        if url is None or url["rest"][:1] == "\\":
            raise RequestError("the url is not absolute", hint="it begins with https:// or http:// and a host")
        if "@" in url["authority"]:
            raise RequestError("the url holds user info", hint="use webhook.auth with type: basic")
        authority = _AUTHORITY.match(url["authority"])
        if authority is None:
            raise RequestError("the url has no valid host and port")
        scheme = url["scheme"].lower()
        host = _ipv6(authority["v6"]) if authority["v6"] else _name(authority["host"])
        port = int(authority["port"] or _PORTS[scheme])
        if not 0 < port < 65536:
            raise RequestError("the port of the url is not between 1 and 65535")
        rest = quote(_BROKEN_ESCAPE.sub("%25", url["rest"]), safe=_KEPT)
        path = rest if rest.startswith("/") else f"/{rest}"
        place = f"[{host}]" if authority["v6"] else host
        shown_port = "" if port == _PORTS[scheme] else f":{port}"
        return cls(f"{scheme}://{place}{shown_port}{path}", host, port)


def authority_of(url: str) -> str:
    """What the requests to one host share, in lower case; secrets in the url are references still."""
    return re.split(r"[/?#\\]", url.partition("://")[2], maxsplit=1)[0].lower() or url


def _ipv6(text: str) -> str:
    try:
        return str(IPv6Address(text))
    except ValueError:
        raise RequestError("the host of the url is not an IPv6 address") from None


def _name(text: str) -> str:
    """A host name in ASCII (IDNA), or a dotted IPv4 address: ``127.1``, ``0x7f000001`` and other spellings that only
    old C libraries read as an address are refused, as in https://url.spec.whatwg.org/#ends-in-a-number-checker."""
    try:
        host = text.lower() if text.isascii() else yarl.URL.build(scheme="http", host=text).raw_host or ""
        if _ENDS_IN_A_NUMBER.match(host):
            return str(IPv4Address(host.removesuffix(".")))
    except ValueError:  # UnicodeError is one, too
        raise RequestError("the host of the url is neither a name nor a dotted IPv4 address") from None
    if not _HOST.match(host) or len(host) > 253:
        raise RequestError("the host of the url is not a valid name")
    return host
