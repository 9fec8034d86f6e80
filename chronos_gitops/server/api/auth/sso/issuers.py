"""Callers with a token of an issuer: a JWT (RFC 7519) whose claims the operator's grants match (TEAMS section 4)."""

import base64
import binascii
import hmac
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from chronos_gitops.config.callers.issuers import Callers, TokenIssuer
from chronos_gitops.engine.login_sessions import LoginSession
from chronos_gitops.server.api.auth.callers import Caller
from chronos_gitops.server.api.auth.sso.issuer_keys import IssuerKeys, KeysUnavailable
from chronos_gitops.server.api.problems import ApiError

if TYPE_CHECKING:
    from joserfc.jwk import Key

LEEWAY: Final = timedelta(seconds=60)
LONGEST: Final = timedelta(hours=1)
_ALGORITHMS: Final = ("RS256", "ES256")
_LARGEST: Final = 16 * 1024
_MOST_NAME: Final = 200


class TokenRefused(ApiError):
    """The token proves nothing: its signature, issuer, audience or times are wrong."""

    kind = "unauthorized"


class TokenExpired(ApiError):
    kind = "token-expired"


class NoGrant(ApiError):
    """The issuer vouches for the caller, and no grant matches it."""

    kind = "forbidden"


class Issuers:
    """The issuers of one runner, with their keys."""

    def __init__(self, settings: Callers, keys: Mapping[str, IssuerKeys] | None = None) -> None:
        self._settings = settings
        self._keys = keys or {issuer.name: IssuerKeys(issuer) for issuer in settings.issuers}

    def takes(self, text: str) -> bool:
        """True if the text has the form of an issuer's token; our own tokens have no dots."""
        return any(one.login is None for one in self._settings.issuers) and text.count(".") == 2

    def with_login(self) -> tuple[TokenIssuer, ...]:
        """Those with whom browsers log in."""
        return tuple(one for one in self._settings.issuers if one.login is not None)

    def caller(self, text: str, now: datetime) -> Caller:
        """TokenRefused, TokenExpired, or NoGrant."""
        named = _parts(text)[1].get("iss")
        issuer = next((one for one in self._settings.issuers if one.issuer == named and one.login is None), None)
        if issuer is None:
            raise TokenRefused("The token is of no issuer that this runner trusts.", hint="See [[issuers]].")
        claims = self._proven(issuer, text)
        expires = _check_times(claims, now)
        if expires - LEEWAY - _issued(claims) > LONGEST:
            raise TokenRefused("The token is good for more than an hour.", hint="Ask the issuer for a shorter one.")
        return self._granted(issuer, claims, claims, expires)

    def logged_in(self, issuer: TokenIssuer, text: str, nonce: str, now: datetime) -> tuple[Caller, dict[str, Any]]:
        """The caller whom an ID token names (OpenID Connect Core 1.0, 3.1.3.7), and the claims that grants ask for.
        TokenRefused, TokenExpired, or NoGrant."""
        claims = self._proven(issuer, text)
        _check_times(claims, now)
        if not hmac.compare_digest(str(claims.get("nonce")).encode(), nonce.encode()):
            raise TokenRefused("The ID token is of another login.", hint="Begin the login again.")
        parties = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        if claims.get("azp", issuer.audience) != issuer.audience or (len(parties) > 1 and "azp" not in claims):
            raise TokenRefused("The ID token was made for another program.")
        asked = {name for one in self._settings.grants if one.origin == issuer.name for name, _ in one.match}
        kept = {name: claims[name] for name in sorted({*asked, "email_verified"}) if name in claims}
        return self._granted(issuer, kept, claims, None), kept

    def of_session(self, session: LoginSession) -> Caller | None:
        """The caller of a login, with the grants of today; None where its issuer is gone. NoGrant."""
        issuer = next((one for one in self.with_login() if one.name == session.via), None)
        if issuer is None:
            return None
        claims = {"sub": session.person, issuer.user: session.name}
        return replace(self._granted(issuer, session.claims, claims, session.until), name=session.name)

    def _granted(
        self, issuer: TokenIssuer, matched: Mapping[str, Any], claims: Mapping[str, Any], expires: datetime | None
    ) -> Caller:
        grants = [one.grant for one in self._settings.grants if one.origin == issuer.name and one.holds(matched)]
        if not grants:
            raise NoGrant(f"{_shown(claims)} has no grant here.", hint=_why_none(claims))
        name = _printable(issuer.name_of(claims))
        return Caller(name, tuple(grants), expires, via=issuer.name, person=str(claims["sub"]))

    def _proven(self, issuer: TokenIssuer, text: str) -> Mapping[str, Any]:
        """The claims, once signature, issuer, audience and subject are right."""
        from joserfc import jwt
        from joserfc.errors import JoseError

        header, _ = _parts(text)
        try:
            key = self._keys[issuer.name].find(header.get("kid"))
        except KeysUnavailable as error:
            raise TokenRefused(error.message, hint="Try again in a minute.") from error
        if key is None or header.get("alg") not in _ALGORITHMS:
            raise TokenRefused("The token is signed by no key of its issuer.", hint="RS256 and ES256 are taken.")
        _check_kind(key, header["alg"])
        try:
            proven = jwt.decode(text, key, algorithms=list(_ALGORITHMS)).claims
        except (JoseError, ValueError) as error:
            raise TokenRefused("The signature of the token is wrong.") from error
        audience = proven.get("aud")
        if issuer.audience not in (audience if isinstance(audience, list) else [audience]):
            raise TokenRefused(f'The token is for another audience than "{issuer.audience}".')
        if proven.get("iss") != issuer.issuer:
            raise TokenRefused("The token is of another issuer.")
        if not isinstance(proven.get("sub"), str) or not proven["sub"]:
            raise TokenRefused("The token names no subject.")
        return proven


def _parts(text: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Header and claims, before anything is proven."""
    if len(text) > _LARGEST:
        raise TokenRefused("The token is too long.")
    try:
        found = [json.loads(base64.urlsafe_b64decode(part + "==")) for part in text.split(".")[:2]]
    except (ValueError, binascii.Error, RecursionError) as error:
        raise TokenRefused("The token is no JSON Web Token.", hint="Copy it again.") from error
    if not all(isinstance(part, dict) for part in found):
        raise TokenRefused("The token is no JSON Web Token.", hint="Copy it again.")
    return found[0], found[1]


def _check_kind(key: "Key", algorithm: str) -> None:
    if (key.key_type == "RSA") != (algorithm == "RS256"):
        raise TokenRefused("The token is signed by no key of its issuer.")


def _check_times(claims: Mapping[str, Any], now: datetime) -> datetime:
    """From when on the token is worth nothing."""
    issued, expires = _issued(claims), _instant(claims, "exp")
    if expires is None:
        raise TokenRefused("The token lacks exp.")
    if expires <= issued or ("nbf" in claims and _instant(claims, "nbf") is None):
        raise TokenRefused("The times of the token contradict each other, or nbf is none.")
    begins = max(issued, _instant(claims, "nbf") or issued)
    if begins > now + LEEWAY:
        raise TokenRefused("The token is not good yet.", hint="Compare the clocks of the issuer and of the runner.")
    if now >= expires + LEEWAY:
        raise TokenExpired(f"The token expired on {expires:%Y-%m-%d at %H:%M:%S} UTC.", hint="Ask for a new one.")
    return expires + LEEWAY


def _issued(claims: Mapping[str, Any]) -> datetime:
    found = _instant(claims, "iat")
    if found is None:
        raise TokenRefused("The token lacks iat.")
    return found


def _instant(claims: Mapping[str, Any], name: str) -> datetime | None:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e11:
        return None
    return datetime.fromtimestamp(value, UTC)


def _shown(claims: Mapping[str, Any]) -> str:
    name, email = claims.get("name", claims["sub"]), claims.get("email")
    return _printable(name) + (f" ({_printable(email)})" if isinstance(email, str) else "")


def _why_none(claims: Mapping[str, Any]) -> str:
    left_out = claims.get("_claim_names")
    if isinstance(left_out, Mapping) and "groups" in left_out:
        return "The issuer left the groups out because there are too many; let it send only those of this application."
    return "Ask the operator for a grant: [[grants]] in chronos.toml."


def _printable(text: object) -> str:
    return "".join(one if one.isprintable() else "?" for one in str(text))[:_MOST_NAME]
