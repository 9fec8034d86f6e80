"""Metadata of an issuer (OpenID Connect Discovery 1.0, section 4): fetched over https, cached for an hour."""

import json
import ssl
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from chronos_gitops.config.callers.issuers import TokenIssuer
from chronos_gitops.engine import clock

Fetch = Callable[[str], Any]
FRESH_S: Final = 3600.0
LARGEST: Final = 256 * 1024
_TIMEOUT_S: Final = 5.0


class Discovery:
    """The document of one issuer. Safe from any thread; one fetch at a time."""

    def __init__(
        self, issuer: TokenIssuer, fetch: Fetch | None = None, elapsed: Callable[[], float] = clock.elapsed
    ) -> None:
        self._issuer = issuer
        self._fetch = fetch or fetch_json
        self._elapsed = elapsed
        self._lock = threading.Lock()
        self._found: tuple[Mapping[str, Any], float] | None = None

    def document(self) -> Mapping[str, Any]:
        """OSError or ValueError when the issuer cannot be asked, or answers something else."""
        with self._lock:
            if self._found is None or self._elapsed() - self._found[1] >= FRESH_S:
                self._found = discover(self._issuer, self._fetch), self._elapsed()
            return self._found[0]


def discover(issuer: TokenIssuer, fetch: Fetch) -> Mapping[str, Any]:
    """OSError or ValueError; every address in it is one over https."""
    found = fetch(f"{issuer.issuer.rstrip('/')}/.well-known/openid-configuration")
    if not isinstance(found, dict) or found.get("issuer") != issuer.issuer:
        raise ValueError("the discovery document is of another issuer")
    return found


def address(document: Mapping[str, Any], name: str) -> str:
    """ValueError where the document has none, or one that is not behind https."""
    found = document.get(name)
    if not isinstance(found, str) or not found.startswith("https://"):
        raise ValueError(f"the issuer names no {name} behind https")
    return found


def fetch_json(address: str) -> Any:
    """The JSON that GET gives; OSError or ValueError when it cannot be had."""
    return request_json("GET", address)


def request_json(
    method: str, address: str, *, data: Mapping[str, str] | None = None, auth: tuple[str, str] | None = None
) -> Any:
    """The JSON of the answer 200. OSError or ValueError for redirects, other statuses and large answers. Authorities
    are the system's, or those of SSL_CERT_FILE. ``auth`` is a name and a password (RFC 6749, section 2.3.1)."""
    import httpx

    options: dict[str, Any] = {"timeout": _TIMEOUT_S, "follow_redirects": False, "trust_env": False}
    try:
        with httpx.stream(
            method, address, verify=ssl.create_default_context(), data=data, auth=auth, **options
        ) as answer:
            content = b""
            for part in answer.iter_bytes():
                content += part
                if len(content) > LARGEST:
                    raise ValueError("the answer of the issuer is too large")
            if answer.status_code != 200:
                raise ValueError(f"the issuer answered {answer.status_code}{_reason(content)}")
    except httpx.HTTPError as error:
        raise OSError(str(error)) from error
    return json.loads(content)


def _reason(content: bytes) -> str:
    """The error code of RFC 6749, section 5.2, where the answer has one; nothing else of the answer is told."""
    try:
        code = json.loads(content)["error"]
    except (ValueError, KeyError, TypeError):
        return ""
    is_code = isinstance(code, str) and len(code) <= 80 and code.replace("_", "").isalnum()
    return f" ({code})" if is_code else ""
