"""The keys that sign identity tokens: PEM files of the operator, read again while the runner runs."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from chronos_gitops.errors import ChronosError
from chronos_gitops.jobs.model import JobSet
from chronos_gitops.jobs.webhook import IdentityAuth
from chronos_gitops.process.small_files import read_small_file

if TYPE_CHECKING:
    from joserfc.jwk import RSAKey

ALGORITHM: Final = "RS256"
"""Azure's and AWS's authorizers take no other (RFC 7518, section 3.3)."""
SHORTEST: Final = 2048
"""Bits of a key, RFC 7518 section 3.3."""
_READ_EVERY: Final = 60.0
log = logging.getLogger(__name__)


class IdentityError(ChronosError):
    """Why no identity token can be made for an attempt."""

    kind = "identity"


class SigningKeys:
    """``files`` hold one RSA key each: the first signs, all are published. May be asked from any thread.

    The files are read each 60 s. While one of them cannot be read, the keys of before stay.
    """

    def __init__(self, files: Sequence[Path], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._files = tuple(files)
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._keys: tuple[RSAKey, ...] = ()
        self._read_at: float | None = None

    def __bool__(self) -> bool:
        return bool(self._files)

    def first(self) -> "RSAKey":
        """The key that signs; its ``kid`` is the thumbprint of RFC 7638. IdentityError when there is none."""
        keys = self._current()
        if not keys:
            hint = "see the log of the runner" if self._files else "set identity.key_files in chronos.toml"
            raise IdentityError("this runner has no key for identity tokens", hint=hint)
        return keys[0]

    def published(self) -> dict[str, Any]:
        """The JSON Web Key Set of the public halves (RFC 7517, section 5)."""
        return {"keys": [public_key(key) for key in self._current()]}

    def check(self) -> None:
        """IdentityError when a file cannot be used: at a start there is no key of before."""
        with self._lock:
            self._keys, self._read_at = read_keys(self._files), self._monotonic()

    def _current(self) -> "tuple[RSAKey, ...]":
        with self._lock:
            if self._read_at is None or self._monotonic() - self._read_at >= _READ_EVERY:
                self._read_at = self._monotonic()
                try:
                    self._keys = read_keys(self._files)
                except IdentityError as error:
                    log.warning("identity_keys_unreadable", extra={"error": str(error)})
            return self._keys


def read_keys(files: Sequence[Path]) -> "tuple[RSAKey, ...]":
    return tuple(_read_key(file) for file in files)


def _read_key(file: Path) -> "RSAKey":
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from joserfc.jwk import RSAKey

    hint = "chronos-gitops identity key --out FILE makes one"
    try:
        private = load_pem_private_key(read_small_file(file), password=None)
    except OSError as error:
        raise IdentityError(f"{file}: {error.strerror}", hint=hint) from error
    except (ValueError, TypeError) as error:
        raise IdentityError(f"{file} is no private key in PEM without a passphrase", hint=hint) from error
    if not isinstance(private, RSAPrivateKey):
        raise IdentityError(f"{file} is no RSA key", hint=hint)
    if private.key_size < SHORTEST:
        raise IdentityError(f"{file} is a key of {private.key_size} bits", hint=f"use {SHORTEST} bits or more")
    key = RSAKey.import_key(private)
    key.ensure_kid()
    return key


def public_key(key: "RSAKey") -> dict[str, Any]:
    return {**key.as_dict(private=False), "use": "sig", "alg": ALGORITHM, "kid": key.kid}


def new_key() -> bytes:
    """A private RSA key of 2048 bits as PEM."""
    from joserfc.jwk import RSAKey

    return RSAKey.generate_key(SHORTEST).as_pem(private=True)


def warn_without_keys(files: Sequence[Path], jobs: JobSet) -> None:
    """Logs the jobs whose executions will fail because this runner cannot sign for them."""
    if files:
        return
    names = sorted(each.job.name for each in jobs if isinstance(each.job.webhook.auth, IdentityAuth))
    if names:
        log.warning("identity_keys_missing", extra={"jobs": len(names), "names": names[:10]})
