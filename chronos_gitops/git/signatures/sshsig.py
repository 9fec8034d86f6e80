"""The signature of a commit as its object holds it, and the fields of an SSH signature (PROTOCOL.sshsig)."""

import base64
import binascii
import hashlib
import struct
from collections.abc import Iterator
from typing import Final

from chronos_gitops.process.lazy_dataclass import dataclass

_MAGIC: Final = b"SSHSIG"
_HEADERS: Final = {"sha1": b"gpgsig", "sha256": b"gpgsig-sha256"}


@dataclass(frozen=True, slots=True)
class SshSignature:
    """``key`` is the public key in OpenSSH's binary format."""

    key: bytes
    namespace: str

    @property
    def key_type(self) -> str:
        return next(_strings(self.key)).decode("ascii", "replace")

    @property
    def fingerprint(self) -> str:
        """As ssh-keygen -l shows it."""
        digest = base64.b64encode(hashlib.sha256(self.key).digest()).decode().rstrip("=")
        return f"SHA256:{digest}"


def split(commit: bytes, object_format: str) -> tuple[bytes, bytes]:
    """The signature, empty where there is none, and what it is made over."""
    header, _, message = commit.partition(b"\n\n")
    signature: list[bytes] = []
    rest: list[bytes] = []
    name = b""
    for line in header.split(b"\n"):
        if not line.startswith(b" "):
            name, _, value = line.partition(b" ")
        else:
            value = line[1:]
        if name == _HEADERS[object_format]:
            signature.append(value)
        elif name not in _HEADERS.values():
            rest.append(line)
    return b"\n".join(signature), b"\n".join(rest) + b"\n\n" + message


def parsed(armored: bytes) -> SshSignature | None:
    """None for something else than an SSH signature."""
    try:
        blob = base64.b64decode(b"".join(armored.strip().splitlines()[1:-1]), validate=True)
        if not blob.startswith(_MAGIC):
            return None
        strings = _strings(blob[len(_MAGIC) + 4 :])
        key, namespace = next(strings), next(strings)
        next(_strings(key))
        return SshSignature(key, namespace.decode("utf-8", "replace"))
    except (binascii.Error, struct.error, StopIteration):
        return None


def _strings(blob: bytes) -> Iterator[bytes]:
    while blob:
        (length,) = struct.unpack(">I", blob[:4])
        yield blob[4 : 4 + length]
        blob = blob[4 + length :]
