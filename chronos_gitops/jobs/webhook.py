"""The request of a job: its url, method, headers, body, authentication, and what counts as a success."""

import sys
from collections.abc import Mapping
from dataclasses import field
from datetime import timedelta
from enum import StrEnum
from typing import Any

from chronos_gitops.jobs.promises.success import Success
from chronos_gitops.jobs.promises.success_codes import USUAL, SuccessCodes
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule import durations

Document = Mapping[str, Any]
"""A job file after parsing, or a part of one: string keys, and str, int, float, bool, None, list, dict inside."""


class Completion(StrEnum):
    """When an attempt that was answered with a success code is done: at once, or when its target calls back."""

    RESPONSE = "response"
    CALLBACK = "callback"


@dataclass(frozen=True, slots=True)
class BearerAuth:
    token: str = field(repr=False)
    type = "bearer"


@dataclass(frozen=True, slots=True)
class BasicAuth:
    username: str
    password: str = field(repr=False)
    type = "basic"


@dataclass(frozen=True, slots=True)
class ApiKeyAuth:
    api_key: str = field(repr=False)
    header: str = "X-API-Key"
    type = "api_key"


@dataclass(frozen=True, slots=True)
class OAuth2Auth:
    """Client credentials, RFC 6749 section 4.4."""

    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str | None = None
    type = "oauth2"


@dataclass(frozen=True, slots=True)
class HmacAuth:
    """A Standard Webhooks signature (https://www.standardwebhooks.com)."""

    secret: str = field(repr=False)
    type = "hmac"


@dataclass(frozen=True, slots=True)
class IdentityAuth:
    """A token that the runner signs; ``audience`` None is the origin of the url."""

    audience: str | None = None
    type = "identity"


Auth = BearerAuth | BasicAuth | ApiKeyAuth | OAuth2Auth | HmacAuth | IdentityAuth
_AUTH_TYPES: dict[str, type[Auth]] = {
    kind.type: kind for kind in (BearerAuth, BasicAuth, ApiKeyAuth, OAuth2Auth, HmacAuth, IdentityAuth)
}


@dataclass(frozen=True, slots=True)
class Webhook:
    url: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: str | None = None
    auth: Auth | None = None
    success_codes: SuccessCodes = USUAL
    completion: Completion = Completion.RESPONSE
    timeout: timedelta | None = None
    success: Success | None = None

    @classmethod
    def from_document(cls, document: Document) -> "Webhook":
        auth = document.get("auth")
        codes = document.get("success_codes")
        timeout = document.get("timeout")
        return cls(
            url=document["url"],
            method=sys.intern(document.get("method") or "GET"),
            headers=pairs(document.get("headers")),
            body=document.get("body"),
            auth=None if auth is None else _auth(auth),
            success_codes=USUAL if codes is None else SuccessCodes.parse(codes),
            completion=Completion(document["completion"]) if document.get("completion") else Completion.RESPONSE,
            timeout=None if timeout is None else durations.parse(timeout),
            success=None if document.get("success") is None else Success.from_document(document["success"]),
        )

    def document(self) -> dict[str, Any]:
        """The request as a file would say it with every default written out."""
        document: dict[str, Any] = {"url": self.url, "method": self.method, "headers": dict(self.headers)}
        document["body"] = self.body
        document["auth"] = None if self.auth is None else _auth_document(self.auth)
        document["success_codes"] = self.success_codes.document()
        document["completion"] = self.completion.value
        document["timeout"] = None if self.timeout is None else durations.render(self.timeout)
        if self.success is not None:  # left out where absent, so that jobs of before keep their digest
            document["success"] = self.success.document()
        return document


def pairs(document: Mapping[str, str] | None) -> tuple[tuple[str, str], ...]:
    """Interned, for many jobs have the same ones; 10,000 copies of a text are 1 MB."""
    return tuple((sys.intern(name), sys.intern(value)) for name, value in document.items()) if document else ()


def _auth(document: Document) -> Auth:
    fields = {key: value for key, value in document.items() if key != "type" and value is not None}
    return _AUTH_TYPES[document["type"]](**fields)


def _auth_document(auth: Auth) -> dict[str, Any]:
    return {"type": auth.type} | {
        name: getattr(auth, name) for name in auth.__slots__ if getattr(auth, name) is not None
    }
