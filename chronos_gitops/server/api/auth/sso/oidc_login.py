"""A browser's login with an issuer: the authorization code flow (OpenID Connect Core 1.0, 3.1) with PKCE (RFC 7636).

What the runner has to know when the browser comes back travels in a signed cookie, so that any replica can end what
another one began, and a login cannot be begun for the browser of another person.
"""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from chronos_gitops.config.callers.issuers import Login, TokenIssuer
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.process.small_files import read_secret
from chronos_gitops.server.api.auth.callers import Caller
from chronos_gitops.server.api.auth.sso.issuer_metadata import Discovery, address, request_json
from chronos_gitops.server.api.auth.sso.issuers import Issuers
from chronos_gitops.server.api.problems import ApiError

COOKIE: Final = "chronos_login"
LASTS: Final = timedelta(minutes=10)
Ask = Callable[..., Any]


class LoginRefused(ApiError):
    """The browser did not come back from the login that it began, or the issuer refused it."""

    kind = "login-refused"


class IssuerUnavailable(ApiError):
    """The issuer cannot be asked now."""

    kind = "issuer-unavailable"


@dataclass(frozen=True, slots=True)
class BegunLogin:
    """``until`` in seconds since 1970; ``way_back`` is the page that the browser wanted to see."""

    issuer: str
    state: str
    nonce: str
    verifier: str
    way_back: str
    until: int


@dataclass(frozen=True, slots=True)
class Proof:
    """The caller who logged in, and the claims that grants match."""

    caller: Caller
    claims: Mapping[str, Any]


class OidcLogin:
    """The logins of one runner; ``key`` gives the key that all runners of one engine share."""

    def __init__(
        self,
        issuers: Issuers,
        *,
        public_url: str,
        key: Callable[[], bytes],
        ask: Ask = request_json,
    ) -> None:
        self._issuers = issuers
        self._public_url = public_url
        self._key = key
        self._ask = ask
        self._discovered = {one.name: Discovery(one, lambda url: ask("GET", url)) for one in issuers.with_login()}

    def issuer(self, name: str) -> TokenIssuer | None:
        return next((one for one in self._issuers.with_login() if one.name == name), None)

    def begin(self, issuer: TokenIssuer, way_back: str, now: datetime) -> tuple[str, str]:
        """Where the browser is sent, and the value of the cookie. IssuerUnavailable."""
        verifier = secrets.token_urlsafe(32)
        until = int((now + LASTS).timestamp())
        begun = BegunLogin(issuer.name, secrets.token_urlsafe(16), secrets.token_urlsafe(16), verifier, way_back, until)
        asked = {
            "response_type": "code",
            "client_id": issuer.audience,
            "redirect_uri": self._redirect_uri(issuer),
            "scope": " ".join(_login(issuer).scopes),
            "state": begun.state,
            "nonce": begun.nonce,
            "code_challenge": _unpadded(hashlib.sha256(verifier.encode()).digest()),
            "code_challenge_method": "S256",
        }
        place = self._place(issuer, "authorization_endpoint")
        return f"{place}{'&' if urlsplit(place).query else '?'}{urlencode(asked)}", self._signed(begun)

    def finish(
        self, issuer: TokenIssuer, cookie: str | None, given: Mapping[str, str], now: datetime
    ) -> tuple[Proof, str]:
        """Complete a login: the caller, and the path of the page to show. ``given`` are the parameters of the issuer's
        redirect. LoginRefused, IssuerUnavailable, and the errors of ``Issuers.logged_in``."""
        begun = self._begun(cookie, now)
        if begun is None or begun.issuer != issuer.name or not _same(given.get("state"), begun.state):
            raise LoginRefused(
                "This login was not begun in this browser, or it took longer than 10 minutes.",
                hint="Begin it again at /login, with cookies allowed.",
            )
        self._check_issuer(issuer, given.get("iss"))
        if "code" not in given:
            raise LoginRefused(f"{issuer.name} refused the login: {_code(given)}.", hint="Begin it again at /login.")
        token = self._exchange(issuer, given["code"], begun.verifier)
        caller, claims = self._issuers.logged_in(issuer, token, begun.nonce, now)
        return Proof(caller, claims), begun.way_back

    def _check_issuer(self, issuer: TokenIssuer, named: str | None) -> None:
        """RFC 9207: the answer of one issuer must not be taken for that of another one."""
        is_promised = self._document(issuer).get("authorization_response_iss_parameter_supported") is True
        if named != issuer.issuer and (named is not None or is_promised):
            raise LoginRefused("The answer is of another issuer.", hint="Begin the login again at /login.")

    def _exchange(self, issuer: TokenIssuer, code: str, verifier: str) -> str:
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri(issuer),
            "code_verifier": verifier,
            "client_id": issuer.audience,
        }
        secret, methods = _client_secret(issuer), self._document(issuer).get("token_endpoint_auth_methods_supported")
        auth = None
        if secret is not None and isinstance(methods, list) and "client_secret_basic" not in methods:
            fields["client_secret"] = secret
        elif secret is not None:
            auth = (quote(issuer.audience, safe=""), quote(secret, safe=""))
        try:
            answer = self._ask("POST", self._place(issuer, "token_endpoint"), data=fields, auth=auth)
            token = answer["id_token"]
        except OSError as error:
            raise _unavailable(issuer, error) from error
        except (ValueError, KeyError, TypeError) as error:
            why = str(error) if type(error) is ValueError else "its answer has no ID token"
            raise LoginRefused(
                f"{issuer.name} did not confirm the login: {why}.", hint="Begin it again at /login."
            ) from error
        if not isinstance(token, str):
            raise LoginRefused(f"{issuer.name} did not confirm the login: its answer has no ID token.")
        return token

    def _place(self, issuer: TokenIssuer, name: str) -> str:
        try:
            return address(self._document(issuer), name)
        except ValueError as error:
            raise _unavailable(issuer, error) from error

    def _document(self, issuer: TokenIssuer) -> Mapping[str, Any]:
        try:
            return self._discovered[issuer.name].document()
        except (OSError, ValueError) as error:
            raise _unavailable(issuer, error) from error

    def _redirect_uri(self, issuer: TokenIssuer) -> str:
        return f"{self._public_url}/login/{issuer.name}/callback"

    def _signed(self, begun: BegunLogin) -> str:
        content = _unpadded(json.dumps(asdict(begun), separators=(",", ":")).encode())
        return f"{content}.{self._signature(content)}"

    def _begun(self, cookie: str | None, now: datetime) -> BegunLogin | None:
        content, _, signature = (cookie or "").partition(".")
        if not _same(signature, self._signature(content)):
            return None
        try:
            begun = BegunLogin(**json.loads(base64.urlsafe_b64decode(content + "==")))
        except (ValueError, TypeError, binascii.Error):  # of an older or newer runner
            return None
        return begun if now.timestamp() < begun.until else None

    def _signature(self, content: str) -> str:
        return _unpadded(hmac.new(self._key(), content.encode("utf-8", "replace"), hashlib.sha256).digest())


def _login(issuer: TokenIssuer) -> Login:
    assert issuer.login is not None
    return issuer.login


def _client_secret(issuer: TokenIssuer) -> str | None:
    """Read at each login, so that a new one needs no restart. IssuerUnavailable."""
    file = _login(issuer).client_secret_file
    if file is None:
        return None
    try:
        return read_secret(file).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise IssuerUnavailable(
            "The runner cannot read its client secret.", hint="Tell the operator: see issuers.login.client_secret_file."
        ) from error


def _unavailable(issuer: TokenIssuer, error: Exception) -> IssuerUnavailable:
    return IssuerUnavailable(f"{issuer.name} cannot be asked now: {error}.", hint="Try again in a minute.")


def _code(given: Mapping[str, str]) -> str:
    """The error code of RFC 6749, section 4.1.2.1: made of visible ASCII, and short."""
    code = given.get("error", "it sent no code")
    return code[:80] if code.isascii() and code.isprintable() else "with a code that is none"


def _same(given: str | None, wanted: str) -> bool:
    return given is not None and hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


def _unpadded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
