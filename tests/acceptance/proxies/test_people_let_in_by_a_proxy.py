"""People whom a proxy lets in, by a login service that it asks (nginx auth_request, Caddy forward_auth)."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from harness.processes.proxied_runner import PROXIES, ProxiedRunner, configuration, settings_of, start
from harness.servers import Certificates
from harness.serving import serving

PAUSE = {"reason": "it moves", "until": "2100-01-01T00:00:00Z"}
SECRET = "the secret"
GROUPS = {"ada": "billing-dev,everybody", "grace": "everybody"}
OTHER_GRANT = """
[[grants]]
from = "proxy"
match = { user = "nobody-has-groups" }
roles = ["read"]
"""


def settings(secret: Path) -> str:
    """Those of the guide, for the proxy and the jobs of these tests."""
    found = settings_of("log-in-with-sso.md", 1)
    for ours, theirs in (
        (r'^public_url = "https://ops.example.com/chronos"\n', ""),
        (r"10\.2\.0\.0/16", "127.0.0.1"),
        (r"/run/secrets/proxy", str(secret)),
        (r'^folders = \["jobs/billing"\]\n', ""),
    ):
        found, count = re.subn(ours, theirs, found, flags=re.MULTILINE)
        assert count == 1, ours
    return found + OTHER_GRANT


class LoginService(BaseHTTPRequestHandler):
    """The answers of oauth2-proxy at /oauth2/auth: the user of the cookie, or 401; no groups for who has none."""

    def do_GET(self) -> None:
        user = self.headers.get("Cookie", "").removeprefix("login=")
        self.send_response(202 if user else 401)
        if user:
            self.send_header("X-Auth-Request-User", user)
        if user in GROUPS:
            self.send_header("X-Auth-Request-Groups", GROUPS[user])
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def login_service() -> Iterator[int]:
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), LoginService)) as server:
        yield server.server_port


@pytest.fixture(scope="module", params=PROXIES)
def proxied(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, _guarded_environment: None
) -> Iterator[ProxiedRunner]:
    folder = tmp_path_factory.mktemp("proxied")
    (folder / "secret").write_text(f"{SECRET}\n")
    with ExitStack() as stack:
        port = stack.enter_context(login_service())
        lines = configuration("log-in-with-sso.md", request.param).replace("4180", str(port))
        yield start(stack, folder, Certificates.make(folder), request.param, lines, settings(folder / "secret"))


def ask(proxied: ProxiedRunner, user: str, **headers: str) -> httpx.Response:
    return proxied.browser.get("api/v1/whoami", headers={"Cookie": f"login={user}", **headers})


def test_a_user_whom_the_proxy_lets_in_is_a_caller(proxied: ProxiedRunner) -> None:
    who = ask(proxied, "ada").json()
    assert (who["name"], who["via"]) == ("ada", "proxy")
    assert "ada" in proxied.browser.get("", headers={"Cookie": "login=ada"}).text
    refused = ask(proxied, "grace")
    assert (refused.status_code, refused.json()["detail"]) == (403, "grace has no grant here.")
    assert proxied.browser.get("api/v1/whoami").status_code == 401


def test_events_come_to_a_user_whom_the_proxy_lets_in(proxied: ProxiedRunner) -> None:
    headers = {"Cookie": "login=ada", "Accept": "text/event-stream"}
    with proxied.browser.stream("GET", "api/v1/events", headers=headers) as stream:
        assert next(stream.iter_lines()) == "retry: 5000"


def test_a_proxied_user_writes_from_our_own_page_only(proxied: ProxiedRunner) -> None:
    pause, ada = "api/v1/jobs/one/pause", {"Cookie": "login=ada"}
    for wrong in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}, {}):
        assert proxied.browser.post(pause, json=PAUSE, headers={**ada, **wrong}).status_code == 403, wrong
    assert proxied.browser.post(pause, json=PAUSE, headers={**ada, "Origin": proxied.origin}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-User": "ada", "X-Forwarded-Groups": "billing-dev"},
        {"X_Forwarded_User": "ada", "X_Forwarded_Groups": "billing-dev"},
        {"X-Forwarded-Groups": "billing-dev", "X-Chronos-Proxy-Secret": SECRET},
        {"x-forwarded-groups": "billing-dev"},
        {"Connection": "X-Forwarded-User, X-Forwarded-Groups, X-Chronos-Proxy-Secret"},
        {"Connection": "close, X-Forwarded-Groups", "X-Forwarded-Groups": "billing-dev"},
    ],
)
def test_no_header_of_a_client_makes_it_somebody_else(proxied: ProxiedRunner, headers: dict[str, str]) -> None:
    """``lone`` has no groups, so the login service sends no header that would replace the client's."""
    for user, detail in (("grace", "grace has no grant here."), ("lone", "lone has no grant here.")):
        answer = ask(proxied, user, **headers)
        assert answer.status_code in (400, 401, 403), answer.text
        if answer.status_code == 403:
            assert answer.json()["detail"] == detail


def test_the_header_of_whoever_is_no_proxy_is_as_if_not_sent(proxied: ProxiedRunner) -> None:
    """Past the proxy, with its address but without its secret, or with a wrong one."""
    named = {"X-Forwarded-User": "ada", "X-Forwarded-Groups": "billing-dev"}
    for secret in ({}, {"X-Chronos-Proxy-Secret": "wrong"}, {"X-Chronos-Proxy-Secret": ""}):
        assert proxied.runner.client.get("/whoami", headers={**named, **secret}).status_code == 401, secret
    asked = proxied.runner.client.get("/whoami", headers={**named, "X-Chronos-Proxy-Secret": SECRET})
    assert asked.json()["name"] == "ada"


def test_a_wrong_token_is_refused_although_the_proxy_names_a_user(proxied: ProxiedRunner) -> None:
    for wrong in ("Bearer wrong", "Basic YWRhOmFkYQ==", "Bearer a.b.c", "Digest x"):
        assert ask(proxied, "ada", Authorization=wrong).status_code == 401, wrong
