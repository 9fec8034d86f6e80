"""Callers with a JWT of an issuer: each claim and header wrong in turn, keys that rotate, grants by claims."""

import base64
import dataclasses
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from harness.api_fixtures import app_of, token_of
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from chronos_gitops.config.callers.issuers import Callers, ClaimGrant, TokenIssuer
from chronos_gitops.config.model import Grant
from chronos_gitops.server.api import budgets
from chronos_gitops.server.api.auth.sso.issuer_keys import IssuerKeys, KeysUnavailable
from chronos_gitops.server.api.auth.sso.issuers import Issuers, NoGrant, TokenExpired, TokenRefused
from chronos_gitops.service import Service

ISSUER, AUDIENCE = "https://token.example.com", "https://ops.example.com"
NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
RSA, OTHER, EC = (
    RSAKey.generate_key(2048, {"kid": "a"}),
    RSAKey.generate_key(2048, {"kid": "b"}),
    ECKey.generate_key("P-256", {"kid": "ec"}),
)
READ = Grant(frozenset({"read"}))
BILLING = Grant(frozenset({"read", "operate"}), ("jobs/billing",))
GRANTS = (
    ClaimGrant("ci", (("repository_id", ("74",)), ("environment", ("production",))), READ),
    ClaimGrant(
        "ci", (("groups", ("billing-dev", "billing-ops")),), Grant(frozenset({"read", "operate"}), ("jobs/billing",))
    ),
    ClaimGrant("ci", (("email", ("ada@example.com",)),), READ),
)


def keys_in(folder: Path, *keys: RSAKey | ECKey) -> Path:
    file = folder / "jwks.json"
    file.write_text(json.dumps({"keys": [key.as_dict(private=False) for key in keys]}))
    return file


@pytest.fixture
def settings(tmp_path: Path) -> Callers:
    issuer = TokenIssuer("ci", ISSUER, AUDIENCE, jwks_file=keys_in(tmp_path, RSA, EC))
    return Callers((issuer,), GRANTS)


def claims(**fields: Any) -> dict[str, Any]:
    at = int(NOON.timestamp())
    found = {"iss": ISSUER, "aud": AUDIENCE, "sub": "repo:acme/ops", "iat": at - 3000, "exp": at + 300}
    found |= {"repository_id": "74", "environment": "production"}
    return {name: value for name, value in (found | fields).items() if value is not None}


def token(key: Any = RSA, alg: str = "RS256", header: dict[str, Any] | None = None, **fields: Any) -> str:
    given = {"alg": alg, "kid": key.kid} | (header or {})
    shown = {name: value for name, value in given.items() if value is not None}
    return jwt.encode(shown, claims(**fields), key, algorithms=[alg])


def test_a_token_with_a_grant_is_a_caller(settings: Callers) -> None:
    found = Issuers(settings).caller(token(), NOON)
    assert (found.name, found.via, found.person, found.grants) == ("repo:acme/ops", "ci", "repo:acme/ops", (READ,))
    assert found.expires == NOON + timedelta(seconds=360)
    assert Issuers(settings).caller(token(EC, "ES256"), NOON).name == "repo:acme/ops"
    assert Issuers(settings).caller(token(aud=["x", AUDIENCE]), NOON).name == "repo:acme/ops"


def unsigned(**fields: Any) -> str:
    body = token(**fields).split(".")[1]
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    return f"{none}.{body}."


def tampered() -> str:
    head, _, signature = token().split(".")
    return f"{head}.{token(sub='admin').split('.')[1]}.{signature}"


SECRET = OctKey.import_key(json.dumps(RSA.as_dict(private=False)).encode().ljust(64, b" "), {"kid": "a"})
WRONG: dict[str, Callable[[], str]] = {
    "another issuer": lambda: token(iss="https://evil.example.com"),
    "the issuer with a slash": lambda: token(iss=ISSUER + "/"),
    "another audience": lambda: token(aud="https://other.example.com"),
    "a part of the audience": lambda: token(aud=AUDIENCE + ".evil.example"),
    "no audience": lambda: token(aud=None),
    "another key": lambda: token(OTHER),
    "another key under a known name": lambda: token(OTHER, header={"kid": "a"}),
    "no kid": lambda: token(header={"kid": None}),
    "no signature": unsigned,
    "claims of another token": tampered,
    "the public key as a shared secret": lambda: token(SECRET, "HS256"),
    "another algorithm of the same key": lambda: token(alg="RS512"),
    "good for more than an hour": lambda: token(iat=int(NOON.timestamp()) - 3400),
    "not good yet": lambda: token(nbf=int(NOON.timestamp()) + 61),
    "made in the future": lambda: token(iat=int(NOON.timestamp()) + 61),
    "no exp": lambda: token(exp=None),
    "no iat": lambda: token(iat=None),
    "exp as text": lambda: token(exp="never"),
    "exp true": lambda: token(exp=True),
    "exp beyond any date": lambda: token(exp=1e300),
    "nbf as text": lambda: token(nbf="x"),
    "over before it began": lambda: token(iat=int(NOON.timestamp()) + 30, exp=int(NOON.timestamp()) + 10),
    "no subject": lambda: token(sub=None),
    "an empty subject": lambda: token(sub=""),
    "no JSON": lambda: "a.b.c",
    "a list": lambda: "W10.W10.W10",
    "deep": lambda: "W1tb" * 3000 + ".W10.x",
    "long": lambda: "a" * 20_000 + ".b.c",
}


@pytest.mark.parametrize("name", WRONG)
def test_each_claim_and_header_wrong_in_turn_is_refused(settings: Callers, name: str) -> None:
    with pytest.raises(TokenRefused):
        pytest.fail(str(Issuers(settings).caller(WRONG[name](), NOON)))


def test_a_token_is_good_for_a_minute_after_its_end(settings: Callers) -> None:
    ends = datetime(2026, 11, 29, 12, tzinfo=UTC)
    made = token(exp=int(ends.timestamp()))
    assert Issuers(settings).caller(made, ends + timedelta(seconds=59)).name
    with pytest.raises(TokenExpired):
        Issuers(settings).caller(made, ends + timedelta(seconds=60))


def test_grants_match_exactly_and_lists_by_any_entry(settings: Callers) -> None:
    issuers = Issuers(settings)
    team = {"repository_id": None, "groups": ["x", "billing-ops"]}
    assert issuers.caller(token(**team), NOON).grants == (GRANTS[1].grant,)
    assert len(issuers.caller(token(groups="billing-dev"), NOON).grants) == 2
    ada = {"repository_id": None, "email": "ada@example.com"}
    for said in (True, "true", None):  # some issuers send texts; without the claim the address is the issuer's word
        assert issuers.caller(token(**ada, email_verified=said), NOON).grants == (READ,)
    refused: list[dict[str, Any]] = [
        {"repository_id": "741"},
        {"repository_id": 74},
        {"environment": "Production"},
        {"environment": None},
        {"repository_id": None, "groups": ["billing-dev2"]},
        {"repository_id": None, "groups": {"billing-dev": 1}},
        *({**ada, "email_verified": said} for said in (False, "false", "False", 0, "", "no", [], {})),
    ]
    for fields in refused:
        with pytest.raises(NoGrant, match="has no grant here"):
            pytest.fail(f"{fields}: {issuers.caller(token(**fields), NOON)}")
    with pytest.raises(NoGrant) as left_out:
        issuers.caller(
            token(repository_id=None, name="Ada", email="a@b.example", _claim_names={"groups": "src1"}), NOON
        )
    assert left_out.value.message == "Ada (a@b.example) has no grant here."
    assert "groups" in (left_out.value.hint or "")


def test_keys_are_kept_an_hour_and_a_new_one_is_looked_for_once_a_minute() -> None:
    asked: list[str] = []
    published: list[Any] = [RSA]
    away = [False]
    at = [0.0]

    def fetch(address: str) -> Any:
        asked.append(address)
        if away[0]:
            raise OSError("away")
        if address.endswith("/.well-known/openid-configuration"):
            return {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/keys"}
        return {"keys": [key.as_dict(private=False) for key in published]}

    keys = IssuerKeys(TokenIssuer("ci", ISSUER, AUDIENCE), fetch, lambda: at[0])
    assert keys.find("a") is not None
    assert asked == [f"{ISSUER}/.well-known/openid-configuration", f"{ISSUER}/keys"]
    published.append(OTHER)
    at[0] = 59.0
    assert (keys.find("b"), len(asked)) == (None, 2)
    at[0] = 60.0
    assert keys.find("b") is not None
    at[0] = 3600.0
    assert (keys.find("a") is not None, len(asked)) == (True, 4)
    at[0] = 3661.0
    assert (keys.find("a") is not None, len(asked)) == (True, 6)
    away[0] = True
    at[0] += 23.9 * 3600
    assert keys.find("a") is not None
    at[0] += 0.2 * 3600
    with pytest.raises(KeysUnavailable):
        keys.find("a")


@pytest.mark.parametrize(
    "discovered",
    [
        {"issuer": "https://evil.example.com", "jwks_uri": f"{ISSUER}/keys"},
        {"issuer": ISSUER, "jwks_uri": "http://token.example.com/keys"},
        {"issuer": ISSUER},
        [],
    ],
)
def test_a_discovery_document_of_somebody_else_gives_no_keys(discovered: Any) -> None:
    def fetch(address: str) -> Any:
        return discovered if "well-known" in address else {"keys": [RSA.as_dict(private=False)]}

    with pytest.raises(KeysUnavailable):
        IssuerKeys(TokenIssuer("ci", ISSUER, AUDIENCE), fetch).find("a")


@pytest.fixture
def ci(shared: Service, settings: Callers) -> Callable[..., FlaskClient]:
    changed = dataclasses.replace(shared, settings=dataclasses.replace(shared.settings, callers=settings))

    def client(**fields: Any) -> FlaskClient:
        now = int(time.time())
        made = app_of(changed, token_of("ops", "read")[1]).test_client()
        made.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token(**{'iat': now, 'exp': now + 300, **fields})}"
        return made

    return client


def test_over_http_a_caller_is_let_in_named_and_limited(ci: Callable[..., FlaskClient]) -> None:
    client = ci(repository_id=None, groups="billing-dev")
    whoami = client.get("/api/v1/whoami").get_json()
    assert (whoami["name"], whoami["via"]) == ("repo:acme/ops", "ci")
    assert whoami["grants"] == [{"roles": ["read", "operate"], "folders": ["jobs/billing"], "tags": {}}]
    assert client.get("/api/v1/jobs").get_json()["items"] == []
    assert ci().get("/api/v1/jobs").get_json()["items"]
    assert ci().post("/api/v1/jobs/daily-backup/pause", json={"reason": "x"}).status_code == 403


def test_over_http_what_is_refused_says_why(ci: Callable[..., FlaskClient]) -> None:
    now = int(time.time())
    expired = ci(iat=now - 1000, exp=now - 100).get("/api/v1/jobs")
    assert (expired.status_code, expired.get_json()["type"]) == (401, "/problems/token-expired")
    assert expired.headers["WWW-Authenticate"].startswith("Bearer")
    assert ci(aud="x").get("/api/v1/jobs").status_code == 401
    none = ci(repository_id="75").get("/api/v1/jobs")
    assert (none.status_code, none.get_json()["detail"]) == (403, "repo:acme/ops has no grant here.")


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Nothing x", "", "Basic !!!", "Digest a=b"])
def test_a_header_that_is_not_understood_is_401_and_the_cookie_is_not_tried(shared: Service, header: str) -> None:
    secret, known = token_of("ada", "read")
    client = app_of(shared, known).test_client()
    own = {"Origin": "http://localhost"}
    assert client.post("/login", data={"token": secret}, headers=own).status_code == 303
    assert client.get("/api/v1/jobs").status_code == 200
    assert client.get("/api/v1/jobs", headers={"Authorization": header}).status_code == 401


def test_two_people_of_one_name_are_two_callers(shared: Service, settings: Callers) -> None:
    """``user`` may be a claim that people choose: names are shown, and budgets and keys go by the person."""
    issuer = dataclasses.replace(settings.issuers[0], user="name")
    changed = dataclasses.replace(settings, issuers=(issuer,))
    app = app_of(shared, token_of("ops", "read", "operate")[1], callers=changed)
    budgets.install(app, budgets.Limits(writes=3, burst=1000))
    now = int(time.time())
    team = {"repository_id": None, "groups": "billing-dev", "iat": now, "exp": now + 300, "name": "ops"}
    people = [f"Bearer {token(**team, sub=sub)}" for sub in ("one", "two")] + [f"Bearer {token_of('ops')[0]}"]
    names, statuses = [], []
    for shown in people:
        client = app.test_client()
        client.environ_base["HTTP_AUTHORIZATION"] = shown
        names.append(client.get("/api/v1/whoami").get_json()["name"])
        for schedule in ("@daily", "@daily", "@hourly"):
            sent = {"schedule": schedule, "timezone": "UTC"}
            headers = {"Idempotency-Key": "one"}
            statuses.append(client.post("/api/v1/schedules/validate", json=sent, headers=headers).status_code)
    assert names == ["ops"] * 3
    assert statuses == [200, 200, 422] * 3
