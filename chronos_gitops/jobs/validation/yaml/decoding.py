"""The bytes of a file as text: size, encoding, and characters that hide what a file says."""

import re

MAX_BYTES = 256 * 1024
_BOM = b"\xef\xbb\xbf"
# YAML's non-printable characters, its three invisible line breaks (NEL, LS, PS), which would end a comment unseen, and
# the bidirectional controls that make a review show another text than the one that runs (CVE-2021-42574).
_HIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff]")


class TextError(Exception):
    """Why the bytes cannot be a job file. ``line`` and ``column`` count from 0; ``excerpt`` is what could be read."""

    def __init__(
        self, rule: str, message: str, hint: str, *, line: int = 0, column: int = 0, excerpt: str = ""
    ) -> None:
        super().__init__(message)
        self.rule, self.message, self.hint = rule, message, hint
        self.line, self.column, self.excerpt = line, column, excerpt


def decode(content: bytes) -> str:
    """The text without its byte order mark; TextError for more than 256 KiB, other encodings, hidden characters."""
    if len(content) > MAX_BYTES:
        raise TextError("too-large", f"the file has {len(content):,} bytes; a job file has at most {MAX_BYTES:,}", "")
    body = content.removeprefix(_BOM)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _not_utf8(body, error.start) from None
    hidden = _HIDDEN.search(text)
    if hidden is not None:
        raise _hidden(text, hidden.start())
    return text


def lines(text: str) -> tuple[str, ...]:
    """The lines as editors and YAML count them; ``str.splitlines`` breaks at more characters than these."""
    return tuple(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))


def _not_utf8(body: bytes, offset: int) -> TextError:
    message = f"byte 0x{body[offset]:02x} is not UTF-8"
    hint = "save the file as UTF-8"
    if body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        message, hint = "the file is UTF-16", "save it as UTF-8"
    return _at("encoding", message, hint, body.decode("utf-8", "replace"), len(body[:offset].decode("utf-8")))


def _hidden(text: str, offset: int) -> TextError:
    code = ord(text[offset])
    hint = f'in a quoted string it can be written as "\\u{code:04x}"'
    if code == 0:
        hint = "the file is binary, or UTF-16: save it as UTF-8"
    return _at(
        "control-character", f"the character U+{code:04X} is invisible and may not stand here", hint, text, offset
    )


def _at(rule: str, message: str, hint: str, text: str, offset: int) -> TextError:
    before = lines(text[:offset])
    line = len(before) - 1
    excerpt = _HIDDEN.sub("\N{REPLACEMENT CHARACTER}", lines(text)[line])
    return TextError(rule, message, hint, line=line, column=len(before[-1]), excerpt=excerpt)
