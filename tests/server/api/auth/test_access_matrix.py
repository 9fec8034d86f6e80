"""Each route for each role, in each folder, by each way in, judged by a table that is written here."""

import dataclasses
import json
import re
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from flask import Flask
from flask.testing import FlaskClient
from harness.api_fixtures import Checkout, Receiver, app_of, finished, job_yaml, settings_of, token_of
from joserfc import jwt
from joserfc.jwk import RSAKey

from chronos_gitops.app import build
from chronos_gitops.config.callers.issuers import Callers, ClaimGrant, Login, TokenIssuer
from chronos_gitops.config.callers.proxy import Proxy
from chronos_gitops.config.model import Grant
from chronos_gitops.server.api import endpoint
from chronos_gitops.server.api.auth import tokens
from chronos_gitops.server.api.auth.callers import Caller
from chronos_gitops.server.api.auth.sessions import claims_of

KEY: Final = RSAKey.generate_key(2048, {"kid": "a"})
PUBLIC: Final = "http://localhost"
ROLES: Final = ("read", "operate", "rollback", "metrics", "feed", "sync")
FOLDERS: Final = {"all": (), "own": ("jobs/a",), "sibling": ("jobs/a2",), "other": ("jobs/b",)}
"""The job ``pay`` and everything that a path names here are in jobs/a."""

OPEN, ANY, OWN, ALL = "open", "any", "own", "all"
"""Open to everybody; to every caller with the role; where the caller has the folder; without folders only."""
TABLE: Final[Mapping[str, tuple[str, str]]] = {
    "GET /": ("read", ANY),
    "GET /api": ("", OPEN),
    "GET /api/docs": ("", OPEN),
    "GET /api/v1": ("", OPEN),
    "GET /docs": ("", OPEN),
    "GET /static/<path:filename>": ("", OPEN),
    "GET /login": ("", OPEN),
    "POST /login": ("", OPEN),
    "POST /logout": ("", OPEN),
    "GET /login/<issuer>": ("", OPEN),
    "GET /login/<issuer>/callback": ("", OPEN),
    "GET /changes": ("read", ANY),
    "GET /audit": ("read", ANY),
    "GET /status": ("read", ANY),
    "GET /upcoming": ("read", ANY),
    "GET /live": ("read", ANY),
    "GET /executions": ("read", ANY),
    "GET /jobs/<name>/compare": ("read", OWN),
    "GET /commits/<commit>": ("read", OWN),
    "GET /commits/<commit>/undo": ("rollback", OWN),
    "GET /executions/<execution_id>": ("read", OWN),
    "GET /replays/<replay_id>": ("read", OWN),
    "GET /jobs/<name>": ("read", OWN),
    "GET /jobs/<name>/versions/<n>": ("read", OWN),
    "GET /jobs/<name>/rollback/<n>": ("read", OWN),
    "GET /api/v1/jobs": ("read", ANY),
    "GET /api/v1/jobs/<name>": ("read", OWN),
    "GET /api/v1/jobs/<name>/next": ("read", OWN),
    "POST /api/v1/jobs/<name>/trigger": ("operate", OWN),
    "POST /api/v1/jobs/<name>/pause": ("operate", OWN),
    "POST /api/v1/jobs/<name>/resume": ("operate", OWN),
    "POST /api/v1/bulk/pause": ("operate", ANY),
    "POST /api/v1/bulk/resume": ("operate", ANY),
    "POST /api/v1/bulk/trigger": ("operate", ANY),
    "POST /api/v1/preflight": ("operate", ANY),
    "GET /api/v1/next-runs": ("read", ANY),
    "GET /api/v1/next-runs.ics": ("read feed", ANY),
    "GET /api/v1/jobs/<name>/versions": ("read", OWN),
    "GET /api/v1/jobs/<name>/versions/<n>": ("read", OWN),
    "GET /api/v1/jobs/<name>/versions/<n>/diff": ("read", OWN),
    "GET /api/v1/jobs/<name>/draft": ("read", OWN),
    "POST /api/v1/jobs/<name>/rollback/<n>": ("rollback", OWN),
    "POST /api/v1/rollback": ("rollback", OWN),
    "GET /api/v1/executions": ("read", ANY),
    "GET /api/v1/jobs/<name>/executions": ("read", OWN),
    "GET /api/v1/executions/<execution_id>": ("read", OWN),
    "POST /api/v1/executions/<execution_id>/cancel": ("operate", OWN),
    "POST /api/v1/executions/<execution_id>/callback": ("", OPEN),
    "POST /api/v1/jobs/<name>/replays": ("operate", OWN),
    "GET /api/v1/replays/<replay_id>": ("read", OWN),
    "POST /api/v1/replays/<replay_id>/cancel": ("operate", OWN),
    "POST /api/v1/schedules/validate": ("read", ANY),
    "POST /api/v1/validate": ("read", ANY),
    "GET /api/v1/sync": ("read", ANY),
    "POST /api/v1/sync": ("operate sync", ANY),
    "POST /api/v1/sync/approve": ("operate", ANY),
    "POST /api/v1/hooks/<forge>": ("", OPEN),
    "GET /api/v1/audit": ("read", ANY),
    "GET /api/v1/events": ("read", ANY),
    "GET /api/v1/secrets": ("read", ANY),
    "GET /api/v1/calendars": ("read", ANY),
    "GET /api/v1/calendars/<calendar>": ("read", ANY),
    "GET /api/v1/calendars/<calendar>/versions": ("read", ANY),
    "GET /api/v1/whoami": ("read", ANY),
    "GET /api/v1/sessions": ("read", ANY),
    "DELETE /api/v1/sessions": ("read", ANY),
    "GET /api/v1/sessions/<session_id>": ("read", ANY),
    "DELETE /api/v1/sessions/<session_id>": ("read", ANY),
    "GET /livez": ("", OPEN),
    "GET /readyz": ("", OPEN),
    "GET /health": ("", OPEN),
    "GET /metrics": ("read metrics", ALL),
    "GET /version": ("read", ANY),
    "GET /.well-known/openid-configuration": ("", OPEN),
    "GET /.well-known/jwks.json": ("", OPEN),
    "GET /api/v1/openapi.json": ("", OPEN),
    "GET /problems": ("", OPEN),
    "GET /problems/<kind>": ("", OPEN),
}
NAMES_NOTHING: Final = (
    "/draft",
    "<calendar>",
    "<calendar>/versions",
    "<session_id>",
    "<replay_id>",
    "<replay_id>/cancel",
)
"""Nothing has the name that a path says here, so who is let in is told so: 404."""


class Way(NamedTuple):
    """The name of a way in, whether writing and reading are let in at all (else the status), and its roles."""

    name: str
    reads: int = 0
    writes: int = 0
    roles: tuple[str, ...] = ROLES


GRANTED: Final = ROLES[:3]
WAYS: Final = (
    Way("token"),
    Way("basic", writes=401),
    Way("session of a token"),
    Way("session, from another site", reads=401, writes=401),
    Way("session, from nowhere", writes=401),
    Way("token of an issuer", roles=GRANTED),
    Way("session of a login", roles=GRANTED),
    Way("proxy", roles=GRANTED),
    Way("proxy, from another site", writes=403, roles=GRANTED),
    Way("proxy without its secret", reads=401, writes=401, roles=GRANTED),
    Way("address", reads=401, writes=401),
    Way("nothing", reads=401, writes=401, roles=("read",)),
)
BODIES: Final[Mapping[str, dict[str, Any]]] = {
    "pause": {"reason": "x", "until": "2100-01-01T00:00:00Z"},
    "bulk": {"select": {"all": True}, "reason": "x", "dry_run": True},
    "replays": {"from": "2026-11-01T00:00:00Z", "until": "2026-11-02T00:00:00Z", "reason": "x", "dry_run": True},
    "approve": {"checksum": "sha256:" + "0" * 12},
    "schedules": {"schedule": "@daily", "timezone": "UTC"},
}


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory, receiver: Receiver, _guarded_environment: None
) -> Iterator[tuple[Flask, dict[str, str]]]:
    """The application, and what its paths name."""
    folder = tmp_path_factory.mktemp("matrix")
    checkout = Checkout(folder / "repo")
    checkout.write("ship", job_yaml("ship", receiver.url), folder="jobs/b")
    checkout.write("pay", job_yaml("pay", receiver.url), folder="jobs/a")
    checkout.commit("Add jobs")
    checkout.write("pay", job_yaml("pay", receiver.url, schedule="0 3 * * *"), folder="jobs/a")
    commit = checkout.commit("Change pay")
    (folder / "jwks.json").write_text(json.dumps({"keys": [KEY.as_dict(private=False)]}))
    (folder / "secret").write_text("the secret\n")
    with build(settings_of(checkout, folder / "data")) as service:
        app = app_of(service, *_tokens(), **_settings(folder))
        app.test_client_class = FlaskClient
        client = app.test_client(use_cookies=False)
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token_of('operate-all')[0]}"
        reader = app.test_client()
        reader.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token_of('read-all')[0]}"
        execution = client.post("/api/v1/jobs/pay/trigger").get_json()["id"]
        finished(reader, execution)
        named = {
            "name": "pay",
            "n": "1",
            "commit": commit,
            "execution_id": execution,
            "replay_id": "0" * 8 + "-0000-4000-8000-" + "0" * 12,
        }
        named |= {"forge": "github", "kind": "not-found", "issuer": "none", "path:filename": "none"}
        yield app, named | {"calendar": "none", "session_id": "0" * 64}


def _tokens() -> Iterator[Any]:
    for role in ROLES:
        for where, folders in FOLDERS.items():
            yield dataclasses.replace(token_of(f"{role}-{where}", role)[1], folders=folders)


def _settings(folder: Path) -> dict[str, Any]:
    issuers = (
        TokenIssuer("ci", "https://ci.example.com", "chronos", jwks_file=folder / "jwks.json"),
        TokenIssuer("sso", "https://sso.example.com", "chronos", login=Login()),
    )
    grants = tuple(
        ClaimGrant(origin, (("groups", (f"{role}-{where}",)),), Grant(frozenset({role}), folders))
        for origin in ("ci", "sso", "proxy")
        for role in GRANTED
        for where, folders in FOLDERS.items()
    )
    proxy = Proxy((ip_network("127.0.0.1/32"),), "X-Forwarded-User", "X-Forwarded-Groups", folder / "secret")
    return {"callers": Callers(issuers, grants), "proxy": proxy, "public_url": PUBLIC}


def headers_of(app: Flask, way: Way, name: str) -> dict[str, str]:
    """The headers of a request of this caller. Sessions are new ones: some calls end them."""
    if way.name in ("token", "basic"):
        secret = token_of(name)[0]
        return {"Authorization": f"Bearer {secret}" if way.name == "token" else f"Basic {_basic(secret)}"}
    if way.name == "token of an issuer":
        now = int(time.time())
        claims = {"iss": "https://ci.example.com", "aud": "chronos", "sub": "x", "iat": now, "exp": now + 3000}
        return {"Authorization": "Bearer " + jwt.encode({"alg": "RS256", "kid": "a"}, claims | {"groups": [name]}, KEY)}
    if way.name.startswith("proxy"):
        shown = {"X-Forwarded-User": "ada", "X-Forwarded-Groups": f"x, {name}", "X-Chronos-Proxy-Secret": "the secret"}
        if way.name == "proxy without its secret":
            del shown["X-Chronos-Proxy-Secret"]
        return shown | (_FOREIGN if way.name.endswith("another site") else {"Origin": PUBLIC})
    if way.name.startswith("session"):
        shown = {"Cookie": f"chronos_session={_session(app, way, name)}"}
        foreign = _FOREIGN if way.name.endswith("another site") else {"Origin": PUBLIC}
        return shown | ({} if way.name.endswith("nowhere") else foreign)
    return {}


_FOREIGN: Final = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}


def _basic(secret: str) -> str:
    return b64encode(f"anyone:{secret}".encode()).decode()


def _session(app: Flask, way: Way, name: str) -> str:
    role, _, where = name.partition("-")
    with app.app_context():
        sessions = tokens.callers().sessions
        if way.name == "session of a login":
            grant = Grant(frozenset({role}), FOLDERS[where])
            later = datetime.now(UTC) + timedelta(hours=1)
            return sessions.begin(Caller("ada", (grant,), later, "sso", "ada"), {"groups": [name]}, "")[0]
        token = dataclasses.replace(token_of(name, role)[1], folders=FOLDERS[where])
        return sessions.begin(Caller.of(token), claims_of(token), "")[0]


def wanted(route: str, way: Way, role: str, where: str) -> int:
    """The status of a refusal; 0 for a call that is let in."""
    needed, reach = TABLE[route]
    refused = way.reads if route.startswith("GET ") else way.writes
    if way.name == "address" and route.endswith(".ics") and role == "feed":
        refused = 0
    if refused:
        return refused
    if role not in needed.split() or (reach == ALL and where != "all"):
        return 403
    is_there = (reach != OWN or where in ("all", "own")) and not route.endswith(NAMES_NOTHING)
    return 0 if is_there else 404


def body_of(route: str, named: Mapping[str, str]) -> dict[str, Any] | None:
    if not route.startswith("POST "):
        return None
    if route.endswith("/cancel"):
        return {}
    if "rollback" in route:
        return {"dry_run": True} | ({} if "<n>" in route else {"commit": named["commit"]})
    return next((body for word, body in BODIES.items() if f"/{word}" in route), {})


def ask(app: Flask, route: str, named: Mapping[str, str], headers: dict[str, str], name: str, way: Way) -> int:
    method, rule = route.split(" ")
    path = re.sub(r"<([^>]+)>", lambda part: named[part[1]], rule)
    query = {"token": token_of(name)[0]} if way.name == "address" else {}
    client = app.test_client(use_cookies=False)
    body = body_of(route, named)
    with client.open(path, method=method, json=body, headers=headers, query_string=query, buffered=False) as answer:
        return answer.status_code


def judged(route: str, status: int, expected: int) -> bool:
    """True for the right verdict: a call that is let in may still be wrong, but not for want of rights."""
    return status == expected if expected else status not in (401, 403, 404)


def test_the_table_has_each_route(world: tuple[Flask, dict[str, str]]) -> None:
    known = {
        f"{method} {rule.rule}"
        for rule in endpoint.declared(world[0].url_map)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert known == set(TABLE)


@pytest.mark.timeout(600)
def test_each_route_lets_in_whom_the_table_says(world: tuple[Flask, dict[str, str]]) -> None:
    app, named = world
    cells, wrong = 0, []
    for way in WAYS:
        for role in way.roles:
            for where in FOLDERS:
                name = f"{role}-{where}"
                headers = headers_of(app, way, name)
                for route, (_, reach) in TABLE.items():
                    if reach == OPEN:
                        continue
                    if route.startswith("DELETE "):
                        headers = headers_of(app, way, name)
                    status, expected = ask(app, route, named, headers, name, way), wanted(route, way, role, where)
                    cells += 1
                    if not judged(route, status, expected):
                        wrong.append((route, way.name, role, where, expected, status))
                    if route.startswith("DELETE "):
                        headers = headers_of(app, way, name)
    print(f"route x role x folder x way in: {cells} cells tried, wrong {len(wrong)}")
    kinds = Counter((route, way, expected, status) for route, way, _, _, expected, status in wrong)
    assert [f"{count} of {kind}" for kind, count in kinds.most_common(40)] == []
    assert cells > 10_000


def test_open_routes_answer_callers_as_they_answer_strangers(world: tuple[Flask, dict[str, str]]) -> None:
    """Neither a right nor a wrong credential changes who may ask; each address asks seldom enough for every budget."""
    app, named = world
    cells, wrong, wrongly = 0, [], {"Authorization": "Bearer wrong"}
    for route, (_, reach) in TABLE.items():
        if reach != OPEN:
            continue
        ways = [way for way in WAYS if "another site" not in way.name]
        shown = [{}, wrongly, *(headers_of(app, way, "read-all") for way in ways)]
        statuses = []
        for headers in shown:
            client = app.test_client(use_cookies=False)
            client.environ_base["REMOTE_ADDR"] = f"198.51.{cells // 250}.{cells % 250 + 1}"
            path = re.sub(r"<([^>]+)>", lambda part: named[part[1]], route.split(" ")[1])
            posted: dict[str, Any] = {"headers": headers | {"Origin": PUBLIC}, "method": route.split(" ")[0]}
            with client.open(path, buffered=False, **posted) as answer:
                statuses.append(answer.status_code)
            cells += 1
        wrong += [(route, statuses)] if len(set(statuses)) > 1 else []
    print(f"open routes x credential: {cells} cells tried, wrong {len(wrong)}")
    assert wrong == []
