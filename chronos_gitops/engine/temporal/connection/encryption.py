"""Encrypts what Temporal keeps: inputs, results, memos and failures, with AES-256-GCM and keys of the operator's.

The first key encrypts, all of them decrypt, and payloads without encryption are read as they are. Workflow ids, names
of jobs and search attributes stay readable, because Temporal finds workflows by them.
"""

import base64
import binascii
import dataclasses
import hashlib
import os
from collections.abc import Sequence
from dataclasses import field
from pathlib import Path
from typing import Final

from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    DataConverter,
    DefaultFailureConverter,
    DefaultFailureConverterWithEncodedAttributes,
    PayloadCodec,
)

from chronos_gitops.errors import ChronosError, UsageError
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.process.small_files import read_small_file

ENCODING: Final = b"binary/encrypted"
CIPHER: Final = b"AES-256-GCM"
KEY_ID: Final = "encryption-key-id"
_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_HINT: Final = "make one with: openssl rand -base64 32"


class EngineUnreadable(ChronosError):
    """The data in Temporal is encrypted with a key that this runner does not have."""

    kind = "EngineUnreadable"


@dataclass(frozen=True, slots=True)
class Key:
    """``id`` is the beginning of a digest of the key; it stands in the metadata of each payload."""

    secret: bytes = field(repr=False)

    @property
    def id(self) -> bytes:
        return hashlib.sha256(b"chronos-gitops payload key\0" + self.secret).hexdigest()[:16].encode()


def read_keys(files: Sequence[Path]) -> tuple[Key, ...]:
    """32 bytes each, as they are or in base64. UsageError for a file that cannot be read or holds something else."""
    if files:
        _need_cryptography()
    return tuple(_read_key(file) for file in files)


def _read_key(file: Path) -> Key:
    try:
        content = read_small_file(file)
    except OSError as error:
        message = f"temporal.encryption_key_files: {file} cannot be read: {error.strerror}"
        raise UsageError(message, hint=_HINT) from error
    if len(content) == _KEY_BYTES:
        return Key(content)
    try:
        secret = base64.b64decode(content.strip(), validate=True)
    except binascii.Error:
        secret = b""
    if len(secret) != _KEY_BYTES:
        raise UsageError(f"temporal.encryption_key_files: {file} holds no key of {_KEY_BYTES} bytes", hint=_HINT)
    return Key(secret)


def _need_cryptography() -> None:
    import importlib.util

    if importlib.util.find_spec("cryptography") is None:
        raise UsageError(
            "temporal.encryption_key_files needs the package cryptography, which is not installed",
            hint="pip install 'chronos-gitops[temporal]'",
        )


class EncryptionCodec(PayloadCodec):
    """Without keys it encrypts nothing, and still says of an encrypted payload what is missing."""

    def __init__(self, keys: Sequence[Key] = ()) -> None:
        self._first = keys[0] if keys else None
        self._by_id = {key.id: key for key in keys}

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [self._encrypted(payload, self._first) if self._first else payload for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [self._decrypted(payload) if is_encrypted(payload) else payload for payload in payloads]

    def _encrypted(self, payload: Payload, key: Key) -> Payload:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = os.urandom(_NONCE_BYTES)
        data = nonce + AESGCM(key.secret).encrypt(nonce, payload.SerializeToString(), key.id)
        return Payload(metadata={"encoding": ENCODING, "encryption-cipher": CIPHER, KEY_ID: key.id}, data=data)

    def _decrypted(self, payload: Payload) -> Payload:
        name = key_id(payload)
        key = self._by_id.get(name)
        if key is None:
            raise EngineUnreadable(
                f"EngineUnreadable: it holds data encrypted with the key {name.decode('ascii', 'replace')[:16]}, which "
                "this runner does not have",
                hint="add the key's file to temporal.encryption_key_files",
            )
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce, sealed = payload.data[:_NONCE_BYTES], payload.data[_NONCE_BYTES:]
        try:
            return Payload.FromString(AESGCM(key.secret).decrypt(nonce, sealed, name))
        except (InvalidTag, ValueError):
            raise EngineUnreadable("EngineUnreadable: encrypted data was changed, or is damaged") from None


def is_encrypted(payload: Payload) -> bool:
    return payload.metadata.get("encoding") == ENCODING


def key_id(payload: Payload) -> bytes:
    return bytes(payload.metadata.get(KEY_ID, b""))


def data_converter(keys: Sequence[Key]) -> DataConverter:
    """With keys the messages and stack traces of failures are encrypted, too."""
    return dataclasses.replace(
        DataConverter.default,
        payload_codec=EncryptionCodec(keys),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes if keys else DefaultFailureConverter,
    )
