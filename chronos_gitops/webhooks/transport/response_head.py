"""The head of an HTTP/1 response: its status, and where the response ends (RFC 9112, section 6.3). Pure.

Lenient in what it reads, as Python's http.client and browsers are: the status of a legible head decides about an
execution, so a target is not called again because of an unneeded field. Whatever is odd about the framing means
that the connection is not used again, so that no byte of this response can be taken for the next one.
"""

import re
from enum import StrEnum
from functools import lru_cache

from chronos_gitops.process.lazy_dataclass import dataclass

_BLANK_LINE = re.compile(rb"\n\r?\n")
_STATUS_LINE = re.compile(rb"HTTP/([0-9])(?:\.([0-9]))?[ \t]+([1-9][0-9]{2})(?:[ \t].*)?\Z", re.DOTALL)
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+)([ \t]*):(.*)\Z", re.DOTALL)
_LENGTH = re.compile(r"[0-9]+\Z", re.ASCII)
_KEEP_ALIVE = re.compile(r"(?:^|,)[ \t]*timeout[ \t]*=[ \t]*\"?([0-9]{1,9})", re.ASCII | re.IGNORECASE)
_PREFIX = b"HTTP/"
_LARGEST = 2**62
_SHORT = 1024
SWITCHING_PROTOCOLS = 101
NOTED = {
    name.lower(): name
    for name in (
        "Content-Type",
        "Location",
        "Allow",
        "Retry-After",
        "WWW-Authenticate",
        "Server",
        "Via",
        "Server-Timing",
        "X-Request-Id",
        "X-Correlation-Id",
    )
}
"""The fields that are kept with an attempt: they explain a response, and none of them sets a credential."""


class Framing(StrEnum):
    """Where the body ends."""

    EMPTY = "at the blank line"
    LENGTH = "after Content-Length bytes"
    CHUNKED = "after the last chunk"
    CLOSE = "when the server closes"
    UNKNOWN = "unknown: the body is discarded and the connection closed"


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """``may_reuse``: the connection may serve another request; ``keep_alive``: the seconds that the server announced
    it will keep an idle connection open; ``encoding``: its Content-Encoding, in lower case; ``noted``: its fields of
    ``NOTED``."""

    status: int
    framing: Framing
    length: int = 0
    may_reuse: bool = False
    keep_alive: int | None = None
    retry_after: str | None = None
    encoding: str = ""
    noted: tuple[tuple[str, str], ...] = ()

    @property
    def is_final(self) -> bool:
        """An upgrade that was not asked for is the last that this connection says in HTTP."""
        return self.status >= 200 or self.status == SWITCHING_PROTOCOLS

    def canonical(self, *, keep: bool) -> bytes:
        """A head that says the same and that no parser can take in two ways."""
        fields = "" if keep else "Connection: close\r\n"
        match self.framing:
            case Framing.LENGTH:
                fields += f"Content-Length: {self.length}\r\n"
            case Framing.CHUNKED:
                fields += "Transfer-Encoding: chunked\r\n"
            case Framing.EMPTY | Framing.UNKNOWN if self.status >= 200 and self.status not in (204, 304):
                fields += "Content-Length: 0\r\n"
        return f"HTTP/1.1 {self.status} \r\n{fields}\r\n".encode()


def end_of_head(content: bytes | bytearray, searched: int = 0) -> int | None:
    """Where the body begins; ``searched`` bytes have no blank line in them."""
    found = _BLANK_LINE.search(content, max(0, searched - 2))
    return None if found is None else found.end()


def may_be_http(content: bytes | bytearray) -> bool:
    """True if these first bytes may become a status line."""
    return content[: len(_PREFIX)] == _PREFIX[: len(content)]


def parse(head: bytes, *, method: str) -> ResponseHead | None:
    """``head`` ends with its blank line; None when its first line is no status line."""
    return _known(head, method) if len(head) <= _SHORT else _parsed(head, method)


@lru_cache(maxsize=64)
def _known(head: bytes, method: str) -> ResponseHead | None:
    """A server that answers many requests within a second gives them all the same head, date included."""
    return _parsed(head, method)


def _parsed(head: bytes, method: str) -> ResponseHead | None:
    lines = head.rstrip(b"\r\n").split(b"\n")
    line = _STATUS_LINE.match(lines[0].rstrip(b"\r"))
    if line is None:
        return None
    version, status = (int(line[1]), int(line[2] or b"0")), int(line[3])
    fields, is_odd = _fields(lines[1:])
    framing, length, is_clean = _framing(fields, status, method, version)
    options = _list(fields, "connection")
    keeps = "close" not in options and (version >= (1, 1) or "keep-alive" in options)
    announced = _KEEP_ALIVE.search(", ".join(fields.get("keep-alive", ())))
    retry_after = fields.get("retry-after")
    return ResponseHead(
        status,
        framing,
        length,
        may_reuse=keeps and is_clean and not is_odd and version[0] == 1 and framing is not Framing.CLOSE,
        keep_alive=None if announced is None else int(announced[1]),
        retry_after=None if retry_after is None else retry_after[0],
        encoding=", ".join(_list(fields, "content-encoding")),
        noted=tuple((NOTED[name], ", ".join(values)) for name, values in fields.items() if name in NOTED),
    )


def _fields(lines: list[bytes]) -> tuple[dict[str, list[str]], bool]:
    """Names in lower case with their values, and whether a line was no field. A folded line continues the one before
    (RFC 9112, section 5.2)."""
    found: dict[str, list[str]] = {}
    values: list[str] | None = None
    is_odd = False
    for line in lines:
        if line[:1] in (b" ", b"\t") and values is not None:
            values[-1] = f"{values[-1]} {_text(line)}".strip()
            continue
        field = _FIELD.match(line)
        if field is None:
            is_odd, values = True, None
            continue
        is_odd = is_odd or bool(field[2])
        values = found.setdefault(_text(field[1]).lower(), [])
        values.append(_text(field[3]))
    return found, is_odd


def _framing(
    fields: dict[str, list[str]], status: int, method: str, version: tuple[int, int]
) -> tuple[Framing, int, bool]:
    """The framing, the length, and whether all of it is as RFC 9112 says."""
    codings = [coding for coding in _list(fields, "transfer-encoding") if coding != "identity"]
    lengths = _list(fields, "content-length")
    if method == "HEAD" or status < 200 or status in (204, 304):
        # To HEAD and in 304 both fields describe what GET would bring. In 1xx and 204 they must not be there, but a
        # length of 0 says the same as none.
        is_description = method == "HEAD" or status == 304
        is_clean = not lengths or _length(lengths) is not None if is_description else {*codings, *lengths} <= {"0"}
        return Framing.EMPTY, 0, is_clean
    if codings:
        is_clean = (
            codings == ["chunked"] and not lengths and version >= (1, 1) and len(fields["transfer-encoding"]) == 1
        )
        return (Framing.CHUNKED, 0, is_clean) if codings[-1] == "chunked" else (Framing.CLOSE, 0, False)
    if "content-length" not in fields:
        return Framing.CLOSE, 0, True
    length = _length(lengths)
    if length is None:
        return Framing.UNKNOWN, 0, False
    return Framing.LENGTH, length, "transfer-encoding" not in fields


def _length(values: list[str]) -> int | None:
    """Several are one when they are equal (RFC 9110, section 8.6)."""
    if not values or not all(_LENGTH.match(value) for value in values):
        return None
    different = {value.lstrip("0") for value in values}
    if len(different) > 1:
        return None
    digits = different.pop()
    return int(digits or "0") if len(digits) <= 18 else _LARGEST


def _list(fields: dict[str, list[str]], name: str) -> list[str]:
    """The elements of a field that is a list, in lower case."""
    elements = (element.strip(" \t").lower() for value in fields.get(name, ()) for element in value.split(","))
    return [element for element in elements if element]


def _text(content: bytes) -> str:
    return content.decode("latin-1").strip(" \t\r")
