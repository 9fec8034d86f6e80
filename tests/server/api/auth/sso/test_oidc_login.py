"""A login with an issuer, each part of it wrong in turn: cookie, redirect, token request and ID token."""

import base64
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from chronos_gitops.config.callers.issuers import Callers, ClaimGrant, Login, TokenIssuer
from chronos_gitops.config.model import Grant
from chronos_gitops.server.api.auth.sso.issuer_keys import IssuerKeys
from chronos_gitops.server.api.auth.sso.issuers import Issuers, NoGrant, TokenExpired, TokenRefused
from chronos_gitops.server.api.auth.sso.oidc_login import IssuerUnavailable, LoginRefused, OidcLogin

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
ISSUER, CLIENT, PUBLIC = "https://sso.example.com", "chronos", "https://ops.example.com/chronos"
KEY, OTHER = RSAKey.generate_key(2048, {"kid": "a"}), RSAKey.generate_key(2048, {"kid": "a"})
SECRET = "a secret of the client, long enough"


class Provider:
    """The issuer at its two addresses; ``change`` makes its ID token."""

    def __init__(self) -> None:
        self.asked: list[tuple[dict[str, str], tuple[str, str] | None]] = []
        self.nonce, self.supports = "", {"authorization_response_iss_parameter_supported": True}
        self.claims: dict[str, Any] = {}
        self.answer: Callable[[dict[str, Any]], Any] = lambda claims: {"id_token": signed(claims)}

    def ask(self, _: str, address: str, *, data: Any = None, auth: Any = None) -> Any:
        if address.endswith("/.well-known/openid-configuration"):
            places = {"authorization_endpoint": f"{ISSUER}/authorize", "token_endpoint": f"{ISSUER}/token"}
            return {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/keys", **places, **self.supports}
        if address.endswith("/keys"):
            return {"keys": [KEY.as_dict(private=False)]}
        self.asked.append((dict(data), auth))
        at = int(NOON.timestamp())
        claims = {"iss": ISSUER, "aud": CLIENT, "sub": "1", "iat": at, "exp": at + 300, "nonce": self.nonce}
        changed = {**claims, "email": "ada@example.com", "email_verified": True, **self.claims}
        return self.answer({name: value for name, value in changed.items() if value is not None})


def signed(claims: dict[str, Any], key: Any = KEY, alg: str = "RS256") -> str:
    return jwt.encode({"alg": alg, "kid": "a"}, claims, key, algorithms=[alg])


class Attempt:
    """A browser that has begun a login."""

    def __init__(self, folder: Path) -> None:
        (folder / "secret").write_text(SECRET)
        self.provider = Provider()
        login = Login(folder / "secret")
        self.issuer = TokenIssuer("sso", ISSUER, CLIENT, "email", login=login)
        other = TokenIssuer("other", "https://other.example.com", CLIENT, "email", login=login)
        grant = ClaimGrant("sso", (("email", ("ada@example.com",)),), Grant(frozenset({"read"})))
        keys = IssuerKeys(self.issuer, lambda address: self.provider.ask("GET", address))
        issuers = Issuers(Callers((self.issuer, other), (grant,)), {"sso": keys, "other": keys})
        self.key = b"the key of all runners"
        self.login = OidcLogin(issuers, public_url=PUBLIC, key=lambda: self.key, ask=self.provider.ask)
        self.place, self.cookie = self.login.begin(self.issuer, "/chronos/jobs/one", NOON)
        self.asked = {name: values[0] for name, values in parse_qs(urlsplit(self.place).query).items()}
        self.provider.nonce = self.asked["nonce"]
        self.given: dict[str, str] = {"code": "the code", "state": self.asked["state"], "iss": ISSUER}
        self.at = NOON

    def finish(self) -> tuple[str, str]:
        proof, way_back = self.login.finish(self.issuer, self.cookie, self.given, self.at)
        return proof.caller.name, way_back


@pytest.fixture
def attempt(tmp_path: Path) -> Attempt:
    return Attempt(tmp_path)


def test_a_login_ends_where_it_began_and_proves_that_it_did(attempt: Attempt) -> None:
    assert attempt.finish() == ("ada@example.com", "/chronos/jobs/one")
    ((sent, auth),) = attempt.provider.asked
    challenge = base64.urlsafe_b64encode(hashlib.sha256(sent["code_verifier"].encode()).digest()).decode().rstrip("=")
    assert (attempt.asked["code_challenge"], attempt.asked["code_challenge_method"]) == (challenge, "S256")
    assert sent["redirect_uri"] == attempt.asked["redirect_uri"] == f"{PUBLIC}/login/sso/callback"
    assert (attempt.asked["response_type"], attempt.asked["client_id"]) == ("code", CLIENT)
    assert auth == (CLIENT, "a%20secret%20of%20the%20client%2C%20long%20enough")
    assert sent["code_verifier"] not in attempt.place + str(attempt.given)


def test_each_login_has_values_of_its_own(attempt: Attempt) -> None:
    places = [attempt.login.begin(attempt.issuer, "/", NOON)[0] for _ in range(20)]
    for name in ("state", "nonce", "code_challenge"):
        assert len({parse_qs(urlsplit(place).query)[name][0] for place in places}) == 20


def set_cookie(make: Callable[[str], str | None]) -> Callable[[Attempt], None]:
    return lambda attempt: setattr(attempt, "cookie", make(attempt.cookie))


def given(**fields: str | None) -> Callable[[Attempt], None]:
    def change(attempt: Attempt) -> None:
        changed = attempt.given | fields
        attempt.given = {name: value for name, value in changed.items() if value is not None}

    return change


def claimed(**fields: Any) -> Callable[[Attempt], None]:
    return lambda attempt: attempt.provider.claims.update(fields)


def answered(answer: Callable[[dict[str, Any]], Any]) -> Callable[[Attempt], None]:
    return lambda attempt: setattr(attempt.provider, "answer", answer)


def unsigned(claims: dict[str, Any]) -> str:
    body = signed(claims).split(".")[1]
    return base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode() + f".{body}."


def of_another_browser(attempt: Attempt) -> None:
    attempt.cookie = attempt.login.begin(attempt.issuer, "/", NOON)[1]


def by_another_issuer(attempt: Attempt) -> None:
    attempt.issuer = TokenIssuer("other", "https://other.example.com", CLIENT, "email", login=attempt.issuer.login)


def later(attempt: Attempt) -> None:
    attempt.at = NOON + timedelta(minutes=10)


AT = int(NOON.timestamp())
OCT = OctKey.import_key(SECRET.ljust(64))
WRONG: dict[str, tuple[type[Exception], Callable[[Attempt], None]]] = {
    "no cookie": (LoginRefused, set_cookie(lambda _: None)),
    "an empty cookie": (LoginRefused, set_cookie(lambda _: "")),
    "a cookie without its signature": (LoginRefused, set_cookie(lambda cookie: cookie.partition(".")[0] + ".")),
    "a cookie with another content": (LoginRefused, set_cookie(lambda cookie: "x" + cookie)),
    "a cookie that ends early": (LoginRefused, set_cookie(lambda cookie: cookie[:-1])),
    "a cookie of another key": (LoginRefused, lambda attempt: setattr(attempt, "key", b"another")),
    "a cookie of another browser": (LoginRefused, of_another_browser),
    "a cookie of another issuer": (LoginRefused, by_another_issuer),
    "ten minutes later": (LoginRefused, later),
    "another state": (LoginRefused, given(state="x")),
    "no state": (LoginRefused, given(state=None)),
    "an empty state": (LoginRefused, given(state="")),
    "the nonce as state": (LoginRefused, lambda attempt: given(state=attempt.asked["nonce"])(attempt)),
    "the answer of another issuer": (LoginRefused, given(iss="https://evil.example.com")),
    "an issuer with a slash": (LoginRefused, given(iss=ISSUER + "/")),
    "no issuer, though one is promised": (LoginRefused, given(iss=None)),
    "an error": (LoginRefused, given(code=None, error="access_denied")),
    "neither code nor error": (LoginRefused, given(code=None)),
    "another nonce": (TokenRefused, claimed(nonce="x")),
    "no nonce": (TokenRefused, claimed(nonce=None)),
    "a list of nonces": (TokenRefused, lambda attempt: claimed(nonce=[attempt.asked["nonce"]])(attempt)),
    "another audience": (TokenRefused, claimed(aud="other")),
    "no audience": (TokenRefused, claimed(aud=None)),
    "two audiences without azp": (TokenRefused, claimed(aud=[CLIENT, "other"])),
    "another authorized party": (TokenRefused, claimed(azp="other")),
    "two audiences of another party": (TokenRefused, claimed(aud=[CLIENT, "other"], azp="other")),
    "another issuer in the token": (TokenRefused, claimed(iss="https://evil.example.com")),
    "no subject": (TokenRefused, claimed(sub=None)),
    "a subject that is no text": (TokenRefused, claimed(sub=1)),
    "an expired token": (TokenExpired, claimed(iat=AT - 600, exp=AT - 60)),
    "a token without end": (TokenRefused, claimed(exp=None)),
    "a token of tomorrow": (TokenRefused, claimed(iat=AT + 86400, exp=AT + 90000)),
    "another key": (TokenRefused, answered(lambda claims: {"id_token": signed(claims, OTHER)})),
    "the client's secret as key": (TokenRefused, answered(lambda claims: {"id_token": signed(claims, OCT, "HS256")})),
    "another algorithm": (TokenRefused, answered(lambda claims: {"id_token": signed(claims, alg="PS256")})),
    "no signature": (TokenRefused, answered(lambda claims: {"id_token": unsigned(claims)})),
    "an access token only": (LoginRefused, answered(lambda claims: {"access_token": signed(claims)})),
    "a list": (LoginRefused, answered(lambda claims: [signed(claims)])),
    "a number": (LoginRefused, answered(lambda _: {"id_token": 7})),
    "an unverified address": (NoGrant, claimed(email_verified=False)),
    "an address that is unverified as text": (NoGrant, claimed(email_verified="false")),
    "another person": (NoGrant, claimed(email="mallory@example.com")),
    "a list of addresses of others": (NoGrant, claimed(email=["mallory@example.com"])),
}


@pytest.mark.parametrize("name", WRONG)
def test_each_part_wrong_in_turn_is_refused(attempt: Attempt, name: str) -> None:
    kind, change = WRONG[name]
    change(attempt)
    with pytest.raises(kind):
        pytest.fail(str(attempt.finish()))


def test_nothing_is_asked_of_the_issuer_for_who_did_not_begin_a_login(attempt: Attempt) -> None:
    attempt.given["state"] = "x"
    with pytest.raises(LoginRefused):
        attempt.finish()
    assert attempt.provider.asked == []


def test_an_issuer_that_cannot_be_asked_is_no_refusal(attempt: Attempt) -> None:
    def away(_: dict[str, Any]) -> Any:
        raise OSError("away")

    attempt.provider.answer = away
    with pytest.raises(IssuerUnavailable):
        attempt.finish()


def test_two_audiences_with_us_as_the_party_are_taken(attempt: Attempt) -> None:
    attempt.provider.claims = {"aud": [CLIENT, "other"], "azp": CLIENT}
    assert attempt.finish()[0] == "ada@example.com"
