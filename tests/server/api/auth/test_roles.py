import dataclasses
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from harness.api_fixtures import app_of, token_of

from chronos_gitops.server.api import endpoint
from chronos_gitops.server.api.endpoint import Endpoint
from chronos_gitops.service import Service

ROLES = ("read", "operate", "rollback")
STRANGER = {"REMOTE_ADDR": "192.0.2.3"}
"""A caller of another address that fails often, so that no other caller has to wait."""


def routes(app: Flask) -> Iterator[tuple[str, str, Endpoint]]:
    """Every (method, path, declaration) of the URL map, paths filled with names that nothing has."""
    for rule in endpoint.declared(app.url_map):
        for method in sorted(rule.methods or ()):
            if method != "OPTIONS":
                yield method, re.sub(r"<[^>]+>", "nothing", rule.rule), rule.declared


@pytest.fixture(scope="module")
def guarded(shared: Service) -> Flask:
    return app_of(shared, *(token_of(role, role)[1] for role in ROLES))


def test_every_route_needs_exactly_its_role(guarded: Flask) -> None:
    """Every route and method times every role, out of the URL map: a new one cannot be forgotten."""
    client = guarded.test_client()
    matrix = list(routes(guarded))
    assert len(matrix) > 60
    for method, path, declared in matrix:
        needed = declared.role
        for role in ROLES:
            secret, _ = token_of(role, role)
            headers = {"Authorization": f"Bearer {secret}"}
            with client.open(path, method=method, headers=headers, buffered=False) as answer:  # a stream has no end
                status = answer.status_code
            assert (status == 403) == (needed not in (None, role)), (method, path, role, status)
            assert status != 401


def test_every_route_but_the_open_ones_needs_a_token(guarded: Flask) -> None:
    client = guarded.test_client()
    for method, path, declared in routes(guarded):
        response = client.open(path, method=method)
        assert (response.status_code == 401) == (declared.role is not None), (method, path)
        wrong = client.open(path, method=method, headers={"Authorization": "Bearer wrong"}, environ_base=STRANGER)
        assert (wrong.status_code in (401, 429)) == (declared.role is not None), (method, path)


def test_a_refusal_says_how_to_get_in(guarded: Flask) -> None:
    client = guarded.test_client()
    missing = client.get("/api/v1/jobs")
    assert missing.headers["WWW-Authenticate"] == 'Bearer realm="chronos-gitops"'
    elsewhere = {"REMOTE_ADDR": "192.0.2.2"}
    invalid = client.get("/api/v1/jobs", headers={"Authorization": "Bearer wrong"}, environ_base=elsewhere)
    assert invalid.headers["WWW-Authenticate"] == 'Bearer realm="chronos-gitops", error="invalid_token"'
    secret, _ = token_of("read", "read")
    forbidden = client.post("/api/v1/jobs/x/rollback/1", headers={"Authorization": f"Bearer {secret}"})
    assert forbidden.get_json()["role"] == "rollback"
    assert '"read" lacks the role rollback' in forbidden.get_json()["detail"]
    assert secret not in forbidden.get_data(as_text=True)


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        "bearer",
        "Basic",
        "Basic !!!",
        "Basic OnNlY3JldA==",
        "Digest x",
        "Bearer \xff",
        "x" * 5000,
    ],
)
def test_odd_credentials_are_no_credentials(guarded: Flask, authorization: str) -> None:
    elsewhere = {"REMOTE_ADDR": "192.0.2.1"}
    headers = {"Authorization": authorization}
    response = guarded.test_client().get("/api/v1/jobs", headers=headers, environ_base=elsewhere)
    assert response.status_code == 401


def test_a_browser_reads_with_basic_but_never_writes_with_it(guarded: Flask) -> None:
    client = guarded.test_client()
    secret, _ = token_of("read", "read")
    assert client.get("/", auth=("anyone", secret), headers={"Accept": "text/html"}).status_code == 200
    operate, _ = token_of("operate", "operate")
    assert client.post("/api/v1/sync", auth=("anyone", operate)).status_code == 401


def test_probes_are_open_and_say_little_to_strangers(guarded: Flask) -> None:
    client = guarded.test_client()
    for path in ("/livez", "/readyz", "/health"):
        assert client.get(path).status_code == 200
    assert client.get("/readyz?verbose").get_data(as_text=True) == "ok\n"
    assert "checks" not in client.get("/health").get_json()


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("ops.example.com", 401),  # of public_url
        ("OPS.example.com:8443", 401),
        ("chronos.internal", 401),  # of hosts
        ("localhost", 401),
        ("127.0.0.1:8080", 401),
        ("10.2.3.4:8080", 401),  # an address is no name that a page could rebind
        ("[fd00::1]:8080", 401),
        ("evil.example", 421),
        ("ops.example.com.evil.example", 421),
        ("", 421),
    ],
)
def test_with_callers_own_names_and_addresses_are_answered(service: Service, host: str, status: int) -> None:
    settings: dict[str, Any] = {"public_url": "https://ops.example.com/chronos", "hosts": ("chronos.internal",)}
    app = app_of(service, token_of("reader", "read")[1], **settings)
    for path in ("/api/v1/jobs", "/chronos/api/v1/jobs", "/nothing/here"):
        wanted = 404 if path == "/nothing/here" and status == 401 else status
        assert app.test_client().get(path, headers={"Host": host}).status_code == wanted, path


def test_probes_and_scrapes_are_answered_under_every_name(guarded: Flask, client: FlaskClient) -> None:
    for path in ("/livez", "/readyz", "/health"):
        for asked in (guarded.test_client(), client):
            assert asked.get(path, headers={"Host": "chronos-0.chronos.svc"}).status_code == 200
    assert guarded.test_client().get("/metrics", headers={"Host": "chronos-0"}).status_code == 401
    assert client.get("/metrics", headers={"Host": "chronos-0"}).status_code == 421


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8080", "LOCALHOST", "127.0.0.1", "127.0.0.1:1", "127.9.9.9", "[::1]", "[::1]:8080"],
)
def test_without_tokens_this_machine_may_ask(client: FlaskClient, host: str) -> None:
    assert client.get("/api/v1/jobs", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "evil.example:8080",
        "127.0.0.1.evil.example",
        "127.0.0.1:8080@evil.example",
        "evil@localhost",
        "10.0.0.1",
        "0.0.0.0",
        "[::]",
        "[::ffff:10.0.0.1]",
        "[::1",
        "localhost:x",
        "localhost/x",
        "localhost#",
        "2130706433",
        "",
    ],
)
def test_without_tokens_other_hosts_are_misdirected(client: FlaskClient, host: str) -> None:
    for path in ("/api/v1/jobs", "/", "/metrics", "/nothing/here"):
        response = client.get(path, headers={"Host": host})
        assert response.status_code == 421
        assert response.get_json()["type"] == "/problems/foreign-host"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://localhost"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"},
        {"Content-Type": "text/plain"},
    ],
)
def test_without_tokens_our_own_page_and_programs_may_write(client: FlaskClient, headers: dict[str, str]) -> None:
    assert client.post("/api/v1/sync", headers=headers).status_code == 202


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://localhost:1"},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "file://localhost"},
        {"Origin": "http://[::1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": ""},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://evil.example"},
    ],
)
@pytest.mark.parametrize("path", ["/api/v1/sync", "/api/v1/jobs/daily-backup/rollback/1", "/api/v1/validate"])
def test_without_tokens_a_foreign_page_may_not_write(client: FlaskClient, path: str, headers: dict[str, str]) -> None:
    response = client.post(path, headers=headers)
    assert response.status_code == 403
    assert response.get_json()["type"] == "/problems/foreign-origin"


def test_a_name_that_the_operator_allows_may_be_asked(shared: Service) -> None:
    app = app_of(shared)
    named = dataclasses.replace(shared.settings, hosts=("chronos.example.com",))
    app.extensions["chronos_gitops"] = dataclasses.replace(shared, settings=named)
    client = app.test_client()
    for host in ("chronos.example.com", "chronos.example.com:8443", "CHRONOS.example.com", "localhost"):
        assert client.get("/api/v1/jobs", headers={"Host": host}).status_code == 200, host
    for host in ("example.com", "evil.chronos.example.com", "chronos.example.com.evil.example"):
        assert client.get("/api/v1/jobs", headers={"Host": host}).status_code == 421, host
    by_https = {"Host": "chronos.example.com", "Origin": "https://chronos.example.com"}
    assert client.post("/api/v1/sync", headers=by_https).status_code == 202


def test_no_page_of_another_site_may_read_an_answer(client: FlaskClient) -> None:
    elsewhere = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    for answer in (client.get("/api/v1/jobs", headers=elsewhere), client.options("/api/v1/sync", headers=elsewhere)):
        assert not [name for name in answer.headers.keys() if name.startswith("Access-Control")]  # noqa: SIM118 - of werkzeug
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
