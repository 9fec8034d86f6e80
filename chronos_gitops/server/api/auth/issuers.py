"""Callers with a token of an issuer: a JWT (RFC 7519) whose claims the operator's grants match (TEAMS section 4)."""

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from chronos_gitops.config.callers.issuers import Callers, TokenIssuer
from chronos_gitops.server.api.auth.callers import Caller
from chronos_gitops.server.api.auth.issuer_keys import IssuerKeys, KeysUnavailable
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
        """Whether the text is of the shape that issuers sign; tokens of ours have no dots."""
        return bool(self._settings.issuers) and text.count(".") == 2

    def caller(self, text: str, now: datetime) -> Caller:
        """TokenRefused, TokenExpired, or NoGrant."""
        issuer, claims = self._verified(text)
        expires = _check_times(claims, now)
        grants = [one.grant for one in self._settings.grants if one.origin == issuer.name and one.holds(claims)]
        if not grants:
            raise NoGrant(f"{_shown(claims)} has no grant here.", hint=_why_none(claims))
        user = claims.get(issuer.user, claims["sub"])
        return Caller(_printable(user), tuple(grants), expires, via=issuer.name, person=str(claims["sub"]))

    def _verified(self, text: str) -> tuple[TokenIssuer, Mapping[str, Any]]:
        from joserfc import jwt
        from joserfc.errors import JoseError

        header, claims = _parts(text)
        issuer = next((one for one in self._settings.issuers if one.issuer == claims.get("iss")), None)
        if issuer is None:
            raise TokenRefused("The token is of no issuer that this runner trusts.", hint="See [[issuers]].")
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
        if not isinstance(proven.get("sub"), str) or not proven["sub"]:
            raise TokenRefused("The token names no subject.")
        return issuer, proven


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
    issued, expires = (_instant(claims, name) for name in ("iat", "exp"))
    if issued is None or expires is None:
        raise TokenRefused("The token lacks iat or exp.")
    if expires <= issued or ("nbf" in claims and _instant(claims, "nbf") is None):
        raise TokenRefused("The times of the token contradict each other, or nbf is none.")
    if expires - issued > LONGEST:
        raise TokenRefused("The token is good for more than an hour.", hint="Ask the issuer for a shorter one.")
    begins = max(issued, _instant(claims, "nbf") or issued)
    if begins > now + LEEWAY:
        raise TokenRefused("The token is not good yet.", hint="Compare the clocks of the issuer and of the runner.")
    if now >= expires + LEEWAY:
        raise TokenExpired(f"The token expired on {expires:%Y-%m-%d at %H:%M:%S} UTC.", hint="Ask for a new one.")
    return expires + LEEWAY


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
