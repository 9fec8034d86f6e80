"""The public keys of an issuer: from a file, or found by discovery over https and kept while they are fresh."""

import json
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from chronos_gitops.config.callers.issuers import TokenIssuer
from chronos_gitops.engine import clock
from chronos_gitops.errors import ChronosError
from chronos_gitops.process.small_files import read_small_file
from chronos_gitops.server.api.auth.sso import issuer_metadata
from chronos_gitops.server.api.auth.sso.issuer_metadata import FRESH_S, Fetch

if TYPE_CHECKING:
    from joserfc.jwk import Key

STALE_S: Final = 24 * 3600.0
"""Time for which keys remain valid while the issuer is unreachable."""
AGAIN_S: Final = 60.0
"""After a key that is not known, or a fetch that failed, the issuer is asked again no sooner."""


class KeysUnavailable(ChronosError):
    """The issuer's keys cannot be had now."""

    kind = "unauthorized"


class IssuerKeys:
    """Safe from any thread; one fetch at a time. ``fetch`` takes an https address and gives the JSON there."""

    def __init__(
        self, issuer: TokenIssuer, fetch: Fetch | None = None, elapsed: Callable[[], float] = clock.elapsed
    ) -> None:
        self._issuer = issuer
        self._fetch = fetch or issuer_metadata.fetch_json
        self._elapsed = elapsed
        self._lock = threading.Lock()
        self._keys: tuple[Key, ...] = ()
        self._read_at: float | None = None
        self._asked_at: float | None = None

    def find(self, kid: str | None) -> "Key | None":
        """None when the issuer has no such key; a token without ``kid`` is for an issuer with one key only."""
        with self._lock:
            if self._age() >= FRESH_S or self._named(kid) is None:
                self._read_again()
            if self._age() >= STALE_S:
                raise KeysUnavailable(f'The keys of the issuer "{self._issuer.name}" cannot be read now.')
            return self._named(kid)

    def _age(self) -> float:
        return STALE_S if self._read_at is None else self._elapsed() - self._read_at

    def _named(self, kid: str | None) -> "Key | None":
        if kid is None:
            return self._keys[0] if len(self._keys) == 1 else None
        return next((key for key in self._keys if key.kid == kid), None)

    def _read_again(self) -> None:
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        now = self._elapsed()
        if self._asked_at is not None and now - self._asked_at < AGAIN_S:
            return
        self._asked_at = now
        try:
            found = KeySet.import_key_set(self._document()).keys
        except (OSError, ValueError, KeyError, TypeError, JoseError):
            return  # the keys of before count while they are not too old
        self._keys, self._read_at = tuple(key for key in found if key.key_type in ("RSA", "EC")), now

    def _document(self) -> Any:
        if self._issuer.jwks_file is not None:
            return json.loads(read_small_file(self._issuer.jwks_file))
        return self._fetch(issuer_metadata.address(issuer_metadata.discover(self._issuer, self._fetch), "jwks_uri"))
